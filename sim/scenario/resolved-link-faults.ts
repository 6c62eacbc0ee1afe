import type { Lasting, Momentary } from './resolved-faults.ts';

/**
 * Between two sides: names of clusters, and names of nodes (they have a slash) for those nodes alone. `bothWays`
 * also harms what goes from `to` to `from`. What a node sends to itself, and what is said between users and their
 * gateways, crosses no link.
 */
export interface OnLinks extends Lasting {
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly bothWays: boolean;
  /** Further pairs of sides, harmed in the same way. */
  readonly more?: readonly Sides[];
  /** Message types, as REQUEST, or single operations, as ANNOUNCE/manifest: only these are harmed. Never of HEARTBEAT. */
  readonly only?: readonly string[];
}

export interface Sides {
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** Always the same, or values at evenly spaced quantiles, from 0 to 1, between which it is linear: drawn for each envelope. */
export type FixedOrDrawn = number | readonly number[];

export type ResolvedLinkFault =
  /** What is sent is dropped. */
  | ({ readonly kind: 'cut' } & OnLinks)
  /** It is kept, and sent on in one burst when the fault ends. */
  | ({ readonly kind: 'hold' } & OnLinks)
  | ({ readonly kind: 'loss'; readonly ppm: number } & OnLinks)
  | ({ readonly kind: 'duplicate'; readonly ppm: number } & OnLinks)
  | ({ readonly kind: 'delay'; readonly addUs: FixedOrDrawn } & OnLinks)
  /** The way takes so many times as long: ppm ≥ 1,000,000. */
  | ({ readonly kind: 'slow'; readonly factorPpm: number } & OnLinks)
  /** By chance, an envelope is kept back for up to `byUs`, so that later ones overtake it. */
  | ({ readonly kind: 'reorder'; readonly ppm: number; readonly byUs: number } & OnLinks)
  /** All envelopes in one direction between two clusters share the rate; of those that wait, more than `queueBytes` are dropped. */
  | ({
      readonly kind: 'bandwidth';
      readonly bytesPerSecond: number;
      readonly queueBytes: number;
    } & OnLinks)
  /** Ends every link fault that acts at the time. */
  | ({ readonly kind: 'heal' } & Momentary);

/** Those that act on links. */
export type LinkFault = Extract<ResolvedLinkFault, OnLinks>;
