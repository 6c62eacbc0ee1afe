import type { KindRow, MessageClass } from '../machine/kinds.ts';
import * as bodies from './model-bodies.ts';

/** What is said of models: operations 24 to 31 of each type, by the numbers of the types in kinds.ts. */

const [DISCOVER, ANNOUNCE, REQUEST, RESPONSE, REPLICATE, DEVICE] = [0, 1, 2, 3, 4, 6];
export const MODEL_ROUND = DISCOVER * 32 + 24;
export const FIND_HOLDERS = DISCOVER * 32 + 25;
export const MODEL_NEWS = ANNOUNCE * 32 + 24;
export const MODEL = REQUEST * 32 + 24;
export const PAGE_WANTED = REQUEST * 32 + 25;
export const CHUNK_WANTED = REQUEST * 32 + 26;
export const HOLDER = RESPONSE * 32 + 24;
export const MODEL_STATE = RESPONSE * 32 + 25;
export const MODEL_PAGE = REPLICATE * 32 + 24;
export const CHUNK = REPLICATE * 32 + 25;
export const MODEL_STOCK = REPLICATE * 32 + 26;
export const LOAD_MODEL = DEVICE * 32 + 24;
export const MODEL_LOADED = DEVICE * 32 + 25;
export const UNLOAD_MODEL = DEVICE * 32 + 26;
export const MODEL_UNLOADED = DEVICE * 32 + 27;
export const CONTENT_FALSE = DEVICE * 32 + 31;

/** Asked by members of a cluster of one another, and over a border by bridges, whose peerings say what of (R5.2-4). */
export const COPIES_ASKED = [FIND_HOLDERS, PAGE_WANTED, CHUNK_WANTED];
/** Only members of a cluster, and bridges of its peerings, ask one another for copies (R5.1-2). */
export const MODELS_FOR_MEMBERS = [MODEL_ROUND, ...COPIES_ASKED];

/** Whether an operation may be one of models: those of devices are shared out with the keys of pods, which are looked at first. */
export function isOfModels(kind: number): boolean {
  return kind <= CONTENT_FALSE && kind % 32 >= 24;
}

const DEVICES: MessageClass = 0;
const CONTROL: MessageClass = 2;
const REPLICATION: MessageClass = 4;

/** A message that came over the network has a signature to be checked; of documents each has one more. */
const CHECK_US = 75;
const ASK_US = CHECK_US + 10;

export const MODEL_ROWS: readonly KindRow[] = [
  [MODEL_ROUND, 'models', 'member → member', bodies.roundBody, REPLICATION, ASK_US, 'R7.1-1'],
  [FIND_HOLDERS, 'holders', 'member → member', bodies.findHoldersBody, REPLICATION, ASK_US, 'R7.2-1'],
  [MODEL_NEWS, 'models', 'any → node', bodies.modelNewsBody, REPLICATION, 3 * CHECK_US, 'R7.1-1'],
  [MODEL, 'model', 'operator → own node', bodies.modelOrderBody, CONTROL, ASK_US, 'R7.2-1'],
  [PAGE_WANTED, 'model-page', 'member → holder', bodies.pageWantedBody, REPLICATION, ASK_US, 'R7.2-1'],
  [CHUNK_WANTED, 'chunk', 'member → holder', bodies.chunkWantedBody, REPLICATION, ASK_US, 'R7.2-1'],
  [HOLDER, 'holder', 'holder → member', bodies.holderBody, REPLICATION, ASK_US, 'R7.2-1'],
  [MODEL_STATE, 'model', 'node → operator', bodies.modelStateBody, CONTROL, ASK_US, 'R7.2-1'],
  [MODEL_PAGE, 'model-page', 'holder → member', bodies.pageBody, REPLICATION, CHECK_US + 40, 'R7.2-1'],
  [CHUNK, 'chunk', 'holder → member', bodies.chunkBody, REPLICATION, CHECK_US + 20, 'R7.2-1'],
  [MODEL_STOCK, 'model-stock', 'publisher → node', bodies.stockBody, REPLICATION, 3 * CHECK_US, 'R7.1-1'],
  [LOAD_MODEL, 'load-model', 'node → ACCELERATOR', bodies.loadModelBody, CONTROL, 0, 'R7.2-3'],
  [MODEL_LOADED, 'model-loaded', 'ACCELERATOR → node', bodies.modelLoadedBody, DEVICES, 20, 'R7.2-3'],
  [UNLOAD_MODEL, 'unload-model', 'node → ACCELERATOR', bodies.unloadModelBody, CONTROL, 0, 'R7.2-3'],
  [MODEL_UNLOADED, 'model-unloaded', 'ACCELERATOR → node', bodies.unloadModelBody, DEVICES, 20, 'R7.2-3'],
  [CONTENT_FALSE, 'content-false', 'NETWORK → node', bodies.contentFalseBody, DEVICES, 20, 'R7.2-1'],
];
