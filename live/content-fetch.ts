/** Fetches one large content from whoever has named it: over HTTP, in ranges, so that what broke off is gone on with. */
import type { Ref } from '../core/machine/shape.ts';
import { isContentOf } from './contents.ts';
import { urlOf } from './link.ts';

/** A holder from which nothing has come for so long is given up for this time. */
const SILENT_MS = 5_000;
/** How often it is asked to go on. */
const MAX_TRIES = 4;
const PAUSE_MS = 100;

/** `false`: what it handed out is not the content. `lost`: it handed out too little, or nothing. */
export type FetchEnd = 'fetched' | 'false' | 'lost';

export interface Fetched {
  readonly end: FetchEnd;
  readonly bytes: Uint8Array;
  /** All that came over the wire, whatever it was. */
  readonly cameBytes: number;
}

export function pathOf({ hash }: Pick<Ref, 'hash'>): string {
  return `/v1/contents/${hash}`;
}

/** Never rejects: whatever a holder does is one of three ends. */
export async function fetchContent(
  address: string,
  content: Ref,
  token: string,
  ended: AbortSignal,
): Promise<Fetched> {
  const bytes = new Uint8Array(content.sizeBytes);
  const part = new Part(bytes);
  for (let tries = 0; tries < MAX_TRIES && !ended.aborted; tries++) {
    if (tries > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const isTold = await goOn(new URL(pathOf(content), urlOf(address)), part, token, ended);
    if (part.isFull || !isTold) break;
  }
  const isTrue = part.isFull && !part.isOver && isContentOf(content, bytes);
  return { end: isTrue ? 'fetched' : part.isFull ? 'false' : 'lost', bytes, cameBytes: part.cameBytes };
}

/** What has come so far, from the beginning on. */
class Part {
  have = 0;
  cameBytes = 0;
  /** Whether more came than there is. */
  isOver = false;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get isFull(): boolean {
    return this.isOver || this.have === this.bytes.length;
  }

  add(more: Uint8Array): void {
    this.cameBytes += more.length;
    if (this.have + more.length > this.bytes.length) {
      this.isOver = true;
      return;
    }
    this.bytes.set(more, this.have);
    this.have += more.length;
  }
}

/** Asks for what is missing, and takes what comes. False: it is of no use to ask again. */
async function goOn(url: URL, part: Part, token: string, ended: AbortSignal): Promise<boolean> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENT_MS);
  const headers = { authorization: `Bearer ${token}`, range: `bytes=${part.have}-` };
  try {
    const signal = AbortSignal.any([silence.signal, ended]);
    const response = await fetch(url, { headers, signal, redirect: 'error' });
    if (response.status !== 206 || response.body === null) {
      await response.body?.cancel();
      return response.status >= 500;
    }
    for await (const more of response.body) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENT_MS);
      part.add(more as Uint8Array);
      if (part.isOver) break;
    }
  } catch {
    // The connection broke, or nothing came any more: what has come stays.
  } finally {
    clearTimeout(timer);
  }
  return true;
}
