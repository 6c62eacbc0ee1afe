import type { Envelope } from '../../core/machine/envelope.ts';
import { NOTE_SUSPECTED, POD_FOUND, POD_READ, REFUSED, type Noted } from '../../core/machine/kinds.ts';
import type { PodFound, PodRead, Receipt } from '../../core/roles/pods/pod-records.ts';
import type { Dot } from '../../core/roles/pods/pod-version.ts';
import type { Machine } from '../machine.ts';
import type { OwnedPod } from '../owned-pod.ts';
import type { World } from '../world.ts';
import { keyOf } from './access-consented.ts';
import { hasLied, Invariant, isBeyondOneDisk, isHarmedDisk } from './invariant.ts';
import { nameOf } from './pods-at-home.ts';

/** A host that has written a receipt gives the data out, or says that it does not, within so long. */
const GIVING_US = 15_000_000;
/** No request lives for so long, late ones and wrong clocks included: what was asked is forgotten. */
const FORGOTTEN_US = 600_000_000;

interface Asked {
  readonly read: PodRead;
  lastUs: number;
  /** By host that was asked. */
  readonly hosts: Map<number, AskedHost>;
}
interface AskedHost {
  /** In which life it was asked. */
  readonly life: number;
  isRefused: boolean;
}

/** A receipt that nothing was given out for yet. */
interface Pending {
  readonly asked: Asked;
  readonly host: Machine;
  readonly pod: OwnedPod;
  readonly life: number;
  readonly sinceUs: number;
}

/** What was given out. */
interface Use {
  readonly pod: OwnedPod;
  readonly host: Machine;
  /** Whether its receipt lay on two disks then: if not, that of its host is the only one that was promised. */
  readonly isDouble: boolean;
}

/** R6.2-1, R6.2-4: the lists of receipts are held against what was truly given out. */
export class ReceiptsTrue extends Invariant {
  readonly name = 'receipts-true';
  readonly promise =
    'every use of a pod by others has its receipt on two disks, or on that of the only holder, and no receipt tells of one that was not asked for';
  readonly watches = {
    sent: [POD_READ, POD_FOUND, REFUSED],
    notes: [NOTE_SUSPECTED],
    ticks: true,
  } as const;
  /** By request, in the order in which they were last asked: see keyOf. */
  private readonly asked = new Map<string, Asked>();
  /** By host and request: what was given out, and lately; what was not, after all, with its receipt. */
  private readonly given = new Map<string, Use>();
  private readonly fresh = new Set<string>();
  private readonly settled = new Set<string>();
  /** On how many disks there is a receipt, and those that nothing was given out for yet. */
  private readonly counts = new Map<string, number>();
  private readonly pending = new Map<string, Pending>();
  /** What was last seen on each disk of each pod; receipts never change, only lists of them do. */
  private readonly seen = new Map<string, readonly Receipt[]>();
  /** Of whom anybody has ever doubted that it runs. */
  private readonly doubted = new Set<number>();

  override onNoted(_: World, { body }: Envelope): void {
    this.doubted.add((body as Noted).chosen);
  }

  override onSent(world: World, envelope: Envelope): void {
    const { kind, from, to, body } = envelope;
    const request = keyOf(envelope);
    if (kind === POD_READ) {
      const asked = this.asked.get(request) ?? { read: body as PodRead, lastUs: 0, hosts: new Map() };
      asked.lastUs = world.nowUs;
      // Whoever was asked last comes last.
      this.asked.delete(request);
      this.asked.set(request, asked);
      if (to < world.machines.length && !asked.hosts.has(to))
        asked.hosts.set(to, { life: world.machines[to].lives, isRefused: false });
      return;
    }
    const asked = this.asked.get(request);
    if (asked === undefined || from >= world.machines.length || to >= world.machines.length) return;
    const host = world.machines[from];
    if (!host.spec.types.includes('pod-host')) return;
    if (kind === POD_FOUND) this.judge(world, host, envelope, asked.read);
    else if (asked.hosts.has(from)) asked.hosts.get(from)!.isRefused = true;
  }

  private judge(world: World, host: Machine, envelope: Envelope, { owner, permission }: PodRead): void {
    if (envelope.origin === owner || permission === null || host.villain !== null) return;
    const { terms } = permission.proposal;
    const pod = world.podOwners.podOf(terms.pods[0]);
    if (pod === undefined) return;
    this.checked++;
    const request = keyOf(envelope);
    const hasIt = (machine: Machine): Receipt | undefined =>
      receiptsOn(machine, pod).find((one) => requestOf(one) === request && one.dot.host === host.peer);
    const isDouble = hostsOf(world, host).some((other) => other !== host && hasIt(other) !== undefined);
    const key = `${host.index} ${request}`;
    this.given.set(key, { pod, host, isDouble });
    this.fresh.add(key);
    const receipt = hasIt(host);
    if (receipt === undefined) {
      this.violate(world, `${nameOf(pod)}: ${host.spec.name} gives it out without a receipt on its disk`);
      return;
    }
    if (!isDouble && this.hadAnother(world, host, pod))
      this.violate(world, `${nameOf(pod)}: ${host.spec.name} gives it out with its receipt on one disk only`);
    const { versions } = (envelope.body as PodFound).copy;
    const isTrue =
      receipt.reader === terms.proposer &&
      receipt.use === terms.use &&
      receipt.purpose === terms.purpose &&
      versions.every(({ dot }) => receipt.versions.some((named) => isSameDot(named, dot)));
    if (!isTrue) this.violate(world, `${nameOf(pod)}: the receipt on ${host.spec.name} says something else`);
  }

  /** Whether it is sure that there was another holder: all hosts were there all the time, and the pod has never had to move. */
  private hadAnother(world: World, host: Machine, pod: OwnedPod): boolean {
    const hosts = hostsOf(world, host);
    const isCalm = hosts.every(
      ({ index, isUp, pauses, villain, spec }) =>
        isUp && pauses === 0 && villain === null && !this.doubted.has(index) && !isComing(spec),
    );
    if (!isCalm || pod.policies.length > 1) return false;
    return hosts.some(({ index, platter }) => {
      const copy = platter.records.get(`pod/${pod.id}`)?.pod?.copy;
      return index !== host.index && (copy?.versions.length ?? 0) > 0;
    });
  }

  override onTick(world: World): void {
    if (this.asked.size === 0 && this.given.size === 0) return;
    for (const [key, { lastUs }] of this.asked) {
      if (world.nowUs - lastUs < FORGOTTEN_US) break;
      this.asked.delete(key);
    }
    if (hasLied(world)) return;
    const lost = new Set(this.fresh);
    this.fresh.clear();
    for (const machine of world.machines)
      if (machine.spec.types.includes('pod-host'))
        for (const pod of world.podOwners.pods) this.compare(world, machine, pod, lost);
    for (const key of lost) if (!this.counts.has(key)) this.judgeLoss(world, key);
    for (const [key, known] of this.pending) this.judgePending(world, key, known);
  }

  /** What has come to a disk since it was last looked at, and what is gone from it. */
  private compare(world: World, machine: Machine, pod: OwnedPod, lost: Set<string>): void {
    const place = `${machine.index} ${pod.index}`;
    const before = this.seen.get(place) ?? NONE;
    const receipts = receiptsOn(machine, pod);
    if (receipts === before) return;
    this.seen.set(place, receipts);
    for (const receipt of receipts) {
      const key = keyIn(receipt);
      const count = this.counts.get(key) ?? 0;
      this.counts.set(key, count + 1);
      if (receipt.dot.host === machine.peer && !before.some((one) => keyIn(one) === key))
        this.judgeReceipt(world, machine, pod, key, receipt);
    }
    for (const receipt of before) {
      const key = keyIn(receipt);
      const count = this.counts.get(key)! - 1;
      if (count > 0) this.counts.set(key, count);
      else {
        this.counts.delete(key);
        lost.add(key);
      }
    }
  }

  private judgeLoss(world: World, key: string): void {
    const use = this.given.get(key);
    if (use === undefined) return;
    const { pod, host, isDouble } = use;
    // Of a pod that is no more nothing was promised, nor of the only disk if it was lost.
    if (pod.deletedUs < Infinity) this.given.delete(key);
    if (pod.deletedUs < Infinity || (isDouble ? isBeyondOneDisk(world) : isHarmedDisk(world, host))) return;
    this.checked++;
    this.violate(world, `${nameOf(pod)}: the receipt of a use is on no disk any more`);
  }

  private judgeReceipt(world: World, host: Machine, pod: OwnedPod, key: string, receipt: Receipt): void {
    // What a traitor does with the data nobody else can see.
    if (host.villain !== null || this.given.has(key) || this.settled.has(key)) return;
    const asked = this.asked.get(requestOf(receipt));
    if (asked === undefined) {
      this.violate(world, `${nameOf(pod)}: ${host.spec.name} has a receipt of what nobody has asked for`);
      this.settled.add(key);
      return;
    }
    const life = asked.hosts.get(host.index)?.life ?? -1;
    if (!this.pending.has(key)) this.pending.set(key, { asked, host, pod, life, sinceUs: world.nowUs });
  }

  private judgePending(world: World, key: string, { asked, host, pod, life, sinceUs }: Pending): void {
    const isRefused = asked.hosts.get(host.index)?.isRefused === true;
    // Whoever stopped in between may not have come to giving it out.
    const isStopped = life !== host.lives || !host.isUp || host.pauses > 0;
    const isSettled = this.given.has(key) || isRefused || isStopped;
    if (!isSettled && world.nowUs < sinceUs + GIVING_US) return;
    this.pending.delete(key);
    if (this.given.has(key)) return;
    this.settled.add(key);
    if (!isSettled)
      this.violate(world, `${nameOf(pod)}: ${host.spec.name} has a receipt of a use that was not`);
  }
}

const NONE: readonly Receipt[] = [];

/** The pod hosts of a cluster. */
function hostsOf({ machines }: World, { cluster }: Machine): Machine[] {
  return machines.filter((one) => one.cluster === cluster && one.spec.types.includes('pod-host'));
}

/** Whether a node comes to its cluster later than others, or leaves it. */
function isComing({ joinsUs, leavesUs }: Machine['spec']): boolean {
  return joinsUs !== undefined || leavesUs !== undefined;
}

function receiptsOn({ platter }: Machine, { id }: OwnedPod): readonly Receipt[] {
  return platter.records.get(`pod/${id}`)?.pod?.copy.receipts ?? NONE;
}

function keyIn(receipt: Receipt): string {
  return `${receipt.dot.host} ${requestOf(receipt)}`;
}

function requestOf({ asker, askerBoot, n }: Receipt): string {
  return keyOf({ origin: asker, originBoot: askerBoot, n });
}

function isSameDot(left: Dot, right: Dot): boolean {
  return left.host === right.host && left.epoch === right.epoch && left.n === right.n;
}
