import { ACCELERATOR, KEYS, type Peer } from '../core/base/peers.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import {
  AGENT,
  ASK,
  FOUND,
  INFER,
  INFERRED,
  POD_WRITE,
  SEALED,
  WRAPPED,
  type Candidate,
  type Found,
  type Infer,
  type Inferred,
  type Sealed,
  type Wrapped,
} from '../core/machine/kinds.ts';
import type { Want } from '../core/routing/want.ts';
import { refsIn } from './invariants/contents.ts';
import type { Machine } from './machine.ts';
import type { OwnedPod, PodRequest } from './owned-pod.ts';
import type { UserRequest } from './users.ts';
import type { World } from './world.ts';

/** Where a copy of a content lies: in the memory of a node that has not stopped since, or on a disk, living or dead. */
export interface Copy {
  readonly node: number;
  readonly place: 'memory' | 'disk';
}

/** What somebody wants done with an agent: prompts go into it as they go into a request. */
export interface AgentTask {
  /** Its place among the agents that were asked for. */
  readonly agent: number;
  /** How it is called in reports. */
  readonly label: string;
  readonly cluster: number;
  readonly want: Pick<Want, 'model' | 'minTrust' | 'allowedRegions'>;
}

/** On whose account a content is there. */
export type Asked = UserRequest | AgentTask;

/** There are two for each request of a run, so that what is empty or the same is shared. Lists are replaced, not changed. */
interface Content {
  /** What it was made from; none: a user wrote it. */
  inputs: readonly string[];
  /** Whose prompts went into it. */
  requests: readonly Asked[];
  /** Nodes whose devices have made it. */
  makers: readonly number[];
  /** Nodes that were given it, each followed by the life in which that was the last time. */
  readonly holders: number[];
}

/**
 * The world's own account of contents: which there are, what each derives from, who was given a copy, and what each node
 * was ever told of others. Users mint prompts, devices mint answers; nobody else makes a reference, whatever it says.
 */
export class Lineage {
  /** By node: the last that lists of index nodes said of each other node. */
  readonly told = new Map<number, Map<Peer, Candidate>>();
  private readonly contents = new Map<string, Content>();
  private readonly ofPods = new Map<string, OwnedPod>();
  private readonly writes = new Map<string, PodRequest>();
  /** What devices are at work on, by node and number of the job. */
  private readonly jobs = new Map<number, { readonly life: number; readonly inputs: readonly string[] }>();

  /** The pod that a content was written to; undefined: none. */
  podOf(hash: string): OwnedPod | undefined {
    return this.ofPods.get(hash);
  }

  /** The request by which an owner wrote a content, as it is and not as it was sealed; undefined: none. */
  writeOf(hash: string): PodRequest | undefined {
    return this.writes.get(hash);
  }

  isMinted(hash: string): boolean {
    return this.contents.has(hash);
  }

  /** Whether a content was made from another, by however many steps, or is that other. */
  derivesFrom(hash: string, source: string): boolean {
    if (hash === source) return this.isMinted(hash);
    const content = this.contents.get(hash);
    return content !== undefined && content.inputs.some((input) => this.derivesFrom(input, source));
  }

  /** The requests whose prompts went into a content. */
  requestsOf(hash: string): readonly Asked[] {
    return this.contents.get(hash)?.requests ?? NONE;
  }

  /** Whether a device of the node has made the content. */
  isMadeBy(hash: string, node: number): boolean {
    return this.contents.get(hash)?.makers.includes(node) === true;
  }

  /** Everywhere that a content lies. Disks keep what they were given when their node is down. */
  copiesOf(hash: string, machines: readonly Machine[]): Copy[] {
    const content = this.contents.get(hash);
    if (content === undefined) return [];
    const copies: Copy[] = [];
    const { holders } = content;
    for (let i = 0; i < holders.length; i += 2) {
      const { isUp, lives } = machines[holders[i]];
      if (isUp && lives === holders[i + 1]) copies.push({ node: holders[i], place: 'memory' });
    }
    for (const [node, { platter }] of machines.entries())
      if (platter.holds(hash)) copies.push({ node, place: 'disk' });
    return copies;
  }

  /** To be told of every envelope that leaves a node or a user. */
  onSent(world: World, envelope: Envelope): void {
    const { kind, from } = envelope;
    if (kind === ASK && from >= world.machines.length) {
      const request = world.users.requestOf(envelope);
      if (request !== null) this.mintPrompt((envelope.body as Want).prompt.hash, request);
    } else if (kind === AGENT && from >= world.machines.length) {
      const task = world.owners.agentOf(envelope)?.asked ?? null;
      if (task !== null) for (const { hash } of refsIn(kind, envelope.body)) this.mintPrompt(hash, task);
    } else if (kind === POD_WRITE && from >= world.machines.length) {
      const request = world.podOwners.requestOf(envelope);
      if (request !== null && request.content !== null) this.mintPod(request.content.hash, request);
    } else if (kind === INFER) {
      const { lives: life } = world.machines[from];
      const { prompt, contexts } = envelope.body as Infer;
      const inputs = [prompt, ...contexts].map(({ hash }) => hash);
      this.jobs.set(jobOf(world, from, envelope), { life, inputs });
    }
  }

  /** To be told of every envelope that a node handles, before anybody judges it. */
  onHandled(world: World, envelope: Envelope): void {
    const { kind, to } = envelope;
    if (kind === INFERRED && envelope.from === ACCELERATOR) this.propagate(world, envelope);
    if ((kind === SEALED || kind === WRAPPED) && envelope.from === KEYS) this.mintOfKeys(world, envelope);
    if (to >= world.machines.length) return;
    if (kind === FOUND) this.hear(to, envelope.body as Found);
    for (const { hash } of refsIn(kind, envelope.body)) {
      const content = this.contents.get(hash);
      if (content !== undefined) hold(content, to, world.machines[to].lives);
    }
  }

  /** A user writes a prompt. */
  mintPrompt(hash: string, request: Asked): void {
    if (this.contents.has(hash)) return;
    this.contents.set(hash, createContent([request]));
  }

  /** An owner writes to a pod. */
  mintPod(hash: string, request: PodRequest): void {
    if (this.contents.has(hash)) return;
    this.contents.set(hash, createContent([]));
    this.ofPods.set(hash, request.pod);
    this.writes.set(hash, request);
  }

  /** KEYS has sealed a content of a pod, or wrapped a key: both are of that pod, wherever they go. */
  private mintOfKeys({ vault, podOwners }: World, { kind, to, body }: Envelope): void {
    const made = kind === SEALED ? (body as Sealed).content : (body as Wrapped).wrapped;
    if (made === null) return;
    const sealed = vault.sealed.get(made.hash);
    const id = sealed?.pod ?? vault.wrapped.get(made.hash)?.pod ?? '';
    this.mintMade(made.hash, sealed === undefined ? [] : [sealed.plain.hash], to);
    const pod = podOwners.podOf(id);
    if (pod !== undefined) this.ofPods.set(made.hash, pod);
  }

  /** A device makes a content from others, whatever it made of them. */
  mintMade(hash: string, inputs: Iterable<string>, node: number): void {
    let content = this.contents.get(hash);
    if (content === undefined) this.contents.set(hash, (content = createContent([])));
    content.makers = withNew(content.makers, [node]);
    for (const input of inputs) {
      if (input === hash) continue;
      content.inputs = withNew(content.inputs, [input]);
      content.requests = withNew(content.requests, this.requestsOf(input));
    }
  }

  private propagate(world: World, envelope: Envelope): void {
    const key = jobOf(world, envelope.to, envelope);
    const job = this.jobs.get(key);
    this.jobs.delete(key);
    const { answer } = envelope.body as Inferred;
    // What a device was asked in an earlier life of its node is answered to nobody.
    if (answer === null || job === undefined || job.life !== world.machines[envelope.to].lives) return;
    this.mintMade(answer.hash, job.inputs, envelope.to);
  }

  private hear(node: number, { candidates }: Found): void {
    let heard = this.told.get(node);
    if (heard === undefined) this.told.set(node, (heard = new Map()));
    for (const candidate of candidates) heard.set(candidate.peer, candidate);
  }
}

const NONE: readonly never[] = [];

function createContent(requests: readonly Asked[]): Content {
  return { inputs: NONE, requests, makers: NONE, holders: [] };
}

function hold({ holders }: Content, node: number, life: number): void {
  for (let i = 0; i < holders.length; i += 2) {
    if (holders[i] !== node) continue;
    holders[i + 1] = life;
    return;
  }
  holders.push(node, life);
}

function withNew<T>(list: readonly T[], items: readonly T[]): readonly T[] {
  if (list.length === 0) return items;
  const added = items.filter((item) => !list.includes(item));
  return added.length === 0 ? list : [...list, ...added];
}

/** Names a job of an accelerator. */
function jobOf({ machines }: World, node: Peer, { n }: Envelope): number {
  return n * machines.length + node;
}
