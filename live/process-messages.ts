import type { NodeState, StoryStep } from '../sim/frame.ts';
import type { NodeView } from './node-view.ts';

/** What a node's process tells whoever started it. */
export type FromNode =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'ready' }
  /** It does not start, or cannot go on. */
  | { readonly type: 'failed'; readonly message: string }
  | NodeReport
  | { readonly type: 'note'; readonly request: string; readonly step: NotedStep }
  | { readonly type: 'ended'; readonly story: EndedStory };

/** Once a second. */
export interface NodeReport {
  readonly type: 'report';
  readonly state: NodeState;
  readonly load: number;
  readonly open: number;
  readonly view: NodeView;
  /** By id of the other node, since the report before: sent, and not sent of them. */
  readonly traffic: readonly (readonly [id: string, sent: number, dropped: number])[];
}

/** A step of a story, in wall time. */
export interface NotedStep extends Omit<StoryStep, 'timeUs'> {
  readonly wallUs: number;
}

export interface EndedStory {
  readonly request: string;
  readonly askedWallUs: number;
  readonly endedWallUs: number;
  readonly model: string;
  readonly outcome: string;
  readonly servedBy: 'local' | 'cluster' | 'federation' | null;
  readonly server: string | null;
  readonly detail: string;
}

/** What it is told. It also stops when it is told nothing any more: when whoever started it is gone. */
export type ToNode =
  | { readonly type: 'start'; readonly addresses: Readonly<Record<string, string>> }
  | { readonly type: 'stop' };
