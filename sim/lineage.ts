import { ACCELERATOR, type Peer } from '../core/base/peers.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import {
  ASK,
  FOUND,
  INFER,
  INFERRED,
  KINDS,
  STORE,
  type Candidate,
  type Found,
  type Infer,
  type Inferred,
} from '../core/machine/kinds.ts';
import { visitRefs } from '../core/machine/shape.ts';
import type { Want } from '../core/routing/want.ts';
import type { Machine } from './machine.ts';
import type { UserRequest } from './users.ts';
import type { World } from './world.ts';

/** Where a copy of a content lies: in the memory of a node that has not stopped since, or on a disk, living or dead. */
export interface Copy {
  readonly node: number;
  readonly place: 'memory' | 'disk';
}

/** There are two for each request of a run: lists, since most have one entry or none. */
interface Content {
  /** What it was made from; none: a user wrote it. */
  readonly inputs: string[];
  /** Whose prompt it is; null if it was made by a device. */
  readonly request: UserRequest | null;
  /** Nodes whose devices have made it. */
  readonly makers: number[];
  /** Nodes that were given it, and at the same place in the other list the life in which that was the last time. */
  readonly holders: number[];
  readonly lives: number[];
  readonly onDisk: number[];
}

/**
 * The world's own account of contents: which there are, what each derives from, who was given a copy, and what each node
 * was ever told of others. Users mint prompts, devices mint answers; nobody else makes a reference, whatever it says.
 */
export class Lineage {
  /** By node: the last that lists of index nodes said of each other node. */
  readonly told = new Map<number, Map<Peer, Candidate>>();
  private readonly contents = new Map<string, Content>();
  /** Prompts that devices are at work on, by node, its life and the number of the job. */
  private readonly jobs = new Map<string, string>();

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
  requestsOf(hash: string): UserRequest[] {
    const content = this.contents.get(hash);
    if (content === undefined) return [];
    if (content.request !== null) return [content.request];
    return content.inputs.flatMap((input) => this.requestsOf(input));
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
    content.holders.forEach((node, i) => {
      const { isUp, lives } = machines[node];
      if (isUp && lives === content.lives[i]) copies.push({ node, place: 'memory' });
    });
    for (const node of content.onDisk) copies.push({ node, place: 'disk' });
    return copies;
  }

  /** To be told of every envelope that leaves a node or a user. */
  onSent(world: World, envelope: Envelope): void {
    const { kind, from } = envelope;
    if (kind === ASK && from >= world.machines.length) {
      const request = world.users.requestOf(envelope);
      if (request !== null) this.mintPrompt((envelope.body as Want).prompt.hash, request);
    } else if (kind === INFER) {
      this.jobs.set(jobOf(world, from, envelope), (envelope.body as Infer).prompt.hash);
    } else if (kind === STORE) {
      visitRefs(KINDS[kind]!.body, envelope.body, ({ hash }) => {
        const content = this.contents.get(hash);
        if (content !== undefined) addNew(content.onDisk, from);
      });
    }
  }

  /** To be told of every envelope that a node handles, before anybody judges it. */
  onHandled(world: World, envelope: Envelope): void {
    const { kind, to } = envelope;
    if (kind === INFERRED && envelope.from === ACCELERATOR) this.propagate(world, envelope);
    if (to >= world.machines.length) return;
    if (kind === FOUND) this.hear(to, envelope.body as Found);
    const entry = KINDS[kind];
    if (entry === undefined || !entry.hasRefs) return;
    const { lives } = world.machines[to];
    visitRefs(entry.body, envelope.body, ({ hash }) => {
      const content = this.contents.get(hash);
      if (content !== undefined) hold(content, to, lives);
    });
  }

  /** A user writes a prompt. */
  mintPrompt(hash: string, request: UserRequest): void {
    if (this.contents.has(hash)) return;
    this.contents.set(hash, createContent(request));
  }

  /** A device makes a content from others, whatever it made of them. */
  mintMade(hash: string, inputs: Iterable<string>, node: number): void {
    let content = this.contents.get(hash);
    if (content === undefined) this.contents.set(hash, (content = createContent(null)));
    addNew(content.makers, node);
    for (const input of inputs) if (input !== hash) addNew(content.inputs, input);
  }

  private propagate(world: World, envelope: Envelope): void {
    const job = jobOf(world, envelope.to, envelope);
    const prompt = this.jobs.get(job);
    this.jobs.delete(job);
    const { answer } = envelope.body as Inferred;
    if (answer !== null && prompt !== undefined) this.mintMade(answer.hash, [prompt], envelope.to);
  }

  private hear(node: number, { candidates }: Found): void {
    let heard = this.told.get(node);
    if (heard === undefined) this.told.set(node, (heard = new Map()));
    for (const candidate of candidates) heard.set(candidate.peer, candidate);
  }
}

function createContent(request: UserRequest | null): Content {
  return { inputs: [], request, makers: [], holders: [], lives: [], onDisk: [] };
}

function hold({ holders, lives }: Content, node: number, life: number): void {
  const at = holders.indexOf(node);
  if (at >= 0) lives[at] = life;
  else {
    holders.push(node);
    lives.push(life);
  }
}

function addNew<T>(list: T[], item: T): void {
  if (!list.includes(item)) list.push(item);
}

/** Names a job of an accelerator. What it was asked in an earlier life of its node is answered to nobody. */
function jobOf(world: World, node: Peer, { n }: Envelope): string {
  return `${node} ${world.machines[node].lives} ${n}`;
}
