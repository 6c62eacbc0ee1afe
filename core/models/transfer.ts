import type { Peer } from '../base/peers.ts';
import { drawSome } from '../base/rng.ts';
import { NEVER_US, type Now } from '../base/time.ts';
import { liveMembersOf } from '../cluster/membership/detector.ts';
import { DISK_FINE } from '../machine/disk-conditions.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import { CHUNK_WANTED, FIND_HOLDERS, NOTE_LIED, PAGE_WANTED } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { countRefusal, REFUSAL_LATE } from '../machine/refusals.ts';
import { note } from '../machine/speech.ts';
import { isRegionAllowed } from '../policy/regions.ts';
import { MAX_PAGE, type ModelEntry } from './documents.ts';
import { completes, openHeld, refOfChunk, storePage, takePage } from './holding.ts';
import type { ChunkBrought, ContentFalse, FindHolders, Holder, PageBrought } from './model-bodies.ts';
import { notePulled } from './model-notes.ts';
import { entryOf, MAX_HOLDERS, type ModelHost, type Pull, type Wanted } from './model-state.ts';
import { canHold, findBeyond, tellAskers } from './passing.ts';

/**
 * A pull (R7.2-1): lists of chunks, then chunks, from several holders, each checked against what the publisher has signed, and
 * each on disk before the next is asked for. So a crash costs at most as many chunks as are on their way at once, which is one
 * unless a parameter says otherwise; and nobody is shown anything of the version before all of it is there.
 */
export function startPull(host: ModelHost, now: Now, id: string, entry: ModelEntry): void {
  if (host.pull !== null) return;
  openHeld(host, id, entry);
  host.pull = { id, holders: [], wanted: [], nextAskUs: now.monoUs, restUntilUs: 0, tries: 0 };
}

/** Gives up a pull; what has come stays, and is gone on with. */
export function stopPull(host: ModelHost): void {
  host.pull = null;
}

export function nextPullUs({ pull }: ModelHost): number {
  if (pull === null) return NEVER_US;
  let nextUs = pull.nextAskUs;
  for (const { dueUs } of pull.wanted) nextUs = Math.min(nextUs, dueUs);
  return nextUs;
}

/** Whoever is silent for too long is left out until holders are looked for again. */
export function onPullAlarm(node: Node, host: ModelHost, now: Now, out: Outbox): void {
  const { pull } = host;
  if (pull === null) return;
  const late = pull.wanted.filter(({ dueUs }) => now.monoUs >= dueUs);
  if (late.length > 0) {
    pull.wanted = pull.wanted.filter((one) => !late.includes(one));
    for (const { holder } of late) dropHolder(pull, holder);
  }
  if (late.length > 0 || now.monoUs >= pull.nextAskUs) proceed(node, host, pull, now, out);
}

/** Somebody says whether it has the version. */
export function onHolder(node: Node, host: ModelHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { pull } = host;
  const { id, region, isWhole, busy } = envelope.body as Holder;
  const { from } = envelope;
  if (pull === null || pull.id !== id) return;
  const entry = entryOf(host, id);
  if (!isWhole) {
    dropHolder(pull, from);
    pull.wanted = pull.wanted.filter(({ holder, storing }) => holder !== from || storing !== 0);
  } else if (
    entry !== null &&
    isRegionAllowed(entry.regions, region) &&
    !host.liars.includes(from) &&
    canHold(node, host, now, from, id) &&
    !pull.holders.some(({ peer }) => peer === from) &&
    pull.holders.length < MAX_HOLDERS
  ) {
    pull.holders.push({ peer: from, busy, given: 0 });
  }
  proceed(node, host, pull, now, out);
}

export function onModelPage(node: Node, host: ModelHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { id, page, hashes } = envelope.body as PageBrought;
  const found = takeWanted(node, host, envelope, id, page, MAX_PAGE);
  if (found === null) return;
  const { pull, wanted, entry } = found;
  const held = host.held.get(id)!;
  if (takePage(node, held, entry, page, hashes.hashes)) {
    wanted.storing = storePage(node, out, entry, id, held, page);
    wanted.dueUs = NEVER_US;
  } else strike(node, host, pull, wanted, out);
  proceed(node, host, pull, now, out);
}

export function onChunk(node: Node, host: ModelHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { id, page, place, chunk } = envelope.body as ChunkBrought;
  const found = takeWanted(node, host, envelope, id, page, place);
  if (found === null) return;
  const { pull, wanted, entry } = found;
  const held = host.held.get(id)!;
  const list = held.pages[page]!;
  const due = refOfChunk(entry, page, place, list.hashes.hashes[place]);
  // That the bytes are those of the reference was checked on delivery; here, that it is the reference that was asked for.
  if (chunk.hash !== due.hash || chunk.sizeBytes !== due.sizeBytes || chunk.keyId !== 0) {
    strike(node, host, pull, wanted, out);
  } else {
    list.have[place] = true;
    list.count++;
    wanted.storing = storePage(node, out, entry, id, held, page);
    wanted.dueUs = NEVER_US;
  }
  proceed(node, host, pull, now, out);
}

/** What a holder handed out was not even the content that it named: nothing of it was delivered. */
export function onFalseContent(node: Node, host: ModelHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { pull } = host;
  const { peer } = envelope.body as ContentFalse;
  const wanted = pull?.wanted.find(
    ({ holder, n, storing }) => holder === peer && n === envelope.n && storing === 0,
  );
  if (pull === null || wanted === undefined || envelope.originBoot !== node.bootCount) {
    countRefusal(node, REFUSAL_LATE);
    return;
  }
  strike(node, host, pull, wanted, out);
  proceed(node, host, pull, now, out);
}

/** What was asked of just this peer and has not come, or null. */
function takeWanted(
  node: Node,
  { pull, registry }: ModelHost,
  { from, n, originBoot }: Envelope,
  id: string,
  page: number,
  place: number,
): { pull: Pull; wanted: Wanted; entry: ModelEntry } | null {
  const wanted = pull?.wanted.find(
    (one) =>
      one.holder === from && one.n === n && one.page === page && one.place === place && one.storing === 0,
  );
  const entry = registry.entries.get(id);
  if (
    pull === null ||
    pull.id !== id ||
    wanted === undefined ||
    entry === undefined ||
    originBoot !== node.bootCount
  ) {
    countRefusal(node, REFUSAL_LATE);
    return null;
  }
  return { pull, wanted, entry };
}

/** What a pull has asked the disk to keep is there, or is not. False if that was no STORE of a pull. */
export function onPullStored(
  node: Node,
  host: ModelHost,
  now: Now,
  out: Outbox,
  n: number,
  condition: number,
): boolean {
  const { pull } = host;
  const wanted = pull?.wanted.find(({ storing }) => storing === n);
  if (pull === null || wanted === undefined) return false;
  pull.wanted.splice(pull.wanted.indexOf(wanted), 1);
  if (condition === DISK_FINE) pull.tries = 0;
  const held = host.held.get(pull.id)!;
  if (condition !== DISK_FINE) {
    forget(host, pull, wanted);
    pull.restUntilUs = pull.nextAskUs = now.monoUs + backOffUs(node, pull);
    pull.tries++;
    pull.holders = [];
    return true;
  }
  if (pull.wanted.every(({ storing }) => storing === 0) && completes(held)) {
    held.isWhole = true;
    notePulled(node, host, out, pull);
    tellAskers(node, host, now, out, pull.id);
    stopPull(host);
    host.nextLookUs = now.monoUs;
    return true;
  }
  proceed(node, host, pull, now, out);
  return true;
}

/** What the disk did not keep has not come. */
function forget(host: ModelHost, pull: Pull, { page, place }: Wanted): void {
  const held = host.held.get(pull.id)!;
  if (place === MAX_PAGE) {
    held.pages[page] = null;
    return;
  }
  const list = held.pages[page];
  if (list === null || !list.have[place]) return;
  list.have[place] = false;
  list.count--;
}

/** Asks for what is missing, as much as may be on its way at once; and who has it, when nobody is known to. */
function proceed(node: Node, host: ModelHost, pull: Pull, now: Now, out: Outbox): void {
  const { parameters } = node.config;
  pull.nextAskUs = NEVER_US;
  while (pull.wanted.length < parameters.pullInFlight) {
    const missing = findMissing(host, pull);
    if (missing === null) return;
    const holder = chooseHolder(pull);
    if (holder === null) {
      if (pull.wanted.length > 0) return;
      if (now.monoUs >= pull.restUntilUs) lookForHolders(node, host, pull, now, out);
      pull.nextAskUs = pull.restUntilUs;
      return;
    }
    const n = node.nextN++;
    const { page, place } = missing;
    pull.wanted.push({ holder, n, page, place, dueUs: now.monoUs + parameters.chunkUs, storing: 0 });
    const { id } = pull;
    if (place === MAX_PAGE)
      out.send(PAGE_WANTED, node.self, holder, node.self, node.bootCount, n, 0, { id, page });
    else out.send(CHUNK_WANTED, node.self, holder, node.self, node.bootCount, n, 0, { id, page, place });
  }
}

/** The first list, and then the first chunk of it, that is not here and not on its way. */
function findMissing(host: ModelHost, pull: Pull): { page: number; place: number } | null {
  const { pages } = host.held.get(pull.id)!;
  const isWanted = (page: number, place: number): boolean =>
    pull.wanted.some((one) => one.page === page && one.place === place);
  for (let page = 0; page < pages.length; page++) {
    const list = pages[page];
    if (list === null) {
      if (!isWanted(page, MAX_PAGE)) return { page, place: MAX_PAGE };
      continue;
    }
    // A list that is being written down is not built upon.
    if (list.count === list.have.length || isWanted(page, MAX_PAGE)) continue;
    for (let place = 0; place < list.have.length; place++)
      if (!list.have[place] && !isWanted(page, place)) return { page, place };
  }
  return null;
}

/** Of those that have it the one with the least to do, counting what it has been asked for here; at most so much of each at once. */
function chooseHolder(pull: Pull): Peer | null {
  let best: Pull['holders'][number] | null = null;
  for (const holder of pull.holders) {
    if (pull.wanted.some((one) => one.holder === holder.peer && one.storing === 0)) continue;
    if (best === null || holder.busy + holder.given < best.busy + best.given) best = holder;
  }
  if (best === null) return null;
  best.given++;
  return best.peer;
}

/**
 * Asks some of the live compute nodes who has the whole of it, and waits longer each time in vain. A second time it asks the
 * bridges, too: they fetch what they have not, to hand it on. Bridges themselves ask those of other clusters instead.
 */
function lookForHolders(node: Node, host: ModelHost, pull: Pull, now: Now, out: Outbox): void {
  pull.restUntilUs = now.monoUs + backOffUs(node, pull);
  const isAskingBridges = pull.tries > 0 && node.bridge === null;
  pull.tries++;
  const others = drawSome(
    node.random,
    liveMembersOf(node, 'compute').filter((peer) => isAskable(node, host, peer)),
    node.config.parameters.askHolders,
  );
  const bridges = isAskingBridges ? liveMembersOf(node, 'bridge') : findBeyond(node, host, now, pull.id);
  const body: FindHolders = { id: pull.id, isToKeep: false, isToPass: true };
  for (const to of [...others, ...bridges.filter((peer) => isAskable(node, host, peer))])
    out.send(FIND_HOLDERS, node.self, to, node.self, node.bootCount, node.nextN++, 0, body);
}

function isAskable(node: Node, { liars }: ModelHost, peer: Peer): boolean {
  return peer !== node.self && !liars.includes(peer);
}

/** Doubles with each try in vain. */
function backOffUs(node: Node, { tries }: Pull): number {
  const { pullWaitUs, pullWaitMostUs } = node.config.parameters;
  return Math.min(pullWaitMostUs, pullWaitUs * 2 ** Math.min(tries, 16));
}

/** R7.2-1: who has handed out what is not true is told of, and not asked again. */
function strike(node: Node, host: ModelHost, pull: Pull, wanted: Wanted, out: Outbox): void {
  pull.wanted.splice(pull.wanted.indexOf(wanted), 1);
  dropHolder(pull, wanted.holder);
  if (host.liars.length === MAX_HOLDERS) host.liars.shift();
  host.liars.push(wanted.holder);
  note(node, out, null, NOTE_LIED, wanted.holder);
}

function dropHolder(pull: Pull, peer: Peer): void {
  pull.holders = pull.holders.filter((holder) => holder.peer !== peer);
}
