// Nodes that break one requirement of §9 each, in the simulator and live: they are honest but for what passes through them.
import type { Envelope } from '../../core/machine/envelope.ts';
import type { Ref } from '../../core/machine/shape.ts';
import {
  ASK,
  BEAT,
  CHUNK,
  FIND,
  FOUND,
  MODEL,
  MODEL_NEWS,
  MODEL_STATE,
  REFUSED,
  RUN,
  type Found,
  type Refused,
} from '../../core/machine/kinds.ts';
import {
  ORDER_CHECK,
  ORDER_PULL,
  ORDER_REMOVE,
  ORDER_UPDATE,
  type ChunkBrought,
  type ModelNews,
  type ModelOrder,
} from '../../core/models/model-bodies.ts';
import { NOT_ADMITTED } from '../../core/routing/outcomes.ts';
import type { Want } from '../../core/routing/want.ts';
import type { ConformanceReport } from '../../sim/conform/report.ts';
import type { Guise } from '../../sim/malice/malice.ts';

/** Where a villain lies, and how it comes by a content that is not the one it should be. */
export interface Lair {
  readonly region: string;
  falsify(content: Ref): Ref;
}

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

/** It answers strangers whom it should turn away. */
function unwary(asked: number, answer: number, body: unknown): Villain {
  const ns = new Set<number>();
  return new Villain({
    letsIn: ({ kind, n }) => kind !== asked || ns.add(n).size > 0,
    letsOut: (envelope) => {
      const isRefusal = envelope.kind === REFUSED && (envelope.body as Refused).code === NOT_ADMITTED;
      if (!isRefusal || !ns.has(envelope.n)) return true;
      envelope.kind = answer;
      envelope.body = body;
      return true;
    },
  });
}

/** It names its nodes to them. */
const openDoor = (): Villain =>
  unwary(FIND, FOUND, { candidates: [], bridges: [], isModelKnown: false } satisfies Found);

/** It does with its models what they say. */
const servile = (): Villain =>
  unwary(MODEL, MODEL_STATE, { model: '', installed: null, latest: null, isLoaded: false });

/** It takes an order about models for a question of how they are. */
function lazy(order: number): Villain {
  return new Villain({
    letsIn: (envelope) => {
      if (envelope.kind !== MODEL || (envelope.body as ModelOrder).order !== order) return true;
      envelope.body = { ...(envelope.body as ModelOrder), order: ORDER_CHECK };
      return true;
    },
  });
}

/** It will not hear that a version is withdrawn. */
function stubborn(): Villain {
  return new Villain({
    letsIn: ({ kind, body }) => kind !== MODEL_NEWS || (body as ModelNews).withdrawals.length === 0,
  });
}

/** It computes whatever it is asked for, wherever that may be computed. */
function borderless({ region }: Lair): Villain {
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
function lying({ falsify }: Lair): Villain {
  return new Villain({
    letsOut: (envelope) => {
      if (envelope.kind !== CHUNK) return true;
      const brought = envelope.body as ChunkBrought;
      envelope.body = { ...brought, chunk: falsify(brought.chunk) };
      return true;
    },
  });
}

/** By suite: what one does that fails it, and it. */
export const VILLAINS: readonly (readonly [suite: string, what: string, create: (lair: Lair) => Guise])[] = [
  ['discover-and-join', 'tells strangers what is for members', openDoor],
  ['data-in-region', 'computes what may not be computed there', borderless],
  ['trust-honoured', 'takes claims of trust for true', credulous],
  ['pull-update-roll-back', 'hands out what no publisher has signed', lying],
  ['pull-update-roll-back', 'takes orders about its models from anybody', servile],
  ['pull-update-roll-back', 'does not pull what it is told to have', () => lazy(ORDER_PULL)],
  ['pull-update-roll-back', 'stays with the version that it has', () => lazy(ORDER_UPDATE)],
  ['pull-update-roll-back', 'goes on running what is withdrawn', stubborn],
  ['pull-update-roll-back', 'keeps what it is told to remove', () => lazy(ORDER_REMOVE)],
  ['heartbeat-and-metrics', 'keeps its heartbeats to itself', mute],
];
