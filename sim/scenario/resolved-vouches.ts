/** One node vouches for another (R8.1-3). Plain JSON, like all that is resolved. */
export interface ResolvedVouch {
  readonly by: string;
  readonly subject: string;
  /** 2 peer, 3 community. */
  readonly level: number;
  readonly fromUs: number;
  /** null: beyond the run. */
  readonly untilUs: number | null;
  /** When the voucher takes it back; null: never. */
  readonly withdrawnUs: number | null;
}
