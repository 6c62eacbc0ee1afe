import { join } from 'node:path';
import type { Envelope } from '../core/machine/envelope.ts';
import * as kinds from '../core/machine/kinds.ts';
import type { Ref } from '../core/machine/shape.ts';
import type { Contents } from './contents.ts';
import type { Device, Respond } from './device.ts';
import { hashBytes, signHash, type Identity } from './identity.ts';
import { KeyFiles } from './key-files.ts';
import {
  createAgreement,
  createKey,
  nameOfKey,
  openContent,
  sealContent,
  unwrapKey,
  wrapKey,
} from './sealing.ts';

/**
 * With random nonces of 96 bits two of 2^32 contents under one key have the same with a chance of 2^−33, and no more may be sealed
 * with it (NIST SP 800-38D, 8.3). No KEYS knows what others seal, so each stops, in one boot, at what 256 of them can do together.
 */
const MAX_SEALED_A_KEY = 2 ** 24;

/** In the folder of the node, apart from all else. */
const KEYS_FOLDER = 'keys';

/** The keys of a live node, and those of pods that are entrusted to it: it uses them, and never shows them. */
export class Keys implements Device {
  private readonly folder: string;
  private readonly identity: Identity;
  private readonly contents: Contents;
  private readonly fail: (error: Error) => void;
  /** Of this boot: what was wrapped for an earlier one opens no more. */
  private readonly agreement = createAgreement();
  private readonly sealed = new Map<number, number>();
  private opened: KeyFiles | null = null;

  /** What keeps it from writing or reading, other than a full disk, ends the node: `fail` is told why. */
  constructor(folder: string, identity: Identity, contents: Contents, fail: (error: Error) => void) {
    this.folder = join(folder, KEYS_FOLDER);
    this.identity = identity;
    this.contents = contents;
    this.fail = fail;
  }

  handle(asked: Envelope, respond: Respond): void {
    try {
      this.answer(asked, respond);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  private answer({ kind, body }: Envelope, respond: Respond): void {
    switch (kind) {
      case kinds.SIGN:
        return respond(kinds.SIGNED, {
          signature: signHash(this.identity, (body as kinds.Sign).hash),
        });
      case kinds.AGREE:
        return respond(kinds.AGREED, { agreement: this.agreement.publicKey });
      case kinds.NEW_KEY:
        return respond(kinds.KEYED, this.keep((body as kinds.NewKey).pod, createKey()));
      case kinds.TAKE_KEY: {
        const { pod, keyId, wrapped } = body as kinds.TakeKey;
        return respond(kinds.KEYED, this.keep(pod, this.unwrap(wrapped, pod, keyId)));
      }
      case kinds.LIST_KEYS:
        return respond(kinds.KEYS_LISTED, this.pageOf((body as kinds.ListKeys).after));
      case kinds.DESTROY_KEYS: {
        const { pod } = body as kinds.DestroyKeys;
        this.files.destroy(pod);
        return respond(kinds.KEYS_DESTROYED, { pod, isDone: true });
      }
      case kinds.WRAP:
        return respond(kinds.WRAPPED, { wrapped: this.wrap(body as kinds.Wrap) });
      case kinds.SEAL:
        return respond(kinds.SEALED, { content: this.seal(body as kinds.Seal) });
      case kinds.OPEN:
        return respond(kinds.OPENED, { content: this.open(body as kinds.Open) });
    }
  }

  private get files(): KeyFiles {
    return (this.opened ??= new KeyFiles(this.folder));
  }

  private keep(pod: string, key: Buffer | null): kinds.Keyed {
    if (key === null) return { pod, keyId: 0 };
    try {
      return { pod, keyId: this.files.add(pod, key) };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOSPC' || code === 'EDQUOT') return { pod, keyId: 0 };
      throw error;
    } finally {
      key.fill(0);
    }
  }

  private pageOf(after: number): kinds.KeysListed {
    const names = [...this.files.held.keys()]
      .filter((name) => name > after)
      .sort((left, right) => left - right);
    const page = names.slice(0, kinds.MAX_KEYS_PAGE);
    const keys = page.map((keyId) => ({ pod: this.files.held.get(keyId)!.pod, keyId }));
    return { keys, next: names.length > page.length ? page[page.length - 1] : 0 };
  }

  private wrap({ pod, keyId, agreement }: kinds.Wrap): Ref | null {
    const held = this.files.held.get(keyId);
    const wrapped = held?.pod === pod ? wrapKey(held.key, pod, agreement) : null;
    return wrapped === null ? null : this.contents.put(wrapped);
  }

  /** The key, if it was wrapped for this KEYS in this boot and is the one of that name. */
  private unwrap(wrapped: Ref, pod: string, keyId: number): Buffer | null {
    const bytes = this.contents.get(wrapped);
    const key = bytes === undefined ? null : unwrapKey(this.agreement, bytes, pod);
    if (key === null || nameOfKey(key) === keyId) return key;
    key.fill(0);
    return null;
  }

  /** Does something with a content and the key to it, which is in memory meanwhile and no longer. */
  private withKey(
    { pod, keyId, wrapped, content }: kinds.Seal | kinds.Open,
    act: (key: Buffer, bytes: Uint8Array) => Ref | null,
  ): Ref | null {
    const bytes = this.contents.get(content);
    const key = bytes === undefined ? null : this.unwrap(wrapped, pod, keyId);
    if (bytes === undefined || key === null) return null;
    try {
      return act(key, bytes);
    } finally {
      key.fill(0);
    }
  }

  private seal(asked: kinds.Seal): Ref | null {
    const { pod, keyId, bound } = asked;
    return this.withKey(asked, (key, bytes) => {
      const sealed = this.sealed.get(keyId) ?? 0;
      if (sealed >= MAX_SEALED_A_KEY) return null;
      this.sealed.set(keyId, sealed + 1);
      const made = sealContent(key, bytes, pod, bound);
      const ref = { hash: hashBytes(made), sizeBytes: made.length, keyId };
      return this.contents.keep(ref, made) ? ref : null;
    });
  }

  private open(asked: kinds.Open): Ref | null {
    const { pod, bound } = asked;
    return this.withKey(asked, (key, bytes) => {
      const opened = openContent(key, bytes, pod, bound);
      return opened === null ? null : this.contents.put(opened);
    });
  }
}
