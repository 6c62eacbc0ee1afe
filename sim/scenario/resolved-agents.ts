/** People of one cluster who have agents act for them. Plain JSON, like all that is resolved. */
export interface ResolvedAgents {
  readonly cluster: string;
  readonly people: number;
  readonly fromUs: number;
  readonly untilUs: number;
  /** Between two agents of them all, in the mean; the gaps are exponential. */
  readonly meanGapUs: number;
  /** The model of each step; the first is given a prompt, each later one what the step before it has made. */
  readonly steps: readonly string[];
  readonly contextTokens: number;
  readonly maxTokens: number;
  readonly budgetTokens: number;
  readonly budgetUs: number;
  readonly minTrust: number;
  readonly allowedRegions: readonly string[];
  /** How many of them their owners stop in mid-work, and of how many they withdraw the consent, ppm. */
  readonly stoppedPpm: number;
  readonly revokedPpm: number;
  /** To how many nobody has consented: they must not begin, ppm. */
  readonly unaskedPpm: number;
  /** Pods of others that each step is given; absent: none. */
  readonly pods?: number;
}
