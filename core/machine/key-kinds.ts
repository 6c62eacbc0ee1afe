import { podId } from '../policy/pod-terms.ts';
import type { KindRow, MessageClass } from './kinds.ts';
import { flag, integer, list, optional, record, ref, text, type Of } from './shape.ts';

/**
 * What a node asks of KEYS about the data keys of pods (R6.1-4), and what it answers. A key has a name; itself it leaves KEYS
 * only wrapped for one other KEYS, which says with which agreement key, made at each boot and held in memory.
 */

/** Keys that a pod can have: one, and another for each split in which it was begun on both sides. */
export const MAX_POD_KEYS = 8;
/** Names of keys that one answer may list. */
export const MAX_KEYS_PAGE = 64;
/** An agreement key, as text. */
export const agreementKey = text(128);
/** What a sealed content is bound to, besides its pod: the hash of the write that made it. */
const bound = text(128);

const agreeBody = record({});
const agreedBody = record({ agreement: agreementKey });
const newKeyBody = record({ pod: podId });
const takeKeyBody = record({ pod: podId, keyId: integer, wrapped: ref });
/** 0: there is no such key, or it cannot be kept. */
const keyedBody = record({ pod: podId, keyId: integer });
const namedKeyShape = record({ pod: podId, keyId: integer });
/** Of the keys that are held, in the order of names, the page after this one; 0 is before all. */
const listKeysBody = record({ after: integer });
const keysListedBody = record({ keys: list(namedKeyShape, MAX_KEYS_PAGE), next: integer });
const destroyKeysBody = record({ pod: podId });
const keysDestroyedBody = record({ pod: podId, isDone: flag });
const wrapBody = record({ pod: podId, keyId: integer, agreement: agreementKey });
/** Null: there is no such key, or nothing can be wrapped for that one. */
const wrappedBody = record({ wrapped: optional(ref) });
const sealBody = record({ pod: podId, keyId: integer, wrapped: ref, content: ref, bound });
const sealedBody = record({ content: optional(ref) });
const openBody = sealBody;
/** Null: the key is none that was wrapped for this KEYS in this boot, or the content is not what was sealed. */
const openedBody = sealedBody;

export type Agreed = Readonly<Of<typeof agreedBody>>;
export type NewKey = Readonly<Of<typeof newKeyBody>>;
export type TakeKey = Readonly<Of<typeof takeKeyBody>>;
export type Keyed = Readonly<Of<typeof keyedBody>>;
export type ListKeys = Readonly<Of<typeof listKeysBody>>;
export type KeysListed = Readonly<Of<typeof keysListedBody>>;
export type DestroyKeys = Readonly<Of<typeof destroyKeysBody>>;
export type KeysDestroyed = Readonly<Of<typeof keysDestroyedBody>>;
export type Wrap = Readonly<Of<typeof wrapBody>>;
export type Wrapped = Readonly<Of<typeof wrappedBody>>;
export type Seal = Readonly<Of<typeof sealBody>>;
export type Sealed = Readonly<Of<typeof sealedBody>>;
export type Open = Readonly<Of<typeof openBody>>;
export type Opened = Readonly<Of<typeof openedBody>>;

const DEVICE = 6 * 32;
export const AGREE = DEVICE + 12;
export const AGREED = DEVICE + 13;
export const NEW_KEY = DEVICE + 14;
export const TAKE_KEY = DEVICE + 15;
export const KEYED = DEVICE + 16;
export const LIST_KEYS = DEVICE + 17;
export const KEYS_LISTED = DEVICE + 18;
export const DESTROY_KEYS = DEVICE + 19;
export const KEYS_DESTROYED = DEVICE + 20;
export const WRAP = DEVICE + 21;
export const WRAPPED = DEVICE + 22;
export const SEAL = DEVICE + 23;
export const SEALED = DEVICE + 28;
export const OPEN = DEVICE + 29;
export const OPENED = DEVICE + 30;

const CONTROL: MessageClass = 2;
const DEVICES: MessageClass = 0;

export const KEY_ROWS: readonly KindRow[] = [
  [AGREE, 'agree', 'node → KEYS', agreeBody, CONTROL, 0, 'R6.1-4'],
  [AGREED, 'agreed', 'KEYS → node', agreedBody, DEVICES, 10, 'R6.1-4'],
  [NEW_KEY, 'new-key', 'node → KEYS', newKeyBody, CONTROL, 0, 'R6.1-4'],
  [TAKE_KEY, 'take-key', 'node → KEYS', takeKeyBody, CONTROL, 0, 'R6.1-4'],
  [KEYED, 'keyed', 'KEYS → node', keyedBody, DEVICES, 20, 'R6.1-4'],
  [LIST_KEYS, 'list-keys', 'node → KEYS', listKeysBody, CONTROL, 0, 'R6.1-4'],
  [KEYS_LISTED, 'keys', 'KEYS → node', keysListedBody, DEVICES, 40, 'R6.1-4'],
  [DESTROY_KEYS, 'destroy-keys', 'node → KEYS', destroyKeysBody, CONTROL, 0, 'R6.2-2'],
  [KEYS_DESTROYED, 'keys-destroyed', 'KEYS → node', keysDestroyedBody, DEVICES, 20, 'R6.2-2'],
  [WRAP, 'wrap', 'node → KEYS', wrapBody, CONTROL, 0, 'R6.1-4'],
  [WRAPPED, 'wrapped', 'KEYS → node', wrappedBody, DEVICES, 20, 'R6.1-4'],
  [SEAL, 'seal', 'node → KEYS', sealBody, CONTROL, 0, 'R6.1-4'],
  [SEALED, 'sealed', 'KEYS → node', sealedBody, DEVICES, 20, 'R6.1-4'],
  [OPEN, 'open', 'node → KEYS', openBody, CONTROL, 0, 'R6.1-4'],
  [OPENED, 'opened', 'KEYS → node', openedBody, DEVICES, 20, 'R6.1-4'],
];

/** Whether KEYS says it, of the data keys of pods. */
export function isOfKeys(kind: number): boolean {
  return (kind >= AGREED && kind <= SEAL) || (kind >= SEALED && kind <= OPENED);
}
