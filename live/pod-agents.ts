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

const PATIENCE_MS = 25_000;
const LOOK_MS = 10_000;

export class PodAgents {
  private readonly owner: PodOwner;
  private readonly calls: GatewayCalls;

  /** @param gateway its URL: an agent is asked for at one, since another would begin it a second time */
  constructor(owner: PodOwner, gateway: string) {
    this.owner = owner;
    this.calls = new GatewayCalls(owner.identity, [gateway]);
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
    const { region } = await this.calls.first(LOOK_MS);
    const asked = readAgentRequest(order, region);
    if ('detail' in asked) throw PodRefused.definitely(asked.code, asked.detail);
    return { plan: signPlan(ids, identity, peer, asked), texts: textsOf(asked) };
  }

  /** Has a gateway begin what was signed. */
  async send(
    { plan, texts }: { readonly plan: Plan; readonly texts: readonly string[] },
    key: string = randomUUID(),
  ): Promise<AgentBegun> {
    const body = Buffer.from(JSON.stringify({ plan: this.owner.toJson(planShape, plan), texts }));
    const waitMs = PATIENCE_MS;
    const told = await this.ask({
      method: 'POST',
      path: '/v1/agents',
      body,
      key,
      waitMs,
      patienceMs: waitMs,
    });
    const terms = plan.permissions[0]?.permission.proposal.terms;
    const consent = terms === undefined ? null : proposedHash(this.owner.ids, terms);
    return { ...(told as AgentTold), consent };
  }

  async list(): Promise<readonly AgentTold[]> {
    const { agents } = (await this.ask({ method: 'GET', path: '/v1/agents' })) as { agents: AgentTold[] };
    return agents;
  }

  look(agent: string): Promise<AgentLook> {
    return this.ask({ method: 'GET', path: `/v1/agents/${agent}` }) as Promise<AgentLook>;
  }

  /** No further step of it begins, and what is at work is not used; `isRevoked`: because the owner does not consent any more. */
  stop(agent: string, isRevoked = false): Promise<AgentTold> {
    const path = `/v1/agents/${agent}?revoke=${isRevoked}`;
    return this.ask({ method: 'DELETE', path, key: randomUUID() }) as Promise<AgentTold>;
  }

  private async ask(call: Omit<Call, 'patienceMs'> & { readonly patienceMs?: number }): Promise<unknown> {
    const answer = await this.calls.ask({ patienceMs: LOOK_MS, ...call });
    return JSON.parse(Buffer.from(answer).toString('utf8')) as unknown;
  }
}
