import type { Lasting, Momentary } from './resolved-faults.ts';

/** Between clusters, by name. `bothWays` also harms what goes from `to` to `from`. */
export interface OnLinks extends Lasting {
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly bothWays: boolean;
}

export type ResolvedLinkFault =
  | ({ readonly kind: 'cut' } & OnLinks)
  | ({ readonly kind: 'loss'; readonly ppm: number } & OnLinks)
  | ({ readonly kind: 'duplicate'; readonly ppm: number } & OnLinks)
  | ({ readonly kind: 'delay'; readonly addUs: number } & OnLinks)
  /** Ends every link fault that acts at the time. */
  | ({ readonly kind: 'heal' } & Momentary);
