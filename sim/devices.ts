import { assert } from '../core/base/assert.ts';
import { ACCELERATOR, DISK, KEYS } from '../core/base/peers.ts';
import { hexWord } from '../core/base/digest.ts';
import { mixWord } from '../core/base/rng.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import {
  INFER,
  INFERRED,
  LOAD,
  LOADED,
  SIGN,
  SIGNED,
  STORE,
  STORED,
  type Infer,
  type Inferred,
  type Sign,
  type StoredState,
} from '../core/machine/kinds.ts';
import type { Machine } from './machine.ts';
import { keyOfName } from './seeds.ts';
import type { World } from './world.ts';

/** What a device answers, and after how long. */
export interface DeviceAnswer {
  readonly kind: number;
  readonly body: unknown;
  readonly delayUs: number;
}

/** Assumed: an NVMe disk that syncs in a millisecond, reads in a fifth of one; a signature in software. */
const SYNC_US = 1_000;
const READ_US = 200;
const SIGN_US = 60;

/** The devices of a simulated node: disk, keys and accelerator, with their delays. */
export function answerOf(world: World, machine: Machine, envelope: Envelope): DeviceAnswer {
  switch (envelope.kind) {
    case LOAD:
      assert(envelope.to === DISK, 'LOAD is asked of the disk');
      return { kind: LOADED, body: { state: machine.disk }, delayUs: READ_US };
    case STORE:
      assert(envelope.to === DISK, 'STORE is asked of the disk');
      machine.disk = envelope.body as StoredState;
      return { kind: STORED, body: {}, delayUs: SYNC_US };
    case SIGN: {
      assert(envelope.to === KEYS, 'SIGN is asked of KEYS');
      const signature = world.identities.mint(machine.peer, (envelope.body as Sign).hash);
      return { kind: SIGNED, body: { signature }, delayUs: SIGN_US };
    }
    default:
      assert(envelope.kind === INFER && envelope.to === ACCELERATOR, 'a device is asked what it can do');
      return infer(world, machine, envelope.body as Infer);
  }
}

/** A request takes as long as reading its prompt and writing its answer, whatever else is at work. */
function infer(
  world: World,
  machine: Machine,
  { model, prompt, contextTokens, maxTokens }: Infer,
): DeviceAnswer {
  const rates = world.scenario.models.find(({ name }) => name === model);
  assert(rates !== undefined, 'an accelerator runs models of the scenario');
  const secondsPpm = contextTokens / rates.readTokensPerSecond + maxTokens / rates.writeTokensPerSecond;
  const computedUs = Math.ceil((secondsPpm * 1e12) / machine.spec.speedPpm);
  const key = mixWord(keyOfName(prompt.hash), keyOfName(model));
  const bytesPerToken = contextTokens === 0 ? 4 : Math.ceil(prompt.sizeBytes / contextTokens);
  const body: Inferred = {
    answer: { hash: `answer-${hexWord(key)}`, sizeBytes: maxTokens * bytesPerToken, keyId: 0 },
    generatedTokens: maxTokens,
    provider: 'simulated',
    computedUs,
    error: '',
  };
  return { kind: INFERRED, body, delayUs: computedUs };
}
