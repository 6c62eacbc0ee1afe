/** Agents of people with keys of their own (R4-6): a plan that its owner has signed is looked at, and begun in the owner's name. */
import type { Peer } from '../core/base/peers.ts';
import { POD_CONSENT, type Refused } from '../core/machine/kinds.ts';
import type { Ref } from '../core/machine/shape.ts';
import { AGENT_USE, EMPTY_BOOK, FIRST_LOCK, type ConsentBook } from '../core/policy/consent-documents.ts';
import { podIdOf } from '../core/policy/pod-documents.ts';
import { decideUse } from '../core/policy/use-of-pods.ts';
import { planShape, type Plan } from '../core/roles/agents/agent-plan.ts';
import { podsOfStep } from '../core/roles/agents/agent-proposal.ts';
import { SEALED_FROM_AGENTS } from '../core/roles/pods/pod-exports.ts';
import type { PodConsented } from '../core/roles/pods/pod-records.ts';
import {
  CONSENT_REQUIRED,
  NO_ELIGIBLE_NODE,
  NOT_READY,
  UNKNOWN_OUTCOME,
  type ErrorCode,
} from '../core/routing/outcomes.ts';
import type { PodOfWant } from '../core/routing/want.ts';
import { full, type AgentCalls, type AgentId, type FoundAgents, type Said } from './agent-calls.ts';
import { refOf } from './agent-papers.ts';
import { IdempotencyKeys, numbersOf } from './idempotency-keys.ts';
import { fieldsOf, fromJson, JsonFault } from './json-shape.ts';
import type { LiveNode } from './live-node.ts';
import type { PodVisitors } from './pod-visitors.ts';
import type { Visit } from './pod-visits.ts';

/** So long pod hosts have to say how it stands with a pod before an agent begins. */
const LOOK_MS = 2_000;

export class AgentVisits {
  private readonly live: LiveNode;
  private readonly calls: AgentCalls;
  private readonly visitors: PodVisitors;
  private readonly keys: IdempotencyKeys;

  constructor(live: LiveNode, calls: AgentCalls, visitors: PodVisitors) {
    this.live = live;
    this.calls = calls;
    this.visitors = visitors;
    this.keys = new IdempotencyKeys(live.driver.node.config.parameters.rememberUs / 1_000);
  }

  /**
   * Begins what was signed; asked again with the same key, here, it is the same agent. Throws JsonFault if it is no plan, and
   * KeyReused if the key was for another.
   */
  async begin(visit: Visit, json: unknown): Promise<{ id: AgentId; said: Said }> {
    const { person, key, waitMs, bodyHash } = visit;
    const id = { owner: person, ...numbersOf(`agents of ${this.live.ids.idOf(person)}`, key) };
    const place = `${person} ${key}`;
    const isKnown = key !== null && this.keys.find(place, bodyHash) !== undefined;
    const { plan, texts } = this.read(json);
    const refused = isKnown ? null : await this.findPodRefusal(person, plan);
    if (refused !== null) return { id, said: { refused } };
    const areHeld = texts.every((text) => this.live.contents.put(Buffer.from(text)) !== null);
    if (!areHeld) return { id, said: { refused: full('the gateway holds as many prompts as it may') } };
    if (key !== null && !isKnown) this.keys.remember(place, id.n, bodyHash);
    return { id, said: await this.calls.begin(id, plan, waitMs) };
  }

  /** Every agent that acts for somebody. */
  list(person: Peer): Promise<FoundAgents> {
    return this.calls.list({ owner: person, ...numbersOf('', null) });
  }

  private read(json: unknown): { plan: Plan; texts: string[] } {
    const fields = fieldsOf(json, 'agent');
    const plan = fromJson(planShape, fields['plan'], this.live.ids.forStrangers, 'plan') as Plan;
    const { texts } = fields;
    if (!Array.isArray(texts) || !texts.every((text) => typeof text === 'string'))
      throw new JsonFault('texts: a list of the texts that the plan names by their hashes is expected');
    const brought = (texts as string[]).map(refOf);
    const isBrought = ({ hash, sizeBytes, keyId }: Ref): boolean =>
      keyId === 0 && brought.some((ref) => ref.hash === hash && ref.sizeBytes === sizeBytes);
    const needed = [plan.plan.proposal, ...plan.plan.steps.flatMap(({ prompt }) => prompt ?? [])];
    if (!needed.every(isBrought)) throw new JsonFault('texts: the plan names one that was not brought');
    return { plan, texts: texts as string[] };
  }

  /** Why a step could not be given a pod, or null: what its hosts can say before anybody is shown the plan. */
  private async findPodRefusal(person: Peer, asked: Plan): Promise<Refused | null> {
    const named = new Map<string, PodOfWant>();
    for (const step of asked.plan.steps.keys())
      for (const pod of podsOfStep(this.live.ids, asked, step)) named.set(`${pod.owner}/${pod.number}`, pod);
    const found = await Promise.all([...named.values()].map((pod) => this.findRefusal(person, pod)));
    return found.find((refused) => refused !== null) ?? null;
  }

  private async findRefusal(person: Peer, pod: PodOfWant): Promise<Refused | null> {
    const { owner, number } = pod;
    const time = { timeLeftUs: LOOK_MS * 1_000, notAfterWallUs: (Date.now() + LOOK_MS) * 1_000 };
    const body = { owner, number, told: EMPTY_BOOK, taken: [], ...time };
    const errand = { person, ...numbersOf('', null), kind: POD_CONSENT, body, waitMs: LOOK_MS };
    const said = await this.visitors.ask(errand);
    const refuse = (code: ErrorCode, why: string, retryAfterUs = 0): Refused => ({
      ...{ code, retryAfterUs, struck: [] },
      detail: `pod ${number} of ${owner === person ? 'yours' : this.live.ids.idOf(owner)}: ${why}`,
    });
    if (said === null) return refuse(NOT_READY, 'no pod host has answered', 1_000_000);
    if ('refused' in said) {
      const { code, detail, retryAfterUs } = said.refused;
      // Nothing was to be done yet: nobody need fear that it was.
      return refuse(code === UNKNOWN_OUTCOME ? NOT_READY : code, detail, retryAfterUs);
    }
    const { book, hasSealed } = said.body as PodConsented;
    const shut = this.findShutLock(person, pod, book);
    if (shut !== null) return refuse(CONSENT_REQUIRED, shut);
    return hasSealed ? refuse(NO_ELIGIBLE_NODE, SEALED_FROM_AGENTS) : null;
  }

  private findShutLock(
    reader: Peer,
    { owner, number, plan, permission }: PodOfWant,
    book: ConsentBook,
  ): string | null {
    const { ids, driver } = this.live;
    // Whether it holds where it is used, whoever is to use it there looks.
    const [region = ''] = permission?.proposal.terms.regions ?? [];
    const use = { pod: podIdOf(ids, owner, number), owner, reader, use: AGENT_USE, plan, region };
    const { emergencyUs } = driver.node.config.parameters;
    const verdict = decideUse(ids, { wallUs: Date.now() * 1_000, emergencyUs }, use, permission, book);
    if (verdict.shut === 0) return null;
    return `the ${verdict.shut === FIRST_LOCK ? 'first' : 'second'} lock is shut: ${verdict.reason}`;
  }
}
