import { KEYS } from '../base/peers.ts';
import { NEVER_US, type Now } from '../base/time.ts';
import { liveMembersOf } from '../cluster/membership/detector.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import { FIND_HOLDERS, SIGN, type Signed } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import type { Channel } from './documents.ts';
import { verdictHash } from './hashes.ts';
import { eraseHeld, heldBytes, isAllowedHere, isWhole } from './holding.ts';
import { isAtWork, isLoaded, unload, wantLoaded, wouldFit } from './loading.ts';
import type { FindHolders, Holder } from './model-bodies.ts';
import { compareTallies, nameVersion, noteBack, noteGone, noteProven, noteRuns } from './model-notes.ts';
import { currentKey, modelRecordOf, verdictKey } from './model-record.ts';
import {
  entryOf,
  keysInOrder,
  LOADING,
  type Current,
  type ModelHost,
  type ModelTally,
} from './model-state.ts';
import { storeModels } from './model-store.ts';
import { learnVerdict, spreadVerdict } from './registry.ts';
import { duePassing } from './passing.ts';
import { startPull, stopPull } from './transfer.ts';

/**
 * Which version of a model runs here (R7.2-1, R7.2-2). Nodes follow the publisher's pointer, but not all at once: of those that
 * have what ran before, one tries the new version on its own requests, and says how it fared in a verdict that it signs. A good
 * one lets the others follow, a bad one keeps them where they are, and the one that tried goes back to what it has kept.
 */

/** Between two looks at what is to run here. */
const LOOK_US = 1_000_000;
/** Others that are asked whether they have what runs here, before this node tries something new. */
const MOST_POLLED = 64;
const POLL_US = 2_000_000;

export function createCurrent(): Current {
  return {
    id: '',
    previous: '',
    isTrial: false,
    sinceUs: 0,
    isWanted: true,
    pollUntilUs: 0,
    pollFor: '',
    isOvertaken: false,
  };
}

export function onLookAlarm(node: Node, host: ModelHost, now: Now, out: Outbox): void {
  if (now.monoUs < host.nextLookUs) return;
  dropUseless(node, host, now);
  for (const name of keysInOrder(host.currents)) look(node, host, now, out, name, host.currents.get(name)!);
  for (const id of duePassing(node, host, now, out))
    if (isFit(node, host, id, now)) fetch(node, host, now, id);
  const isIdle = host.currents.size === 0 && host.passing.size === 0;
  host.nextLookUs = isIdle ? NEVER_US : now.monoUs + LOOK_US;
  sweepLoads(node, host, out);
  for (const [id, untilUs] of [...host.kept]) if (now.monoUs >= untilUs) host.kept.delete(id);
}

/** A pull of what nobody wants any more is given up. */
function dropUseless(node: Node, host: ModelHost, now: Now): void {
  const { pull } = host;
  if (pull === null) return;
  const isPassed = host.passing.has(pull.id) && isFit(node, host, pull.id, now);
  if (!isPassed && !isUsable(node, host, pull.id, now)) stopPull(host);
}

function look(node: Node, host: ModelHost, now: Now, out: Outbox, name: string, current: Current): void {
  if (current.id !== '' && isWithdrawn(host, current.id, now))
    stepBack(node, host, now, out, name, current, 'its publisher has withdrawn it');
  else if (current.id !== '' && isBad(host, current.id))
    stepBack(node, host, now, out, name, current, 'whoever tried it has found it bad');
  if (!current.isWanted) return;
  if (current.isTrial) {
    judge(node, host, now, out, name, current);
    return;
  }
  const pointer = host.registry.channels.get(name);
  const target = pointer === undefined ? null : targetOf(node, host, pointer, current, now);
  if (pointer === undefined || target === null || target === current.id) {
    settle(node, host, now, out, current);
    return;
  }
  const isFree = current.id === '' || isProven(host, pointer, target);
  if (!isFree && !isOwnTurn(node, now, out, current, target)) return;
  if (isWhole(host, target)) switchTo(node, host, now, out, name, target, !isFree);
  else fetch(node, host, now, target);
}

/** What the node is to run by what it knows: what the channel points at, or before that what it pointed at before. */
function targetOf(node: Node, host: ModelHost, pointer: Channel, current: Current, now: Now): string | null {
  const { id, previous } = pointer;
  const hasPrevious = previous !== '' && isUsable(node, host, previous, now);
  // Whoever has nothing yet does not begin with what nobody has tried.
  const isTimely = current.id !== '' || isProven(host, pointer, id) || !hasPrevious;
  if (isTimely && isUsable(node, host, id, now)) return id;
  if (!hasPrevious) return null;
  // Whoever missed a good version comes to it though the next one is bad: so all run the same in the end (R7.2-2).
  const isGood = host.registry.verdicts.get(previous)?.isGood === true;
  return isGood || !isUsable(node, host, current.id, now) ? previous : null;
}

/** Whether a version may run here at all. */
export function isUsable(node: Node, host: ModelHost, id: string, now: Now): boolean {
  if (!isFit(node, host, id, now) || isBad(host, id)) return false;
  return wouldFit(node, entryOf(host, id)!.requiredMemoryBytes);
}

/** Whether a copy of it may be here, to run or to be handed on. */
function isFit(node: Node, host: ModelHost, id: string, now: Now): boolean {
  const entry = entryOf(host, id);
  return entry !== null && !isWithdrawn(host, id, now) && isAllowedHere(node, entry);
}

/** R7.2-2: from the bound that its publisher has set nobody serves it. */
export function isWithdrawn({ registry }: ModelHost, id: string, { wallUs }: Now): boolean {
  const withdrawal = registry.withdrawals.get(id);
  return withdrawal !== undefined && wallUs >= withdrawal.untilWallUs;
}

function isBad({ registry }: ModelHost, id: string): boolean {
  return registry.verdicts.get(id)?.isGood === false;
}

/** What there was nothing before needs no comparison; what ran before has had its own. */
function isProven({ registry }: ModelHost, { previous }: Channel, id: string): boolean {
  return previous === '' || id === previous || registry.verdicts.get(id)?.isGood === true;
}

function fetch(node: Node, host: ModelHost, now: Now, id: string): void {
  const entry = entryOf(host, id)!;
  const neededBytes = host.held.has(id) ? 0 : entry.sizeBytes;
  if (heldBytes(host) + neededBytes <= node.config.modelDiskBytes) startPull(host, now, id, entry);
}

/** Of those that have what runs here the one of the lowest rank tries first; if it says nothing for too long, another does. */
function isOwnTurn(node: Node, now: Now, out: Outbox, current: Current, target: string): boolean {
  if (current.pollFor !== target) {
    current.pollFor = target;
    current.pollUntilUs = now.monoUs + POLL_US;
    current.isOvertaken = false;
    const others = liveMembersOf(node, 'compute').filter((peer) => peer !== node.self);
    const body: FindHolders = { id: current.id, isToKeep: false, isToPass: false };
    for (const to of others.slice(0, MOST_POLLED))
      out.send(FIND_HOLDERS, node.self, to, node.self, node.bootCount, node.nextN++, 0, body);
    return false;
  }
  if (now.monoUs < current.pollUntilUs) return false;
  return !current.isOvertaken || now.monoUs >= current.pollUntilUs + node.config.parameters.canaryWaitUs;
}

/** Somebody else has what runs here, too. */
export function onPolled(node: Node, host: ModelHost, envelope: Envelope): void {
  const { id, isWhole: has } = envelope.body as Holder;
  if (!has) return;
  for (const current of host.currents.values()) {
    if (current.id !== id || current.pollFor === '') continue;
    if (node.pure.rank(envelope.from) < node.pure.rank(node.self)) current.isOvertaken = true;
  }
}

/** Lets another version run. What ran before stays. */
function switchTo(
  node: Node,
  host: ModelHost,
  now: Now,
  out: Outbox,
  name: string,
  id: string,
  isTrial: boolean,
): void {
  const current = host.currents.get(name)!;
  noteRuns(node, host, out, name, id, isTrial);
  if (current.previous !== '' && current.previous !== id) eraseHeld(node, host, out, current.previous);
  current.previous = current.id;
  current.id = id;
  current.isTrial = isTrial;
  current.sinceUs = 0;
  host.tallies.set(id, { jobs: 0, failures: 0, us: 0, tokens: 0 });
  storeCurrent(node, out, name, current);
  wantLoaded(node, host, now, out, id);
}

export function storeCurrent(node: Node, out: Outbox, name: string, current: Current): void {
  const { id, previous, isTrial, isWanted } = current;
  const record = modelRecordOf({ current: { name, id, previous, isTrial, isWanted } });
  storeModels(node, out, [{ key: currentKey(name), record }]);
}

/** Back to what ran before, if that may still run; what is given up is erased. */
function stepBack(
  node: Node,
  host: ModelHost,
  now: Now,
  out: Outbox,
  name: string,
  current: Current,
  why: string,
): void {
  const { id, previous } = current;
  const isLeft = previous !== '' && isWhole(host, previous) && isUsable(node, host, previous, now);
  noteBack(node, host, out, name, current, isLeft ? previous : '', why);
  current.id = isLeft ? previous : '';
  current.previous = '';
  current.isTrial = false;
  storeCurrent(node, out, name, current);
  eraseHeld(node, host, out, id);
  if (current.id !== '') wantLoaded(node, host, now, out, current.id);
}

/** What ran here is not on the disk any more: until it has been fetched anew, what ran before runs. */
export function loseCurrent(node: Node, host: ModelHost, out: Outbox, name: string, current: Current): void {
  const left = isWhole(host, current.previous) ? current.previous : '';
  noteBack(node, host, out, name, current, left, 'its chunks cannot be read from the disk any more');
  current.id = left;
  current.previous = '';
  current.isTrial = false;
  storeCurrent(node, out, name, current);
}

/** All is as it should be: what runs is loaded, and what ran before makes room once that is so. */
function settle(node: Node, host: ModelHost, now: Now, out: Outbox, current: Current): void {
  if (current.id === '') return;
  if (host.loads.every(({ id }) => id !== current.id)) wantLoaded(node, host, now, out, current.id);
  if (current.previous === '' || !isLoaded(host, current.id) || isAtWork(node, current.previous)) return;
  const name = entryOf(host, current.id)?.name ?? '';
  noteGone(node, host, out, name, current.previous, `${nameVersion(host, current.id)} runs in its place`);
  eraseHeld(node, host, out, current.previous);
  host.tallies.delete(current.previous);
  current.previous = '';
}

/** What no model runs any more leaves the accelerator. */
function sweepLoads(node: Node, host: ModelHost, out: Outbox): void {
  const running = new Set<string>();
  for (const { id, previous } of host.currents.values()) running.add(id).add(previous);
  for (const id of [...host.tallies.keys()]) if (!running.has(id)) host.tallies.delete(id);
  for (const { id } of host.loads.slice())
    if (!running.has(id) && !isAtWork(node, id)) unload(node, host, out, id);
}

/** R7.2-1: the health gate. Enough jobs, or enough time, and then: not many more failures than before, and not much slower. */
function judge(node: Node, host: ModelHost, now: Now, out: Outbox, name: string, current: Current): void {
  if (host.signing !== null) return;
  if (!isLoaded(host, current.id)) {
    wantLoaded(node, host, now, out, current.id);
    return;
  }
  if (current.sinceUs === 0) current.sinceUs = now.monoUs;
  const { trialJobs, trialUs, trialFailures } = node.config.parameters;
  const tried = host.tallies.get(current.id) ?? NO_JOBS;
  const before = host.tallies.get(current.previous) ?? NO_JOBS;
  const isDue = tried.jobs >= trialJobs || now.monoUs - current.sinceUs >= trialUs;
  const isWorse = isWorseThan(node, tried, before);
  if (!isDue && !(isWorse && tried.failures >= trialFailures)) return;
  pass(node, host, now, out, name, current, !isWorse, compareTallies(tried, before));
}

const NO_JOBS: ModelTally = { jobs: 0, failures: 0, us: 0, tokens: 0 };

function isWorseThan(node: Node, tried: ModelTally, before: ModelTally): boolean {
  const { trialWorsePpm, trialSlowPpm, trialJobs } = node.config.parameters;
  const sharePpm = ({ jobs, failures }: ModelTally): number =>
    jobs === 0 ? 0 : Math.floor((failures * 1_000_000) / jobs);
  if (sharePpm(tried) > sharePpm(before) + trialWorsePpm) return true;
  // A few requests are no measure of speed: one long answer would condemn a version.
  if (2 * Math.min(tried.jobs, before.jobs) < trialJobs) return false;
  if (before.tokens === 0 || tried.tokens === 0) return false;
  // Time a token, in millionths, so that it stays an integer.
  const ppmOf = ({ us, tokens }: ModelTally): number => Math.floor((us * 1_000) / tokens);
  return ppmOf(tried) * 1_000_000 > ppmOf(before) * trialSlowPpm;
}

/** Says how the version has fared, and acts on it at once: what is signed later is for the others. */
export function pass(
  node: Node,
  host: ModelHost,
  now: Now,
  out: Outbox,
  name: string,
  current: Current,
  isGood: boolean,
  figures: string,
): void {
  const terms = { id: current.id, judge: node.self, isGood };
  host.signing = { n: node.nextN++, terms };
  const hash = verdictHash(node.pure, terms);
  out.send(SIGN, node.self, KEYS, node.self, node.bootCount, host.signing.n, 0, { hash });
  current.isTrial = false;
  if (isGood) {
    noteProven(node, host, out, name, current.id, figures);
    storeCurrent(node, out, name, current);
  } else stepBack(node, host, now, out, name, current, `this node has tried it: ${figures}`);
}

/** False if that was no verdict. */
export function onVerdictSigned(
  node: Node,
  host: ModelHost,
  now: Now,
  out: Outbox,
  envelope: Envelope,
): boolean {
  const { signing } = host;
  if (signing === null || signing.n !== envelope.n || envelope.originBoot !== node.bootCount) return false;
  host.signing = null;
  const verdict = { ...signing.terms, signature: (envelope.body as Signed).signature };
  if (!learnVerdict(node, host.registry, verdict)) return true;
  storeModels(node, out, [{ key: verdictKey(verdict.id), record: modelRecordOf({ verdict }) }]);
  spreadVerdict(node, out, verdict);
  host.nextLookUs = now.monoUs;
  return true;
}

/** Which version a request for a model is to run here; null: the model is not to be had here. */
export function versionFor(host: ModelHost, model: string, now: Now): string | null {
  const current = host.currents.get(model);
  if (current === undefined || current.id === '') return null;
  const isLoading = host.loads.some(({ id, state }) => id === current.id && state === LOADING);
  const { previous } = current;
  // While the new one is on its way in, what is in memory serves.
  if (isLoading && previous !== '' && isLoaded(host, previous) && !isWithdrawn(host, previous, now))
    return previous;
  if (isWithdrawn(host, current.id, now) || !isWhole(host, current.id)) return null;
  return current.id;
}
