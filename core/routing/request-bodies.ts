import { loadShape, name } from '../cluster/manifest.ts';
import { flag, integer, list, peer, record, ref, text, upTo, type Of } from '../machine/shape.ts';
import { ERROR_CODES, STAGES, STRIKES } from './outcomes.ts';
import { wantShape } from './want.ts';

export const struckShape = record({ peer, cluster: name, reason: upTo(STRIKES.length - 1) });
/** One candidate that was passed over, and why. NOBODY's place is taken by the one who says so. */
export type Struck = Readonly<Of<typeof struckShape>>;
export const MAX_STRUCK = 64;
export const struckList = list(struckShape, MAX_STRUCK);

export const findBody = record({
  model: name,
  withBridges: flag,
  /** What the asker will strike out anyway: who passes is named first (R3-4). */
  minTrust: upTo(4),
  allowedRegions: list(name, 32),
});
export type Find = Readonly<Of<typeof findBody>>;

export const crossBody = record({ want: wantShape, path: list(name, 8) });
export type Cross = Readonly<Of<typeof crossBody>>;

export const candidateShape = record({
  peer,
  region: name,
  /** Effective trust, R4-4. */
  trust: upTo(4),
  gpuMemoryBytes: integer,
  /** Supported, installed and loaded are three things (R4-5): who only supports it is not offered. */
  isOffered: flag,
  isLoaded: flag,
  load: loadShape,
  ageUs: integer,
});
export type Candidate = Readonly<Of<typeof candidateShape>>;
export const MAX_CANDIDATES = 32;
export const MAX_BRIDGES = 8;
export const foundShape = record({
  candidates: list(candidateShape, MAX_CANDIDATES),
  bridges: list(peer, MAX_BRIDGES),
  isModelKnown: flag,
});
export const workingBody = record({ by: peer, ahead: integer });
export const answerShape = record({
  answer: ref,
  contextTokens: integer,
  generatedTokens: integer,
  servedBy: peer,
  cluster: name,
  region: name,
  stage: upTo(STAGES.length - 1),
  /** What ran it: the execution provider's name as the accelerator reports it. */
  provider: text(64),
  queuedUs: integer,
  computedUs: integer,
});
/** A sentence that may name three regions, models or the like, each as long as a name can be. */
export const MAX_DETAIL = 512;
export const refusedShape = record({
  code: upTo(ERROR_CODES.length - 1),
  retryAfterUs: integer,
  detail: text(MAX_DETAIL),
  struck: struckList,
});

export type Found = Readonly<Of<typeof foundShape>>;
export type Working = Readonly<Of<typeof workingBody>>;
export type Answer = Readonly<Of<typeof answerShape>>;
export type Refused = Readonly<Of<typeof refusedShape>>;
