import { assert } from '../core/base/assert.ts';
import { ACCELERATOR, DISK, KEYS, NETWORK } from '../core/base/peers.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import {
  DIAL,
  INFER,
  LOAD,
  LOAD_MODEL,
  ROUTE,
  SIGN,
  STORE,
  UNLOAD_MODEL,
  type Infer,
  type Load,
  type Sign,
} from '../core/machine/kinds.ts';
import type { LoadModel } from '../core/models/model-bodies.ts';
import { infer, loadModel, unloadModel } from './devices/accelerator.ts';
import type { DeviceAnswer } from './devices/device-answer.ts';
import { load, store } from './devices/disk.ts';
import { sign } from './devices/keys.ts';
import { dial } from './devices/network-device.ts';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

/** The devices of a simulated node, with their delays and their faults. Null: there is nothing to be answered. */
export function answerOf(world: World, machine: Machine, envelope: Envelope): DeviceAnswer | null {
  switch (envelope.kind) {
    case LOAD:
      assert(envelope.to === DISK, 'LOAD is asked of the disk');
      return load(machine, envelope.body as Load);
    case STORE:
      assert(envelope.to === DISK, 'STORE is asked of the disk');
      return store(machine, envelope);
    case SIGN:
      assert(envelope.to === KEYS, 'SIGN is asked of KEYS');
      return sign(world, machine, envelope.body as Sign);
    case DIAL:
      assert(envelope.to === NETWORK, 'DIAL is asked of NETWORK');
      return dial(world, machine, envelope);
    case ROUTE:
      // Here every envelope finds its way by the number of who is to have it.
      return null;
    case LOAD_MODEL:
      assert(envelope.to === ACCELERATOR, 'LOAD_MODEL is asked of the accelerator');
      return loadModel(envelope.body as LoadModel);
    case UNLOAD_MODEL:
      assert(envelope.to === ACCELERATOR, 'UNLOAD_MODEL is asked of the accelerator');
      return unloadModel((envelope.body as { id: string }).id);
    default:
      assert(envelope.kind === INFER && envelope.to === ACCELERATOR, 'a device is asked what it can do');
      return infer(world, machine, envelope.n, envelope.body as Infer);
  }
}
