/** What an owner remembers of pods, beside the key: what they are called, under which policy they are, and what was seen of them. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { flag, integer, list, record, text, type Of } from '../core/machine/shape.ts';
import { podPolicyShape, type PodPolicy } from '../core/policy/pod-terms.ts';
import { vectorShape } from '../core/roles/pods/pod-version.ts';
import { writeDurably } from './durable-file.ts';
import { underLock } from './file-lock.ts';
import { fieldsOf, JsonFault } from './json-shape.ts';
import { PodRefused, type KnownPod, type PodOwner } from './pod-owner.ts';

export const BOOK_FILE = 'pods.json';
const FORMAT = 2;
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
      /** A federation has said that the policy is in force. */
      isBegun: flag,
      /** When it was certified that it is gone from every pod host; 0: it is not. */
      goneWallUs: integer,
    }),
    MAX_PODS,
  ),
});
export type BookedPod = Of<typeof bookShape>['pods'][number];

/** Commands at several terminals have one book: whatever is changed is read anew, and written before anybody else reads it. */
export class PodBook {
  private noted: BookedPod[];
  private readonly path: string;
  private readonly owner: PodOwner;

  /** Throws JsonFault, naming the place, if what lies in the folder is no such book. */
  constructor(folder: string, owner: PodOwner) {
    this.path = join(folder, BOOK_FILE);
    this.owner = owner;
    this.noted = this.read();
  }

  get pods(): readonly BookedPod[] {
    return this.noted;
  }

  /** Of pods that were called so the one that is not gone, or the last that was. Throws PodRefused if there is none. */
  find(name: string): BookedPod {
    const found = this.living(name) ?? this.noted.findLast((pod) => pod.name === name);
    if (found !== undefined) return found;
    const known = this.noted.filter(({ goneWallUs }) => goneWallUs === 0).map((pod) => pod.name);
    const hint =
      known.length === 0
        ? 'there is none yet: watershed pod create NAME --home REGION'
        : `there are ${known.join(', ')}`;
    throw PodRefused.definitely('UNKNOWN_POD', `no pod is called ${name}; ${hint}`);
  }

  /**
   * Notes a pod that is about to begin, before any host hears of it: whoever asks again, as nobody knows what came of it, asks for the
   * same pod. Throws PodRefused if another is called so.
   */
  begin(
    name: string,
    sign: (number: number, before: PodPolicy['terms'] | null) => PodPolicy,
  ): { readonly pod: BookedPod; readonly isNew: boolean } {
    return this.change(() => {
      const known = this.living(name);
      if (known?.isBegun === true)
        throw PodRefused.definitely('NAME_TAKEN', `a pod is called ${name} already`);
      if (known === undefined) {
        // A number that tells nothing.
        const policy = sign(randomBytes(6).readUIntBE(0, 6), null);
        return { pod: this.note(name, policy, false), isNew: true };
      }
      known.policy = sign(known.number, known.policy.terms as PodPolicy['terms']) as BookedPod['policy'];
      return { pod: known, isNew: false };
    });
  }

  add(name: string, policy: PodPolicy): BookedPod {
    return this.change(() => this.note(name, policy, true));
  }

  /** Changes what is noted of a pod. */
  update(number: number, changed: Partial<BookedPod>): void {
    this.change(() => {
      const pod = this.noted.find((one) => one.number === number);
      if (pod !== undefined) Object.assign(pod, changed);
    });
  }

  /** It surely never began. */
  forget(number: number): void {
    this.change(() => (this.noted = this.noted.filter((pod) => pod.number !== number)));
  }

  private living(name: string): BookedPod | undefined {
    return this.noted.find((pod) => pod.name === name && pod.goneWallUs === 0);
  }

  private note(name: string, policy: PodPolicy, isBegun: boolean): BookedPod {
    const { number } = policy.terms;
    const pod = { name, number, policy, vector: [], isBegun, goneWallUs: 0 } as BookedPod;
    this.noted.push(pod);
    return pod;
  }

  /**
   * Takes over what pod hosts know: pods that have begun at another device, which have no name here and get one, and policies that were
   * set there. Returns the numbers of those that are deleted.
   */
  heed(known: readonly KnownPod[]): ReadonlySet<number> {
    const isNews = ({ number, policy }: KnownPod): boolean => {
      const booked = this.noted.find((pod) => pod.number === number);
      return policy !== null && !(booked?.isBegun && booked.policy.terms.version >= policy.terms.version);
    };
    if (known.some(isNews))
      this.change(() => {
        for (const { number, policy } of known.filter(isNews)) {
          const booked = this.noted.find((pod) => pod.number === number);
          if (booked !== undefined) Object.assign(booked, { policy, isBegun: true });
          else if (this.noted.length < MAX_PODS) this.note(`pod-${number}`, policy!, true);
        }
      });
    return new Set(known.flatMap(({ number, policy }) => (policy === null ? [number] : [])));
  }

  private change<T>(act: () => T): T {
    return underLock(`${this.path}.lock`, () => {
      this.noted = this.read();
      const result = act();
      const json = this.owner.toJson(bookShape, { format: FORMAT, pods: this.noted });
      writeDurably(this.path, `${JSON.stringify(json, null, 1)}\n`, 0o600);
      return result;
    });
  }

  private read(): BookedPod[] {
    if (!existsSync(this.path)) return [];
    let json: Record<string, unknown>;
    try {
      json = fieldsOf(JSON.parse(readFileSync(this.path, 'utf8')), this.path);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new JsonFault(`${this.path}: it is not whole, or no book of pods`);
    }
    const { format, pods } = json;
    if (format !== 1 && format !== FORMAT)
      throw new JsonFault(
        `${this.path}: format ${FORMAT} is known here, found ${JSON.stringify(format) ?? 'none'}`,
      );
    // In format 1 whatever was noted had begun, and nothing was noted of its end.
    const completed =
      format === 1 && Array.isArray(pods)
        ? pods.map((pod, i) => ({
            ...fieldsOf(pod, `${this.path}.pods[${i}]`),
            isBegun: true,
            goneWallUs: 0,
          }))
        : pods;
    return this.owner.fromJson(bookShape, { format, pods: completed }, this.path).pods;
  }
}
