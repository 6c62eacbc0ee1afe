import { assert } from '../core/base/assert.ts';
import { ACCELERATOR, DISK, KEYS, NETWORK } from '../core/base/peers.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import {
  AGREE,
  DESTROY_KEYS,
  DIAL,
  INFER,
  LIST_KEYS,
  LOAD,
  LOAD_MODEL,
  NEW_KEY,
  OPEN,
  ROUTE,
  SEAL,
  SIGN,
  STORE,
  TAKE_KEY,
  UNLOAD_MODEL,
  WRAP,
  type DestroyKeys,
  type Infer,
  type ListKeys,
  type Load,
  type NewKey,
  type Open,
  type Seal,
  type Sign,
  type TakeKey,
  type Wrap,
} from '../core/machine/kinds.ts';
import type { LoadModel } from '../core/models/model-bodies.ts';
import { infer, loadModel, unloadModel } from './devices/accelerator.ts';
import type { DeviceAnswer } from './devices/device-answer.ts';
import { load, store } from './devices/disk.ts';
import * as keys from './devices/keys.ts';
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
      return keys.sign(world, machine, envelope.body as Sign);
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
    case AGREE:
    case NEW_KEY:
    case TAKE_KEY:
    case LIST_KEYS:
    case DESTROY_KEYS:
    case WRAP:
    case SEAL:
    case OPEN:
      assert(envelope.to === KEYS, 'keys are asked of KEYS');
      return answerOfKeys(world, machine, envelope);
    default:
      assert(envelope.kind === INFER && envelope.to === ACCELERATOR, 'a device is asked what it can do');
      return infer(world, machine, envelope.n, envelope.body as Infer);
  }
}

function answerOfKeys(world: World, machine: Machine, { kind, n, body }: Envelope): DeviceAnswer {
  switch (kind) {
    case AGREE:
      return keys.agree(machine);
    case NEW_KEY:
      return keys.newKey(machine, n, body as NewKey);
    case TAKE_KEY:
      return keys.takeKey(world, machine, body as TakeKey);
    case LIST_KEYS:
      return keys.listKeys(machine, body as ListKeys);
    case DESTROY_KEYS:
      return keys.destroyKeys(machine, body as DestroyKeys);
    case WRAP:
      return keys.wrap(world, machine, n, body as Wrap);
    case SEAL:
      return keys.seal(world, machine, n, body as Seal);
    default:
      return keys.open(world, machine, body as Open);
  }
}
