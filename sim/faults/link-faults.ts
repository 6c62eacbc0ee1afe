import { KINDS, TYPES } from '../../core/machine/kinds.ts';
import type { Laid, Link } from '../network.ts';
import type { LinkFault, ResolvedLinkFault } from '../scenario/resolved-link-faults.ts';
import type { World } from '../world.ts';
import { endNothing, type ArmedFault, type Harm, type Harms } from './harm.ts';
import { LinkHarm, type Ends } from './link-harm.ts';

const onLinks: Harm<LinkFault> = {
  label: labelOf,
  begin(world, armed) {
    const laid = harmsOf(world, armed);
    world.network.laid.set(armed, laid);
    for (const [{ harms }, harm] of laid) {
      const place = harms.findIndex(({ act }) => act > harm.act);
      harms.splice(place < 0 ? harms.length : place, 0, harm);
    }
  },
  end(world, armed) {
    const laid = world.network.laid.get(armed) ?? [];
    world.network.laid.delete(armed);
    for (const [{ harms }, harm] of laid) harms.splice(harms.indexOf(harm), 1);
    for (const [, harm] of laid) {
      for (const { slot, word } of harm.held) world.transport.sendOn(slot, word);
    }
  },
};

export const LINK_HARMS: Harms<ResolvedLinkFault> = {
  cut: onLinks as Harm<LinkFault & { kind: 'cut' }>,
  hold: onLinks as Harm<LinkFault & { kind: 'hold' }>,
  loss: onLinks as Harm<LinkFault & { kind: 'loss' }>,
  duplicate: onLinks as Harm<LinkFault & { kind: 'duplicate' }>,
  delay: onLinks as Harm<LinkFault & { kind: 'delay' }>,
  slow: onLinks as Harm<LinkFault & { kind: 'slow' }>,
  reorder: onLinks as Harm<LinkFault & { kind: 'reorder' }>,
  bandwidth: onLinks as Harm<LinkFault & { kind: 'bandwidth' }>,
  heal: {
    label: () => 'heal',
    begin(world, armed) {
      armed.affected += world.faults.endAll(({ fault }) => 'bothWays' in fault);
    },
    end: endNothing,
  },
};

function labelOf({ kind, from, to, bothWays, more, only }: LinkFault): string {
  const arrow = bothWays ? '↔' : '→';
  const sides = [{ from, to }, ...(more ?? [])].map((one) => {
    const [left, right] = [one.from.join(', '), one.to.join(', ')];
    return left === right ? `within ${left}` : `${left} ${arrow} ${right}`;
  });
  return `${kind} ${sides.join('; ')}${only === undefined ? '' : ` (${only.join(', ')})`}`;
}

/** The nodes of one cluster on one side, by index; null: all of them. */
interface Side {
  readonly cluster: number;
  readonly nodes: Set<number> | null;
}

/** One harm for each link that the fault is on, in the order of the scenario's words. */
function harmsOf(world: World, armed: ArmedFault<LinkFault>): Laid {
  const { fault } = armed;
  const sideOf = sideReader(world);
  const ends = new Map<Link, Ends[]>();
  const add = (from: Side, to: Side): void => {
    const link = world.network.linkToHarm(from.cluster, to.cluster);
    const known = ends.get(link);
    const pair = { from: from.nodes, to: to.nodes };
    if (known === undefined) ends.set(link, [pair]);
    else known.push(pair);
  };
  for (const pair of [fault, ...(fault.more ?? [])]) {
    const [lefts, rights] = [sideOf(pair.from), sideOf(pair.to)];
    for (const left of lefts) {
      for (const right of rights) {
        add(left, right);
        if (fault.bothWays) add(right, left);
      }
    }
  }
  const kinds = fault.only === undefined ? null : kindsOf(fault.only);
  return [...ends].map(([link, pairs]) => [link, new LinkHarm(armed, kinds, pairs)] as const);
}

/** Reads names of clusters and nodes: each cluster once, whole if it is named itself. */
function sideReader({ scenario, machines }: World): (names: readonly string[]) => Side[] {
  const clusters = new Map(scenario.clusters.map(({ name }, i) => [name, i]));
  const nodes = new Map<string, number>();
  return (names) => {
    const sides = new Map<number, Set<number> | null>();
    for (const name of names) {
      const cluster = clusters.get(name);
      if (cluster !== undefined) {
        sides.set(cluster, null);
        continue;
      }
      if (nodes.size === 0) for (const { spec, index } of machines) nodes.set(spec.name, index);
      const node = nodes.get(name)!;
      const at = machines[node].cluster;
      if (!sides.has(at)) sides.set(at, new Set([node]));
      else sides.get(at)?.add(node);
    }
    return [...sides].map(([cluster, meant]) => ({ cluster, nodes: meant }));
  };
}

/** 1 for each kind of message that is of one of these types or operations. */
function kindsOf(only: readonly string[]): Uint8Array {
  const kinds = new Uint8Array(KINDS.length);
  for (const entry of KINDS) {
    if (entry === undefined) continue;
    const type = TYPES[entry.kind >> 5];
    if (only.includes(type) || only.includes(entry.name)) kinds[entry.kind] = 1;
  }
  return kinds;
}
