import { hexWord } from '../../core/base/digest.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import {
  AGREED,
  KEYED,
  KEYS_DESTROYED,
  KEYS_LISTED,
  MAX_KEYS_PAGE,
  OPENED,
  SEALED,
  WRAPPED,
  type DestroyKeys,
  type Keyed,
  type KeysListed,
  type ListKeys,
  type NewKey,
  type Open,
  type Seal,
  type TakeKey,
  type Wrap,
} from '../../core/machine/key-kinds.ts';
import { SIGNED, type Sign } from '../../core/machine/kinds.ts';
import { actingOn } from '../faults/acting.ts';
import type { Machine } from '../machine.ts';
import { drawKeyed } from '../seeds.ts';
import type { World } from '../world.ts';
import type { DeviceAnswer } from './device-answer.ts';
import { delayOf, isTrapped, SYNC_US } from './disk.ts';

/** Assumed: a signature, and a key agreement, in software; AES-256-GCM at 1 GB/s with the processor's help, and what calling it costs. */
const SIGN_US = 60;
const AGREE_US = 60;
const CIPHER_US = 10;
const CIPHER_BYTES_PER_US = 1_000;

export function sign(world: World, machine: Machine, { hash }: Sign): DeviceAnswer {
  const signature = world.identities.mint(machine.peer, hash);
  return { kind: SIGNED, body: { signature }, delayUs: SIGN_US };
}

/** What keys are wrapped with for a machine since it was last booted. */
function agreementOf({ key, lives }: Machine): string {
  return `agreement-${hexWord(key)}-${lives}`;
}

export function agree(machine: Machine): DeviceAnswer {
  return { kind: AGREED, body: { agreement: agreementOf(machine) }, delayUs: AGREE_US };
}

/** Tells what a machine makes apart from all else in the world. */
function nameOf({ key, lives }: Machine, n: number): string {
  return `${hexWord(key)}-${lives}-${n}`;
}

/** A key is there when the file that holds it is synced: see completeKeys. */
export function newKey(machine: Machine, n: number, { pod }: NewKey): DeviceAnswer {
  const { key, lives } = machine;
  const keyId = 1 + (drawKeyed(key, lives, n, 1) % 2 ** 20) * 2 ** 32 + drawKeyed(key, lives, n, 2);
  return keyed(machine, pod, keyId);
}

export function takeKey(world: World, machine: Machine, { pod, keyId, wrapped }: TakeKey): DeviceAnswer {
  return keyed(machine, pod, world.vault.fits(wrapped, pod, keyId, agreementOf(machine)) ? keyId : 0);
}

function keyed(machine: Machine, pod: string, keyId: number): DeviceAnswer {
  const full = actingOn(machine, 'fullDisk');
  for (const fault of full) fault.affected++;
  const body: Keyed = { pod, keyId: full.length > 0 ? 0 : keyId };
  return { kind: KEYED, body, delayUs: delayOf(machine, AGREE_US + SYNC_US) };
}

export function listKeys({ platter }: Machine, { after }: ListKeys): DeviceAnswer {
  const names = [...platter.keys.keys()].filter((name) => name > after).sort((left, right) => left - right);
  const page = names.slice(0, MAX_KEYS_PAGE);
  const keys = page.map((keyId) => ({ pod: platter.keys.get(keyId)!, keyId }));
  const body: KeysListed = { keys, next: names.length > page.length ? page[page.length - 1] : 0 };
  return { kind: KEYS_LISTED, body, delayUs: AGREE_US };
}

export function destroyKeys(machine: Machine, { pod }: DestroyKeys): DeviceAnswer {
  return { kind: KEYS_DESTROYED, body: { pod, isDone: true }, delayUs: delayOf(machine, SYNC_US) };
}

export function wrap(world: World, machine: Machine, n: number, asked: Wrap): DeviceAnswer {
  const isHeld = machine.platter.keys.get(asked.keyId) === asked.pod;
  const wrapped = isHeld && asked.agreement !== '' ? world.vault.wrap(asked, nameOf(machine, n)) : null;
  return { kind: WRAPPED, body: { wrapped }, delayUs: 2 * AGREE_US };
}

export function seal(world: World, machine: Machine, n: number, asked: Seal): DeviceAnswer {
  const content = world.vault.seal(asked, agreementOf(machine), nameOf(machine, n));
  return { kind: SEALED, body: { content }, delayUs: cipherUs(asked) };
}

export function open(world: World, machine: Machine, asked: Open): DeviceAnswer {
  const content = world.vault.open(asked, agreementOf(machine));
  return { kind: OPENED, body: { content }, delayUs: cipherUs(asked) };
}

function cipherUs({ content }: Seal): number {
  return AGREE_US + CIPHER_US + Math.ceil(content.sizeBytes / CIPHER_BYTES_PER_US);
}

/**
 * The moment at which KEYS is about to say what it has done: what was to be on disk is there now. False if the machine loses its
 * power just then, so that nobody hears of it.
 */
export function completeKeys(world: World, machine: Machine, { kind, body }: Envelope): boolean {
  if (kind !== KEYED && kind !== KEYS_DESTROYED) return true;
  if (isTrapped(world, machine, 'before-sync')) return false;
  const { platter } = machine;
  const { pod } = body as DestroyKeys;
  const names =
    kind === KEYED
      ? [(body as Keyed).keyId].filter((keyId) => keyId !== 0)
      : [...platter.keys].filter(([, of]) => of === pod).map(([keyId]) => keyId);
  const lying = actingOn(machine, 'lostWrite');
  for (const fault of lying) fault.affected++;
  for (const keyId of names) {
    if (lying.length > 0 && !platter.unflushedKeys.has(keyId))
      platter.unflushedKeys.set(keyId, platter.keys.get(keyId) ?? null);
    if (kind === KEYED) platter.keys.set(keyId, pod);
    else platter.keys.delete(keyId);
  }
  return !isTrapped(world, machine, 'before-ack');
}
