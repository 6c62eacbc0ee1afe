import { expect } from 'chai';
import fc from 'fast-check';
import type { Envelope } from '../../core/machine/envelope.ts';
import { nameOfKind, type Session } from '../../core/machine/kinds.ts';
import { ERROR_CODES } from '../../core/routing/outcomes.ts';
import { PartitionedWorld } from '../../sim/partition.ts';
import type { LinkFault } from '../../sim/scenario/resolved-link-faults.ts';
import type { ResolvedFault, ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { countMissing } from '../../sim/tally.ts';
import { World, type Fate } from '../../sim/world.ts';
import { tinyScenario } from './tiny-scenario.ts';

const S = 1_000_000;
const MS = 1_000;
const FRANCE = ['france'];
const US = ['us-east'];
const onAtlantic = { from: FRANCE, to: US, bothWays: true, atUs: 15 * S, untilUs: 25 * S } as const;

/** One fault of each kind that acts on links, over the Atlantic. */
const KINDS: readonly LinkFault[] = [
  { kind: 'cut', ...onAtlantic },
  { kind: 'hold', ...onAtlantic },
  { kind: 'loss', ppm: 300_000, ...onAtlantic },
  { kind: 'duplicate', ppm: 300_000, ...onAtlantic },
  { kind: 'delay', addUs: 200 * MS, ...onAtlantic },
  { kind: 'delay', addUs: [0, 20 * MS, 3 * S], ...onAtlantic },
  { kind: 'slow', factorPpm: 3_500_000, ...onAtlantic },
  { kind: 'reorder', ppm: 500_000, byUs: 3 * S, ...onAtlantic },
  { kind: 'bandwidth', bytesPerSecond: 300, queueBytes: 1_000, ...onAtlantic },
];

function under(...faults: ResolvedFault[]): ResolvedScenario {
  return tinyScenario({ faults, expectations: { okAtLeastPpm: 0, sometimes: [], never: [] } });
}

interface Passed {
  readonly kind: string;
  readonly from: number;
  readonly to: number;
  readonly atUs: number;
  /** When a session's beat was sent, µs; of other kinds 0. */
  readonly sentUs: number;
  readonly sizeBytes: number;
  readonly attempt: string;
}

/** What a run comes to: what was handled and dropped between nodes, in order. */
class Log {
  readonly handled: Passed[] = [];
  readonly dropped: (Passed & { fate: Fate })[] = [];

  onHandled(world: World, envelope: Envelope): void {
    const { from, to } = envelope;
    if (from >= 0 && Math.max(from, to) < world.machines.length) this.handled.push(passedOf(world, envelope));
  }

  onDropped(world: World, envelope: Envelope, fate: Fate): void {
    if (envelope.from >= 0) this.dropped.push({ ...passedOf(world, envelope), fate });
  }

  /** Session beats from one bridge to the other. */
  beats(from: number, to: number): Passed[] {
    return this.handled.filter(
      (one) => one.kind === 'HEARTBEAT/session' && one.from === from && one.to === to,
    );
  }
}

function passedOf(world: World, { kind, from, to, origin, n, attempt, sizeBytes, body }: Envelope): Passed {
  const name = nameOfKind(kind);
  const sentUs = name === 'HEARTBEAT/session' ? (body as Session).sentUs : 0;
  return { kind: name, from, to, atUs: world.nowUs, sentUs, sizeBytes, attempt: `${origin} ${n} ${attempt}` };
}

function run(...faults: ResolvedFault[]): { world: World; log: Log } {
  const log = new Log();
  const world = new World(under(...faults), log);
  world.start();
  world.run(60 * S);
  return { world, log };
}

const FRONT = 0;
const COMPUTE = 1;
const US_FRONT = 2;
const isAbroad = ({ from, to }: Passed): boolean => from < US_FRONT !== to < US_FRONT;
const delaysOf = (beats: readonly Passed[]): number[] => beats.map(({ atUs, sentUs }) => atUs - sentUs);
const isWhile = (fromUs: number, untilUs: number) => (one: Passed) =>
  one.sentUs >= fromUs && one.sentUs < untilUs;
const plain = run();

describe('faults of links', () => {
  it('cut: nothing gets through, and what was dropped is what it touched', () => {
    const { world, log } = run(KINDS[0]);
    expect(log.beats(FRONT, US_FRONT).filter(isWhile(15 * S, 25 * S))).to.deep.equal([]);
    expect(log.beats(FRONT, US_FRONT).some(isWhile(25 * S, 27 * S))).to.equal(true);
    expect(world.faults.counts[0]).to.include({ armed: 1, fired: 1, affected: world.tally.dropped.cut });
    expect(world.tally.dropped.cut).to.be.greaterThan(15);
    expect(log.dropped.every((one) => one.fate === 'cut' && isAbroad(one))).to.equal(true);
  });

  it('hold: nothing is lost; all that was held comes in one burst after the end', () => {
    const { world, log } = run(KINDS[1]);
    const held = log.beats(FRONT, US_FRONT).filter(isWhile(15 * S, 25 * S));
    expect(held).to.have.length(10);
    for (const { atUs } of held) expect(atUs).to.be.within(25 * S + 1, 25 * S + 300 * MS);
    const burst = log.handled.filter((one) => isAbroad(one) && one.atUs > 25 * S && one.atUs < 25.3 * S);
    expect(burst.length).to.be.at.least(world.faults.counts[0].affected);
    expect(Object.values(world.tally.dropped).every((count) => count === 0)).to.equal(true);
  });

  it('loss: as often as it says, of the kinds that it says', () => {
    const { world, log } = run({ ...KINDS[2], atUs: 0, untilUs: null });
    const [{ affected }] = world.faults.counts;
    const abroad = log.handled.filter(isAbroad).length;
    expect(affected / (affected + abroad)).to.be.within(0.2, 0.4);
    expect(world.tally.dropped.lost).to.equal(affected);
  });

  it('duplicate: the same envelope twice, and both are counted', () => {
    const { world, log } = run({ ...KINDS[3], atUs: 0, untilUs: null });
    const times = new Map<number, number>();
    for (const { sentUs } of log.beats(FRONT, US_FRONT)) times.set(sentUs, (times.get(sentUs) ?? 0) + 1);
    expect(new Set(times.values())).to.deep.equal(new Set([1, 2]));
    expect(world.tally.duplicated).to.equal(world.faults.counts[0].affected);
  });

  it('delay: to the microsecond where it is fixed; within its quantiles where it is drawn', () => {
    const before = delaysOf(plain.log.beats(FRONT, US_FRONT).filter(isWhile(15 * S, 25 * S)));
    const fixed = delaysOf(
      run(KINDS[4])
        .log.beats(FRONT, US_FRONT)
        .filter(isWhile(15 * S, 25 * S)),
    );
    expect(fixed).to.deep.equal(before.map((us) => us + 200 * MS));
    const { log, world } = run({ ...(KINDS[5] as LinkFault), atUs: 5 * S, untilUs: null });
    const added = log
      .beats(FRONT, US_FRONT)
      .filter(isWhile(5 * S, 50 * S))
      .map(({ atUs, sentUs }) => {
        const same = plain.log.beats(FRONT, US_FRONT).find((one) => one.sentUs === sentUs)!;
        return atUs - same.atUs;
      });
    for (const us of added) expect(us).to.be.within(0, 3 * S);
    const small = added.filter((us) => us <= 20 * MS).length;
    expect(small / added.length, 'half of them lie below the median').to.be.within(0.25, 0.75);
    expect(Math.max(...added)).to.be.greaterThan(S);
    expect(world.faults.counts[0].affected).to.be.at.least(added.length);
  });

  it('slow: a multiple of the usual way', () => {
    const before = delaysOf(plain.log.beats(FRONT, US_FRONT).filter(isWhile(15 * S, 25 * S)));
    const slowed = delaysOf(
      run(KINDS[6])
        .log.beats(FRONT, US_FRONT)
        .filter(isWhile(15 * S, 25 * S)),
    );
    expect(slowed).to.have.length(before.length);
    // What it takes to leave the node and to be read there is not slowed.
    slowed.forEach((us, i) => expect(us / before[i]).to.be.within(3.4, 3.5));
  });

  it('slow and duplicate: the second copy is slowed, too', () => {
    const doubled: LinkFault = { kind: 'duplicate', ppm: 1_000_000, ...onAtlantic };
    const { log } = run(doubled, { kind: 'slow', factorPpm: 10_000_000, ...onAtlantic });
    const delays = delaysOf(log.beats(FRONT, US_FRONT).filter(isWhile(15 * S, 25 * S)));
    expect(delays).to.have.length(20);
    for (const us of delays) expect(us).to.be.greaterThan(10 * 0.9 * 45 * MS);
  });

  it('reorder: what was sent later comes earlier, as often as it says', () => {
    const isInOrder = (beats: readonly Passed[]): boolean =>
      beats.every(({ sentUs }, i) => i === 0 || beats[i - 1].sentUs <= sentUs);
    expect(isInOrder(plain.log.beats(FRONT, US_FRONT))).to.equal(true);
    const { log, world } = run({ ...KINDS[7], atUs: 5 * S, untilUs: null });
    expect(isInOrder(log.beats(FRONT, US_FRONT))).to.equal(false);
    const abroad = log.handled.filter((one) => isAbroad(one) && one.atUs > 5 * S).length;
    expect(world.faults.counts[0].affected / abroad).to.be.within(0.35, 0.65);
    expect(log.dropped).to.deep.equal([]);
  });

  it('bandwidth: no more than its rate gets through; the queue delays, and what does not fit is dropped', () => {
    const limit: ResolvedFault = {
      ...onAtlantic,
      kind: 'bandwidth',
      bytesPerSecond: 100,
      queueBytes: 400,
      untilUs: 40 * S,
    };
    const { world, log } = run(limit);
    const passed = log.handled.filter(
      ({ from, to, atUs }) => from === FRONT && to === US_FRONT && atUs > 16 * S && atUs < 40 * S,
    );
    const bytes = passed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(bytes, 'in 24 s at 100 B/s, and the queue').to.be.at.most(24 * 100 + 400 + 300);
    expect(world.tally.dropped['queue full']).to.be.greaterThan(0);
    expect(Math.max(...delaysOf(log.beats(FRONT, US_FRONT)))).to.be.within(S, 6 * S);
    expect(world.faults.counts[0].affected).to.be.greaterThan(world.tally.dropped['queue full']);
  });

  it('by type or operation: others get through', () => {
    const all = { ...onAtlantic, atUs: 0, untilUs: null };
    const { log } = run({ kind: 'cut', ...all, only: ['REQUEST'] });
    expect(new Set(log.dropped.map(({ kind }) => kind))).to.deep.equal(new Set(['REQUEST/cross']));
    expect(log.beats(FRONT, US_FRONT)).to.have.length(plain.log.beats(FRONT, US_FRONT).length);
    const operation = run({ kind: 'cut', ...all, only: ['ANNOUNCE/exports'] });
    expect(new Set(operation.log.dropped.map(({ kind }) => kind))).to.deep.equal(
      new Set(['ANNOUNCE/exports']),
    );
  });

  it('between named nodes: their neighbours do not notice', () => {
    const { world, log } = run({
      ...onAtlantic,
      kind: 'cut',
      from: ['france/compute'],
      to: ['france/front', 'us-east'],
      bothWays: true,
    });
    const ends = new Set(log.dropped.map(({ from, to }) => `${from} ${to}`));
    expect(ends).to.deep.equal(new Set([`${FRONT} ${COMPUTE}`, `${COMPUTE} ${FRONT}`]));
    expect(world.faults.counts[0].affected).to.equal(log.dropped.length);
    expect(log.beats(FRONT, US_FRONT)).to.have.length(plain.log.beats(FRONT, US_FRONT).length);
  });

  it('several pairs of sides are one fault', () => {
    const more = [{ from: ['us-east'], to: ['us-east'] }];
    const { world, log } = run({ ...onAtlantic, kind: 'cut', to: FRANCE, bothWays: false, more });
    expect(log.dropped.length).to.be.greaterThan(10);
    expect(log.dropped.some(isAbroad)).to.equal(false);
    expect(world.faults.counts).to.have.length(1);
    expect(world.faults.counts[0].label).to.equal('cut within france; within us-east');
  });

  it('heal ends them all, and lets go what was held', () => {
    const lasting = { ...onAtlantic, untilUs: null };
    const { world, log } = run(
      { kind: 'hold', ...lasting },
      { kind: 'cut', ...lasting, atUs: 18 * S },
      {
        kind: 'heal',
        atUs: 20 * S,
      },
    );
    expect(world.faults.counts.map(({ affected }) => affected > 0)).to.deep.equal([true, true, true]);
    expect(world.faults.counts[2].affected).to.equal(2);
    const held = log.beats(FRONT, US_FRONT).filter(isWhile(15 * S, 18 * S));
    expect(held).to.have.length(3);
    for (const { atUs } of held) expect(atUs).to.be.within(20 * S, 20.3 * S);
  });
});

describe('when faults come', () => {
  it('flap: on and off by turns of a fixed length, beginning with on', () => {
    const flap = { onUs: [2 * S, 2 * S], offUs: [3 * S, 3 * S] };
    const { world, log } = run({ kind: 'cut', ...onAtlantic, flap });
    const sent = log.beats(FRONT, US_FRONT).map(({ sentUs }) => Math.floor(sentUs / S));
    expect(sent.filter((s) => s >= 15 && s < 25)).to.deep.equal([17, 18, 19, 22, 23, 24]);
    expect(world.faults.counts[0]).to.include({ armed: 1, fired: 2 });
  });

  it('flap: turns that are drawn keep within their quantiles, and end with the fault', () => {
    const flap = { onUs: [100 * MS, 900 * MS], offUs: [100 * MS, 400 * MS] };
    const world = new World(under({ kind: 'cut', ...onAtlantic, flap }));
    world.start();
    const turns: number[] = [];
    for (let nowUs = 15 * S; nowUs <= 26 * S; nowUs += 10 * MS) {
      world.run(nowUs);
      if (turns.length % 2 === (world.faults.counts[0].isOn ? 0 : 1)) turns.push(nowUs);
    }
    const lengths = turns.slice(1).map((us, i) => us - turns[i]);
    lengths.slice(0, -1).forEach((us, i) => expect(us).to.be.within(90 * MS, (i % 2 ? 410 : 910) * MS));
    expect(new Set(lengths).size).to.be.greaterThan(5);
    expect(turns.at(-1)).to.be.at.most(25 * S);
  });

  const after = (event: string, of: string[] = [], more: object = {}) => ({
    after: { event, of, nth: 1, delayUs: 0, forUs: 2 * S, ...more },
  });
  const waiting = { from: FRANCE, to: US, bothWays: true, atUs: 0, untilUs: null } as const;
  const crash = { kind: 'crash', nodes: ['france/compute'], atUs: 20 * S, untilUs: 22 * S } as const;

  it('after an event: a node that is down, so long after it, for so long', () => {
    const cut = {
      kind: 'cut',
      ...waiting,
      ...after('node.down', ['france/compute'], { delayUs: S }),
    } as const;
    const { world, log } = run(cut, crash);
    expect(world.faults.counts[0]).to.include({ armed: 1, fired: 1 });
    const times = log.dropped.filter(({ fate }) => fate === 'cut').map(({ atUs }) => atUs);
    expect(Math.min(...times)).to.be.within(21 * S, 22 * S);
    expect(Math.max(...times)).to.be.within(22 * S, 23 * S);
  });

  it('after an event that never comes: armed, and never fired', () => {
    const cut = { kind: 'cut', ...waiting, mustFire: true, ...after('node.down', ['france/front']) } as const;
    const { world } = run(cut, crash);
    expect(world.faults.counts[0]).to.include({ armed: 1, fired: 0, affected: 0, mustFire: true });
    expect(world.faults.counts[1].mustFire).to.equal(false);
  });

  it('after the n-th, and not before they wait', () => {
    const ready = {
      kind: 'cut',
      ...waiting,
      ...after('node.ready', ['france/compute'], { nth: 2 }),
    } as const;
    expect(run(ready, crash).log.dropped.every(({ atUs }) => atUs > 20 * S)).to.equal(true);
    expect(run(ready, crash).world.faults.counts[0].fired).to.equal(1);
    const late = { ...ready, ...after('node.ready'), atUs: 10 * S };
    const { world, log } = run(late, crash);
    expect(world.faults.counts[0].fired).to.equal(1);
    expect(log.dropped.filter(({ fate }) => fate === 'cut').every(({ atUs }) => atUs > 22 * S)).to.equal(
      true,
    );
  });

  it('after an outcome, and one after the other', () => {
    const first: ResolvedFault = { kind: 'cut', ...onAtlantic, name: 'first' };
    const second = {
      kind: 'hold',
      ...waiting,
      ...after('request.outcome', ['CLUSTER_UNREACHABLE']),
    } as const;
    const third = {
      kind: 'delay',
      addUs: S,
      ...waiting,
      ...after('fault.ended', ['first'], { delayUs: S }),
    } as const;
    const { world, log } = run(first, second, third);
    expect(world.faults.counts.map(({ fired }) => fired)).to.deep.equal([1, 1, 1]);
    expect(world.faults.counts[0].label).to.equal('first: cut france ↔ us-east');
    const unreachable = world.users.requests.filter(
      ({ code }) => ERROR_CODES[code] === 'CLUSTER_UNREACHABLE',
    );
    expect(unreachable.length).to.be.greaterThan(0);
    const slowed = log.beats(FRONT, US_FRONT).filter(({ atUs, sentUs }) => atUs - sentUs > S);
    for (const { sentUs } of slowed) expect(sentUs).to.be.within(26 * S, 28 * S);
    expect(slowed).to.have.length(2);
  });

  it('any fault may flap: a node that starts again and again', () => {
    const flap = { onUs: [S, S], offUs: [3 * S, 3 * S] };
    const { world } = run({ ...crash, untilUs: 40 * S, flap });
    expect(world.faults.counts[0]).to.include({ fired: 5, affected: 5 });
    expect(world.machines[COMPUTE]).to.include({ bootCount: 6, isUp: true });
  });
});

describe('chance and order under faults of links', () => {
  const digestOf = (scenario: ResolvedScenario, isChecking = false): string => {
    const world = new World(scenario, null, isChecking);
    world.start();
    world.run(60 * S);
    return world.digest();
  };

  for (const fault of KINDS) {
    it(`${fault.kind}: one digest, again, checked, in parts, and from a checkpoint`, () => {
      const scenario = under(fault);
      const digest = digestOf(scenario);
      expect(digest, 'the fault leaves a mark').not.to.equal(digestOf(under()));
      expect(digestOf(scenario)).to.equal(digest);
      expect(digestOf(scenario, true)).to.equal(digest);
      const parts = new PartitionedWorld(scenario, [0, 1]);
      parts.start();
      parts.run(60 * S);
      expect(parts.digest()).to.equal(digest);
      const world = new World(scenario);
      world.start();
      world.run(20 * S);
      const restored = World.restore(world.checkpoint());
      restored.run(60 * S);
      expect(restored.digest()).to.equal(digest);
    });
  }

  it('another fault does not change what a loss loses, nor a longer one what it loses at first', () => {
    const loss: ResolvedFault = { kind: 'loss', ppm: 300_000, ...onAtlantic };
    const lost = (...faults: ResolvedFault[]): number[] =>
      run(...faults)
        .log.dropped.filter(
          ({ kind, from, fate, atUs }) =>
            kind === 'HEARTBEAT/session' && from === FRONT && fate === 'lost' && atUs < 25 * S,
        )
        .map(({ atUs }) => atUs);
    const alone = lost(loss);
    expect(alone.length).to.be.within(1, 6);
    const others: ResolvedFault[] = [
      { kind: 'duplicate', ppm: 500_000, ...onAtlantic, atUs: 10 * S },
      { kind: 'delay', addUs: [0, 50 * MS], ...onAtlantic, atUs: 12 * S },
      { kind: 'loss', ppm: 500_000, ...onAtlantic, bothWays: false, from: US, to: FRANCE },
    ];
    expect(lost(...others, loss)).to.deep.equal(alone);
    expect(lost({ ...loss, untilUs: null })).to.deep.equal(alone);
  });

  it('two faults that are alike lose twice as much, not the same', () => {
    const loss: ResolvedFault = { kind: 'loss', ppm: 300_000, ...onAtlantic, atUs: 0, untilUs: null };
    const once = run(loss).world.tally.dropped.lost;
    expect(run(loss, loss).world.tally.dropped.lost).to.be.greaterThan(1.3 * once);
  });

  it('two delays that are alike draw each for itself', () => {
    const delay: ResolvedFault = { kind: 'delay', addUs: [0, S], ...onAtlantic };
    const arrivals = (...faults: ResolvedFault[]): number[] =>
      run(...faults)
        .log.beats(FRONT, US_FRONT)
        .filter(isWhile(15 * S, 25 * S))
        .sort((left, right) => left.sentUs - right.sentUs)
        .map(({ atUs }) => atUs);
    const [none, once, twice] = [arrivals(), arrivals(delay), arrivals(delay, delay)];
    expect(none).to.have.length(10);
    none.forEach((atUs, i) => {
      expect(twice[i] - once[i]).to.be.within(0, S);
      expect(twice[i] - once[i]).not.to.equal(once[i] - atUs);
    });
  });
});

describe('every envelope comes to an end', () => {
  const span = fc
    .tuple(fc.integer({ min: 0, max: 40 }), fc.option(fc.integer({ min: 1, max: 20 })))
    .map(([at, length]) => ({ atUs: at * S, untilUs: length === null ? null : (at + length) * S }));
  const sides = fc.constantFrom(
    { from: FRANCE, to: US, bothWays: true },
    { from: US, to: FRANCE, bothWays: false },
    { from: FRANCE, to: FRANCE, bothWays: false },
    { from: ['france/compute'], to: ['france', 'us-east'], bothWays: true },
  );
  const flap = fc.option(fc.constant({ flap: { onUs: [100 * MS, 2 * S], offUs: [300 * MS, S] } }));
  const ofLinks = fc
    .tuple(fc.constantFrom(...KINDS), span, sides, flap)
    .map(([kind, times, on, turns]): ResolvedFault => ({ ...kind, ...times, ...on, ...turns }));
  const ofNodes = fc
    .tuple(fc.constantFrom('crash', 'pause'), span, fc.constantFrom('france/front', 'us-east/compute'))
    .map(([kind, times, node]): ResolvedFault => ({ kind, ...times, nodes: [node] }) as ResolvedFault);
  const heal = span.map(({ atUs }): ResolvedFault => ({ kind: 'heal', atUs }));
  const storm = fc.array(fc.oneof({ weight: 5, arbitrary: ofLinks }, ofNodes, heal), { maxLength: 6 });

  it('sent and doubled are handled, dropped, or somewhere, at any moment, in any storm', () => {
    let held = 0;
    let waiting = 0;
    fc.assert(
      fc.property(storm, fc.nat(1_000), (faults, seed) => {
        const world = new World({ ...under(...faults), seed });
        world.start();
        for (let nowUs = 0; nowUs <= 60 * S; nowUs += 700 * MS) {
          world.run(nowUs);
          const census = world.census();
          held += census.held;
          waiting += census.waiting;
          expect(countMissing(world.tally, census), `at ${nowUs} µs`).to.equal(0);
        }
      }),
      { seed: 1, numRuns: 60 },
    );
    expect(Math.min(held, waiting), 'some were held, some waited').to.be.greaterThan(0);
  });

  it('one that is lost without a count is missing', () => {
    const { world } = run();
    expect(countMissing(world.tally, world.census())).to.equal(0);
    world.tally.sent[0]++;
    expect(countMissing(world.tally, world.census())).to.equal(1);
  });
});
