/** What the nodes of a running federation say of their clusters, in a line each, told whenever it has changed. */
import { MEMBER_STATES } from '../core/cluster/membership/member.ts';
import { AGENT_BEGUN } from '../core/roles/agents/agent-plan.ts';
import type { RunningNode } from './federation.ts';
import type { PodShelf } from './pod-shelf.ts';

export class ClusterWatch {
  private readonly told = new Map<string, string>();

  /** What is new since it was last asked. Of a cluster whose nodes do not agree nothing is told before they do. */
  takeNews(nodes: readonly RunningNode[]): string[] {
    const clusters = [...new Set(nodes.map(({ cluster }) => cluster))];
    const width = Math.max(...clusters.map((name) => name.length)) + 2;
    return clusters.flatMap((cluster) => {
      const line = describe(nodes.filter((node) => node.cluster === cluster));
      if (line === null || line === this.told.get(cluster)) return [];
      this.told.set(cluster, line);
      return [`${cluster.padEnd(width)}${line}`];
    });
  }
}

function describe(nodes: readonly RunningNode[]): string | null {
  const views = nodes.flatMap(({ view }) => view ?? []);
  if (views.length === 0) return 'no node is running';
  const members = agreed(views.flatMap(({ members }) => (members === null ? [] : [wordsOf(members)])));
  const directory = agreed(views.flatMap(({ directory }) => directory ?? []));
  if (members === null || directory === null) return null;
  const agents = views.reduce((sum, view) => sum + view.agents[AGENT_BEGUN]!, 0);
  const pods = podsOf(views.flatMap(({ pods }) => pods ?? []));
  return [
    members === undefined ? null : `members: ${members}`,
    directory === undefined ? 'no index node' : `directory of ${directory}`,
    agents === 0 ? null : `agents at work: ${agents}`,
    ...pods,
  ]
    .filter((part) => part !== null)
    .join('; ');
}

/** What the hosts hold together; copies of which there are too few are short; and deletions that wait for somebody. */
function podsOf(shelves: readonly PodShelf[]): string[] {
  const sum = (of: (shelf: PodShelf) => number): number => shelves.reduce((all, shelf) => all + of(shelf), 0);
  const copies = sum(({ held }) => held);
  const short = sum((shelf) => shelf.short);
  // Of one deletion several may have been asked.
  const deleting = Math.max(0, ...shelves.map((shelf) => shelf.deleting));
  const missing = [...new Set(shelves.flatMap((shelf) => shelf.missing))].sort((a, b) => (a < b ? -1 : 1));
  return [
    ...(copies === 0 ? [] : [`copies of pods: ${copies}${short === 0 ? '' : `, ${short} short`}`]),
    ...(deleting === 0 ? [] : [`deletions waiting: ${deleting}, for ${missing.join(', ')}`]),
  ];
}

/** What all say alike; null if they do not, undefined if nobody says anything. */
function agreed<T>(said: readonly T[]): T | null | undefined {
  return said.every((one) => one === said[0]) ? said[0] : null;
}

function wordsOf(members: readonly number[]): string {
  return members
    .flatMap((count, state) => (count === 0 ? [] : [`${count} ${MEMBER_STATES[state]}`]))
    .join(', ');
}
