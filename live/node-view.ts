/** What a node thinks of its cluster, in numbers: for people, metrics and whoever started it. */
import { DEAD, LEFT, MEMBER_STATES } from '../core/cluster/membership/member.ts';
import type { Node } from '../core/machine/node-state.ts';
import { REFUSALS } from '../core/machine/refusals.ts';
import type { Regard } from '../sim/frame.ts';
import { shelfOf, type PodShelf } from './pod-shelf.ts';
import { AGENT_STATES } from '../core/roles/agents/agent-plan.ts';

/** What one node thinks ill of another: by id of that one. */
export type Opinion = readonly [id: string, regard: Regard];

export interface NodeView {
  /** Members by state, see MEMBER_STATES; null: it knows of none, or nobody probes here. */
  readonly members: readonly number[] | null;
  /** Nodes in its directory; null: it is no index node. */
  readonly directory: number | null;
  /** Agents by state, see AGENT_STATES. */
  readonly agents: readonly number[];
  /** Members of which it thinks other than that they are alive. */
  readonly opinions: readonly Opinion[];
  /** Null: it is no pod host. */
  readonly pods: PodShelf | null;
}

export function viewOf(node: Node, names: ReadonlyMap<string, string> = new Map()): NodeView {
  const table = node.membership?.table;
  const states =
    table === undefined ? [] : Array.from({ length: table.count }, (_, row) => table.stateAt(row));
  return {
    members: table === undefined ? null : countEach(MEMBER_STATES.length, states),
    directory: node.index?.directory.size ?? null,
    agents: countEach(AGENT_STATES.length, node.agents?.agents.entries().map(({ state }) => state) ?? []),
    opinions: opinionsOf(node),
    pods: shelfOf(node, names),
  };
}

function opinionsOf({ membership, pure }: Node): Opinion[] {
  if (membership === null) return [];
  const { suspicions, departed, table } = membership;
  const gone = departed.flatMap(({ peer }): Opinion[] => {
    const state = table.stateAt(table.find(peer));
    return state === DEAD ? [[pure.idOf(peer), 'dead']] : state === LEFT ? [[pure.idOf(peer), 'left']] : [];
  });
  return [...suspicions.map(({ peer }): Opinion => [pure.idOf(peer), 'suspect']), ...gone];
}

/** What the steps of this boot have not taken in, by reason. */
export function turnedAwayBy(node: Node): Map<string, number> {
  return new Map(REFUSALS.map((reason, i) => [reason, node.refusals[i]!]));
}

function countEach(kinds: number, found: readonly number[]): number[] {
  const counts = new Array<number>(kinds).fill(0);
  for (const kind of found) counts[kind]!++;
  return counts;
}
