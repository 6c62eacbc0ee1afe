/** Asks gateways over HTTP in a name of one's own: one after the other, until one has done it or said that it will not. */
import { ALLOWS_NOTHING } from '../core/policy/location-policy.ts';
import { authorize } from './signed-request.ts';
import { hashBytes, type Identity } from './identity.ts';
import { fieldsOf } from './json-shape.ts';

/** Why something was not done, as a gateway says it; or that none was heard. */
export class PodRefused extends Error {
  override readonly name = 'PodRefused';
  readonly code: string;
  /** It surely was not done and will not be. */
  readonly definite: boolean;
  readonly retryable: boolean;
  readonly retryAfterMs: number;

  constructor(said: {
    readonly code: string;
    readonly definite: boolean;
    readonly retryable: boolean;
    readonly retryAfterMs: number;
    readonly detail: string;
  }) {
    super(said.detail === '' ? said.code : said.detail);
    this.code = said.code;
    this.definite = said.definite;
    this.retryable = said.retryable;
    this.retryAfterMs = said.retryAfterMs;
  }

  static definitely(code: string, detail: string): PodRefused {
    return new PodRefused({ code, definite: true, retryable: false, retryAfterMs: 0, detail });
  }
}

export interface Gateway {
  readonly url: string;
  readonly id: string;
  readonly name: string;
  readonly region: string;
}

export interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is for one gateway alone. */
  readonly headersFor?: (gateway: Gateway) => Readonly<Record<string, string>>;
  /** The Idempotency-Key; whatever changes something has one, so that asking again does no harm. */
  readonly key?: string;
  /** So long gateways are asked again and again, in ms. */
  readonly patienceMs: number;
  /** How long a gateway is to wait for what is asked at most, in ms. Default 10,000. */
  readonly waitMs?: number;
  /** Why a gateway is not to be asked, or null. */
  readonly findFault?: (gateway: Gateway) => string | null;
}

const GOOD_FOR_MS = 60_000;
const DEFAULT_WAIT_MS = 10_000;
const MAX_WAIT_MS = 60_000;
/** For the way there and back, and for what a gateway does after its time is over. */
const WAY_MS = 5_000;
const PAUSE_MS = 500;
/** Where nobody at all listens nobody is waited for longer: a node that starts again is there by then. */
const ABSENT_MS = 8_000;
/** What another gateway, or the same in a moment, may do. */
const FOR_A_MOMENT: readonly string[] = ['NOT_READY', 'OVERLOADED', 'UNKNOWN_OUTCOME', 'UNREACHABLE'];
const NOT_A_NODE = 'NOT_A_NODE';

export class GatewayCalls {
  private readonly identity: Identity;
  private readonly urls: readonly string[];
  private readonly known = new Map<string, Gateway>();

  constructor(identity: Identity, urls: readonly string[]) {
    this.identity = identity;
    this.urls = urls.map((url) => url.replace(/\/+$/, ''));
  }

  /**
   * Resolves to the body of the answer. Rejects with PodRefused: what the last gateway said, of those that were asked. One that may not
   * do it where it lies does not end it: another may.
   */
  async ask(call: Call): Promise<Uint8Array> {
    const endMs = performance.now() + call.patienceMs;
    const absentMs = performance.now() + ABSENT_MS;
    let isDoubtful = false;
    for (;;) {
      let last = PodRefused.definitely('NO_GATEWAY', 'no gateway was named');
      let isAnybodyThere = false;
      for (const url of this.urls) {
        try {
          return await this.askOne(url, call, endMs);
        } catch (error) {
          if (!(error instanceof PodRefused)) throw error;
          if (error.definite && !error.retryable && !isOfPlace(error)) throw error;
          isDoubtful ||= !error.definite;
          isAnybodyThere ||= error.code !== 'UNREACHABLE';
          last = worse(last, error);
        }
      }
      const lastMs = isAnybodyThere ? endMs : Math.min(endMs, absentMs);
      if (!FOR_A_MOMENT.includes(last.code) || performance.now() + PAUSE_MS > lastMs)
        throw new PodRefused({ ...last, detail: last.message, definite: !isDoubtful });
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** Which gateway is the first of those that answer. Rejects with PodRefused if none does. */
  async first(withinMs: number): Promise<Gateway> {
    let last = PodRefused.definitely('NO_GATEWAY', 'no gateway was named');
    for (const url of this.urls) {
      try {
        return await this.meet(url, withinMs);
      } catch (error) {
        if (!(error instanceof PodRefused)) throw error;
        last = error;
      }
    }
    throw last;
  }

  private async askOne(url: string, call: Call, endMs: number): Promise<Uint8Array> {
    const gateway = await this.meet(url, Math.min(WAY_MS, Math.max(1, endMs - performance.now())));
    const fault = call.findFault?.(gateway) ?? null;
    if (fault !== null) throw PodRefused.definitely('ELSEWHERE', fault);
    const leftMs = Math.max(1, Math.floor(endMs - performance.now()));
    const waitMs = Math.min(MAX_WAIT_MS, call.waitMs ?? DEFAULT_WAIT_MS, leftMs);
    const target = `${call.path}${call.path.includes('?') ? '&' : '?'}waitMs=${waitMs}`;
    const body = call.body ?? new Uint8Array();
    const authorization = authorize(this.identity, {
      method: call.method,
      target,
      gateway: gateway.id,
      key: call.key ?? '',
      untilMs: Date.now() + GOOD_FOR_MS,
      bodyHash: hashBytes(body),
    });
    const own = call.headersFor?.(gateway) ?? {};
    const headers: Record<string, string> = { ...call.headers, ...own, Authorization: authorization };
    if (call.key !== undefined) headers['Idempotency-Key'] = call.key;
    const { ok, status, answer } = await reach(url, `${url}${target}`, waitMs + WAY_MS, {
      method: call.method,
      headers,
      ...(call.body === undefined ? {} : { body: call.body as Uint8Array<ArrayBuffer> }),
    });
    if (ok) return answer;
    // Another node may listen there by now.
    if (status === 401) this.known.delete(url);
    const refusal = refusalOf(gateway, answer);
    // Who only looks changes nothing.
    if (call.method !== 'GET' || refusal.definite) throw refusal;
    throw new PodRefused({ ...refusal, detail: refusal.message, definite: true });
  }

  /** Who listens there, and in which region: asked once. */
  private async meet(url: string, withinMs: number): Promise<Gateway> {
    const met = this.known.get(url);
    if (met !== undefined) return met;
    const { answer } = await reach(url, `${url}/v1/node`, Math.ceil(withinMs), { method: 'GET' });
    const gateway = gatewayOf(url, answer);
    if (gateway === null)
      throw PodRefused.definitely(
        NOT_A_NODE,
        `${url}: whoever answers there is no node of a federation; watershed live prints their addresses`,
      );
    this.known.set(url, gateway);
    return gateway;
  }
}

/** Another gateway may do it. */
function isOfPlace({ code, message }: PodRefused): boolean {
  return code === 'ELSEWHERE' || code === NOT_A_NODE || message.includes(ALLOWS_NOTHING);
}

/** Of two refusals the one that says more: what was asked of nobody, or of one that may not, is told only if there is nothing else. */
function worse(last: PodRefused, next: PodRefused): PodRefused {
  if (last.code === 'NO_GATEWAY' || last.code === NOT_A_NODE) return next;
  if (isOfPlace(next)) return last;
  return isOfPlace(last) || next.code !== 'UNREACHABLE' ? next : last;
}

interface Heard {
  readonly ok: boolean;
  readonly status: number;
  readonly answer: Uint8Array;
}

async function reach(url: string, target: string, withinMs: number, init: RequestInit): Promise<Heard> {
  try {
    const response = await fetch(target, { ...init, signal: AbortSignal.timeout(withinMs) });
    const { ok, status } = response;
    return { ok, status, answer: new Uint8Array(await response.arrayBuffer()) };
  } catch (error) {
    const cause = (error as Error).cause;
    const why = cause instanceof Error ? cause.message : (error as Error).message;
    const isRefused = (cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED';
    throw new PodRefused({
      code: 'UNREACHABLE',
      // It may have been heard, and the answer lost; unless nothing was asked for but to look, or nobody listens there.
      definite: init.method === 'GET' || isRefused,
      retryable: true,
      retryAfterMs: 0,
      detail: `no answer from ${url}: ${why === '' ? 'nobody listens there' : why}`,
    });
  }
}

/** Null: what is answered is not what a node says of itself. */
function gatewayOf(url: string, answer: Uint8Array): Gateway | null {
  try {
    const { name, manifest } = fieldsOf(JSON.parse(Buffer.from(answer).toString('utf8')), url);
    const { id, region } = fieldsOf(manifest, url);
    return { url, id: String(id), name: String(name), region: String(region) };
  } catch {
    return null;
  }
}

function refusalOf({ name }: Gateway, answer: Uint8Array): PodRefused {
  let said: Record<string, unknown> = {};
  try {
    said = fieldsOf(JSON.parse(Buffer.from(answer).toString('utf8')), 'answer');
  } catch {
    // What is no answer of a gateway is told as it came.
    said = { code: 'NO_ANSWER', detail: Buffer.from(answer).toString('utf8').slice(0, 200) };
  }
  return new PodRefused({
    code: String(said['code']),
    definite: said['definite'] === true,
    retryable: said['retryable'] !== false,
    retryAfterMs: Number(said['retryAfterMs'] ?? 0),
    detail: said['detail'] === '' ? `${name}: ${String(said['code'])}` : String(said['detail']),
  });
}
