import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadScenario } from '../../sim/scenario/load.ts';
import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { startBrowser } from '../viz/browser.ts';
import { bundleDigestPrinter } from './digest-bundle.ts';
import { digestsOf, type Digests } from './digest-printer.ts';
import { stormyScenario } from './stormy-scenario.ts';

const fileOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What the bundle defines, where it is loaded. */
declare const watershed: { digestsOf(scenario: ResolvedScenario): Digests };

describe('a run on another engine', function () {
  this.timeout(60_000);
  const scenarios = [
    stormyScenario(),
    stormyScenario({ seed: 2 }),
    loadScenario(fileOf('../../scenarios/pilot-three-clusters.yaml')),
  ];
  let here: Digests[];
  let bundle: string;

  before(async () => {
    here = scenarios.map(digestsOf);
    bundle = await bundleDigestPrinter();
  });

  for (const version of [22, 24]) {
    it(`has the same digests: Node ${version}`, function () {
      // Not dependencies of the package: the command in them would be the node of every npm script.
      const engine = fileOf(`./engines/node_modules/node-${version}/bin/node`);
      if (!existsSync(engine)) this.skip();
      const program = `
        const digests = ${JSON.stringify(scenarios)}.map(watershed.digestsOf);
        console.log(JSON.stringify([process.versions.node, digests]));
      `;
      const { stdout, stderr } = spawnSync(engine, ['-'], {
        input: `${bundle}\n${program}`,
        encoding: 'utf8',
      });
      expect(stderr).to.equal('');
      const [engineVersion, there] = JSON.parse(stdout) as [string, Digests[]];
      expect(engineVersion).to.match(new RegExp(`^${version}\\.`));
      expect(there).to.deep.equal(here);
    });
  }

  it('has the same digests: a browser, with nothing of Node in it', async () => {
    const { browser, close } = await startBrowser();
    try {
      const page = await browser.newPage();
      await page.addScriptTag({ content: bundle });
      const there = await page.evaluate((all) => all.map(watershed.digestsOf), scenarios);
      expect(there).to.deep.equal(here);
    } finally {
      await close();
    }
  });
});
