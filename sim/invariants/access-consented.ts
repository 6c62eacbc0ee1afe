import type { Envelope } from '../../core/machine/envelope.ts';
import { INFER, POD_FOUND, POD_READ, type Infer } from '../../core/machine/kinds.ts';
import type { PodRead } from '../../core/roles/pods/pod-records.ts';
import type { Dialogue } from '../dialogue.ts';
import type { OwnedPod } from '../owned-pod.ts';
import type { World } from '../world.ts';
import { refsIn } from './contents.ts';
import { Invariant } from './invariant.ts';
import { nameOf } from './pods-at-home.ts';

/** More than the thousandth of a lease by which whoever waits for one to run out waits longer, and a tick of this watch, µs. */
const MARGIN_US = 1_100_000;

/** R6.2-1, R6.2-4: by what the owners have truly said, and when they were told that it is withdrawn. */
export class AccessConsented extends Invariant {
  readonly name = 'access-consented';
  readonly promise =
    'nobody but its owner is given a pod, nor is a model, but by both locks, and not when they are shut again';
  readonly watches = { sent: [POD_READ, POD_FOUND, INFER], ticks: true } as const;
  /** By request: the proposal that it goes by. */
  private readonly grounds = new Map<string, string>();
  /** Since when most pod hosts have on disk that something is withdrawn. */
  private readonly knownUs = new Map<number, number>();

  override onSent(world: World, envelope: Envelope): void {
    if (envelope.kind === INFER) this.judgeModel(world, envelope);
    else if (envelope.kind === POD_FOUND) this.judgeGiving(world, envelope);
    else {
      const signature = (envelope.body as PodRead).permission?.proposal.signature;
      if (signature !== undefined) this.grounds.set(keyOf(envelope), signature);
    }
  }

  /** What most pod hosts know no lease outlives by more than its length (R6.2-4). */
  override onTick(world: World): void {
    if (world.scenario.faults.some(({ kind }) => kind === 'lostWrite' || kind === 'wipe')) return;
    for (const { index, pod, withdrawAskedUs, withdrawnUs } of world.dialogues.all) {
      if (withdrawAskedUs === Infinity || withdrawnUs < Infinity || this.knownUs.has(index)) continue;
      const cluster = world.podOwners.clusterOf(pod.owner);
      const hosts = world.machines.filter(
        (machine) => machine.cluster === cluster && machine.spec.types.includes('pod-host'),
      );
      const knowing = hosts.filter(
        ({ platter }) => (platter.records.get(`pod-law/${pod.id}`)?.podLaw?.book.withdrawals.length ?? 0) > 0,
      );
      const isFirst = !world.dialogues.all.some(
        (other) => other.pod === pod && other.index !== index && other.withdrawAskedUs < Infinity,
      );
      if (isFirst && knowing.length * 2 > hosts.length) this.knownUs.set(index, world.nowUs);
    }
  }

  private judgeGiving(world: World, envelope: Envelope): void {
    const { from, to, origin, kind, body } = envelope;
    const isHost = from < world.machines.length && world.machines[from].spec.types.includes('pod-host');
    if (!isHost || to >= world.machines.length || world.machines[from].villain !== null) return;
    const request = world.podOwners.requestOf(envelope);
    if (request === null && origin >= world.machines.length) return;
    this.checked++;
    if (request !== null && request.person === request.pod.owner) return;
    if (request !== null && request.dialogue === null) {
      if (!request.isConsented)
        this.violate(world, `${nameOf(request.pod)}: it is given to somebody to whom nobody has consented`);
      return;
    }
    const signature = this.grounds.get(keyOf(envelope)) ?? '';
    for (const { hash } of refsIn(kind, body)) {
      const pod = this.lineage.podOf(hash);
      if (pod !== undefined)
        this.judge(world, pod, world.dialogues.dialogueOf(signature), signature, 'it is given out');
    }
  }

  /** What a model is given besides its prompt must be what the owner of the agent has been allowed. */
  private judgeModel(world: World, { from, body }: Envelope): void {
    const { prompt, contexts } = body as Infer;
    if (contexts.length === 0 || world.machines[from].villain !== null) return;
    const agents = this.lineage.requestsOf(prompt.hash).filter((asked) => 'agent' in asked);
    for (const { hash } of contexts) {
      const pod = this.lineage.podOf(hash);
      if (pod === undefined) continue;
      this.checked++;
      const dialogues = agents.flatMap(({ agent }) => world.owners.agents[agent].dialogues);
      const dialogue = dialogues.find((one) => one.pod === pod);
      this.judge(world, pod, dialogue, dialogue?.permission?.proposal.signature ?? '', 'a model is given it');
    }
  }

  private judge(
    world: World,
    pod: OwnedPod,
    dialogue: Dialogue | undefined,
    signature: string,
    what: string,
  ): void {
    if (dialogue?.pod !== pod || !isUseAllowed(dialogue, signature, world.nowUs)) {
      const isOver = dialogue?.pod === pod && dialogue.withdrawnUs < world.nowUs;
      const why = isOver ? 'when its owner was told that it is withdrawn' : 'and its owner has not consented';
      this.violate(world, `${nameOf(pod)}: ${what} ${why}`);
      return;
    }
    const knownUs = this.knownUs.get(dialogue.index) ?? Infinity;
    if (world.nowUs > knownUs + world.scenario.parameters.podLeaseUs + MARGIN_US)
      this.violate(world, `${nameOf(pod)}: ${what} though most pod hosts know that it was withdrawn`);
  }
}

/** Whether both locks are open by what the owner has truly said, who was not told that they are shut again. */
function isUseAllowed({ rounds, withdrawnUs }: Dialogue, signature: string, atUs: number): boolean {
  const said = rounds.find(({ proposal }) => proposal.signature === signature);
  if (said === undefined) return false;
  return said.understoodUs <= atUs && said.authorisedUs <= atUs && atUs <= withdrawnUs;
}

export function keyOf({ origin, originBoot, n }: Pick<Envelope, 'origin' | 'originBoot' | 'n'>): string {
  return `${origin}/${originBoot}/${n}`;
}
