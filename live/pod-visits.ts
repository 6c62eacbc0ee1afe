/** Who stands at the door of a node and asks about a pod: nobody is let in who has not signed just this request, to this node, for now. */
import { buffer } from 'node:stream/consumers';
import type { Request, Response } from 'express';
import type { Peer } from '../core/base/peers.ts';
import { podIdOf } from '../core/policy/pod-documents.ts';
import { NO_ELIGIBLE_NODE, OVERLOADED, type ErrorCode } from '../core/routing/outcomes.ts';
import { readKey, sendFault, sendKeyReused, sendRefused } from './http-replies.ts';
import { hashBytes, idOfPublicKey, PeerTableFull } from './identity.ts';
import { JsonFault } from './json-shape.ts';
import type { LiveNode } from './live-node.ts';
import { ParcelFault } from './pod-parcel.ts';
import { readAuthorization, textOf, type Authorization } from './signed-request.ts';

/** Somebody asks, and has proved who it is. */
export interface Visit {
  readonly person: Peer;
  readonly key: string | null;
  readonly waitMs: number;
  readonly bodyHash: string;
}

/** The same, about a pod. */
export interface PodVisit extends Visit {
  readonly owner: Peer;
  readonly number: number;
  readonly pod: string;
}

export const OTHER_BODY = 'the body that came is another than was signed for';
/** A signed request is good for no longer than this, and clocks may differ by as much, in ms. */
const MAX_AGE_MS = 300_000;
const DEFAULT_WAIT_MS = 10_000;
const MAX_WAIT_MS = 60_000;
/** Signatures of readings that were heard, so that nobody who overheard one reads by it; the oldest make room. */
const MAX_HEARD = 65_536;

export class PodDoor {
  private readonly live: LiveNode;
  private readonly heard = new Set<string>();

  constructor(live: LiveNode) {
    this.live = live;
  }

  /** Who asks, and about which pod; null if that is not proved or not said, which is answered. */
  admit(request: Request, response: Response): PodVisit | null {
    const visit = this.admitPerson(request, response);
    if (visit === null) return null;
    try {
      return { ...visit, ...this.podOf(request) };
    } catch (error) {
      sendWrong(this.live, response, null, error);
      return null;
    }
  }

  /** Who asks; null if that is not proved, which is answered. */
  admitPerson(request: Request, response: Response): Visit | null {
    const authorization = readAuthorization(request.get('Authorization'));
    if (authorization === null) {
      sendUnsigned(response, 'whoever asks signs what is asked: Authorization: Watershed key=…');
      return null;
    }
    const key = readKey(request, response);
    if (key === undefined) return null;
    const wrong = this.findSignatureFault(request, authorization, key);
    if (wrong !== null) {
      sendUnsigned(response, wrong);
      return null;
    }
    try {
      return this.visitOf(request, authorization, key);
    } catch (error) {
      sendWrong(this.live, response, null, error);
      return null;
    }
  }

  private podOf(request: Request): Pick<PodVisit, 'owner' | 'number' | 'pod'> {
    const { ids } = this.live;
    // Whoever asks about all of its pods names none.
    const [ownerId, number] = [String(request.params['owner']), Number(request.params['number'] ?? 0)];
    if (!/^[0-9a-f]{64}$/.test(ownerId) || !Number.isSafeInteger(number) || number < 0)
      throw new JsonFault('a pod is named by the id of its owner, 64 hexadecimal digits, and a number');
    const owner = ids.forStrangers.peerOf(ownerId);
    return { owner, number, pod: podIdOf(ids, owner, number) };
  }

  private visitOf(request: Request, { publicKey, bodyHash }: Authorization, key: string | null): Visit {
    const waitMs = Number(request.query['waitMs'] ?? DEFAULT_WAIT_MS);
    if (!Number.isInteger(waitMs) || waitMs < 1 || waitMs > MAX_WAIT_MS)
      throw new JsonFault(`waitMs: a whole number of 1 to ${MAX_WAIT_MS} is expected`);
    const person = this.live.ids.forStrangers.peerOf(idOfPublicKey(publicKey));
    return { person, key, waitMs, bodyHash };
  }

  private findSignatureFault(
    request: Request,
    { publicKey, untilMs, bodyHash, signature }: Authorization,
    key: string | null,
  ): string | null {
    const nowMs = Date.now();
    if (untilMs < nowMs - MAX_AGE_MS || untilMs > nowMs + 2 * MAX_AGE_MS)
      return 'it was signed for another time: the clocks differ, or it is old';
    const { method, originalUrl: target } = request;
    const gateway = this.live.identity.id;
    const text = textOf({ method, target, gateway, key: key ?? '', untilMs, bodyHash });
    if (!this.live.ids.verifyRequest(publicKey, text, Buffer.from(signature, 'base64url')))
      return `the signature is not of this request to ${this.live.config.name}`;
    if (method !== 'GET') return null;
    if (this.heard.has(signature)) return 'this very request was heard before';
    this.heard.add(signature);
    if (this.heard.size > MAX_HEARD) this.heard.delete(this.heard.keys().next().value!);
    return null;
  }
}

/** The body of a signed request, as JSON. */
export async function readDocument(request: Request, { bodyHash }: Visit, limit: number): Promise<unknown> {
  if (Number(request.headers['content-length'] ?? Infinity) > limit)
    throw new ParcelFault(413, `a document has a length, of at most ${limit} bytes`);
  const bytes = await buffer(request);
  if (hashBytes(bytes) !== bodyHash) throw new Unsigned(OTHER_BODY);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new JsonFault('the body is no JSON');
  }
}

/** Another body came than was signed for. */
export class Unsigned extends Error {
  override readonly name = 'Unsigned';
}

/** The node itself refuses, before anybody else is asked. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: ErrorCode;

  constructor(code: typeof NO_ELIGIBLE_NODE | typeof OVERLOADED, message: string) {
    super(message);
    this.code = code;
  }
}

export function sendUnsigned(response: Response, detail: string): void {
  sendFault(response.setHeader('WWW-Authenticate', 'Watershed'), 401, 'NOT_SIGNED', detail);
}

/** Answers what is wrong with a request; whatever else was thrown goes on. */
export function sendWrong(live: LiveNode, response: Response, visit: PodVisit | null, error: unknown): void {
  // Whoever asked is gone in mid-sentence: there is nobody to answer, and nothing is wrong here.
  if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') return;
  if (error instanceof ParcelFault) {
    const code = error.status === 413 ? 'TOO_LARGE' : 'BAD_REQUEST';
    sendFault(response.setHeader('Connection', 'close'), error.status, code, error.message);
  } else if (error instanceof JsonFault) sendFault(response, 400, 'BAD_REQUEST', error.message);
  else if (error instanceof Unsigned) sendUnsigned(response, error.message);
  else if (error instanceof Refusal || error instanceof PeerTableFull) {
    const code = error instanceof Refusal ? error.code : OVERLOADED;
    const refused = { code, retryAfterUs: 1_000_000, detail: error.message, struck: [] };
    sendRefused(live, response, code, refused, visit === null ? {} : { pod: visit.pod });
  } else sendKeyReused(response, error);
}
