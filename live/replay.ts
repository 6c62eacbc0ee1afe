/** Runs the journal of a live node through the core again, and compares what it sends. */
import { readFileSync } from 'node:fs';
import type { Peer } from '../core/base/peers.ts';
import type { Now } from '../core/base/time.ts';
import { decodeEnvelope, Encoder } from '../core/machine/codec.ts';
import { Envelope, Outbox } from '../core/machine/envelope.ts';
import { KINDS, nameOfKind } from '../core/machine/kinds.ts';
import { boot, receive, wake } from '../core/machine/node.ts';
import { createNode, type Node } from '../core/machine/node-state.ts';
import { readNodeConfig, readRoster } from './config.ts';
import { LiveIds, namesOf } from './identity.ts';
import {
  chainLine,
  chainOf,
  JOURNAL_FORMAT,
  type JournalEntry,
  type JournalHeader,
  type JournalSeal,
} from './journal.ts';
import { fieldsOf, JsonFault, toJson } from './json-shape.ts';

/** The first place where a journal and what was recomputed from it part. */
export interface ReplayDifference {
  /** Which step, from 1; 0 for the header. */
  readonly entry: number;
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

export interface ReplayResult {
  readonly name: string;
  /** Of the Watershed that wrote it; another may answer otherwise, and rightly. */
  readonly version: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Whether the node signed the journal when it stopped; a node that was killed could not. */
  readonly isSealed: boolean;
  readonly verdict: 'equal' | ReplayDifference;
}

/** The file is no journal. */
export class JournalFault extends Error {
  override readonly name = 'JournalFault';
}

/** Replays a journal. A last line that is torn is passed over. Throws JournalFault if the file is no journal. */
export function replayJournal(path: string): ReplayResult {
  const lines = readLines(path);
  const head = splitLine(lines[0]!);
  if (head === null) throw new JournalFault(`${path}: this is no journal: its first line carries no chain`);
  const { ids, header, self } = readHeader(head.value, path);
  const replay = new Replay(ids, header, self, chainOf('', head.text));
  let verdict: ReplayResult['verdict'] =
    head.chain === replay.chain
      ? 'equal'
      : differ(0, 'chain: the header was changed', replay.chain, head.chain);
  for (let i = 1; i < lines.length && verdict === 'equal' && !replay.isSealed; i++) {
    verdict = replay.takeLine(lines[i]!) ?? 'equal';
  }
  return {
    name: header.name,
    version: header.version,
    inputs: replay.inputs,
    outputs: replay.outputs,
    isSealed: replay.isSealed,
    verdict,
  };
}

function readLines(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new JournalFault(`${path}: ${(error as Error).message}`);
  }
  const lines = text.split('\n');
  // What follows the last line break was being written when the node died.
  lines.pop();
  if (lines.length === 0) throw new JournalFault(`${path}: no line is whole: this is no journal`);
  return lines;
}

function readHeader(value: unknown, path: string): { ids: LiveIds; header: JournalHeader; self: Peer } {
  try {
    const fields = fieldsOf(value, 'header');
    if (fields['format'] !== JOURNAL_FORMAT)
      throw new JsonFault(`header.format: ${JOURNAL_FORMAT} is expected`);
    const ids = new LiveIds(readRoster(fields['roster']));
    const header = fields as unknown as JournalHeader;
    const { bootCount, seedWords } = fieldsOf(fields['boot'], 'header.boot');
    if (!Number.isSafeInteger(bootCount) || !Array.isArray(seedWords))
      throw new JsonFault('header.boot: a count and words are expected');
    if (!ids.knows(header.self)) throw new JsonFault('header.self: it is not on the roster');
    return { ids, header, self: ids.peerOf(header.self) };
  } catch (error) {
    throw new JournalFault(`${path}: this is no journal: ${(error as Error).message}`);
  }
}

class Replay {
  inputs = 0;
  outputs = 0;
  isSealed = false;
  /** After the last line that was taken. */
  chain: string;
  private readonly ids: LiveIds;
  private readonly header: JournalHeader;
  private readonly node: Node;
  private readonly encoder: Encoder;
  private readonly out = new Outbox();
  private readonly now: Now = { monoUs: 0, wallUs: 0 };
  private readonly names: ReadonlyMap<string, string>;

  constructor(ids: LiveIds, header: JournalHeader, self: Peer, chain: string) {
    this.ids = ids;
    this.header = header;
    this.names = namesOf(header.roster);
    this.node = createNode(self, readNodeConfig(header.node, ids), ids);
    this.encoder = new Encoder(ids);
    this.chain = chain;
  }

  /** Null if all is as it was. */
  takeLine(line: string): ReplayDifference | null {
    const number = this.inputs + 1;
    const split = splitLine(line);
    if (split === null)
      return { entry: number, what: 'line', expected: 'a line with its chain', found: line };
    const { text, chain } = split;
    const value = split.value as unknown as JournalEntry | JournalSeal;
    if (!('sealed' in value) && value.entry !== number)
      return differ(number, 'number of the entry: one was removed or moved', number, value.entry);
    const expected = chainOf(this.chain, text);
    if (chain !== expected) return differ(number, 'chain: the entry was changed', expected, chain);
    if ('sealed' in value) return this.takeSeal(value);
    this.chain = chain;
    this.inputs++;
    return this.takeEntry(value);
  }

  private takeSeal({ entries, signature }: JournalSeal): ReplayDifference | null {
    this.isSealed = true;
    if (entries !== this.inputs)
      return differ(this.inputs + 1, 'entries under the seal', entries, this.inputs);
    if (this.ids.verify(this.node.self, this.chain, signature)) return null;
    return differ(this.inputs, 'seal', `a signature of ${this.header.name}`, 'another signature');
  }

  private takeEntry(entry: JournalEntry): ReplayDifference | null {
    if (!Array.isArray(entry.outputs)) return differ(entry.entry, 'line', 'a list of outputs', entry.outputs);
    const envelope = new Envelope();
    if (entry.cause === 'receive') {
      const refusal = decodeEnvelope(Buffer.from(entry.input ?? '', 'base64'), this.ids, envelope);
      if (refusal !== null) return differ(entry.entry, 'input', 'an envelope', refusal);
    }
    const sent: Uint8Array[] = [];
    const broken = this.act(entry, envelope, sent);
    if (broken !== entry.broken)
      return differ(entry.entry, 'how the step ended', entry.broken ?? 'well', broken ?? 'well');
    this.outputs += sent.length;
    for (let i = 0; i < Math.max(sent.length, entry.outputs.length); i++) {
      const found = sent[i] === undefined ? undefined : Buffer.from(sent[i]!).toString('base64');
      if (found === entry.outputs[i]) continue;
      return differ(entry.entry, `output ${i + 1}`, this.describe(entry.outputs[i]), this.describe(found));
    }
    return null;
  }

  /** Does the step again, and writes down what it sends. Returns what broke in it, or null. */
  private act(
    { cause, monoUs, wallUs }: JournalEntry,
    envelope: Envelope,
    sent: Uint8Array[],
  ): string | null {
    this.now.monoUs = monoUs;
    this.now.wallUs = wallUs;
    try {
      if (cause === 'boot') boot(this.node, this.now, this.header.boot, this.out);
      else if (cause === 'wake') wake(this.node, this.now, this.out);
      else receive(this.node, this.now, envelope, this.out);
      for (let i = 0; i < this.out.count; i++) sent.push(this.encoder.envelope(this.out.at(i)));
      return null;
    } catch (error) {
      sent.length = 0;
      return String(error);
    } finally {
      this.out.clear();
    }
  }

  /** An envelope in words: its kind, who to whom, and its body with names. */
  private describe(base64: string | undefined): string {
    if (base64 === undefined) return 'nothing';
    const envelope = new Envelope();
    const refusal = decodeEnvelope(Buffer.from(base64, 'base64'), this.ids, envelope);
    if (refusal !== null) return `bytes that are no envelope (${refusal})`;
    const nameOf = (peer: Peer): string => this.nameOf(peer);
    const { kind, from, to, origin, originBoot, n, attempt, body } = envelope;
    const shown = JSON.stringify(toJson(KINDS[kind]!.body, body, nameOf));
    const request = `request ${nameOf(origin)}/${originBoot}/${n}, attempt ${attempt}`;
    return `${nameOfKind(kind)} ${nameOf(from)} → ${nameOf(to)}, ${request}: ${shown}`;
  }

  private nameOf(peer: Peer): string {
    if (peer < 0) return DEVICE_NAMES[-peer] ?? 'nobody';
    const id = this.ids.idOf(peer);
    return this.names.get(id) ?? `${id.slice(0, 12)}…`;
  }
}

const DEVICE_NAMES = ['', 'DISK', 'ACCELERATOR', 'OBSERVER', 'KEYS', 'NETWORK'];

/** A line without its chain, the chain, and what the line says; null if it is no such line. */
function splitLine(line: string): { text: string; chain: string; value: Record<string, unknown> } | null {
  const chain = line.slice(-66, -2);
  const text = `${line.slice(0, -`,"chain":"${chain}"}`.length)}}`;
  if (chainLine(text, chain) !== line) return null;
  try {
    return { text, chain, value: fieldsOf(JSON.parse(text), 'line') };
  } catch {
    return null;
  }
}

function differ(entry: number, what: string, expected: unknown, found: unknown): ReplayDifference {
  return { entry, what, expected: String(expected), found: String(found) };
}
