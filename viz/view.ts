import type { Frame, FrameHeader, RequestStory } from '../sim/frame.ts';

/** A request without its steps. */
export type RequestRow = Omit<RequestStory, 'steps'>;

export interface FrameQuery {
  /** µs, both ends included. */
  readonly fromUs: number;
  readonly untilUs: number;
  /** So many frames that follow one another become one. */
  readonly every: number;
}

/** Which requests: those that ended last come first. */
export interface RequestQuery {
  /** They ended between these two moments, µs, both included. */
  readonly fromUs: number;
  readonly untilUs: number;
  /** Instead those that were asked by `untilUs` and had not ended by then. */
  readonly isOpen: boolean;
  /** OK or an error code, or null for any. */
  readonly outcome: string | null;
  /** Home cluster of the user, or null for any. */
  readonly cluster: string | null;
  readonly limit: number;
}

/** What the server shows, whether it lies in a folder or is happening now. */
export interface View {
  readonly header: FrameHeader;
  /** Null while it runs, and for a run that did not come to its end. */
  readonly summary: unknown;
  readonly frameCount: number;
  frames(query: FrameQuery): AsyncIterable<Frame>;
  requests(query: RequestQuery): Promise<readonly RequestRow[]>;
  story(id: string): Promise<RequestStory | null>;
}

/** A folder that cannot be shown: what is wrong with it, in words for whoever asked. */
export class ViewError extends Error {
  override readonly name = 'ViewError';
}

/** Whether a request is one of those asked for. */
export function isWanted(
  request: Pick<RequestRow, 'askedUs' | 'endedUs' | 'outcome' | 'cluster'>,
  query: RequestQuery,
): boolean {
  const { askedUs, endedUs, outcome, cluster } = request;
  if (query.outcome !== null && outcome !== query.outcome) return false;
  if (query.cluster !== null && cluster !== query.cluster) return false;
  if (query.isOpen) return askedUs <= query.untilUs && endedUs > query.untilUs;
  return endedUs >= query.fromUs && endedUs <= query.untilUs;
}

export function rowOf(story: RequestStory): RequestRow {
  const { id, askedUs, endedUs, cluster, gateway, model, outcome, servedBy, server, detail } = story;
  return { id, askedUs, endedUs, cluster, gateway, model, outcome, servedBy, server, detail };
}
