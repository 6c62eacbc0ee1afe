import type { Now } from '../base/time.ts';
import { isOrderedBy, owedFor, pay } from '../cluster/affiliation/affiliation.ts';
import { liveMembersOf } from '../cluster/membership/detector.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import { FIND_HOLDERS, MODEL_STATE, REFUSED } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { reply } from '../machine/speech.ts';
import { coversRegion } from '../policy/regions.ts';
import {
  isRetryable,
  NO_CAPABLE_NODE,
  NO_ELIGIBLE_NODE,
  NOT_ADMITTED,
  OVERLOADED,
  UNKNOWN_MODEL,
  type ErrorCode,
} from '../routing/outcomes.ts';
import { eraseHeld, isAllowedHere, isWhole } from './holding.ts';
import { isLoaded, unload, wouldFit } from './loading.ts';
import {
  ORDER_CHECK,
  ORDER_REMOVE,
  ORDER_UPDATE,
  type FindHolders,
  type Holder,
  type ModelOrder,
  type ModelState,
} from './model-bodies.ts';
import { entryOf, MAX_WAITING, stableOf, type Current, type ModelHost } from './model-state.ts';
import { noteGone, noteRefused } from './model-notes.ts';
import { createCurrent, isUsable, storeCurrent } from './rollout.ts';
import { stopPull } from './transfer.ts';

/** What whoever runs a node tells it to do with a model: the four verbs of §7.2, each answered when it has been done. */

const RETRY_US = 1_000_000;
/** Until those who keep another copy must have said so. */
const REMOVAL_US = 3_000_000;

export function onModelOrder(node: Node, host: ModelHost, now: Now, out: Outbox, envelope: Envelope): void {
  if (!isOrderedBy(node, envelope.from)) {
    refuse(node, out, envelope, NOT_ADMITTED, 'only whoever runs this node tells it what models to have');
    return;
  }
  const { order, model } = envelope.body as ModelOrder;
  if (order === ORDER_CHECK) reply(node, out, envelope, MODEL_STATE, stateOf(host, model));
  else if (order === ORDER_REMOVE) remove(node, host, now, out, envelope, model);
  else have(node, host, now, out, envelope, model, order === ORDER_UPDATE);
}

/** Pull and update: the model is to be here, and up to date. */
function have(
  node: Node,
  host: ModelHost,
  now: Now,
  out: Outbox,
  envelope: Envelope,
  model: string,
  isUpdate: boolean,
): void {
  const fault = findFault(node, host, model, now);
  if (fault !== null) {
    noteRefused(node, out, model, envelope.from, fault.detail);
    refuse(node, out, envelope, fault.code, fault.detail);
    return;
  }
  let current = host.currents.get(model);
  if (current === undefined) host.currents.set(model, (current = createCurrent()));
  current.isWanted = true;
  storeCurrent(node, out, model, current);
  if (isUpdate) {
    // Whoever is told to update tries what is new itself.
    current.pollFor = stableOf(host, model)!;
    current.pollUntilUs = now.monoUs;
    current.isOvertaken = false;
  }
  host.nextLookUs = now.monoUs;
  if (host.waiting.length === MAX_WAITING) {
    const { owed } = host.waiting.shift()!;
    pay(node, out, owed, REFUSED, refusal(OVERLOADED, 'too many orders wait here'));
  }
  host.waiting.push({ owed: owedFor(envelope), order: (envelope.body as ModelOrder).order, name: model });
}

function findFault(
  node: Node,
  host: ModelHost,
  model: string,
  now: Now,
): { code: ErrorCode; detail: string } | null {
  const id = stableOf(host, model);
  if (node.compute === null || id === null)
    return {
      code: UNKNOWN_MODEL,
      detail: node.compute === null ? 'this is no compute node' : `no publisher has released ${model}`,
    };
  const entry = entryOf(host, id)!;
  if (!isAllowedHere(node, entry))
    return { code: NO_ELIGIBLE_NODE, detail: `${model} may not be in ${node.config.manifest.region}` };
  if (!wouldFit(node, entry.requiredMemoryBytes))
    return { code: NO_CAPABLE_NODE, detail: `${model} does not fit into the accelerator's memory` };
  if (entry.sizeBytes > node.config.modelDiskBytes)
    return { code: NO_CAPABLE_NODE, detail: `${model} does not fit on the disk` };
  return isUsable(node, host, id, now) || host.currents.has(model)
    ? null
    : { code: NO_ELIGIBLE_NODE, detail: `${model} has been withdrawn, or has not proven itself` };
}

/** Answers the orders that have been carried out, or cannot be. */
export function settleOrders(node: Node, host: ModelHost, now: Now, out: Outbox): void {
  for (const waiting of host.waiting.slice()) {
    const { owed, order, name } = waiting;
    const current = host.currents.get(name);
    const id = stableOf(host, name);
    if (current === undefined || !current.isWanted)
      pay(node, out, owed, REFUSED, refusal(NO_ELIGIBLE_NODE, `${name} has been removed meanwhile`));
    else if (isDone(host, current, order, id)) pay(node, out, owed, MODEL_STATE, stateOf(host, name));
    else if (order === ORDER_UPDATE && id !== null && !isUsable(node, host, id, now))
      pay(
        node,
        out,
        owed,
        REFUSED,
        refusal(NO_CAPABLE_NODE, `the new version of ${name} has not proven itself, and was rolled back`),
      );
    else continue;
    host.waiting.splice(host.waiting.indexOf(waiting), 1);
  }
}

function isDone(host: ModelHost, { id, isTrial }: Current, order: number, stable: string | null): boolean {
  if (id === '' || !isWhole(host, id)) return false;
  return order !== ORDER_UPDATE || (id === stable && !isTrial);
}

export function stateOf(host: ModelHost, model: string): ModelState {
  const current = host.currents.get(model);
  const describe = (id: string | null) =>
    id === null || id === '' || entryOf(host, id) === null
      ? null
      : { id, version: entryOf(host, id)!.version };
  const installed = describe(current?.id ?? null);
  return {
    model,
    installed,
    latest: describe(stableOf(host, model)),
    isLoaded: installed !== null && isLoaded(host, installed.id),
  };
}

/** R7.2-1: the last copy that a region is promised stays. Who is asked keeps its own for longer than this takes. */
function remove(node: Node, host: ModelHost, now: Now, out: Outbox, envelope: Envelope, model: string): void {
  const current = host.currents.get(model);
  const id = current?.id ?? '';
  const entry = entryOf(host, id);
  if (current === undefined || entry === null) {
    if (current !== undefined) drop(node, host, out, model, current);
    reply(node, out, envelope, MODEL_STATE, stateOf(host, model));
    return;
  }
  if (host.removal !== null) {
    refuse(node, out, envelope, OVERLOADED, 'another model is being removed');
    return;
  }
  if ((host.kept.get(id) ?? 0) > now.monoUs) {
    refuse(node, out, envelope, OVERLOADED, 'another node relies on this copy');
    return;
  }
  const { region } = node.config.manifest;
  const open = entry.keptIn.filter((promised) => coversRegion(promised, region));
  if (open.length === 0) {
    drop(node, host, out, model, current);
    reply(node, out, envelope, MODEL_STATE, stateOf(host, model));
    return;
  }
  host.removal = { owed: owedFor(envelope), name: model, id, open, untilUs: now.monoUs + REMOVAL_US };
  const body: FindHolders = { id, isToKeep: true, isToPass: false };
  for (const to of liveMembersOf(node, 'compute'))
    if (to !== node.self)
      out.send(FIND_HOLDERS, node.self, to, node.self, node.bootCount, node.nextN++, 0, body);
}

/** Somebody keeps a copy: where every region that is promised one has one, this one may go. */
export function onKeeper(node: Node, host: ModelHost, out: Outbox, envelope: Envelope): void {
  const { removal } = host;
  const { id, keeps, region } = envelope.body as Holder;
  // What was said to an earlier boot is about an earlier removal.
  if (removal === null || !keeps || removal.id !== id || envelope.originBoot !== node.bootCount) return;
  removal.open = removal.open.filter((promised) => !coversRegion(promised, region));
  if (removal.open.length > 0) return;
  const { name, owed } = removal;
  const current = host.currents.get(name);
  if (current !== undefined) drop(node, host, out, name, current);
  host.removal = null;
  pay(node, out, owed, MODEL_STATE, stateOf(host, name));
}

export function onRemovalAlarm(node: Node, host: ModelHost, now: Now, out: Outbox): void {
  const { removal } = host;
  if (removal === null || now.monoUs < removal.untilUs) return;
  host.removal = null;
  const detail = `${removal.open.join(', ')} is promised a copy of ${removal.name}, and nobody else there keeps one`;
  noteRefused(node, out, removal.name, node.self, `it stays: ${detail}`);
  pay(node, out, removal.owed, REFUSED, refusal(NO_ELIGIBLE_NODE, detail));
}

function drop(node: Node, host: ModelHost, out: Outbox, model: string, current: Current): void {
  const { id, previous } = current;
  current.isWanted = false;
  current.isTrial = false;
  current.id = '';
  current.previous = '';
  storeCurrent(node, out, model, current);
  if (host.pull !== null && entryOf(host, host.pull.id)?.name === model) {
    eraseHeld(node, host, out, host.pull.id);
    stopPull(host);
  }
  for (const one of [id, previous]) {
    if (one === '') continue;
    noteGone(node, host, out, model, one, 'whoever runs this node has it removed');
    eraseHeld(node, host, out, one);
    unload(node, host, out, one);
  }
}

function refusal(code: ErrorCode, detail: string) {
  return { code, retryAfterUs: isRetryable(code) ? RETRY_US : 0, detail, struck: [] };
}

function refuse(node: Node, out: Outbox, envelope: Envelope, code: ErrorCode, detail: string): void {
  reply(node, out, envelope, REFUSED, refusal(code, detail));
}
