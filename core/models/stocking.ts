import type { Now } from '../base/time.ts';
import { owedFor, pay } from '../cluster/affiliation/affiliation.ts';
import { DISK_FINE } from '../machine/disk-conditions.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import { HOLDER, REFUSED } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { reply } from '../machine/speech.ts';
import {
  isRetryable,
  NO_CAPABLE_NODE,
  NO_ELIGIBLE_NODE,
  NOT_ADMITTED,
  OVERLOADED,
  type ErrorCode,
} from '../routing/outcomes.ts';
import { countOnPage } from './documents.ts';
import { hashOfPage, idOfEntry } from './hashes.ts';
import {
  completes,
  heldBytes,
  isAllowedHere,
  isWhole,
  openHeld,
  refOfChunk,
  storePage,
  takePage,
} from './holding.ts';
import type { Holder, Stock } from './model-bodies.ts';
import { MAX_STOCKING, type ModelHost } from './model-state.ts';
import { learnNews } from './registry.ts';
import { stopPull } from './transfer.ts';

/**
 * How a version comes to its first holder (R7.1-1): its publisher puts it on the disk of a node, a list of chunks at a time. The
 * node has their bytes by the time it hears of them, and answers when its disk has kept them. From there others pull.
 */

const RETRY_US = 1_000_000;

export function onModelStock(node: Node, host: ModelHost, now: Now, out: Outbox, envelope: Envelope): void {
  const body = envelope.body as Stock;
  const { entry, page } = body;
  const id = idOfEntry(node.pure, entry);
  const refuse = (code: ErrorCode, detail: string): void =>
    reply(node, out, envelope, REFUSED, { ...refusal(code), detail });
  if (envelope.from !== entry.publisher)
    return refuse(NOT_ADMITTED, 'only the publisher of a version puts it on a disk');
  learnNews(node, host, out, { entries: [entry], channels: [], withdrawals: [], verdicts: [], asks: false });
  if (!host.registry.entries.has(id))
    return refuse(NOT_ADMITTED, 'nobody publishes models here under this name, or the entry is not sound');
  if (!isAllowedHere(node, entry))
    return refuse(NO_ELIGIBLE_NODE, `${entry.name} may not be in ${node.config.manifest.region}`);
  const neededBytes = host.held.has(id) ? 0 : entry.sizeBytes;
  if (heldBytes(host) + neededBytes > node.config.modelDiskBytes)
    return refuse(NO_CAPABLE_NODE, 'there is no room for it among the models of this node');
  if (host.stocking.length >= MAX_STOCKING) return refuse(OVERLOADED, 'too much is being put here');
  if (!isTrue(node, body))
    return refuse(NOT_ADMITTED, 'these are not the chunks that its publisher has signed');
  const held = openHeld(host, id, entry);
  const known = held.pages[page];
  if (known !== null && known.count === known.have.length && !isStocking(host, id, page)) {
    reply(node, out, envelope, HOLDER, holderOf(node, host, id));
    return;
  }
  if (known === null) takePage(node, held, entry, page, body.hashes.hashes);
  const list = held.pages[page]!;
  list.have = list.have.map(() => true);
  list.count = list.have.length;
  const n = storePage(node, out, entry, id, held, page);
  host.stocking.push({ owed: owedFor(envelope), id, page, n });
  host.nextLookUs = Math.min(host.nextLookUs, now.monoUs);
}

/** False if that was no STORE of what a publisher has put here. */
export function onStockStored(
  node: Node,
  host: ModelHost,
  now: Now,
  out: Outbox,
  n: number,
  condition: number,
): boolean {
  const stocked = host.stocking.find((one) => one.n === n);
  if (stocked === undefined) return false;
  host.stocking.splice(host.stocking.indexOf(stocked), 1);
  const { owed, id, page } = stocked;
  const held = host.held.get(id);
  if (held !== undefined && condition !== DISK_FINE) held.pages[page] = null;
  if (held === undefined || condition !== DISK_FINE) {
    pay(node, out, owed, REFUSED, { ...refusal(OVERLOADED), detail: 'the disk has not kept it' });
    return true;
  }
  if (completes(held) && !host.stocking.some((one) => one.id === id)) {
    held.isWhole = true;
    // What was being fetched meanwhile is here.
    if (host.pull?.id === id) stopPull(host);
    host.nextLookUs = now.monoUs;
  }
  pay(node, out, owed, HOLDER, holderOf(node, host, id));
  return true;
}

function isStocking({ stocking }: ModelHost, id: string, page: number): boolean {
  return stocking.some((one) => one.id === id && one.page === page);
}

/** Whether the list is what the publisher has signed, and the contents that the envelope brings are those that it names. */
function isTrue(node: Node, { entry, page, hashes, chunks }: Stock): boolean {
  if (hashOfPage(node.pure, hashes) !== entry.pages[page]) return false;
  if (hashes.hashes.length !== countOnPage(entry, page) || chunks.length !== hashes.hashes.length)
    return false;
  return hashes.hashes.every((hash, place) => {
    const due = refOfChunk(entry, page, place, hash);
    const { sizeBytes, keyId } = chunks[place];
    return chunks[place].hash === due.hash && sizeBytes === due.sizeBytes && keyId === due.keyId;
  });
}

function holderOf(node: Node, host: ModelHost, id: string): Holder {
  const { region } = node.config.manifest;
  return { id, region, isWhole: isWhole(host, id), keeps: false, busy: host.handed };
}

function refusal(code: ErrorCode) {
  return { code, retryAfterUs: isRetryable(code) ? RETRY_US : 0, struck: [] };
}
