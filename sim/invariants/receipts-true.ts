import type { Envelope } from '../../core/machine/envelope.ts';
import { POD_FOUND, POD_READ, REFUSED } from '../../core/machine/kinds.ts';
import type { PodFound, PodRead, Receipt } from '../../core/roles/pods/pod-records.ts';
import type { Machine } from '../machine.ts';
import type { OwnedPod } from '../owned-pod.ts';
import type { World } from '../world.ts';
import { keyOf } from './access-consented.ts';
import { hasLied, Invariant, rottedBy } from './invariant.ts';
import { nameOf } from './pods-at-home.ts';

/** A host that has written a receipt gives the data out, or says that it does not, within so long. */
const GIVING_US = 15_000_000;

interface Use {
  readonly pod: OwnedPod;
  readonly host: number;
  /** By request: see keyOf. */
  readonly request: string;
}

/** R6.2-1: the lists of receipts are held against what was truly given out. */
export class ReceiptsTrue extends Invariant {
  readonly name = 'receipts-true';
  readonly promise =
    'every use of a pod by others has its receipt on a disk, and no receipt tells of one that was not asked for';
  readonly watches = { sent: [POD_READ, POD_FOUND, REFUSED], ticks: true } as const;
  private readonly asked = new Map<string, PodRead>();
  /** What was given out, and what was refused after all, by host and request. */
  private readonly given = new Map<string, Use>();
  private readonly refused = new Set<string>();
  /** In which life hosts were asked, by host and request. */
  private readonly lives = new Map<string, number>();
  /** Receipts that nothing was given out for yet, and since when. */
  private readonly pending = new Map<string, number>();

  override onSent(world: World, envelope: Envelope): void {
    const { kind, from, to, body } = envelope;
    const request = keyOf(envelope);
    if (kind === POD_READ) {
      this.asked.set(request, body as PodRead);
      const key = `${to} ${request}`;
      if (to < world.machines.length && !this.lives.has(key)) this.lives.set(key, world.machines[to].lives);
    }
    if (kind === POD_READ || !this.asked.has(request) || from >= world.machines.length) return;
    const host = world.machines[from];
    if (!host.spec.types.includes('pod-host') || to >= world.machines.length) return;
    if (kind === REFUSED) this.refused.add(`${from} ${request}`);
    else this.judge(world, host, envelope, this.asked.get(request)!);
  }

  private judge(world: World, host: Machine, envelope: Envelope, { owner, permission }: PodRead): void {
    if (envelope.origin === owner || permission === null || host.villain !== null) return;
    const { terms } = permission.proposal;
    const pod = world.podOwners.podOf(terms.pods[0]);
    if (pod === undefined) return;
    this.checked++;
    const request = keyOf(envelope);
    this.given.set(`${host.index} ${request}`, { pod, host: host.index, request });
    const receipt = receiptsOn(host, pod).find(
      (one) => requestOf(one) === request && one.dot.host === host.peer,
    );
    if (receipt === undefined) {
      this.violate(world, `${nameOf(pod)}: ${host.spec.name} gives it out without a receipt on its disk`);
      return;
    }
    const { versions } = (envelope.body as PodFound).copy;
    const isTrue =
      receipt.reader === terms.proposer &&
      receipt.use === terms.use &&
      receipt.purpose === terms.purpose &&
      versions.length <= receipt.versions.length;
    if (!isTrue) this.violate(world, `${nameOf(pod)}: the receipt on ${host.spec.name} says something else`);
  }

  override onTick(world: World): void {
    if (this.asked.size === 0) return;
    if (hasLied(world)) return;
    const kept = new Set<string>();
    for (const machine of world.machines.filter(({ spec }) => spec.types.includes('pod-host')))
      for (const pod of world.podOwners.pods)
        for (const receipt of receiptsOn(machine, pod)) {
          const key = `${receipt.dot.host} ${requestOf(receipt)}`;
          kept.add(key);
          if (receipt.dot.host === machine.peer) this.judgeReceipt(world, machine, pod, key, receipt);
        }
    for (const [key, { pod, host }] of this.given) {
      const { lives, bootCount, spec } = world.machines[host];
      // Of a disk that was wiped or has rotted, and of a pod that is no more, nothing was promised.
      if (kept.has(key) || lives !== bootCount || pod.deletedUs < Infinity) continue;
      if (rottedBy(world).some(({ node }) => node === spec.name)) continue;
      this.checked++;
      this.violate(world, `${nameOf(pod)}: the receipt of a use is on no disk any more`);
      this.given.delete(key);
    }
  }

  private judgeReceipt(world: World, host: Machine, pod: OwnedPod, key: string, receipt: Receipt): void {
    // What a traitor does with the data nobody else can see.
    if (host.villain !== null || this.given.has(key) || this.refused.has(key)) return;
    if (!this.asked.has(requestOf(receipt))) {
      this.violate(world, `${nameOf(pod)}: ${host.spec.name} has a receipt of what nobody has asked for`);
      return;
    }
    const known = this.pending.get(key);
    // Whoever stopped in between may not have come to giving it out.
    if (this.lives.get(key) !== host.lives || !host.isUp || host.pauses > 0) this.refused.add(key);
    else if (known === undefined) this.pending.set(key, world.nowUs);
    else if (world.nowUs >= known + GIVING_US) {
      this.refused.add(key);
      this.violate(world, `${nameOf(pod)}: ${host.spec.name} has a receipt of a use that was not`);
    }
  }
}

function receiptsOn({ platter }: Machine, { id }: OwnedPod): readonly Receipt[] {
  return platter.records.get(`pod/${id}`)?.pod?.copy.receipts ?? [];
}

function requestOf({ asker, askerBoot, n }: Receipt): string {
  return keyOf({ origin: asker, originBoot: askerBoot, n });
}
