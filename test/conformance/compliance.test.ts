// The five suites of §9 against simulated nodes: one that does all of it, and for each requirement one that does not.
import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ref } from '../../core/machine/shape.ts';
import { openIdentity } from '../../live/identity.ts';
import { readSignedReport, signReport } from '../../live/signed-report.ts';
import { examine } from '../../sim/conform/conform.ts';
import { tellReport, type ConformanceReport } from '../../sim/conform/report.ts';
import { putTesterBeside } from '../../sim/conform/simulated.ts';
import type { Machine } from '../../sim/machine.ts';
import { loadScenarioText } from '../../sim/scenario/load.ts';
import type { World } from '../../sim/world.ts';
import { ended, VILLAINS } from './villains.ts';

const TOWN = `scenario: town
duration: 30min
regions:
  eu/fr: { label: France, latitude: 48.9, longitude: 2.3 }
roundTrips: {}
models:
  lifeos/small-v1:
    { memory: 8GB, reads: 16000, writes: 120, size: 40MB, versions: [{}] }
templates:
  all:
    types: [gateway, index, bridge, compute, pod-host]
    trust: verified
    gpuMemory: 40GB
    models: [lifeos/small-v1]
    podStorage: 10GB
    maxPod: 10MB
clusters:
  france:
    region: eu/fr
    nodes: { all: 3 }
`;
const TARGET = 'france/all-1';

async function testNode(
  prepare: (world: World, target: Machine) => void = () => undefined,
  text = TOWN,
  name = TARGET,
): Promise<{ report: ConformanceReport; world: World }> {
  const { wire, world } = putTesterBeside(loadScenarioText(text, 'town.yaml'), name, prepare);
  return { report: await examine(wire), world };
}

describe('R9-1: five suites run against any node, simulated', function () {
  this.timeout(60_000);

  it('R9-1: a node that plays all roles conforms, and is left as it was found', async () => {
    const { report, world } = await testNode();
    const told = tellReport(report).join('\n');
    expect(ended(report, 'passed'), told).to.deep.equal([
      'discover-and-join',
      'data-in-region',
      'trust-honoured',
      'pull-update-roll-back',
      'heartbeat-and-metrics',
    ]);
    expect(report.verdict).to.equal('conforms');
    const { node } = world.machines.find(({ spec }) => spec.name === TARGET)!;
    expect(
      [...node.models!.currents.keys()].filter((name) => node.models!.currents.get(name)!.isWanted),
    ).to.deep.equal(['lifeos/small-v1']);
    for (const { law, copy } of node.pods!.entries.values())
      expect([law.policy, copy]).to.deep.equal([null, null]);
    expect(report.left.join('; ')).to.match(/hashes of the test pods/);
  });

  for (const [suite, what, create] of VILLAINS) {
    it(`R9-1: one that ${what} fails ${suite}, and that alone`, async () => {
      const falsify = (content: Ref): Ref => ({ ...content, hash: `lie-${content.hash}` });
      const { report } = await testNode(
        (_, target) => (target.villain = create({ region: target.spec.region, falsify })),
      );
      expect(ended(report, 'failed'), tellReport(report).join('\n')).to.deep.equal([suite]);
      expect(report.verdict).to.equal('does not conform');
    });
  }

  it('R9-1: a malicious role of a scenario is found out, too', async () => {
    const malice = `malice:\n  - { node: ${TARGET}, as: lying-holder, share: 100% }\n`;
    const { report } = await testNode(undefined, TOWN + malice);
    expect(ended(report, 'failed'), tellReport(report).join('\n')).to.deep.equal(['pull-update-roll-back']);
  });

  it('R9-1: what a node does not play is not tested, and says why; that is no pass', async () => {
    const text = TOWN.replace('[gateway, index, bridge, compute, pod-host]', '[gateway, index]').replace(
      /^    (gpuMemory|models|podStorage|maxPod):.*\n/gm,
      '',
    );
    const { report } = await testNode(
      undefined,
      text
        .replace('{ all: 3 }', '{ all: 3, helper: 1 }')
        .replace(
          'clusters:',
          `  helper: { types: [compute], gpuMemory: 40GB, trust: verified, models: [lifeos/small-v1] }\nclusters:`,
        ),
    );
    expect(report.verdict, tellReport(report).join('\n')).to.equal('not fully tested');
    expect(ended(report, 'not tested')).to.deep.equal(['pull-update-roll-back']);
    const told = tellReport(report).join('\n');
    expect(told).to.include('not tested, because it is no compute node');
    expect(told).to.include('not tested, because its cluster has no pod host');
    for (const { checks } of report.suites)
      for (const { outcome, detail } of checks) if (outcome === 'not tested') expect(detail).not.to.equal('');
  });

  it('R9-1: the report is signed with the key of the tester, and shows when it was changed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'watershed-conform-'));
    try {
      const { report } = await testNode();
      const tester = openIdentity(join(folder, 'key'));
      const path = join(folder, 'report.json');
      writeFileSync(path, JSON.stringify(signReport(report, tester), null, 1));
      const read = readSignedReport(readFileSync(path, 'utf8'));
      expect(read.fault).to.equal(null);
      const changed = readFileSync(path, 'utf8').replace('"outcome": "passed"', '"outcome": "failed"');
      expect(readSignedReport(changed).fault).to.match(/the signature is not that of/);
      expect(readSignedReport('{}').fault).to.equal('no report of `watershed conform`');
      expect(readSignedReport('{').fault).to.match(/^no JSON/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
