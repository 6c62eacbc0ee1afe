/** What the HTTP side of a node answers when it does not answer what was asked for; one form for all of it. */
import type { Request, Response } from 'express';
import type { Refused } from '../core/machine/kinds.ts';
import {
  ERROR_CODES,
  isDefinite,
  isRetryable,
  STRIKES,
  type ErrorCode,
  type ErrorName,
} from '../core/routing/outcomes.ts';
import { KeyReused } from './idempotency-keys.ts';
import type { LiveNode } from './live-node.ts';

const STATUS: Readonly<Record<ErrorName, number>> = {
  OK: 200,
  NO_CAPABLE_NODE: 503,
  NO_ELIGIBLE_NODE: 403,
  OVERLOADED: 503,
  DEADLINE_EXCEEDED: 504,
  CLUSTER_UNREACHABLE: 503,
  TRUST_TOO_LOW: 403,
  CONSENT_REQUIRED: 403,
  UNKNOWN_MODEL: 404,
  NOT_ADMITTED: 403,
  NOT_READY: 503,
  UNKNOWN_OUTCOME: 504,
  INTERNAL: 500,
};

/** Answers with an error of the protocol. `more` names what was asked about. */
export function sendRefused(
  live: LiveNode,
  response: Response,
  code: ErrorCode,
  refused: Refused | null,
  more: Readonly<Record<string, string>>,
): void {
  const name = ERROR_CODES[code] ?? 'INTERNAL';
  const retryAfterMs = isRetryable(code) ? Math.ceil((refused?.retryAfterUs ?? 1_000_000) / 1_000) : 0;
  if (retryAfterMs > 0) response.setHeader('Retry-After', Math.ceil(retryAfterMs / 1_000));
  response.status(STATUS[name]).json({
    code: name,
    definite: isDefinite(code),
    retryable: isRetryable(code),
    retryAfterMs,
    detail: refused?.detail ?? '',
    struck: (refused?.struck ?? []).map(({ peer, cluster, reason }) => ({
      node: nameOf(live, peer),
      cluster,
      reason: STRIKES[reason],
    })),
    ...more,
  });
}

/** Answers with an error of the question itself, or of where it was asked. */
export function sendFault(response: Response, status: number, code: string, detail: string): void {
  response.status(status).json({
    code,
    definite: true,
    retryable: false,
    retryAfterMs: 0,
    detail,
    struck: [],
  });
}

const MAX_KEY_CHARACTERS = 256;

/** The Idempotency-Key of a request, null if it has none; undefined if it is no key, which is answered. */
export function readKey(request: Request, response: Response): string | null | undefined {
  const key = request.get('Idempotency-Key') ?? null;
  if (key === null || (key !== '' && key.length <= MAX_KEY_CHARACTERS)) return key;
  const detail = `Idempotency-Key: 1 to ${MAX_KEY_CHARACTERS} characters are expected`;
  sendFault(response, 400, 'BAD_REQUEST', detail);
  return undefined;
}

/** Answers that a key was used for something else. Whatever else was thrown goes on. */
export function sendKeyReused(response: Response, error: unknown): void {
  if (!(error instanceof KeyReused)) throw error;
  sendFault(response, 409, 'KEY_REUSED', 'this Idempotency-Key belongs to another question');
}

/** Unique in the federation: the gateway, its boot, and the number of the question. */
export function requestIdOf(live: LiveNode, n: number): string {
  return `${live.config.name}/${live.bootCount}/${n}`;
}

export function nameOf(live: LiveNode, peer: number): string {
  if (peer < 0) return 'nobody';
  const id = live.ids.idOf(peer);
  return live.names.get(id) ?? id;
}
