import { assert } from '../../core/base/assert.ts';
import { NOBODY } from '../../core/base/peers.ts';
import { DIALLED, type Dial, type Dialled } from '../../core/machine/kinds.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { CUTS } from '../faults/link-harm.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import type { DeviceAnswer } from './device-answer.ts';

/** Until a machine that hears no answer gives up. */
export const DIAL_TIMEOUT_US = 3_000_000;

/** Whoever is at an address answers after a round trip; a machine that is down refuses; a cut and a wall are silence. */
export function dial(world: World, from: Machine, envelope: Envelope): DeviceAnswer {
  const { peer, address } = envelope.body as Dial;
  const to = world.machines[world.identities.find(address) ?? NOBODY];
  if (to === undefined || to.spec.isUnreachable === true || isCut(world, from, to, envelope.kind))
    return answer({ peer: null, isReached: false, detail: `nobody answers at ${address}` }, DIAL_TIMEOUT_US);
  assert(world.owns(to), 'a node dials inside its own cluster');
  const { network } = world;
  const word = network.wordOf(envelope, from.key, to.key, world.keyOf(envelope.origin), world.nowUs);
  const delayUs =
    network.delayUs(from.region, to.region, word) + network.delayUs(to.region, from.region, ~word);
  if (!to.isUp)
    return answer({ peer: null, isReached: false, detail: `nobody listens at ${address}` }, delayUs);
  const isReached = peer === null || peer === to.peer;
  const detail = isReached ? '' : `another node answers at ${address}`;
  return answer({ peer: to.peer, isReached, detail }, delayUs);
}

function answer(body: Dialled, delayUs: number): DeviceAnswer {
  return { kind: DIALLED, body, delayUs };
}

function isCut(world: World, from: Machine, to: Machine, kind: number): boolean {
  const { network } = world;
  const cuts = (one: Machine, other: Machine): boolean =>
    network
      .link(one.cluster, other.cluster)
      .harms.some((harm) => harm.act === CUTS && harm.concerns(kind, one.peer, other.peer));
  return from !== to && (cuts(from, to) || cuts(to, from));
}
