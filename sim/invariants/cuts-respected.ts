import type { Envelope } from '../../core/machine/envelope.ts';
import { KINDS, STORE, TYPES } from '../../core/machine/kinds.ts';
import type { ArmedFault } from '../faults/harm.ts';
import type { Machine } from '../machine.ts';
import type { LinkFault } from '../scenario/resolved-link-faults.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

/** Clusters and single nodes, by index. */
interface Side {
  readonly clusters: ReadonlySet<number>;
  readonly nodes: ReadonlySet<number>;
}

type CutFault = LinkFault & { readonly kind: 'cut' };

/** A cut of the scenario, and when it was seen to act: in events, by turns that came one after another. */
interface Watched {
  readonly armed: ArmedFault<CutFault>;
  /** Whom it parts from whom. */
  readonly ways: readonly { readonly from: Side; readonly to: Side }[];
  /** When it was last seen to act; −1: never. */
  lastEvent: number;
  readonly turns: { readonly fired: number; readonly first: number; last: number }[];
}

/** So many turns of a cut are remembered; envelopes are not under way for longer. */
const MAX_TURNS = 64;

/** A cut delivers nothing: whatever was sent while it was there does not arrive, whenever that would be. */
export class CutsRespected extends Invariant {
  readonly name = 'cuts-respected';
  readonly promise = 'nothing is delivered that was sent across a cut';
  readonly watches = {
    handled: KINDS.flatMap((entry) => (entry !== undefined && entry.kind < STORE ? [entry.kind] : [])),
    ticks: true as const,
  };
  private cuts: Watched[] | null = null;
  private arrivals = 0;

  override onHandled(world: World, envelope: Envelope, cause: number): void {
    this.cuts ??= cutsOf(world);
    if (this.cuts.length === 0) return;
    const { kind, from, to } = envelope;
    const { machines } = world;
    if (from >= machines.length || to >= machines.length || from === to) return;
    for (const cut of this.cuts) {
      if (!cut.armed.isOn && cause > cut.lastEvent) continue;
      look(cut, world.events);
      // Sent after the cut was last seen to act: as if it had never been.
      if (cause > cut.lastEvent || !isMeant(cut.armed.fault, kind)) continue;
      if (!cut.ways.some((way) => isOn(way.from, machines[from]) && isOn(way.to, machines[to]))) continue;
      this.arrivals++;
      // Seen to act before and after the envelope was sent, without an end in between: it acted then.
      if (cut.turns.some(({ first, last }) => first <= cause && cause <= last))
        this.violate(
          world,
          `${KINDS[kind]!.name} from ${machines[from].spec.name} to ${machines[to].spec.name} ` +
            `came through “${cut.armed.label}”`,
        );
    }
  }

  /** Whatever came up against a cut could have got through. */
  override onTick(world: World): void {
    this.cuts ??= cutsOf(world);
    this.checked = this.cuts.reduce((sum, { armed }) => sum + armed.affected, this.arrivals);
  }
}

function look(cut: Watched, event: number): void {
  const { armed, turns } = cut;
  if (!armed.isOn) return;
  cut.lastEvent = event;
  const last = turns.at(-1);
  if (last !== undefined && last.fired === armed.fired) last.last = event;
  else {
    turns.push({ fired: armed.fired, first: event, last: event });
    if (turns.length > MAX_TURNS) turns.shift();
  }
}

function isMeant({ only }: CutFault, kind: number): boolean {
  if (only === undefined) return true;
  return only.includes(KINDS[kind]!.name) || only.includes(TYPES[Math.floor(kind / 32)]);
}

function isOn({ clusters, nodes }: Side, { cluster, index }: Machine): boolean {
  return clusters.has(cluster) || nodes.has(index);
}

function cutsOf(world: World): Watched[] {
  const clusters = new Map(world.scenario.clusters.map(({ name }, i) => [name, i]));
  const nodes = new Map(world.machines.map(({ spec, index }) => [spec.name, index]));
  const sideOf = (names: readonly string[]): Side => ({
    clusters: new Set(names.flatMap((name) => clusters.get(name) ?? [])),
    nodes: new Set(names.flatMap((name) => nodes.get(name) ?? [])),
  });
  return world.faults.counts
    .filter(({ kind }) => kind === 'cut')
    .map((armed) => {
      const cut = armed as ArmedFault<CutFault>;
      const { fault } = cut;
      const ways = [fault, ...(fault.more ?? [])].flatMap((sides) => {
        const [from, to] = [sideOf(sides.from), sideOf(sides.to)];
        return fault.bothWays
          ? [
              { from, to },
              { from: to, to: from },
            ]
          : [{ from, to }];
      });
      return { armed: cut, ways, lastEvent: -1, turns: [] };
    });
}
