import { ACCELERATOR, NETWORK } from '../base/peers.ts';
import { drawBelow } from '../base/rng.ts';
import { NEVER_US, type Now } from '../base/time.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import * as kinds from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { idOfEntry } from './hashes.ts';
import {
  checkRestored,
  eraseHeld,
  isWhole,
  onChunkWanted,
  onFindHolders,
  onPageWanted,
  restoreHeld,
} from './holding.ts';
import { isLoaded, onModelLoaded, onModelUnloaded, wantLoaded } from './loading.ts';
import type { ModelLoaded } from './model-bodies.ts';
import { noteStarted } from './model-notes.ts';
import type { ModelRecord } from './model-record.ts';
import { createModelHost, keysInOrder, type ModelHost } from './model-state.ts';
import { onKeeper, onModelOrder, onRemovalAlarm, settleOrders } from './orders.ts';
import { keepsRegistry, onModelNews, onModelRound, onRoundAlarm } from './registry.ts';
import {
  createCurrent,
  loseCurrent,
  onLookAlarm,
  onPolled,
  onVerdictSigned,
  pass,
  storeCurrent,
  versionFor,
} from './rollout.ts';
import { resumePassing } from './passing.ts';
import { onModelStock, onStockStored } from './stocking.ts';
import {
  nextPullUs,
  onChunk,
  onFalseContent,
  onHolder,
  onModelPage,
  onPullAlarm,
  onPullStored,
} from './transfer.ts';

/** Models on a node (§7), where publishers are known: on compute nodes, on bridges, which hand them on, and on gateways, which are asked for them. */

/** Takes over what the disk has kept. */
export function restoreModel(node: Node, record: ModelRecord): void {
  const host = (node.models ??= createModelHost());
  const { registry } = host;
  const { entry, channel, withdrawal, verdict, held, current } = record;
  if (entry !== null) {
    registry.entries.set(idOfEntry(node.pure, entry), entry);
  }
  if (channel !== null) registry.channels.set(channel.name, channel);
  if (withdrawal !== null) registry.withdrawals.set(withdrawal.id, withdrawal);
  if (verdict !== null) registry.verdicts.set(verdict.id, verdict);
  if (held !== null) restoreHeld(host, held);
  if (current !== null) {
    const { name, ...kept } = current;
    host.currents.set(name, { ...createCurrent(), ...kept });
  }
}

export function startModels(node: Node, now: Now, out: Outbox): void {
  if (!keepsRegistry(node)) {
    node.models = null;
    return;
  }
  const host = (node.models ??= createModelHost());
  checkRestored(node, host);
  resumePassing(node, host, now);
  for (const name of node.compute === null ? [] : node.config.wantedModels) {
    if (host.currents.has(name)) continue;
    const current = createCurrent();
    host.currents.set(name, current);
    storeCurrent(node, out, name, current);
  }
  for (const current of host.currents.values()) {
    // What a crash or a rotten disk has taken is fetched anew.
    if (current.id !== '' && !isWhole(host, current.id)) {
      current.id = isWhole(host, current.previous) ? current.previous : '';
      current.previous = '';
      current.isTrial = false;
    }
  }
  for (const name of keysInOrder(host.currents)) noteStarted(node, host, out, name);
  host.nextLookUs = now.monoUs;
  host.nextRoundUs = now.monoUs + 1 + drawBelow(node.random, 1 << 20);
}

/** False if the envelope is none for this node. */
export function onModels(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  const host = node.models;
  if (host === null) return false;
  switch (envelope.kind) {
    case kinds.MODEL_ROUND:
      onModelRound(node, host, out, envelope);
      return true;
    case kinds.MODEL_NEWS:
      onModelNews(node, host, now, out, envelope);
      return true;
    case kinds.FIND_HOLDERS:
      onFindHolders(node, host, now, out, envelope);
      return true;
    case kinds.HOLDER:
      onPolled(node, host, envelope);
      onKeeper(node, host, out, envelope);
      onHolder(node, host, now, out, envelope);
      return true;
    case kinds.PAGE_WANTED:
      onPageWanted(node, host, now, out, envelope);
      return true;
    case kinds.CHUNK_WANTED:
      onChunkWanted(node, host, now, out, envelope);
      return true;
    case kinds.MODEL_PAGE:
      onModelPage(node, host, now, out, envelope);
      return true;
    case kinds.CHUNK:
      onChunk(node, host, now, out, envelope);
      return true;
    case kinds.MODEL_STOCK:
      onModelStock(node, host, now, out, envelope);
      return true;
    case kinds.CONTENT_FALSE:
      if (envelope.from !== NETWORK) return false;
      onFalseContent(node, host, now, out, envelope);
      return true;
    case kinds.MODEL:
      onModelOrder(node, host, now, out, envelope);
      return true;
    case kinds.MODEL_LOADED:
    case kinds.MODEL_UNLOADED:
      // A peer that sends what only a device can say is not believed.
      if (envelope.from !== ACCELERATOR || envelope.originBoot !== node.bootCount) return false;
      if (envelope.kind === kinds.MODEL_LOADED) onLoadEnded(node, host, now, out, envelope);
      else onModelUnloaded(node, host, envelope);
      host.nextLookUs = Math.min(host.nextLookUs, now.monoUs);
      return true;
    case kinds.SIGNED:
      return onVerdictSigned(node, host, now, out, envelope);
    default:
      return false;
  }
}

/** A version that cannot even be loaded has not proven itself; one that this disk has lost is fetched anew. */
function onLoadEnded(node: Node, host: ModelHost, now: Now, out: Outbox, envelope: Envelope): void {
  if (onModelLoaded(node, host, envelope) === '') return;
  const { id, isUnread } = envelope.body as ModelLoaded;
  for (const [name, current] of host.currents) {
    if (current.id !== id) continue;
    if (isUnread) loseCurrent(node, host, out, name, current);
    else if (current.isTrial && host.signing === null)
      pass(node, host, now, out, name, current, false, 'the accelerator does not load it');
  }
  if (isUnread) eraseHeld(node, host, out, id);
}

export function onModelStored(node: Node, now: Now, out: Outbox, n: number, condition: number): boolean {
  const host = node.models;
  if (host === null) return false;
  return (
    onPullStored(node, host, now, out, n, condition) || onStockStored(node, host, now, out, n, condition)
  );
}

export function onModelsAlarm(node: Node, now: Now, out: Outbox): void {
  const host = node.models;
  if (host === null) return;
  onRoundAlarm(node, host, now, out);
  onRemovalAlarm(node, host, now, out);
  onPullAlarm(node, host, now, out);
  onLookAlarm(node, host, now, out);
  settleOrders(node, host, now, out);
}

export function nextModelsUs(node: Node): number {
  const host = node.models;
  if (host === null) return NEVER_US;
  const nextUs = Math.min(host.nextRoundUs, host.nextLookUs, nextPullUs(host));
  return host.removal === null ? nextUs : Math.min(nextUs, host.removal.untilUs);
}

/** Which version of a model a request is to run: '' one that is held for good, null none. */
export function findVersion(node: Node, model: string, now: Now): string | null {
  if (node.config.installedModels.includes(model)) return '';
  return node.models === null ? null : versionFor(node.models, model, now);
}

/** Whether a job of a version can start; if not, the version will be loaded when there is room. */
export function isReadyToRun(node: Node, now: Now, out: Outbox, id: string): boolean {
  if (id === '') return true;
  const host = node.models!;
  wantLoaded(node, host, now, out, id);
  return isLoaded(host, id);
}

/** How a job of a version has gone. */
export function countJob(node: Node, id: string, isGood: boolean, us: number, tokens: number): void {
  if (id === '' || node.models === null) return;
  const tally = node.models.tallies.get(id) ?? { jobs: 0, failures: 0, us: 0, tokens: 0 };
  tally.jobs++;
  if (isGood) {
    tally.us += us;
    tally.tokens += tokens;
  } else tally.failures++;
  node.models.tallies.set(id, tally);
}

const NO_NAMES: readonly string[] = [];

/** The models of a node that move, sorted: those that run here, and those of them that are loaded. */
export function movingModels(
  node: Node,
  now: Now,
): { installed: readonly string[]; loaded: readonly string[] } {
  const host = node.models;
  if (host === null || host.currents.size === 0) return { installed: NO_NAMES, loaded: NO_NAMES };
  const installed: string[] = [];
  const loaded: string[] = [];
  for (const name of keysInOrder(host.currents)) {
    const id = versionFor(host, name, now);
    if (id === null) continue;
    installed.push(name);
    if (isLoaded(host, id)) loaded.push(name);
  }
  return { installed, loaded };
}
