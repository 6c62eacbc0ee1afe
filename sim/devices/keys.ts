import { SIGNED, type Sign } from '../../core/machine/kinds.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import type { DeviceAnswer } from './device-answer.ts';

/** Assumed: a signature in software. */
const SIGN_US = 60;

export function sign(world: World, machine: Machine, { hash }: Sign): DeviceAnswer {
  const signature = world.identities.mint(machine.peer, hash);
  return { kind: SIGNED, body: { signature }, delayUs: SIGN_US };
}
