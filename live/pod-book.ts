/** What an owner remembers of pods, beside the key: what they are called, under which policy they are, and what was seen of them. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { integer, list, record, text, type Of } from '../core/machine/shape.ts';
import { podPolicyShape, type PodPolicy } from '../core/policy/pod-terms.ts';
import { vectorShape } from '../core/roles/pods/pod-version.ts';
import { writeDurably } from './durable-file.ts';
import { PodRefused, type KnownPod, type PodOwner } from './pod-owner.ts';

const FILE = 'pods.json';
const MAX_PODS = 65_536;
const bookShape = record({
  format: integer,
  pods: list(
    record({
      /** By which its owner calls it; nobody else is told. */
      name: text(256),
      number: integer,
      policy: podPolicyShape,
      /** What the owner has seen: the context of what is written next. */
      vector: vectorShape,
    }),
    MAX_PODS,
  ),
});
export type BookedPod = Of<typeof bookShape>['pods'][number];

export class PodBook {
  readonly pods: BookedPod[] = [];
  private readonly path: string;
  private readonly owner: PodOwner;

  /** Throws JsonFault, naming the place, if what lies in the folder is no such book. */
  constructor(folder: string, owner: PodOwner) {
    this.path = join(folder, FILE);
    this.owner = owner;
    if (!existsSync(this.path)) return;
    const read = owner.fromJson(bookShape, JSON.parse(readFileSync(this.path, 'utf8')), FILE);
    this.pods.push(...read.pods);
  }

  /** Throws PodRefused if no pod is called so. */
  find(name: string): BookedPod {
    const found = this.pods.find((pod) => pod.name === name);
    if (found !== undefined) return found;
    const known = this.pods.map((pod) => pod.name).join(', ');
    const hint =
      known === '' ? 'there is none yet: watershed pod create NAME --home REGION' : `there are ${known}`;
    throw PodRefused.definitely('UNKNOWN_POD', `no pod is called ${name}; ${hint}`);
  }

  /** A number for a new pod, which tells nothing. Throws PodRefused if another is called so. */
  numberFor(name: string): number {
    if (this.pods.some((pod) => pod.name === name))
      throw PodRefused.definitely('NAME_TAKEN', `a pod is called ${name} already`);
    return randomBytes(6).readUIntBE(0, 6);
  }

  add(name: string, policy: PodPolicy): BookedPod {
    const pod = { name, number: policy.terms.number, policy, vector: [] } as BookedPod;
    this.pods.push(pod);
    this.save();
    return pod;
  }

  /**
   * Takes over what pod hosts know: pods that have begun at another device, which have no name here and get one, and policies that were
   * set there. Returns the numbers of those that are deleted.
   */
  heed(known: readonly KnownPod[]): ReadonlySet<number> {
    const deleted = new Set<number>();
    let isChanged = false;
    for (const { number, policy } of known) {
      const booked = this.pods.find((pod) => pod.number === number);
      if (policy === null) deleted.add(number);
      else if (booked === undefined || booked.policy.terms.version < policy.terms.version) {
        isChanged = true;
        if (booked !== undefined) booked.policy = policy as BookedPod['policy'];
        else if (this.pods.length < MAX_PODS)
          this.pods.push({ name: `pod-${number}`, number, policy, vector: [] } as BookedPod);
      }
    }
    if (isChanged) this.save();
    return deleted;
  }

  /** To be called when something of a pod has changed. */
  save(): void {
    const json = this.owner.toJson(bookShape, { format: 1, pods: this.pods });
    writeDurably(this.path, `${JSON.stringify(json, null, 1)}\n`, 0o600);
  }
}
