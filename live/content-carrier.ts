/**
 * Contents on their way between nodes. Small ones go in the frame of the envelope that names them. For a large chunk of a model a token goes
 * there, with which the receiver fetches it over HTTP from whoever said so; the envelope waits, and is delivered when all that it
 * names is here, verified, or dropped as one.
 */
import type { Ref } from '../core/machine/shape.ts';
import { ContentGrants, isGrant } from './content-grants.ts';
import { fetchContent, type FetchEnd } from './content-fetch.ts';
import { CHUNK, MODEL_STOCK } from '../core/machine/kinds.ts';
import { isContentOf, MAX_CONTENT_BYTES, type Contents } from './contents.ts';

/** Chunks of models up to this size go in frames like all else, larger ones are fetched. */
export const APART_BYTES = 1024 * 1024;

/** Whether a content does not go in the frame of an envelope of that kind: frames of many MiB would hold up all that comes after them. */
export function isApart(kind: number, { sizeBytes }: Ref): boolean {
  return sizeBytes > APART_BYTES && (kind === CHUNK || kind === MODEL_STOCK);
}

/** Envelopes that wait for contents at once: in all, and from one peer. */
const MAX_WAITING = 32;
const MAX_WAITING_OF_ONE = 16;

/** What stands in a frame for a content: its bytes, a token, or nothing where the receiver has been brought it before. */
export type Carried = Uint8Array | string | null;

/** Why an envelope was not delivered; `isLie` if what came for a content is not it. */
export interface Fault {
  readonly reason: string;
  readonly isLie: boolean;
}

const fault = (reason: string, isLie = false): Fault => ({ reason, isLie });

export class ContentCarrier {
  /** Bytes of large contents handed out and fetched, whole or not. */
  servedBytes = 0;
  fetchedBytes = 0;
  readonly grants = new ContentGrants();
  private readonly contents: Contents;
  private readonly waiting = new Map<string, number>();
  private readonly ended = new AbortController();

  constructor(contents: Contents) {
    this.contents = contents;
  }

  /** What is put into a frame for contents, or why it cannot be sent. */
  pack(kind: number, refs: readonly Ref[]): Carried[] | string {
    const packed: Carried[] = [];
    for (const content of refs) {
      const bytes = isApart(kind, content) ? undefined : this.contents.get(content);
      if (isApart(kind, content) ? !this.contents.has(content) : bytes === undefined)
        return 'content no longer held';
      packed.push(bytes ?? this.grants.give(content));
    }
    return packed;
  }

  /** Takes in what came in a frame. Null: all is here; a promise: what is missing is being fetched from that address. */
  unpack(
    kind: number,
    refs: readonly Ref[],
    carried: readonly unknown[],
    from: string,
    address: string | undefined,
  ): Fault | null | Promise<Fault | null> {
    if (carried.length !== refs.length) return fault('content missing');
    const missing: { content: Ref; token: string }[] = [];
    for (const [i, content] of refs.entries()) {
      const found = isApart(kind, content) ? this.look(content, carried[i]) : check(content, carried[i]);
      if (found !== null && 'reason' in found) return found;
      if (found !== null) missing.push(found);
    }
    const areHeld = refs.every(
      (content, i) => isApart(kind, content) || this.contents.keep(content, carried[i] as Uint8Array),
    );
    if (!areHeld) return fault('no room for content');
    if (missing.length === 0) return null;
    if (address === undefined) return fault('nowhere to fetch content from');
    const ofOne = this.waiting.get(from) ?? 0;
    let inAll = 0;
    for (const count of this.waiting.values()) inAll += count;
    if (ofOne >= MAX_WAITING_OF_ONE || inAll >= MAX_WAITING)
      return fault('too much content is being fetched');
    this.waiting.set(from, ofOne + 1);
    return this.fetchAll(missing, address).finally(() => {
      const left = this.waiting.get(from)! - 1;
      if (left === 0) this.waiting.delete(from);
      else this.waiting.set(from, left);
    });
  }

  /** Breaks off what is being fetched. */
  close(): void {
    this.ended.abort();
  }

  /** What is to be done about a large content; null: it is here. */
  private look(content: Ref, sent: unknown): Fault | { content: Ref; token: string } | null {
    if (content.sizeBytes > MAX_CONTENT_BYTES) return fault('content too large');
    if (this.contents.has(content)) return null;
    if (sent === null) return fault('content missing');
    return isGrant(sent) ? { content, token: sent } : fault('malformed frame');
  }

  private async fetchAll(
    missing: readonly { content: Ref; token: string }[],
    address: string,
  ): Promise<Fault | null> {
    for (const { content, token } of missing) {
      const { end, bytes, cameBytes } = await fetchContent(address, content, token, this.ended.signal);
      this.fetchedBytes += cameBytes;
      if (end !== 'fetched') return fault(REASONS[end], end === 'false');
      if (this.ended.signal.aborted || !this.contents.keepApart(content, bytes))
        return fault('no room for content');
    }
    return null;
  }
}

const REASONS: Readonly<Record<Exclude<FetchEnd, 'fetched'>, string>> = {
  false: 'other content',
  lost: 'content did not come',
};

function check(content: Ref, sent: unknown): Fault | null {
  if (!(sent instanceof Uint8Array)) return fault('malformed frame');
  return isContentOf(content, sent) ? null : fault('other content', true);
}
