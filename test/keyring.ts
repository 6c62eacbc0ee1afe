import type { Envelope } from '../core/machine/envelope.ts';
import * as kinds from '../core/machine/kinds.ts';
import type { Vault } from '../sim/vault.ts';

/** The KEYS of a node in a rig, signatures apart: it answers at once, and holds what it holds through a crash. */
export class Keyring {
  /** By name: the pod. */
  readonly keys = new Map<number, string>();
  /** Whether it keeps no new key. */
  isFull = false;
  private readonly vault: Vault;
  private readonly name: string;

  constructor(vault: Vault, name: string) {
    this.vault = vault;
    this.name = name;
  }

  /** What it answers, by kind; null to what nobody asks of it. */
  answer({ kind, n, originBoot, body }: Envelope): readonly [number, unknown] | null {
    const agreement = `agreement of ${this.name} ${originBoot}`;
    const made = `${this.name}-${originBoot}-${n}`;
    switch (kind) {
      case kinds.AGREE:
        return [kinds.AGREED, { agreement }];
      case kinds.NEW_KEY:
        return this.keep(
          (body as kinds.NewKey).pod,
          1 + (this.vault.wrapped.size + this.keys.size) * 1_000 + n,
        );
      case kinds.TAKE_KEY: {
        const { pod, keyId, wrapped } = body as kinds.TakeKey;
        return this.keep(pod, this.vault.fits(wrapped, pod, keyId, agreement) ? keyId : 0);
      }
      case kinds.LIST_KEYS:
        return [kinds.KEYS_LISTED, this.page((body as kinds.ListKeys).after)];
      case kinds.DESTROY_KEYS: {
        const { pod } = body as kinds.DestroyKeys;
        for (const [keyId, of] of this.keys) if (of === pod) this.keys.delete(keyId);
        return [kinds.KEYS_DESTROYED, { pod, isDone: true }];
      }
      case kinds.WRAP: {
        const asked = body as kinds.Wrap;
        const isHeld = this.keys.get(asked.keyId) === asked.pod;
        return [kinds.WRAPPED, { wrapped: isHeld ? this.vault.wrap(asked, made) : null }];
      }
      case kinds.SEAL:
        return [kinds.SEALED, { content: this.vault.seal(body as kinds.Seal, agreement, made) }];
      case kinds.OPEN:
        return [kinds.OPENED, { content: this.vault.open(body as kinds.Open, agreement) }];
      default:
        return null;
    }
  }

  private keep(pod: string, keyId: number): readonly [number, kinds.Keyed] {
    const kept = this.isFull ? 0 : keyId;
    if (kept !== 0) this.keys.set(kept, pod);
    return [kinds.KEYED, { pod, keyId: kept }];
  }

  private page(after: number): kinds.KeysListed {
    const names = [...this.keys.keys()].filter((name) => name > after).sort((left, right) => left - right);
    const page = names.slice(0, 2);
    const keys = page.map((keyId) => ({ pod: this.keys.get(keyId)!, keyId }));
    return { keys, next: names.length > page.length ? page[page.length - 1] : 0 };
  }
}
