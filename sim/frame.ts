/**
 * What a window on a federation is shown: one type for the file of a run, a live socket, and a simulation in
 * the page's own worker. A header, then frames in order of time, and a story for each request that has ended.
 */
export interface FrameHeader {
  readonly format: 1;
  readonly source: 'run' | 'live';
  readonly name: string;
  readonly about: string;
  readonly seed: number;
  readonly durationUs: number;
  /** Between two frames. */
  readonly periodUs: number;
  readonly regions: readonly { path: string; label: string; latitude: number; longitude: number }[];
  readonly clusters: readonly { name: string; label: string; region: string }[];
  readonly nodes: readonly FrameNode[];
  /** Pairs of cluster names with a peering. */
  readonly peerings: readonly (readonly [string, string])[];
  /** Pods that people may entrust to the federation, where there are any. */
  readonly pods?: readonly { name: string; cluster: string; homeRegion: string }[];
  /** Copies that a pod is to have, where there are pods. */
  readonly copiesOfPods?: number;
  /** Models that the scenario names. Absent live. */
  readonly models?: readonly string[];
  /** Faults as planned, for the timeline: label and when. Empty when live. */
  readonly faults: readonly { label: string; kind: string; atUs: number; untilUs: number | null }[];
}

export interface FrameNode {
  readonly name: string;
  readonly cluster: string;
  readonly region: string;
  readonly types: readonly string[];
  /** Effective trust, 1 experimental … 4 verified. */
  readonly trust: number;
  /** What it claims, and what is attested of it. Absent live. */
  readonly claimedTrust?: number;
  readonly attestedTrust?: number;
  readonly models: readonly string[];
}

export type NodeState = 'up' | 'starting' | 'down' | 'paused';

/** What most of a cluster who run think of a member, where it is not that it is alive. */
export type Regard = 'suspect' | 'dead' | 'left';

/** A member has come, is given up, has left, or is back, in the eyes of most of its cluster. */
export interface MemberChange {
  readonly timeUs: number;
  readonly node: number;
  readonly what: 'joined' | 'dead' | 'left' | 'back';
}

/** The federation at one moment, and what has happened since the frame before. */
export interface Frame {
  readonly timeUs: number;
  /** By node, in the order of the header. */
  readonly states: readonly NodeState[];
  /** Requests at work and waiting, by node. */
  readonly loads: readonly number[];
  /** Directions in which nothing passes: indices of clusters. */
  readonly cuts: readonly (readonly [number, number])[];
  /** By node, where it is other than alive. Absent where nobody looks. */
  readonly regards?: readonly (readonly [number, Regard])[];
  /** By pod host: copies on its disk, those of them with fewer holders than there should be, and deletions that wait for others. */
  readonly pods?: readonly (readonly [node: number, held: number, short: number, deleting: number])[];
  /** Peered clusters of which the first hears no bridge of the second. */
  readonly silent?: readonly (readonly [number, number])[];
  /** Since the frame before. */
  readonly changes?: readonly MemberChange[];
  /** Envelopes sent between two clusters since the frame before: from, to, how many, how many of them were lost. */
  readonly traffic: readonly (readonly [number, number, number, number])[];
  /** Requests that ended since the frame before, by outcome: OK or an error code. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** The OK ones, by where they were served. */
  readonly servedBy: { readonly local: number; readonly cluster: number; readonly federation: number };
  /** Requests that users wait for. */
  readonly open: number;
  /** What was asked of pods and ended since the frame before: by what was done, or by the error. Absent where there are no pods, and live. */
  readonly podsEnded?: Readonly<Record<string, number>>;
}

export interface RequestStory {
  /** Unique in the run. */
  readonly id: string;
  readonly askedUs: number;
  readonly endedUs: number;
  /** Home cluster of the user, and the name of the gateway that was asked. */
  readonly cluster: string;
  readonly gateway: string;
  readonly model: string;
  /** OK or an error code. */
  readonly outcome: string;
  /** `local`, `cluster`, `federation`, or null when it was not served. */
  readonly servedBy: 'local' | 'cluster' | 'federation' | null;
  /** The node that computed the answer, or null. */
  readonly server: string | null;
  readonly detail: string;
  readonly steps: readonly StoryStep[];
}

/** Something that a node noted about a request. */
export interface StoryStep {
  readonly timeUs: number;
  /** Who noted it. */
  readonly node: string;
  readonly what: 'opened' | 'asked' | 'struck' | 'outcome';
  readonly stage: 'local' | 'cluster' | 'federation';
  /** Whom it is about: the node asked, or the one that served; null for itself. */
  readonly about: string | null;
  /** With which error whoever was asked refused; null where it was silent, or nobody was asked. */
  readonly refusal: string | null;
  /** Who was passed over so far, and why. */
  readonly struck: readonly { node: string; cluster: string; reason: string }[];
}

/**
 * Something that a node noted of a pod, a model or a member, or that befell a node: what is known of the causes of how things are.
 * In the order of time.
 */
export interface Fact {
  readonly timeUs: number;
  /** Who noted it. */
  readonly node: string;
  readonly sort: 'pod' | 'model' | 'node';
  /** One of the notes of nodes; or `down` and `ready`, which the world knows. */
  readonly what: string;
  /** Name of the pod, the model, or the node that it is about. */
  readonly subject: string;
  /** Whom who noted it chose or heard it from; null: itself. */
  readonly about: string | null;
  /** Of `level`: 1 experimental … 4 verified; otherwise 0. */
  readonly level: number;
  readonly why: string;
  /** The others that it had before it, each with what it held of it. */
  readonly others: readonly { node: string; region: string; reason: string }[];
}
