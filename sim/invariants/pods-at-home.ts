import type { Envelope } from '../../core/machine/envelope.ts';
import { POD_COPY, POD_FOUND, POD_KEY_COPY, POD_KEY_GIVEN, POD_WRITE } from '../../core/machine/kinds.ts';
import type { OwnedPod, OwnedPolicy } from '../owned-pod.ts';
import type { World } from '../world.ts';
import { refsIn } from './contents.ts';
import { Invariant, isCovered } from './invariant.ts';

/** The outcome of which nobody knows, on the wire: what was asked for may still be done, until it is surely too late. */
const UNKNOWN = 11;
const SKEW_US = 31_000_000;
/** Copies that a new policy allows no more go within so long, by nodes that run (R6.1-6). */
const MOVE_US = 600_000_000;

/** R6.1-1 … R6.1-3. By where nodes truly lie, whatever they say. */
export class PodsAtHome extends Invariant {
  readonly name = 'pods-at-home';
  readonly promise = 'nothing of a pod is sent to, or lies, where the policy in force forbids it';
  readonly watches = {
    sent: [POD_COPY, POD_FOUND, POD_WRITE, POD_KEY_COPY, POD_KEY_GIVEN],
    ticks: true,
  } as const;
  /** Disks in forbidden places, and since when they can be reached: by machine and content. */
  private readonly stays = new Map<string, number>();

  override onSent(world: World, envelope: Envelope): void {
    const { from, to, kind, body } = envelope;
    if (from >= world.machines.length || to >= world.machines.length || from === to) return;
    const { region } = world.machines[to].spec;
    for (const { hash } of refsIn(kind, body)) {
      const pod = this.lineage.podOf(hash);
      if (pod === undefined) continue;
      this.checked++;
      if (standing(world, pod).some((policy) => allows(policy, region))) continue;
      const { spec } = world.machines[from];
      this.violate(
        world,
        `${nameOf(pod)}: ${spec.name} sends ${hash} to ${world.machines[to].spec.name} in ${region}, which its policy forbids`,
      );
    }
  }

  override onTick(world: World): void {
    if (world.podOwners.pods.length === 0) return;
    for (const { spec, platter, isUp, index } of world.machines) {
      for (const hash of platter.contents.keys()) {
        const pod = this.lineage.podOf(hash);
        if (pod === undefined) continue;
        this.checked++;
        const key = `${index} ${hash}`;
        const hasBeenAllowed = pod.policies.some((policy) => allows(policy, spec.region));
        const isAllowed = standing(world, pod).some((policy) => allows(policy, spec.region));
        if (!hasBeenAllowed && world.machines[index].villain === null)
          this.violate(
            world,
            `${nameOf(pod)}: ${hash} lies on ${spec.name} in ${spec.region}, where it never might`,
          );
        if (isAllowed || !isUp) {
          this.stays.delete(key);
          continue;
        }
        const sinceUs = this.stays.get(key) ?? world.nowUs;
        this.stays.set(key, sinceUs);
        if (world.nowUs - sinceUs <= MOVE_US) continue;
        this.stays.set(key, world.nowUs);
        this.violate(world, `${nameOf(pod)}: ${hash} still lies on ${spec.name} in ${spec.region}`);
      }
    }
  }
}

/**
 * The policies that may be acted on: the last that the owner was told is in force, those asked for since, and those under
 * which something was asked of which nobody knows what has become.
 */
export function standing({ nowUs }: World, { policies, requests }: OwnedPod): OwnedPolicy[] {
  const inForce = policies.filter(({ inForceUs }) => inForceUs <= nowUs).length - 1;
  const doubtful = new Set(
    requests
      .filter(({ code, dueUs }) => (code === UNKNOWN || code < 0) && nowUs < dueUs + SKEW_US)
      .map(({ policyVersion }) => policyVersion),
  );
  return policies.filter((_, i) => i >= inForce || doubtful.has(i + 1));
}

/** R6.1-1, written anew: whoever judges does not ask the judged. */
export function allows({ document }: OwnedPolicy, region: string): boolean {
  const { homeRegion, policy } = document.terms;
  if (policy.crossBorderAllowed) return isCovered(region, policy.allowedRegions);
  return isCovered(region, [policy.requiredRegion ?? homeRegion]);
}

export function nameOf({ index }: OwnedPod): string {
  return `pod p${index + 1}`;
}
