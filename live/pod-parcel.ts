/** What pods travel as over HTTP: a line of JSON that says what comes, and then the bytes of contents, one after the other. */
import { createHash } from 'node:crypto';

export const PARCEL_TYPE = 'application/vnd.watershed.pod';
/** The line of JSON is at most so long. */
const MAX_HEAD_BYTES = 64 * 1024;
const LINE_BREAK = 0x0a;

export interface Parcel {
  readonly head: unknown;
  readonly content: Uint8Array;
  /** SHA-256 of all of it, in hexadecimal digits. */
  readonly hash: string;
}

export class ParcelFault extends Error {
  override readonly name = 'ParcelFault';
  readonly status: 400 | 413;

  constructor(status: 400 | 413, message: string) {
    super(message);
    this.status = status;
  }
}

export function packParcel(head: unknown, contents: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), ...contents]);
}

/**
 * Reads a parcel as it comes; `onHead` may throw before a byte of the content is kept. Rejects with ParcelFault if it is none,
 * or its content is longer than `maxContentBytes`.
 */
export async function readParcel(
  source: AsyncIterable<Uint8Array>,
  maxContentBytes: number,
  onHead: (head: unknown) => void = () => undefined,
): Promise<Parcel> {
  const hash = createHash('sha256');
  let head: unknown;
  let line = Buffer.alloc(0);
  let isHeadRead = false;
  const chunks: Uint8Array[] = [];
  let contentBytes = 0;
  for await (const chunk of source) {
    hash.update(chunk);
    let rest = chunk;
    if (!isHeadRead) {
      const at = chunk.indexOf(LINE_BREAK);
      line = Buffer.concat([line, at < 0 ? chunk : chunk.subarray(0, at)]);
      if (line.length > MAX_HEAD_BYTES)
        throw new ParcelFault(400, `the first line has more than ${MAX_HEAD_BYTES} bytes`);
      if (at < 0) continue;
      head = parseHead(line);
      isHeadRead = true;
      onHead(head);
      rest = chunk.subarray(at + 1);
    }
    contentBytes += rest.length;
    if (contentBytes > maxContentBytes) throw tooLarge(maxContentBytes);
    chunks.push(rest);
  }
  if (!isHeadRead) throw new ParcelFault(400, 'a line of JSON is expected, and then the content');
  return { head, content: Buffer.concat(chunks), hash: hash.digest('hex') };
}

export function tooLarge(maxContentBytes: number): ParcelFault {
  return new ParcelFault(413, `a content has at most ${maxContentBytes} bytes`);
}

function parseHead(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
  } catch {
    throw new ParcelFault(400, 'the first line is no JSON');
  }
}
