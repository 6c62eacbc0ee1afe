import fc from 'fast-check';
import { DEFAULT_PARAMETERS } from '../../core/machine/parameters.ts';
import { NOTE_DEAD, type Noted } from '../../core/machine/kinds.ts';
import { stormsOver, underStorm, type FaultKind, type Storm } from '../../sim/nemesis.ts';
import { OWED } from '../../sim/owed.ts';
import { Simulation } from '../../sim/simulate.ts';
import type { ResolvedFault } from '../../sim/scenario/resolved-faults.ts';
import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import type { World } from '../../sim/world.ts';
import { tinyNode, tinyScenario } from '../sim/tiny-scenario.ts';

const SECOND_US = 1_000_000;
const FROM_US = 15 * SECOND_US;
const UNTIL_US = 75 * SECOND_US;
/**
 * Tables agree so long after the last harm: two comparisons of tables, as R5.2-2 has it at a heal, and a suspicion that began
 * with the last harm, at its longest for so few (4 × 6 s), with a probe's time to begin it.
 */
export const AGREES_WITHIN_US = 2 * DEFAULT_PARAMETERS.syncUs + 30 * SECOND_US;

const LINK_HARM: readonly FaultKind[] = ['cut', 'hold', 'loss', 'duplicate', 'delay', 'slow', 'reorder'];
const NODE_HARM: readonly FaultKind[] = [
  'crash',
  'restart',
  'pause',
  'slowNode',
  'clock',
  'stalledDisk',
  'fullDisk',
];
/** After these a node may have forgotten what it said: its incarnations begin anew, and others tell it. */
const AMNESIA: readonly FaultKind[] = ['wipe', 'bitRot', 'tornWrite', 'lostWrite'];
const NAMED = new Set<string>(AMNESIA);

/** One cluster of so many, where nobody asks for anything. */
function roomOf(members: number): ResolvedScenario {
  const base = tinyScenario();
  return {
    ...base,
    name: `room-of-${members}`,
    durationUs: UNTIL_US + AGREES_WITHIN_US,
    clusters: [base.clusters[0]],
    nodes: Array.from({ length: members }, (_, i) =>
      tinyNode(`france/member-${i + 1}`, 'france', 'eu/fr', i < 2 ? ['index', 'gateway'] : ['gateway']),
    ),
    peerings: [],
    workloads: [],
    faults: [],
    swarm: {
      kinds: [...LINK_HARM, ...NODE_HARM, ...AMNESIA],
      most: 6,
      fromUs: FROM_US,
      untilUs: UNTIL_US,
      malice: 0,
    },
    expectations: { okAtLeastPpm: 0, sometimes: [], never: [] },
  };
}

/** What a storm showed: so that it can be told whether anything happened. */
export interface MembershipReport {
  runs: number;
  harmed: number;
  deaths: number;
  restarts: number;
}

export function createReport(): MembershipReport {
  return { runs: 0, harmed: 0, deaths: 0, restarts: 0 };
}

/** Watches that what members say of themselves only rises, over every restart. */
class Rising {
  deaths = 0;
  private readonly highest = new Map<string, number>();
  private readonly forgetful: ReadonlySet<string>;

  constructor({ faults }: Storm) {
    this.forgetful = new Set(faults.filter(({ kind }) => NAMED.has(kind)).flatMap((fault) => nodesOf(fault)));
  }

  onNoted(_: World, { body }: { readonly body: unknown }): void {
    if ((body as Noted).note === NOTE_DEAD) this.deaths++;
  }

  look({ machines, nowUs }: World): void {
    for (const { spec, node } of machines) {
      const incarnation = node.membership?.table.incarnationAt(0);
      if (incarnation === undefined || this.forgetful.has(spec.name)) continue;
      const highest = this.highest.get(spec.name) ?? 0;
      if (incarnation < highest)
        throw new Error(`${spec.name} says ${incarnation} at ${nowUs} µs and has said ${highest}`);
      this.highest.set(spec.name, incarnation);
    }
  }
}

function nodesOf(fault: ResolvedFault): readonly string[] {
  return 'nodes' in fault ? fault.nodes : [];
}

/** Runs one storm, and throws if the members do not agree in time, or one takes back what it said. */
function weather(members: number, seed: number, storm: Storm, report: MembershipReport): number {
  const rising = new Rising(storm);
  const onNoted = rising.onNoted.bind(rising);
  const scenario = underStorm({ ...roomOf(members), seed }, storm);
  const simulation = new Simulation(scenario, { watchers: [{ onNoted }] });
  const { world } = simulation;
  while (!simulation.isDone) {
    simulation.advance();
    rising.look(world);
  }
  const owed = OWED['membership-agrees'](world, world.machines);
  if (owed.length > 0)
    throw new Error(`${AGREES_WITHIN_US / SECOND_US} s after all harm: ${owed.join(', ')}`);
  const { reasons } = simulation.verdict();
  if (reasons.length > 0) throw new Error(reasons.join('\n'));
  report.runs++;
  report.deaths += rising.deaths;
  report.restarts += world.machines.reduce((sum, { lives }) => sum + lives - 1, 0);
  if (world.faults.counts.some(({ affected }) => affected > 0)) report.harmed++;
  return rising.deaths;
}

/** Members in any weather, by the seed: after it all agree, in bounded time, and nobody has taken back what it said. */
export function stormMembers(seed: number, runs: number): MembershipReport {
  const report = createReport();
  const cases = fc
    .integer({ min: 3, max: 9 })
    .chain((members) => fc.tuple(fc.constant(members), fc.nat(), stormsOver(roomOf(members), undefined, [])));
  const property = fc.property(cases, ([members, run, storm]) => {
    weather(members, run, storm, report);
  });
  fc.assert(property, { seed, numRuns: runs });
  return report;
}

const flapping = fc.record({
  members: fc.integer({ min: 5, max: 9 }),
  run: fc.nat(),
  pair: fc.tuple(fc.nat(8), fc.nat(8)),
  bothWays: fc.boolean(),
  onUs: fc.array(fc.integer({ min: 100_000, max: 8 * SECOND_US }), { minLength: 2, maxLength: 3 }),
  offUs: fc.array(fc.integer({ min: 100_000, max: 8 * SECOND_US }), { minLength: 2, maxLength: 3 }),
});

/** A link between two members has a loose contact: others reach both, so nobody is ever given up. */
export function stormFlappingLinks(seed: number, runs: number): MembershipReport {
  const report = createReport();
  const property = fc.property(flapping, ({ members, run, pair: [left, right], bothWays, onUs, offUs }) => {
    const from = left % members;
    const to = (from + 1 + (right % (members - 1))) % members;
    const deaths = weather(members, run, flap([from], [to], bothWays, onUs, offUs), report);
    if (deaths > 0) throw new Error(`${deaths} members were given up, and none was cut off`);
  });
  fc.assert(property, { seed, numRuns: runs });
  return report;
}

/** All links of one member flap: it may be given up while it is cut off, and is alive for all when that is over. */
export function stormFlappingMember(seed: number, runs: number): MembershipReport {
  const report = createReport();
  const property = fc.property(flapping, ({ members, run, pair: [left], bothWays, onUs, offUs }) => {
    const one = left % members;
    const others = Array.from({ length: members }, (_, i) => i).filter((i) => i !== one);
    weather(members, run, flap([one], others, bothWays, onUs, offUs), report);
  });
  fc.assert(property, { seed, numRuns: runs });
  return report;
}

function flap(
  from: readonly number[],
  to: readonly number[],
  bothWays: boolean,
  onUs: readonly number[],
  offUs: readonly number[],
): Storm {
  const namesOf = (places: readonly number[]): string[] => places.map((i) => `france/member-${i + 1}`);
  const rising = (table: readonly number[]): number[] => [...table].sort((left, right) => left - right);
  const turns = { flap: { onUs: rising(onUs), offUs: rising(offUs) } };
  const ends = { from: namesOf(from), to: namesOf(to), bothWays };
  return { faults: [{ kind: 'cut', atUs: FROM_US, untilUs: UNTIL_US, ...turns, ...ends }], malice: [] };
}
