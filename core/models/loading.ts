import { ACCELERATOR } from '../base/peers.ts';
import type { Now } from '../base/time.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import { LOAD_MODEL, UNLOAD_MODEL } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { countRefusal, REFUSAL_LATE } from '../machine/refusals.ts';
import { chunksOf, isWhole } from './holding.ts';
import type { LoadModel, ModelLoaded } from './model-bodies.ts';
import { entryOf, LEAVING, LOADED, LOADING, type ModelHost } from './model-state.ts';
import { planLoad, reservableBytes, type Reservation } from './reservations.ts';

/** What is in the accelerator's memory (R7.2-3): reserved before it is loaded, free when the accelerator has said so. */

export function isLoaded(host: ModelHost, id: string): boolean {
  return host.loads.some((load) => load.id === id && load.state === LOADED);
}

/** Sees to it that a version is loaded, or will be; unloads others that are not at work, the least recently used first. */
export function wantLoaded(node: Node, host: ModelHost, now: Now, out: Outbox, id: string): void {
  const entry = entryOf(host, id);
  const known = host.loads.find((load) => load.id === id);
  if (known !== undefined && known.state !== LEAVING) known.lastUsedUs = now.monoUs;
  if (entry === null || known !== undefined || !isWhole(host, id)) return;
  const plan = planLoad(reservationsOf(node, host), mostBytes(node), entry.requiredMemoryBytes);
  if (plan === null) return;
  for (const other of plan.unload) unload(node, host, out, other);
  if (!plan.isRoom) return;
  const { name, requiredMemoryBytes: memoryBytes } = entry;
  host.loads.push({ id, memoryBytes, state: LOADING, lastUsedUs: now.monoUs });
  const body: LoadModel = { id, model: name, memoryBytes, chunks: chunksOf(host, id) };
  out.send(LOAD_MODEL, node.self, ACCELERATOR, node.self, node.bootCount, node.nextN++, 0, body);
}

/** Whether a version could be loaded if nothing were at work. */
export function wouldFit(node: Node, neededBytes: number): boolean {
  return neededBytes + pinnedBytes(node) <= mostBytes(node);
}

export function unload(node: Node, host: ModelHost, out: Outbox, id: string): void {
  const load = host.loads.find((one) => one.id === id);
  if (load === undefined || load.state !== LOADED) return;
  load.state = LEAVING;
  out.send(UNLOAD_MODEL, node.self, ACCELERATOR, node.self, node.bootCount, node.nextN++, 0, { id });
}

/** The accelerator has loaded a version, or has not. Why not, or '' */
export function onModelLoaded(node: Node, host: ModelHost, envelope: Envelope): string {
  const { id, error } = envelope.body as ModelLoaded;
  const load = host.loads.find((one) => one.id === id && one.state === LOADING);
  if (load === undefined) {
    countRefusal(node, REFUSAL_LATE);
    return '';
  }
  if (error === '') load.state = LOADED;
  else host.loads.splice(host.loads.indexOf(load), 1);
  return error;
}

export function onModelUnloaded(node: Node, host: ModelHost, envelope: Envelope): void {
  const { id } = envelope.body as { id: string };
  const load = host.loads.find((one) => one.id === id && one.state === LEAVING);
  if (load === undefined) countRefusal(node, REFUSAL_LATE);
  else host.loads.splice(host.loads.indexOf(load), 1);
}

/** Whether jobs of a version are at work. */
export function isAtWork(node: Node, id: string): boolean {
  return node.compute?.jobs.some((job) => job.isStarted && job.version === id) === true;
}

function reservationsOf(node: Node, { loads }: ModelHost): Reservation[] {
  const reservations = loads.map(({ id, memoryBytes, state, lastUsedUs }): Reservation => ({
    id,
    memoryBytes,
    isHeld: state === LOADING || isAtWork(node, id),
    isLeaving: state === LEAVING,
    lastUsedUs,
  }));
  const memoryBytes = pinnedBytes(node);
  if (memoryBytes > 0)
    reservations.push({ id: '', memoryBytes, isHeld: true, isLeaving: false, lastUsedUs: 0 });
  return reservations;
}

/** Models that the operator has put into memory for good. */
function pinnedBytes({ config }: Node): number {
  let bytes = 0;
  for (const { name, requiredMemoryBytes } of config.models)
    if (config.installedModels.includes(name)) bytes += requiredMemoryBytes;
  return bytes;
}

function mostBytes({ config }: Node): number {
  const { compute } = config.manifest;
  return reservableBytes(compute?.gpuMemoryBytes ?? 0, config.parameters.memoryReservePpm);
}

export function freeBytes(node: Node, host: ModelHost): number {
  let bytes = mostBytes(node);
  for (const { memoryBytes } of reservationsOf(node, host)) bytes -= memoryBytes;
  return Math.max(0, bytes);
}
