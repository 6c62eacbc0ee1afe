import { expect } from 'chai';
import { z } from 'zod';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadForCli, USAGE } from '../../cli/errors.ts';
import { resolveFile } from '../../cli/resolve.ts';
import { printSchema } from '../../cli/schema.ts';
import { validateFiles } from '../../cli/validate.ts';
import { hashScenario } from '../../sim/scenario/hash.ts';
import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { changed, SMALL } from './scenario-text.ts';

const FOLDER = fileURLToPath(new URL('../../scenarios/', import.meta.url));

/** What is printed while `act` runs, and what it gives. */
async function printed<T>(act: () => T | Promise<T>): Promise<{ gave: T; out: string; err: string }> {
  const said = { out: '', err: '' };
  const { log, error } = console;
  const write = process.stdout.write.bind(process.stdout);
  console.log = (...parts: unknown[]) => void (said.out += `${parts.join(' ')}\n`);
  console.error = (...parts: unknown[]) => void (said.err += `${parts.join(' ')}\n`);
  process.stdout.write = ((text: string) => ((said.out += text), true)) as typeof process.stdout.write;
  try {
    return { gave: await act(), ...said };
  } finally {
    console.log = log;
    console.error = error;
    process.stdout.write = write;
  }
}

describe('the commands on scenarios', () => {
  let folder: string;
  let good: string;
  let bad: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'watershed-commands-'));
    good = join(folder, 'good.yaml');
    bad = join(folder, 'bad.yaml');
    writeFileSync(good, SMALL);
    writeFileSync(bad, changed('region: eu/fr', 'region: eu/rf'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('validate says of each file whether it is well-formed, and ends with 64 if one is not', async () => {
    const all = await printed(() => validateFiles([good, join(FOLDER, 'models.yaml')]));
    expect(all).to.deep.equal({
      gave: 0,
      out:
        `${good}: well-formed (2 clusters, 5 nodes, about 35 requests, 1 fault, 2 min)\n` +
        ['compute only: us-east', 'gateway only: france, us-east', 'index only: france, us-east']
          .concat('bridge only: france, us-east', 'session only: france–us-east')
          .map((what) => `  warning: one ${what}\n`)
          .join('') +
        `${join(FOLDER, 'models.yaml')}: well-formed (for scenarios to include)\n`,
      err: '',
    });
    const { gave, out, err } = await printed(() => validateFiles([bad, good, join(folder, 'absent.yaml')]));
    expect(gave).to.equal(USAGE);
    expect(out).to.match(/good\.yaml: well-formed/);
    expect(err).to.contain(`${bad}:18:13: there is no region "eu/rf"`);
    expect(err).to.contain(`one problem in ${bad}`);
    expect(err).to.contain(`${join(folder, 'absent.yaml')}: there is no such file`);
    expect(err).not.to.match(/ at .*\.ts/);
  });

  it('resolve prints the scenario and its hash, or ends with 64', async () => {
    const { gave, out } = await printed(() => resolveFile(good));
    expect(gave).to.equal(0);
    const { hash, scenario } = JSON.parse(out) as { hash: string; scenario: ResolvedScenario };
    expect(hash).to.equal(`sha256:${hashScenario(scenario)}`);
    expect(scenario.nodes.map(({ name }) => name)).to.include('france/helper-2');
    const failed = await printed(() => resolveFile(bad));
    expect([failed.gave, failed.out]).to.deep.equal([64, '']);
  });

  it('schema prints the JSON Schema', async () => {
    const { gave, out } = await printed(() => printSchema());
    expect(gave).to.equal(0);
    const schema = JSON.parse(out) as Parameters<typeof z.fromJSONSchema>[0] & { required: string[] };
    expect(schema.required).to.deep.equal(['scenario', 'duration', 'clusters']);
    const isTaken = (duration: string) =>
      z.fromJSONSchema(schema).safeParse({ scenario: 'small', duration, clusters: {} }).success;
    expect(['250ms', '250'].map(isTaken)).to.deep.equal([true, false]);
  });

  it('any other command is given null for a file that is no scenario, once its problems are printed', async () => {
    const { gave, err } = await printed(() => loadForCli(folder));
    expect(gave).to.equal(null);
    expect(err).to.equal(
      `${folder}: this is a directory; expected a scenario, YAML\n\none problem in ${folder}\n`,
    );
  });
});
