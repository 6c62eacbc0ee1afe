// Nodes that break one requirement of §9 each, in the simulator and live: they are honest but for what passes through them.
import type { Envelope } from '../../core/machine/envelope.ts';
import {
  ASK,
  BEAT,
  CHUNK,
  FIND,
  FOUND,
  REFUSED,
  RUN,
  type Found,
  type Refused,
} from '../../core/machine/kinds.ts';
import type { ChunkBrought } from '../../core/models/model-bodies.ts';
import { NOT_ADMITTED } from '../../core/routing/outcomes.ts';
import type { Want } from '../../core/routing/want.ts';
import type { ConformanceReport } from '../../sim/conform/report.ts';
import type { Guise } from '../../sim/malice/malice.ts';

/** Names of the suites that ended so. */
export function ended({ suites }: ConformanceReport, outcome: string): string[] {
  return suites.filter((suite) => suite.outcome === outcome).map(({ suite }) => suite);
}

/** A node that honours all but what is changed here. */
class Villain implements Guise {
  readonly tickUs = 0;
  letsOut: Guise['letsOut'] = () => true;
  letsIn: Guise['letsIn'] = () => true;

  constructor(change: Partial<Pick<Guise, 'letsIn' | 'letsOut'>>) {
    Object.assign(this, change);
  }

  tick(): void {
    // It acts on what passes through it.
  }
}

/** It names its nodes to strangers, whom it should turn away. */
function openDoor(): Villain {
  const asked = new Set<number>();
  return new Villain({
    letsIn: ({ kind, n }) => kind !== FIND || asked.add(n).size > 0,
    letsOut: (envelope) => {
      const isRefusal = envelope.kind === REFUSED && (envelope.body as Refused).code === NOT_ADMITTED;
      if (!isRefusal || !asked.has(envelope.n)) return true;
      envelope.kind = FOUND;
      envelope.body = { candidates: [], bridges: [], isModelKnown: false } satisfies Found;
      return true;
    },
  });
}

/** It computes whatever it is asked for, wherever that may be computed. */
function borderless(region: string): Villain {
  const widen = (envelope: Envelope): boolean => {
    if (envelope.kind === RUN || envelope.kind === ASK)
      envelope.body = { ...(envelope.body as Want), allowedRegions: [region] };
    return true;
  };
  return new Villain({ letsIn: widen });
}

/** It says of everybody that they are verified. */
function credulous(): Villain {
  return new Villain({
    letsOut: (envelope) => {
      if (envelope.kind !== FOUND) return true;
      const found = envelope.body as Found;
      envelope.body = { ...found, candidates: found.candidates.map((one) => ({ ...one, trust: 4 })) };
      return true;
    },
  });
}

/** It tells nobody how it is. */
function mute(): Villain {
  return new Villain({ letsOut: ({ kind }) => kind !== BEAT });
}

/** It hands out chunks that no publisher has signed. */
function lying(): Villain {
  return new Villain({
    letsOut: (envelope) => {
      if (envelope.kind !== CHUNK) return true;
      const brought = envelope.body as ChunkBrought;
      envelope.body = { ...brought, chunk: { ...brought.chunk, hash: `lie-${brought.chunk.hash}` } };
      return true;
    },
  });
}

/** By suite: what one does that fails it, and it. */
export const VILLAINS: readonly (readonly [
  suite: string,
  what: string,
  create: (region: string) => Guise,
])[] = [
  ['discover-and-join', 'tells strangers what is for members', openDoor],
  ['data-in-region', 'computes what may not be computed there', borderless],
  ['trust-honoured', 'takes claims of trust for true', credulous],
  ['pull-update-roll-back', 'hands out what no publisher has signed', lying],
  ['heartbeat-and-metrics', 'keeps its heartbeats to itself', mute],
];
