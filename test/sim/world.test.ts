import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ERROR_CODES, OK } from '../../core/routing/outcomes.ts';
import { DISK } from '../../core/base/peers.ts';
import { NODE_KEY, recordOf } from '../../core/machine/disk-records.ts';
import { nameOfKind } from '../../core/machine/kinds.ts';
import { compareRuns } from '../../sim/compare.ts';
import type { Reel } from '../../sim/recorder.ts';
import type { ResolvedFault, ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { simulate } from '../../sim/simulate.ts';
import { summarize } from '../../sim/summary.ts';
import { World } from '../../sim/world.ts';
import { nodeRecordOf } from './harmed-world.ts';
import { tinyNode, tinyScenario } from './tiny-scenario.ts';

const TINY_DIGEST = 'fe8330fd5fed6460';

const SECOND_US = 1_000_000;

function outcomesOf(scenario: ResolvedScenario): string[] {
  return simulate(scenario).world.users.requests.map(({ code }) => ERROR_CODES[code] ?? 'open');
}

function withFaults(...faults: ResolvedFault[]): ResolvedScenario {
  return tinyScenario({ faults, expectations: { okAtLeastPpm: 0, sometimes: [], never: [] } });
}

describe('the simulated world', () => {
  it('answers at home, across the Atlantic, and says why not', () => {
    const { world } = simulate(tinyScenario());
    const { requests } = world.users;
    for (const { want, code, answer, refused } of requests) {
      if (want.model === 'a') expect([code, answer?.stage]).to.deep.equal([OK, 1]);
      else if (want.allowedRegions.length === 1) {
        expect(ERROR_CODES[code]).to.equal('NO_ELIGIBLE_NODE');
        expect(refused?.struck).to.deep.equal([{ peer: 2, cluster: 'us-east', reason: 4 }]);
      } else expect(ERROR_CODES[code]).to.be.oneOf(['OK', 'CLUSTER_UNREACHABLE']);
    }
    const unreachable = requests.filter(({ code }) => ERROR_CODES[code] === 'CLUSTER_UNREACHABLE');
    expect(unreachable.length).to.be.greaterThan(0);
    for (const { askedUs } of unreachable) expect(askedUs).to.be.within(17 * SECOND_US, 32 * SECOND_US);
  });

  it('passes, and its counts add up', () => {
    const simulation = simulate(tinyScenario());
    const { verdict, reasons } = simulation.verdict();
    expect([verdict, reasons]).to.deep.equal(['pass', []]);
    const { requests } = summarize(simulation.world, verdict, reasons, 1);
    const errors = Object.values(requests.errors).reduce((sum, count) => sum + count, 0);
    expect(requests.ok + errors).to.equal(requests.total);
    const { local, cluster, federation } = requests.servedBy;
    expect(local + cluster + federation).to.equal(requests.ok);
  });

  it('has the digest that is pinned here: a change of it is explained in its commit', () => {
    expect(simulate(tinyScenario()).world.digest()).to.equal(TINY_DIGEST);
  });

  it('has one digest: again, watched, recorded, checked by the codec, in other slices of time', () => {
    const reel: Reel = { frame: () => undefined, story: () => undefined, fact: () => undefined };
    const watcher = { onHandled: () => undefined, onDropped: () => undefined };
    const inOneGo = new World(tinyScenario());
    inOneGo.start();
    inOneGo.run(60 * SECOND_US);
    const digests = [
      simulate(tinyScenario()).world.digest(),
      simulate(tinyScenario(), { reel, watchers: [watcher] }).world.digest(),
      simulate(tinyScenario(), { isChecking: true }).world.digest(),
      inOneGo.digest(),
    ];
    expect(new Set(digests)).to.deep.equal(new Set([TINY_DIGEST]));
  });

  it('has that digest in a fresh process', () => {
    const script = fileURLToPath(new URL('./print-digest.ts', import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx/esm', script], {
      encoding: 'utf8',
    });
    expect(stdout.trim(), stderr).to.equal(TINY_DIGEST);
  });

  it('has another digest under another seed', () => {
    const digests = [1, 2, 3].map((seed) => simulate(tinyScenario({ seed })).world.digest());
    expect(new Set(digests).size).to.equal(3);
  });

  it('leaves the demands as they are when a fault or a node is added', () => {
    const asked = (scenario: ResolvedScenario) =>
      simulate(scenario).world.users.requests.map(({ askedUs, want }) => [
        askedUs,
        want.model,
        want.contextTokens,
      ]);
    const plain = asked(withFaults());
    expect(asked(tinyScenario())).to.deep.equal(plain);
    const extra = tinyNode('france/compute-2', 'france', 'eu/fr', ['compute'], ['a']);
    const { nodes } = tinyScenario();
    expect(asked(tinyScenario({ nodes: [nodes[0], extra, ...nodes.slice(1)] }))).to.deep.equal(plain);
  });
});

describe('faults', () => {
  it('crash: the compute node loses its jobs; the gateway notices and says so; after the restart it serves', () => {
    const { world } = simulate(
      withFaults({ kind: 'crash', atUs: 15 * SECOND_US, untilUs: 22 * SECOND_US, nodes: ['france/compute'] }),
    );
    const byTime = (fromUs: number, untilUs: number) =>
      new Set(
        world.users.requests
          .filter(({ askedUs, want }) => want.model === 'a' && askedUs >= fromUs && askedUs < untilUs)
          .map(({ code }) => ERROR_CODES[code]),
      );
    expect(byTime(0, 10 * SECOND_US)).to.deep.equal(new Set(['OK']));
    expect(byTime(16 * SECOND_US, 20 * SECOND_US)).to.deep.equal(new Set(['NO_CAPABLE_NODE']));
    expect(byTime(24 * SECOND_US, 40 * SECOND_US)).to.deep.equal(new Set(['OK']));
    expect(world.faults.counts[0]).to.include({ fired: 1, affected: 1 });
    const { node, bootCount } = world.machines[1];
    expect(bootCount).to.equal(2);
    expect(nodeRecordOf(world.machines[1])).to.deep.equal({ epoch: node.epoch, manifestVersion: 2 });
  });

  it('crash of the gateway: what it held is UNKNOWN_OUTCOME, and nobody else answers it', () => {
    const outcomes = outcomesOf(
      withFaults({ kind: 'crash', atUs: 15 * SECOND_US, untilUs: null, nodes: ['france/front'] }),
    );
    expect(outcomes).to.include('UNKNOWN_OUTCOME');
    expect(outcomes).not.to.include('open');
  });

  it('pause: what arrived meanwhile is handled after it, and nothing is lost that came back in time', () => {
    const { world } = simulate(
      withFaults({ kind: 'pause', atUs: 15 * SECOND_US, untilUs: 17 * SECOND_US, nodes: ['france/front'] }),
    );
    const home = world.users.requests.filter(({ want }) => want.model === 'a');
    expect(home.every(({ code }) => code === OK)).to.equal(true);
    const during = home.filter(({ askedUs }) => askedUs > 15 * SECOND_US && askedUs < 17 * SECOND_US);
    for (const { endedUs } of during) expect(endedUs).to.be.greaterThan(17 * SECOND_US);
  });

  it('cut one way only: heartbeats pass in the other direction', () => {
    const passed = new Map<string, number>();
    const scenario = withFaults({
      kind: 'cut',
      atUs: 10 * SECOND_US,
      untilUs: null,
      from: ['france'],
      to: ['us-east'],
      bothWays: false,
    });
    simulate(scenario, {
      watchers: [
        {
          onHandled(world, { kind, from, to }) {
            if (world.nowUs < 11 * SECOND_US || nameOfKind(kind) !== 'HEARTBEAT/session') return;
            passed.set(`${from} → ${to}`, (passed.get(`${from} → ${to}`) ?? 0) + 1);
          },
        },
      ],
    });
    expect([...passed.keys()]).to.deep.equal(['2 → 0']);
  });

  it('heal ends link faults that have no end of their own', () => {
    const cut = { kind: 'cut', from: ['france'], to: ['us-east'], bothWays: true, untilUs: null } as const;
    const { world } = simulate(
      withFaults({ ...cut, atUs: 10 * SECOND_US }, { kind: 'heal', atUs: 20 * SECOND_US }),
    );
    const late = world.users.requests.filter(
      ({ askedUs, want }) =>
        askedUs > 25 * SECOND_US && want.model === 'b' && want.allowedRegions.length === 2,
    );
    expect(late.length).to.be.greaterThan(0);
    expect(late.every(({ code }) => code === OK)).to.equal(true);
  });

  it('loss, duplicates and delay touch what they should, and every request still ends once', () => {
    const between = { from: ['france', 'us-east'], to: ['france', 'us-east'], bothWays: false } as const;
    const all = { ...between, atUs: 0, untilUs: null };
    const { world } = simulate(
      withFaults(
        { kind: 'loss', ppm: 100_000, ...all },
        { kind: 'duplicate', ppm: 100_000, ...all },
        { kind: 'delay', addUs: 20_000, ...all },
      ),
    );
    for (const { affected } of world.faults.counts) expect(affected).to.be.greaterThan(20);
    expect(world.tally.dropped.lost).to.equal(world.faults.counts[0].affected);
    expect(world.tally.duplicated).to.equal(world.faults.counts[1].affected);
    expect(world.users.open).to.equal(0);
  });

  it('says vacuous when what the scenario is to show never came', () => {
    const scenario = tinyScenario({ faults: [] });
    const { verdict, reasons } = simulate(scenario).verdict();
    expect(verdict).to.equal('vacuous');
    expect(reasons).to.deep.equal(['no request ended in CLUSTER_UNREACHABLE, which the scenario is to show']);
  });

  it('says stalled when requests are still open, and unknown when it was stopped', () => {
    const base = tinyScenario();
    const short = tinyScenario({ durationUs: 20_500_000, faults: base.faults });
    expect(simulate(short).verdict().verdict).to.equal('stalled');
    expect(simulate(base, { untilUs: 10 * SECOND_US }).verdict().verdict).to.equal('unknown');
  });

  it('says violated when fewer requests end well than expected', () => {
    const scenario = tinyScenario({ expectations: { okAtLeastPpm: 990_000, sometimes: [], never: [] } });
    const { verdict, reasons } = simulate(scenario).verdict();
    expect(verdict).to.equal('violated');
    expect(reasons[0]).to.match(/% of the requests ended well, expected at least 99 %/);
  });
});

describe('comparing two runs', () => {
  it('finds them equal', () => {
    expect(compareRuns(tinyScenario())).to.include({ isEqual: true, parting: null });
  });

  it('names the first event that differs, when a disk answers differently the second time', () => {
    let made = 0;
    const finding = compareRuns(tinyScenario(), (scenario, watcher) => {
      const world = new World(scenario, watcher);
      if (made++ % 2 === 1)
        world.machines[3].platter.records.set(NODE_KEY, recordOf({ node: { epoch: 7, manifestVersion: 7 } }));
      return world;
    });
    expect(finding.isEqual).to.equal(false);
    expect(finding.parting).to.match(/DEVICE\/loaded from device 1 to us-east\/compute/);
    expect(DISK).to.equal(-1);
  });
});
