import { io } from 'socket.io-client';
import type { Frame, FrameHeader, RequestStory } from '../../sim/frame.ts';
import type { AffairsView } from '../affairs-view.ts';
import type { RequestRow } from '../view.ts';
import type { RunSummary } from './store.ts';

/** A long run is shown in at most so many frames. */
const MOST_FRAMES = 7_200;

export async function fetchHeader(): Promise<FrameHeader & { readonly frameCount: number }> {
  return (await fetchJson('api/header')) as FrameHeader & { frameCount: number };
}

export async function fetchFrames(frameCount: number): Promise<Frame[]> {
  const every = Math.max(1, Math.ceil(frameCount / MOST_FRAMES));
  return (await fetchJson(`api/frames?every=${every}`)) as Frame[];
}

/** Null for a run that has not ended. */
export async function fetchSummary(): Promise<RunSummary | null> {
  const response = await fetch('api/summary');
  return response.ok ? ((await response.json()) as RunSummary) : null;
}

/** Stands for the requests that wait, where an outcome is expected. */
export const WAITING = 'waiting';

/** Those that had ended by a moment, or waited then, the last that ended first. */
export async function fetchRows(
  untilUs: number,
  outcome: string | null,
  cluster: string | null,
  limit: number,
): Promise<RequestRow[]> {
  const query = new URLSearchParams({ until: String(Math.floor(untilUs)), limit: String(limit) });
  if (outcome === WAITING) query.set('open', 'true');
  else if (outcome !== null) query.set('outcome', outcome);
  if (cluster !== null) query.set('cluster', cluster);
  return (await fetchJson(`api/requests?${query}`)) as RequestRow[];
}

export async function fetchStory(id: string): Promise<RequestStory> {
  return (await fetchJson(`api/requests/${encodeURIComponent(id)}`)) as RequestStory;
}

export async function fetchAffairs(untilUs: number): Promise<AffairsView> {
  return (await fetchJson(`api/affairs?until=${Math.floor(untilUs)}`)) as AffairsView;
}

/** Why a pod, a model or a node is as it is: a title, and sentences. */
export async function fetchReasons(
  subject: string,
  name: string,
  untilUs: number,
): Promise<{ readonly lines: readonly string[] }> {
  const query = new URLSearchParams({ subject, name, until: String(Math.floor(untilUs)) });
  return (await fetchJson(`api/why?${query}`)) as { lines: string[] };
}

export interface News {
  frame(frame: Frame): void;
  /** Requests have ended. */
  requests(): void;
  /** The line to the server is up, or down and being tried again. */
  line(isUp: boolean): void;
}

export function listen(news: News): void {
  const socket = io({ transports: ['websocket'] });
  socket.on('frame', (frame: Frame) => news.frame(frame));
  socket.on('requests', () => news.requests());
  socket.on('connect', () => news.line(true));
  socket.on('disconnect', () => news.line(false));
}

async function fetchJson(path: string): Promise<unknown> {
  const response = await fetch(path);
  if (response.ok) return await response.json();
  const body = (await response.json().catch(() => null)) as { error?: string } | null;
  throw new Error(body?.error ?? `${path}: ${response.status} ${response.statusText}`);
}
