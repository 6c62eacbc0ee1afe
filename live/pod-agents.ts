/** Agents of somebody with a key and pods (R4-6): signs what they will do and what they are given, and asks a gateway for it over HTTP. */
import { randomUUID } from 'node:crypto';
import { planShape, type Plan } from '../core/roles/agents/agent-plan.ts';
import { proposedHash } from '../core/policy/consent-hashes.ts';
import { readAgentRequest } from './agent-request.ts';
import { signPlan, textsOf } from './agent-papers.ts';
import { GatewayCalls, PodRefused, type Call } from './gateway-calls.ts';
import type { PodOwner } from './pod-owner.ts';

/** How an agent does, as a gateway says it. */
export interface AgentTold {
  readonly agent: string;
  readonly state: string;
  readonly code?: string;
  readonly detail?: string;
  readonly step: number;
  readonly steps: number;
  readonly host: string;
  readonly spentTokens: number;
  readonly leftMs: number;
}

/** What one of its steps was given. */
export interface AgentUse {
  /** From 1. */
  readonly step: number;
  readonly pod: { readonly owner: string; readonly number: number };
  /** The hash of the proposal to which the pod's owner has consented: receipts name it, and it can be withdrawn. */
  readonly consent: string;
}

export interface AgentLook extends AgentTold {
  /** What each step has made; null where that could not be had just now. */
  readonly results: readonly unknown[];
  readonly used: readonly AgentUse[];
}

export interface AgentBegun extends AgentTold {
  /** The consent under which it is given pods, as `AgentUse` names it; null: it is given none. */
  readonly consent: string | null;
}

export interface AgentList {
  readonly agents: readonly AgentTold[];
  /** Hosts and gateways that have not answered: they may know more. */
  readonly silent: readonly string[];
}

const PATIENCE_MS = 25_000;
const LOOK_MS = 10_000;

export class PodAgents {
  private readonly owner: PodOwner;
  private readonly all: GatewayCalls;
  private readonly gateways: readonly { readonly url: string; readonly calls: GatewayCalls }[];

  /** @param gateways URLs of gateways, in the order in which they are asked: each knows the agents of its own cluster */
  constructor(owner: PodOwner, gateways: readonly string[]) {
    this.owner = owner;
    this.all = new GatewayCalls(owner.identity, gateways);
    this.gateways = gateways.map((url) => ({ url, calls: new GatewayCalls(owner.identity, [url]) }));
  }

  /**
   * Has an agent begun that does what `order` says, in the form of `POST /v1/agents`, with numbers of pods of the owner's at its steps.
   * The owner has read it, and opens both locks: of the plan, and of each pod for just that plan. Throws PodRefused.
   */
  async begin(order: unknown, key: string = randomUUID()): Promise<AgentBegun> {
    const plan = await this.sign(order);
    return this.send(plan, key);
  }

  /** What is signed of an order, and the texts that go with it. */
  async sign(order: unknown): Promise<{ readonly plan: Plan; readonly texts: readonly string[] }> {
    const { ids, identity, peer } = this.owner;
    const { region } = await this.all.first(LOOK_MS);
    const asked = readAgentRequest(order, region);
    if ('detail' in asked) throw PodRefused.definitely(asked.code, asked.detail);
    return { plan: signPlan(ids, identity, peer, asked), texts: textsOf(asked) };
  }

  /** Has a gateway begin what was signed. What one may have begun no other is asked for: it would be begun twice. */
  async send(
    { plan, texts }: { readonly plan: Plan; readonly texts: readonly string[] },
    key: string = randomUUID(),
  ): Promise<AgentBegun> {
    const body = Buffer.from(JSON.stringify({ plan: this.owner.toJson(planShape, plan), texts }));
    const call = { method: 'POST', path: '/v1/agents', body, key } as const;
    const told = await this.askUntil(
      { ...call, waitMs: PATIENCE_MS, patienceMs: PATIENCE_MS },
      ({ definite, retryable }) => definite && retryable,
    );
    const terms = plan.permissions[0]?.permission.proposal.terms;
    const consent = terms === undefined ? null : proposedHash(this.owner.ids, terms);
    return { ...(told as AgentTold), consent };
  }

  /** All that act for the owner in the clusters of these gateways, and who has not answered. */
  async list(): Promise<AgentList> {
    const agents = new Map<string, AgentTold>();
    const silent = new Set<string>();
    for (const { url, calls } of this.gateways) {
      try {
        const call = { method: 'GET', path: '/v1/agents', patienceMs: LOOK_MS } as const;
        await calls.first(LOOK_MS);
        const told = readJson(await calls.ask(call)) as { agents: AgentTold[]; silent: string[] };
        for (const one of told.agents) agents.set(one.agent, one);
        for (const host of told.silent) silent.add(host);
      } catch (error) {
        if (!(error instanceof PodRefused)) throw error;
        silent.add(url);
      }
    }
    return { agents: [...agents.values()], silent: [...silent] };
  }

  look(agent: string): Promise<AgentLook> {
    return this.askOfOne('GET', `/v1/agents/${agent}`) as Promise<AgentLook>;
  }

  /** No further step of it begins, and what is at work is not used; `isRevoked`: because the owner does not consent any more. */
  stop(agent: string, isRevoked = false): Promise<AgentTold> {
    const path = `/v1/agents/${agent}?revoke=${isRevoked}`;
    return this.askOfOne('DELETE', path) as Promise<AgentTold>;
  }

  /** Of an agent of one cluster the gateways of others know nothing. */
  private askOfOne(method: 'GET' | 'DELETE', path: string): Promise<unknown> {
    const key = method === 'GET' ? {} : { key: randomUUID() };
    const isElsewhere = ({ code }: PodRefused): boolean => code === 'NOT_FOUND' || code === 'UNREACHABLE';
    return this.askUntil({ method, path, patienceMs: LOOK_MS, ...key }, isElsewhere);
  }

  /** Asks one gateway after the other while what is refused is to be asked of the next, too. */
  private async askUntil(call: Call, isForNext: (refused: PodRefused) => boolean): Promise<unknown> {
    let first: PodRefused | null = null;
    for (const { calls } of this.gateways) {
      try {
        // Who cannot be met is passed over at once.
        await calls.first(LOOK_MS);
        return readJson(await calls.ask(call));
      } catch (error) {
        if (!(error instanceof PodRefused) || !isForNext(error)) throw error;
        first ??= error;
      }
    }
    throw first ?? PodRefused.definitely('NO_GATEWAY', 'no gateway was named');
  }
}

function readJson(answer: Uint8Array): unknown {
  return JSON.parse(Buffer.from(answer).toString('utf8')) as unknown;
}
