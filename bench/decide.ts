import { parseArgs } from 'node:util';
import { createRandom, drawBelow } from '../core/base/rng.ts';
import type { Candidate } from '../core/machine/kinds.ts';
import { DEFAULT_PARAMETERS } from '../core/machine/parameters.ts';
import type { Targets } from '../core/routing/breaker.ts';
import { decide, type Asker } from '../core/routing/decide.ts';
import { STRIKE_NONE } from '../core/routing/outcomes.ts';
import type { Want } from '../core/routing/want.ts';
import type { Figures } from './main.ts';

const WARM_UP = 20_000;
const DECISIONS = 50_000;
const REQUIRED_BYTES = 8e9;

const WANT: Want = {
  model: 'lifeos/sense-maker-v1',
  prompt: { hash: 'prompt', sizeBytes: 400, keyId: 0 },
  contextTokens: 100,
  maxTokens: 10,
  minTrust: 2,
  allowedRegions: ['eu'],
  pods: [],
  timeLeftUs: 30_000_000,
  notAfterWallUs: 2 ** 41,
};

/**
 * One decision over N candidates, against sorting them by expected load, which is what a simpler rule, the least
 * loaded of all, would do; and against looking at each field once, which nothing can do without.
 */
export function measure(args: string[]): Figures {
  const { values } = parseArgs({ args, options: { candidates: { type: 'string' } } });
  const count = Number(values.candidates ?? 100);
  const random = createRandom([1, 2, 3, 4]);
  const candidates = Array.from({ length: count }, (_, peer) => createCandidate(peer, random));
  const decideUs = timeOf(
    () => decide(WANT, REQUIRED_BYTES, candidates, askerOf(count), random).chosen?.peer ?? 0,
  );
  const sortUs = timeOf(() => candidates.toSorted((left, right) => queueOf(left) - queueOf(right))[0].peer);
  const lookUs = timeOf(() => candidates.reduce((sum, candidate) => sum + lookAt(candidate), STRIKE_NONE));
  return {
    candidates: count,
    decideUs: round(decideUs),
    sortUs: round(sortUs),
    lookUs: round(lookUs),
    ratioToSort: round(decideUs / sortUs),
    ratioToLook: round(decideUs / lookUs),
  };
}

/** Of a hundred about a third is struck out, for one reason or another; one in eight is ejected. */
function createCandidate(peer: number, random: ReturnType<typeof createRandom>): Candidate {
  const draw = (bound: number): number => drawBelow(random, bound);
  return {
    peer,
    region: draw(10) === 0 ? 'americas/br' : 'eu/fr',
    trust: 1 + draw(4),
    gpuMemoryBytes: 24e9,
    isOffered: draw(20) > 0,
    isLoaded: true,
    load: {
      running: draw(4),
      queued: draw(8),
      slots: 4,
      room: draw(12),
      serviceUs: 500_000 + draw(1_000_000),
      freeMemoryBytes: 0,
      installedModels: [],
      loadedModels: [],
      draining: false,
    },
    ageUs: draw(1_000_000),
  };
}

const askers = new Map<number, Asker>();

function askerOf(count: number): Asker {
  let asker = askers.get(count);
  if (asker !== undefined) return asker;
  const targets: Targets = new Map();
  const inFlight = new Map<number, number>();
  for (let peer = 0; peer < count; peer++) {
    const ejectedUntilUs = peer % 8 === 0 ? 2 : 0;
    targets.set(peer, {
      rttUs: 1_000,
      failures: 0,
      ejections: 0,
      ejectedUntilUs,
      isOnTrial: false,
      lastAskedUs: 0,
    });
    if (peer % 2 === 0) inFlight.set(peer, 1);
  }
  asker = { cluster: 'france', tried: [3, 5], inFlight, targets, monoUs: 1, parameters: DEFAULT_PARAMETERS };
  askers.set(count, asker);
  return asker;
}

function queueOf({ load }: Candidate): number {
  return (load.running + load.queued) * load.serviceUs;
}

function lookAt({ region, trust, gpuMemoryBytes, isOffered, load }: Candidate): number {
  const { room, draining } = load;
  const isEligible =
    region.length > 0 && trust > 1 && gpuMemoryBytes > 0 && isOffered && room > 0 && !draining;
  return isEligible ? 1 : 0;
}

/** The median of five turns, µs a call. The sum keeps the engine from leaving anything out. */
function timeOf(call: () => number): number {
  let sum = 0;
  for (let i = 0; i < WARM_UP; i++) sum += call();
  const turns = Array.from({ length: 5 }, () => {
    const startNs = process.hrtime.bigint();
    for (let i = 0; i < DECISIONS; i++) sum += call();
    return Number(process.hrtime.bigint() - startNs) / 1_000 / DECISIONS;
  });
  if (!Number.isFinite(sum)) throw new Error('nothing was measured');
  return turns.sort((left, right) => left - right)[2];
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
