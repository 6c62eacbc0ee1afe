import { expect } from 'chai';
import { settleCalm } from '../../sim/calm.ts';
import { EXIT_CODES, type Verdict } from '../../sim/checker.ts';
import { runSeed } from '../../sim/fuzz.ts';
import { underStorm } from '../../sim/nemesis.ts';
import type { ResolvedExpectations } from '../../sim/scenario/resolved-expectations.ts';
import type { ResolvedFault, ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { Simulation, simulate } from '../../sim/simulate.ts';
import { summarize } from '../../sim/summary.ts';
import { changed, load, told } from './scenario-text.ts';
import { tinyNode, tinyScenario } from './tiny-scenario.ts';

const SECOND_US = 1_000_000;
const PLAIN: ResolvedExpectations = { okAtLeastPpm: 0, sometimes: [], never: [] };
const CUT = tinyScenario().faults[0];

function expecting(expectations: Partial<ResolvedExpectations>, changes: Partial<ResolvedScenario> = {}) {
  return simulate(tinyScenario({ ...changes, expectations: { ...PLAIN, ...expectations } }));
}

function verdictOf(expectations: Partial<ResolvedExpectations>, changes: Partial<ResolvedScenario> = {}) {
  const { verdict, reasons } = expecting(expectations, changes).verdict();
  return [verdict, reasons] as [Verdict, string[]];
}

/** Promises about what is not there: nobody equivocates, has agents or pods, and no model travels. */
const IDLE = [
  'quarantine-holds',
  'agents-consented',
  'agents-stopped',
  'agent-steps-once',
  'pods-at-home',
  'writes-survive',
  'deletion-true',
  'access-consented',
  'sealed-pods',
  'receipts-true',
  'models-whole',
  'copies-allowed',
  'memory-reserved',
  'last-copy-kept',
  'revoked-not-served',
];

describe('the checker', () => {
  it('has an exit code for each verdict', () => {
    expect(EXIT_CODES).to.deep.equal({
      pass: 0,
      violated: 1,
      unknown: 2,
      stalled: 3,
      vacuous: 4,
      nondeterministic: 5,
    });
  });

  it('counts how often each invariant was put to the test, and tells it in the summary', () => {
    const { world, checker } = expecting({});
    const { invariants, witnesses } = summarize(world, 'pass', [], 1, checker);
    expect(invariants).to.deep.equal(checker.counts());
    for (const [name, { checked, violated }] of Object.entries(invariants)) {
      if (!IDLE.includes(name)) expect(checked, name).to.be.greaterThan(0);
      expect(violated, name).to.equal(0);
    }
    expect(witnesses['OK']).to.equal(witnesses['served-cluster'] + witnesses['served-federation']);
    expect(witnesses['noted-ready']).to.equal(4);
    expect(Object.keys(invariants)).not.to.include('contents-declared');
    expect(
      simulate(tinyScenario(), { isChecking: true }).checker.counts()['contents-declared'].checked,
    ).to.be.greaterThan(100);
  });

  it('changes no digest', () => {
    const { world } = expecting({ eventually: [{ goal: 'nodes-ready', withinUs: SECOND_US }] });
    expect(world.digest()).to.equal(simulate(tinyScenario()).world.digest());
  });

  it('tells a violation with its time and event, in their order', () => {
    const simulation = new Simulation(tinyScenario());
    simulation.world.network.isClear = () => true;
    while (!simulation.isDone) simulation.advance();
    const { reasons } = simulation.verdict();
    const events = reasons.slice(0, -1).map((reason) => Number(/event (\d+)\)$/.exec(reason)![1]));
    expect(events).to.deep.equal([...events].sort((left, right) => left - right));
    expect(reasons).to.have.length(21);
    expect(reasons[20]).to.match(/^and \d+ more$/);
  });

  it('does not judge what the scenario suspends', () => {
    const simulation = new Simulation(
      tinyScenario({ expectations: { ...PLAIN, suspends: ['cuts-respected'] } }),
    );
    simulation.world.network.isClear = () => true;
    while (!simulation.isDone) simulation.advance();
    expect(simulation.verdict().verdict).to.equal('pass');
  });

  it('always: vacuous where a named invariant was never put to the test', () => {
    expect(verdictOf({ always: ['one-outcome', 'cuts-respected'] })).to.deep.equal(['pass', []]);
    expect(verdictOf({ always: ['one-outcome', 'cuts-respected'] }, { faults: [] })).to.deep.equal([
      'vacuous',
      ['the invariant cuts-respected was never put to the test'],
    ]);
  });

  it('sometimes: outcomes, stages and notes are witnesses', () => {
    const seen = ['OK', 'CLUSTER_UNREACHABLE', 'served-cluster', 'served-federation', 'noted-struck'];
    expect(verdictOf({ sometimes: seen })).to.deep.equal(['pass', []]);
    expect(verdictOf({ sometimes: ['served-local', 'noted-removed', 'OVERLOADED'] })).to.deep.equal([
      'vacuous',
      [
        'served-local was not seen, which the scenario is to show',
        'noted-removed was not seen, which the scenario is to show',
        'no request ended in OVERLOADED, which the scenario is to show',
      ],
    ]);
  });

  it('mustFire: vacuous where the fault came and touched nothing', () => {
    const idle: ResolvedFault = {
      kind: 'duplicate',
      ppm: 1,
      atUs: 10 * SECOND_US,
      untilUs: 11 * SECOND_US,
      from: ['france'],
      to: ['us-east'],
      bothWays: false,
    };
    expect(verdictOf({}, { faults: [idle] })[0]).to.equal('pass');
    expect(verdictOf({}, { faults: [{ ...idle, mustFire: true }] })).to.deep.equal([
      'vacuous',
      ['the fault “duplicate france → us-east” touched nothing'],
    ]);
  });

  it('levels: by phase and by region, and vacuous where nobody asked', () => {
    const level = { phase: 'always', region: null, okAtLeastPpm: null, p95Us: null } as const;
    expect(verdictOf({ levels: [{ ...level, okAtLeastPpm: 300_000, p95Us: 20 * SECOND_US }] })[0]).to.equal(
      'pass',
    );
    const [verdict, reasons] = verdictOf({
      levels: [
        { ...level, phase: 'during', okAtLeastPpm: 990_000 },
        { ...level, region: 'eu', p95Us: 1_000 },
      ],
    });
    expect(verdict).to.equal('violated');
    expect(reasons[0]).to.match(
      /^service level \(during\): \d+\.\d\d % ended well, expected at least 99\.00 %$/,
    );
    expect(reasons[1]).to.match(
      /^service level \(always, eu\): 95 % were answered within \d+ µs, expected 1000 µs$/,
    );
    const nobody = { ...level, region: 'americas', okAtLeastPpm: 1 };
    expect(verdictOf({ levels: [nobody] })).to.deep.equal([
      'vacuous',
      ['no request was asked (always, americas)'],
    ]);
  });

  it('levels: by the clock, from a time until another', () => {
    const level = { phase: 'always', region: null, okAtLeastPpm: 800_000, p95Us: null } as const;
    // Within the cut, and well before it.
    const dark = { ...level, okAtLeastPpm: 1_000_000, fromUs: CUT.atUs, untilUs: CUT.atUs + 5 * SECOND_US };
    expect(verdictOf({ levels: [{ ...level, untilUs: CUT.atUs - 5 * SECOND_US }] })).to.deep.equal([
      'pass',
      [],
    ]);
    const [verdict, reasons] = verdictOf({ levels: [dark] });
    expect([verdict, reasons.length]).to.deep.equal(['violated', 1]);
    expect(reasons[0]).to.match(/^service level \(\d+s to \d+s\): /);
    expect(verdictOf({ levels: [{ ...level, untilUs: 1 }] })).to.deep.equal([
      'vacuous',
      ['no request was asked (0s to 1us)'],
    ]);
  });

  it('never: notes and false deaths, too', () => {
    expect(verdictOf({ never: ['noted-removed', 'given-up-falsely'] })).to.deep.equal(['pass', []]);
    expect(verdictOf({ never: ['noted-session-down'] })).to.deep.equal([
      'violated',
      ['noted-session-down was seen, which the scenario says never happens'],
    ]);
  });

  it('eventually: goals are reached in time after the last change of harm, or the run stalls and says on what', () => {
    const goals = (withinUs: number) =>
      (['nodes-ready', 'live-nodes-listed', 'sessions-up', 'requests-ended'] as const).map((goal) => ({
        goal,
        withinUs,
      }));
    const crash: ResolvedFault = {
      kind: 'crash',
      atUs: 10 * SECOND_US,
      untilUs: 20 * SECOND_US,
      nodes: ['france/compute', 'us-east/front'],
    };
    expect(verdictOf({ eventually: goals(10 * SECOND_US) }, { faults: [crash] })).to.deep.equal(['pass', []]);
    const [verdict, reasons] = verdictOf({ eventually: goals(1) }, { faults: [crash] });
    expect(verdict).to.equal('stalled');
    expect(reasons.join('\n')).to.match(
      /live-nodes-listed: reached \d+ µs after the last change of harm, not 1 µs/,
    );
    const lasting = verdictOf(
      { eventually: goals(5 * SECOND_US) },
      { faults: [{ ...CUT, untilUs: null } as ResolvedFault] },
    );
    expect(lasting).to.deep.equal([
      'stalled',
      [
        'sessions-up: france/front does not hear us-east/front',
        'sessions-up: us-east/front does not hear france/front',
      ],
    ]);
  });

  it('a stall says which request waits for whom, at which stage', () => {
    const [verdict, reasons] = verdictOf({}, { durationUs: 20_500_000 });
    expect(verdict).to.equal('stalled');
    expect(reasons.join('\n')).to.match(
      /request r\d+ for \w, asked at \d+ µs, still waits for france\/front: france\/front waits for \S+, stage (cluster|federation)/,
    );
  });
});

describe('the calm after the storm', () => {
  const node = (name: string, cluster: string, region: string) =>
    tinyNode(name, cluster, region, ['compute'], ['a']);
  const base = tinyScenario();
  const crash = (nodes: string[]): ResolvedFault => ({
    kind: 'crash',
    atUs: 20 * SECOND_US,
    untilUs: 50 * SECOND_US,
    nodes,
  });
  const calm = { fromUs: 30 * SECOND_US, withinUs: 25 * SECOND_US, clusters: ['france'], settled: null };
  const stormy = (faults: ResolvedFault[], changes: Partial<ResolvedScenario> = {}): ResolvedScenario =>
    tinyScenario({ faults, expectations: PLAIN, calm, ...changes });

  it('ends harm to the core, makes all other harm last, and lets none begin', () => {
    const late = { ...CUT, atUs: 31 * SECOND_US, untilUs: 40 * SECOND_US } as ResolvedFault;
    const cut = {
      ...CUT,
      from: ['france'],
      to: ['france', 'us-east'],
      untilUs: 55 * SECOND_US,
    } as ResolvedFault;
    const scenario = stormy([crash(['france/compute', 'us-east/compute']), CUT, cut, late]);
    const settled = settleCalm(scenario);
    const outside = { from: ['france'], to: ['us-east'] };
    expect(settled.faults).to.deep.equal([
      { ...crash(['france/compute']), untilUs: 30 * SECOND_US },
      { ...crash(['us-east/compute']), untilUs: null },
      CUT,
      { ...cut, from: ['france'], to: ['france'], untilUs: 30 * SECOND_US },
      { ...cut, ...outside, untilUs: null },
    ]);
    expect(settled.calm?.settled).to.deep.equal({ core: ['france/front', 'france/compute'], probes: [1] });
    expect(settleCalm(settled)).to.equal(settled);
    expect(settleCalm(base)).to.equal(base);
  });

  it('draws a majority of clusters, and of each kind of node, by the seed', () => {
    const extra = ['c2', 'c3'].map((name) => node(`france/${name}`, 'france', 'eu/fr'));
    const far = { ...base.clusters[1], name: 'japan' };
    const scenario = stormy([], {
      nodes: [...base.nodes, ...extra],
      clusters: [...base.clusters, far],
      calm: { ...calm, clusters: null, fromUs: null },
    });
    const drawn = Array.from({ length: 40 }, (_, seed) => settleCalm({ ...scenario, seed }).calm!);
    for (const { clusters, settled, fromUs } of drawn) {
      expect(clusters).to.have.length(2);
      expect(fromUs).to.be.within(27 * SECOND_US, 36 * SECOND_US);
      if (!clusters!.includes('france')) continue;
      expect(settled!.core).to.include('france/front');
      expect(settled!.core.filter((name) => /france\/c/.test(name))).to.have.length(2);
    }
    expect(new Set(drawn.map(({ clusters }) => clusters!.join())).size).to.equal(3);
    expect(settleCalm({ ...scenario, seed: 5 })).to.deep.equal(settleCalm({ ...scenario, seed: 5 }));
  });

  it('has no traitor in the core, and no cluster with one while there are enough others', () => {
    const far = { ...base.clusters[1], name: 'japan' };
    const front = { ...base.nodes[2], name: 'japan/front', cluster: 'japan' };
    const traitor = { node: 'us-east/front', as: 'forger', fromUs: 0, untilUs: null } as const;
    const scenario = stormy([], {
      nodes: [...base.nodes, front],
      clusters: [...base.clusters, far],
      malice: [{ ...traitor, sharePpm: 1_000_000, region: '' }],
      calm: { ...calm, clusters: null },
    });
    for (let seed = 0; seed < 10; seed++)
      expect(settleCalm({ ...scenario, seed }).calm!.clusters).to.deep.equal(['france', 'japan']);
    const named = settleCalm({ ...scenario, calm: { ...calm, clusters: ['us-east'] } }).calm!;
    expect(named.settled!.core).to.deep.equal(['us-east/compute']);
  });

  it('passes where the core is well again, though all else is down for good', () => {
    const { world, ...simulation } = Object.assign(
      simulate(stormy([crash(['france/front', 'france/compute', 'us-east/front', 'us-east/compute'])])),
    );
    expect(simulation.checker.verdict(world, true)).to.deep.equal({ verdict: 'pass', reasons: [] });
    expect(world.machines.map(({ isUp }: { isUp: boolean }) => isUp)).to.deep.equal([
      true,
      true,
      false,
      false,
    ]);
    const probes = world.users.requests.filter(({ workload }: { workload: number }) => workload === 1);
    expect(probes).to.have.length(3);
    for (const { code, askedUs } of probes) {
      expect(code).to.equal(0);
      expect(askedUs).to.be.within(30 * SECOND_US, 55 * SECOND_US);
    }
  });

  it('stalls where the core does not come back, and says what it waits for', () => {
    const simulation = new Simulation(stormy([]));
    while (!simulation.isDone) {
      simulation.advance();
      const { world } = simulation;
      if (world.nowUs === 29 * SECOND_US) world.stepper.crash(world.machines[1]);
    }
    const { verdict, reasons } = simulation.verdict();
    expect(verdict).to.equal('stalled');
    expect(reasons).to.deep.equal([
      'after the storm: france/compute is of the core, and does not run',
      'after the storm: no probe of france for a was answered, of 3',
    ]);
  });

  it('comes by default after the storm of a fuzzed run, whose result stays the same', () => {
    const { calm: settled } = underStorm(base, { faults: [crash(['france/compute'])], malice: [] });
    expect(settled?.settled?.core.length).to.be.greaterThan(1);
    expect(runSeed(base, 3)).to.deep.equal(runSeed(base, 3));
    expect(runSeed(base, 3).witnesses).to.include('noted-ready');
  });
});

describe('expectations in a scenario', () => {
  const EXPECT = 'expect: { okAtLeast: 90% }';
  const expectOf = (text: string) => load(changed(EXPECT, text)).expectations;

  it('are resolved, with what is not said left out', () => {
    expect(expectOf(EXPECT)).to.deep.equal({ okAtLeastPpm: 900_000, sometimes: [], never: ['INTERNAL'] });
    const text = `expect:
  always: [one-outcome]
  suspends: [deadlines-kept]
  sometimes: [served-federation, noted-struck, OK]
  eventually: [{ goal: sessions-up, within: 10s }, { goal: nodes-ready }, { goal: live-nodes-listed, within: 40s }]
  levels: [{ phase: during, ok: 90%, p95: 12s, where: eu }, { p95: 20s }]`;
    const within = text.replace('{ goal: nodes-ready }', '{ goal: nodes-ready, within: 40s }');
    expect(told(changed(EXPECT, text))).to.deep.equal([
      'small.yaml:40:52: the last fault is over at 80s, and the scenario at 2min',
    ]);
    const { eventually, levels, ...rest } = expectOf(within);
    expect(rest).to.deep.equal({
      okAtLeastPpm: 0,
      sometimes: ['served-federation', 'noted-struck', 'OK'],
      never: ['INTERNAL'],
      always: ['one-outcome'],
      suspends: ['deadlines-kept'],
    });
    expect(eventually![0]).to.deep.equal({ goal: 'sessions-up', withinUs: 10e6 });
    expect(levels).to.deep.equal([
      { phase: 'during', region: 'eu', okAtLeastPpm: 900_000, p95Us: 12e6 },
      { phase: 'always', region: null, okAtLeastPpm: null, p95Us: 20e6 },
    ]);
  });

  it('tells what is wrong with them', () => {
    for (const [text, found] of [
      ['expect: { always: [one-outcom] }', 'always has "one-outcom"'],
      ['expect: { eventually: [{ goal: peace }] }', 'goal is "peace"'],
      ['expect: { levels: [{ phase: during }] }', 'a level that asks for nothing'],
      ['expect: { levels: [{ where: asia, ok: 1% }] }', 'there is no region of a cluster "asia"'],
      ['calm: { core: [spain] }', 'there is no cluster "spain"'],
      ['calm: { at: 90s, within: 1min }', 'calm from 1.5min for 1min, and the scenario ends at 2min'],
    ]) {
      const [problem, ...others] = told(changed(EXPECT, text));
      expect(problem, text).to.include(found);
      expect(others, text).to.deep.equal([]);
    }
  });

  it('calm is resolved, and drawn where nothing is said', () => {
    const calmOf = (text: string) => load(changed(EXPECT, text)).calm;
    expect(calmOf(EXPECT)).to.equal(undefined);
    expect(calmOf('calm: {}')).to.deep.equal({ fromUs: null, withinUs: 60e6, clusters: null, settled: null });
    expect(calmOf('calm: { at: 70s, core: [france], within: 40s }')).to.deep.equal({
      fromUs: 70e6,
      withinUs: 40e6,
      clusters: ['france'],
      settled: null,
    });
  });
});
