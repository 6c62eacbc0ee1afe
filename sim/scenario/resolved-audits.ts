/** A third party has looked into a node (R8.1-3). Plain JSON, like all that is resolved. */
export interface ResolvedAudit {
  /** Who audits. */
  readonly by: string;
  readonly subject: string;
  readonly promisedPpm: number;
  /** '': nothing. */
  readonly disclosure: string;
  readonly fromUs: number;
  readonly untilUs: number;
}
