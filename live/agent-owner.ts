/** Who has agents act for it over HTTP without a key of its own: the user of a gateway, whose key lies there (R4-6). */
import type { Peer } from '../core/base/peers.ts';
import type { AgentState, Plan } from '../core/roles/agents/agent-plan.ts';
import { AgentCalls, full, type AgentId, type FoundAgents, type Said } from './agent-calls.ts';
import { BEGIN_MS, signPlan, textsOf } from './agent-papers.ts';
import type { AgentRequest } from './agent-request.ts';
import type { IdempotencyKeys } from './idempotency-keys.ts';
import type { Identity } from './identity.ts';
import type { LiveNode } from './live-node.ts';

/** Nobody waits much longer than an agent has to begin to hear of it. */
const PATIENCE_MS = 5_000;
/** Plans that are held, to be said again in the same words; the oldest make room. */
const MAX_PLANS = 256;

export class AgentOwner {
  readonly calls: AgentCalls;
  private readonly live: LiveNode;
  private readonly identity: Identity;
  private readonly self: Peer;
  private readonly keys: IdempotencyKeys;
  private readonly takeN: () => number;
  /** What was asked for under a key. */
  private readonly plans = new Map<number, Plan>();

  /** @param takeN numbers requests: questions and agents of one user are counted together */
  constructor(live: LiveNode, identity: Identity, keys: IdempotencyKeys, takeN: () => number) {
    this.calls = new AgentCalls(live);
    this.live = live;
    this.keys = keys;
    this.identity = identity;
    this.self = live.ids.peerOf(identity.id);
    this.takeN = takeN;
  }

  /**
   * Has an agent begun that does what was asked, and consents to just that. Resolves when a host has it on disk. Under a key that
   * was used before it is the same agent, which is begun once. Throws KeyReused if the key was for something else.
   */
  async begin(asked: AgentRequest, key: string | null): Promise<{ id: AgentId; said: Said }> {
    const known = key === null ? undefined : this.keys.find(key, asked);
    const id = this.idOf(known ?? this.takeN());
    const plan = (known === undefined ? undefined : this.plans.get(known)) ?? this.planOf(asked);
    if (plan === null) return { id, said: { refused: full('the gateway holds as many prompts as it may') } };
    if (key !== null && known === undefined) {
      this.keys.remember(key, id.n, asked);
      this.plans.set(id.n, plan);
      if (this.plans.size > MAX_PLANS) this.plans.delete(this.plans.keys().next().value!);
    }
    return { id, said: await this.calls.begin(id, plan, BEGIN_MS + PATIENCE_MS) };
  }

  list(): Promise<FoundAgents> {
    return this.calls.list(this.idOf(this.takeN()));
  }

  stop(state: AgentState, isRevoked: boolean): Promise<Said> {
    return this.calls.stop(state, isRevoked);
  }

  private planOf(asked: AgentRequest): Plan | null {
    const isHeld = textsOf(asked).every((text) => this.live.contents.put(Buffer.from(text)) !== null);
    return isHeld ? signPlan(this.live.ids, this.identity, this.self, asked) : null;
  }

  private idOf(n: number): AgentId {
    return { owner: this.self, boot: this.live.bootCount, n };
  }
}
