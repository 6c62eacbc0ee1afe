import type { Envelope } from '../../core/machine/envelope.ts';
import { KINDS, OPENED, STORE, type Opened } from '../../core/machine/kinds.ts';
import type { PodRequest } from '../owned-pod.ts';
import type { World } from '../world.ts';
import { refsIn } from './contents.ts';
import { Invariant } from './invariant.ts';
import { nameOf } from './pods-at-home.ts';

/** Whatever names contents: messages between nodes, and what disks are to write. Accelerators are asked in memory. */
const NAMING: readonly number[] = KINDS.flatMap((entry) =>
  entry !== undefined && entry.hasRefs && entry.kind <= STORE ? [entry.kind] : [],
);

/** R6.1-4. Of contents that were written under a policy that requires encryption, and of every key. */
export class SealedPods extends Invariant {
  readonly name = 'sealed-pods';
  readonly promise =
    'what is to be sealed is on no disk and no link as it is, and is opened only where its owner has let it';
  readonly watches = { sent: NAMING, handled: [OPENED], ticks: true } as const;

  override onSent(world: World, envelope: Envelope): void {
    const { from, to, kind, body } = envelope;
    const { machines, vault } = world;
    if (from >= machines.length || to >= machines.length || from === to) return;
    for (const { hash } of refsIn(kind, body)) {
      const write = this.writeToSeal(hash);
      const where = to < 0 ? 'its disk' : machines[to].spec.name;
      if (write !== null) {
        this.checked++;
        this.violate(
          world,
          `${nameOf(write.pod)}: ${machines[from].spec.name} gives ${hash} to ${where} as it is`,
        );
      }
      const key = vault.wrapped.get(hash);
      if (key === undefined || to < 0) continue;
      this.checked++;
      const pod = world.podOwners.podOf(key.pod);
      const isHolder = machines[to].spec.podStorage?.encryption === true;
      if (pod !== undefined && !isHolder && !this.isLet(pod.requests, to))
        this.violate(world, `${nameOf(pod)}: a key goes to ${where}, which may not open it`);
    }
  }

  override onHandled(world: World, { to, body }: Envelope): void {
    const { content } = body as Opened;
    const write = content === null ? null : this.writeToSeal(content.hash);
    if (content === null || write === null) return;
    this.checked++;
    if (!this.isLet(write.pod.requests, to))
      this.violate(world, `${nameOf(write.pod)}: ${world.machines[to].spec.name} has opened ${content.hash}`);
  }

  override onTick(world: World): void {
    if (world.podOwners.pods.length === 0) return;
    for (const { platter, spec } of world.machines) {
      for (const hash of platter.contents.keys()) {
        const write = this.writeToSeal(hash);
        if (world.vault.sealed.has(hash)) this.checked++;
        if (write !== null)
          this.violate(world, `${nameOf(write.pod)}: ${hash} lies on ${spec.name} as it is`);
      }
      for (const id of platter.keys.values()) {
        this.checked++;
        const pod = world.podOwners.podOf(id);
        if (pod !== undefined && spec.podStorage?.encryption !== true)
          this.violate(world, `${nameOf(pod)}: a key lies on ${spec.name}, which declares no encryption`);
      }
    }
  }

  /** The write that brought a content that nobody may see as it is; null: it is none. */
  private writeToSeal(hash: string): PodRequest | null {
    const write = this.lineage.writeOf(hash);
    const policy = write?.pod.policies[write.policyVersion - 1];
    return policy?.document.terms.policy.encryptionRequired === true ? write! : null;
  }

  /** Whether the owner, or somebody to whom the owner has consented, has gone to this node to write or to read. */
  private isLet(requests: readonly PodRequest[], node: number): boolean {
    return requests.some(
      ({ act, askedOf, isConsented }) =>
        (act === 'write' || act === 'read') && isConsented && askedOf.includes(node),
    );
  }
}
