import { NOBODY } from '../core/base/peers.ts';
import type { Searcher } from '../core/routing/search-state.ts';
import { STAGES } from '../core/routing/outcomes.ts';
import type { Machine } from './machine.ts';
import type { UserRequest } from './users.ts';
import type { World } from './world.ts';

/** What an open request waits for, as its nodes hold it: who waits for whom, at which stage. For people. */
export function describeWait(world: World, request: UserRequest): string {
  const gateway = world.users.gatewayOf(request).spec.name;
  const waits = world.machines.flatMap((machine) => waitsIn(world, machine, request));
  const held = waits.length === 0 ? 'no node holds it' : waits.join('; ');
  return (
    `request r${request.index + 1} for ${request.want.model}, asked at ${request.askedUs} µs, ` +
    `still waits for ${gateway}: ${held}`
  );
}

function waitsIn(world: World, machine: Machine, request: UserRequest): string[] {
  const { node, spec, isUp } = machine;
  if (!isUp) return [];
  const { gateway, bridge, compute } = node;
  const searchers: (Searcher | null)[] = [
    gateway?.searcher ?? null,
    bridge?.outward ?? null,
    bridge?.inward ?? null,
  ];
  // A node may have numbers of its own for its peers.
  const worldPeer = (peer: number): number => world.identities.peerOf(node.pure.idOf(peer));
  const isOf = ({ origin, n }: { origin: number; n: number }): boolean =>
    n === request.n && worldPeer(origin) === request.user;
  const searching = searchers.flatMap((searcher) =>
    (searcher?.searches.entries() ?? []).filter(isOf).map(({ asked, stage, isFinding }) => {
      const whom = asked === NOBODY ? 'nobody' : world.identities.names[worldPeer(asked)];
      return `${spec.name} waits for ${whom}${isFinding ? ' to list who offers it' : ''}, stage ${STAGES[stage]}`;
    }),
  );
  const computing = (compute?.jobs ?? [])
    .filter(isOf)
    .map(({ isStarted }) => `${spec.name} ${isStarted ? 'computes it' : 'has it in its queue'}`);
  return [...searching, ...computing];
}
