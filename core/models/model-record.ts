import { name } from '../cluster/manifest.ts';
import { flag, integer, list, optional, record, ref, type Of } from '../machine/shape.ts';
import {
  channelShape,
  entryShape,
  MAX_PAGE,
  pageShape,
  verdictShape,
  versionId,
  withdrawalShape,
} from './documents.ts';

/** A list of chunks, and those of them that lie on this disk: the chunks are there because the record names them. */
export const heldRecordShape = record({
  id: versionId,
  page: integer,
  hashes: pageShape,
  chunks: list(ref, MAX_PAGE),
});
export type HeldRecord = Readonly<Of<typeof heldRecordShape>>;

/** Which version of a model runs here, which one ran before, and whether the node is to have the model at all. */
export const currentRecordShape = record({
  name,
  id: versionId,
  previous: versionId,
  isTrial: flag,
  isWanted: flag,
});
export type CurrentRecord = Readonly<Of<typeof currentRecordShape>>;

/** What a disk keeps of models; all but one are null. */
export const modelRecordShape = record({
  entry: optional(entryShape),
  channel: optional(channelShape),
  withdrawal: optional(withdrawalShape),
  verdict: optional(verdictShape),
  held: optional(heldRecordShape),
  current: optional(currentRecordShape),
});
export type ModelRecord = Readonly<Of<typeof modelRecordShape>>;

export function modelRecordOf(sort: Partial<ModelRecord>): ModelRecord {
  const none = { entry: null, channel: null, withdrawal: null, verdict: null, held: null, current: null };
  return { ...none, ...sort };
}

const PREFIX = 'model';
export const entryKey = (id: string): string => `${PREFIX}/entry/${id}`;
export const channelKey = (model: string): string => `${PREFIX}/channel/${model}`;
export const withdrawalKey = (id: string): string => `${PREFIX}/withdrawal/${id}`;
export const verdictKey = (id: string): string => `${PREFIX}/verdict/${id}`;
export const currentKey = (model: string): string => `${PREFIX}/current/${model}`;
export const heldKey = (id: string, page: number): string => `${PREFIX}/held/${id}/${page}`;
