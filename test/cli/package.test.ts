import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../../sim/version.ts';

const HOME = fileURLToPath(new URL('../..', import.meta.url));

describe('the package', function () {
  this.timeout(180_000);
  let project: string;

  before(() => {
    project = mkdtempSync(join(tmpdir(), 'watershed-package-'));
    execFileSync('npm', ['pack', '--silent', '--pack-destination', project], { cwd: HOME, stdio: 'pipe' });
    writeFileSync(join(project, 'package.json'), '{ "name": "somebody", "type": "module", "private": true }');
    // The models' runtime is 200 MB and optional: the simulator and the page do without.
    const options = ['--ignore-scripts', '--omit=optional', '--prefer-offline', '--no-audit', '--no-fund'];
    execFileSync('npm', ['install', ...options, `./watershed-${VERSION}.tgz`], {
      cwd: project,
      stdio: 'pipe',
    });
  });
  after(() => rmSync(project, { recursive: true, force: true }));

  it('brings a command that runs the scenarios in it', () => {
    const story = 'node_modules/watershed/scenarios/pilot-three-clusters.yaml';
    const said = execFileSync('npx', ['--no-install', 'watershed', 'run', story, '--json'], { cwd: project });
    expect(JSON.parse(said.toString())).to.include({ scenario: 'pilot-three-clusters', verdict: 'pass' });
  });

  it('brings the page', () => {
    const page = join(project, 'node_modules/watershed/dist/viz/page/index.html');
    expect(readFileSync(page, 'utf8')).to.match(/<title>/);
  });

  it('lets a tester write a property in a few lines', () => {
    const program = `
      import { checkProperty, loadScenario } from 'watershed';
      const scenario = loadScenario('node_modules/watershed/scenarios/pilot-three-clusters.yaml');
      const everyRequestEnds = ({ world }) => world.users.open === 0;
      const neverRefused = ({ world }) => world.users.requests.every(({ refused }) => refused === null);
      checkProperty(scenario, everyRequestEnds, { runs: 10 });
      try {
        checkProperty(scenario, neverRefused, { runs: 30 });
      } catch (error) {
        console.log(error.message);
      }
    `;
    writeFileSync(join(project, 'property.js'), program);
    const said = execFileSync(process.execPath, ['property.js'], { cwd: project }).toString();
    expect(said).to.match(
      /^pilot-three-clusters fails under seed \d+: the property is false\nsmallest storm/,
    );
  });

  it('can be imported', () => {
    const program = `
      import { loadScenario, simulate, summarize } from 'watershed';
      const simulation = simulate(loadScenario('node_modules/watershed/scenarios/pilot-three-clusters.yaml'));
      const { verdict, reasons } = simulation.verdict();
      console.log(summarize(simulation.world, verdict, reasons, 1).requests.total);
    `;
    writeFileSync(join(project, 'program.js'), program);
    const said = execFileSync(process.execPath, ['program.js'], { cwd: project });
    expect(Number(said.toString())).to.be.greaterThan(100);
  });
});
