/**
 * The journal of one boot of a live node: all that it was told, when, and what it then sent, byte for byte. The node
 * can be run again from it with nothing else at hand. No content and no secret is in it: prompts and answers are
 * references here, and a signature is what KEYS answered.
 *
 * One JSON text a line: a header, an entry for each step, and, if the node was stopped in order, a seal. Each line
 * carries the SHA-256 of the chain before it and of itself, so that a changed, missing or moved line shows at its
 * place; the seal carries the node's signature, so that nobody else can write another chain to its end.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Now } from '../core/base/time.ts';
import type { Boot } from '../core/machine/node.ts';
import { hashBytes, type RosterEntry } from './identity.ts';

export const JOURNAL_FORMAT = 1;

/** What a node is built from again. */
export interface JournalHeader {
  readonly format: typeof JOURNAL_FORMAT;
  /** Of Watershed: another version may answer otherwise, and rightly. */
  readonly version: string;
  readonly name: string;
  readonly self: string;
  readonly startedWallUs: number;
  readonly boot: Boot;
  readonly roster: readonly RosterEntry[];
  /** NodeConfig with ids in place of peers. */
  readonly node: unknown;
}

export interface JournalStep {
  readonly cause: 'boot' | 'receive' | 'wake';
  readonly now: Readonly<Now>;
  /** The envelope received, as bytes; null for boot and wake. */
  readonly input: Uint8Array | null;
  readonly outputs: readonly Uint8Array[];
  /** What our own code said when it broke in this step, or null. */
  readonly broken: string | null;
}

/** A step as it is written: times in µs, bytes in base64. */
export interface JournalEntry {
  readonly entry: number;
  readonly cause: JournalStep['cause'];
  readonly monoUs: number;
  readonly wallUs: number;
  readonly input: string | null;
  readonly outputs: readonly string[];
  readonly broken: string | null;
}

export interface JournalSeal {
  readonly sealed: true;
  readonly entries: number;
  /** Over the chain before this line. */
  readonly signature: string;
}

const FLUSH_MS = 200;
const FLUSH_CHARACTERS = 1 << 16;
/** A journal ends there, without a seal; what it holds can still be replayed. */
const MAX_BYTES = 256 * 1024 * 1024;

/** The chain after a line. */
export function chainOf(before: string, text: string): string {
  return hashBytes(`${before}\n${text}`);
}

/** A line with its chain, which comes last so that the rest of the text can be told from it. */
export function chainLine(text: string, chain: string): string {
  return `${text.slice(0, -1)},"chain":"${chain}"}`;
}

export class JournalWriter {
  entries = 0;
  private readonly file: number;
  private readonly timer: NodeJS.Timeout;
  private chain = '';
  private buffer = '';
  private writtenBytes = 0;
  private isOpen = true;

  constructor(path: string, header: JournalHeader) {
    this.file = openSync(path, 'w', 0o600);
    this.write(header);
    this.flush();
    this.timer = setInterval(() => this.flush(), FLUSH_MS);
    this.timer.unref();
  }

  /** Notes a step; it is on disk within 200 ms, or at the latest when the journal is closed. */
  append({ cause, now: { monoUs, wallUs }, input, outputs, broken }: JournalStep): void {
    if (!this.isOpen || this.writtenBytes > MAX_BYTES) return;
    const entry: JournalEntry = {
      entry: ++this.entries,
      cause,
      monoUs,
      wallUs,
      input: input === null ? null : toBase64(input),
      outputs: outputs.map(toBase64),
      broken,
    };
    this.write(entry);
    if (this.buffer.length >= FLUSH_CHARACTERS) this.flush();
  }

  /** Ends the journal with a seal. */
  close(sign: (hash: string) => string): void {
    if (!this.isOpen) return;
    const seal: JournalSeal = { sealed: true, entries: this.entries, signature: sign(this.chain) };
    if (this.writtenBytes <= MAX_BYTES) this.write(seal);
    this.leave();
  }

  /** Ends the journal as it is. */
  leave(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    clearInterval(this.timer);
    this.flush();
    closeSync(this.file);
  }

  private write(value: JournalHeader | JournalEntry | JournalSeal): void {
    const text = JSON.stringify(value);
    this.chain = chainOf(this.chain, text);
    this.buffer += `${chainLine(text, this.chain)}\n`;
  }

  private flush(): void {
    const bytes = Buffer.from(this.buffer);
    this.buffer = '';
    for (let written = 0; written < bytes.length;) written += writeSync(this.file, bytes, written);
    this.writtenBytes += bytes.length;
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
