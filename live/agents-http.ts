/** Agents over HTTP: to begin one, to see all and each, to stop one (R4-6). They act for the gateway's user, or for who has signed the request. */
import type { Express, Request, RequestHandler, Response } from 'express';
import { AGENT_STATES, type AgentState } from '../core/roles/agents/agent-plan.ts';
import { ERROR_CODES, OK, UNKNOWN_OUTCOME } from '../core/routing/outcomes.ts';
import { idOf, type AgentId, type FoundAgents, type Said, type StepMade } from './agent-calls.ts';
import type { AgentOwner } from './agent-owner.ts';
import { readAgentRequest } from './agent-request.ts';
import type { AgentVisits } from './agent-visits.ts';
import { nameOf, readKey, sendFault, sendKeyReused, sendRefused } from './http-replies.ts';
import type { LiveNode } from './live-node.ts';
import { readDocument, sendUnsigned, sendWrong, type PodDoor } from './pod-visits.ts';

const AGENT_ID = /^(\d{1,10})-(\d{1,15})$/;
/** Of a signed plan with its texts. */
const PLAN_LIMIT = 512 * 1024;

/** Who has agents begun: the gateway's user, and people with keys, who come to the door. */
export interface AgentHttp {
  readonly owner: AgentOwner;
  readonly visits: AgentVisits;
  readonly door: PodDoor;
  readonly readBody: RequestHandler;
}

/** In whose name somebody asks: lists the agents that act for just them. */
type Lister = () => Promise<FoundAgents>;

export function routeAgents(app: Express, live: LiveNode, http: AgentHttp): void {
  const { owner, readBody } = http;
  app.post(
    '/v1/agents',
    (request, response, next) => (isSigned(request) ? beginSigned(live, http, request, response) : next()),
    readBody,
    (request, response) => beginAgent(live, owner, request, response),
  );
  app.get('/v1/agents', async (request, response) => {
    const list = listerOf(http, request, response);
    if (list === null) return;
    const found = await list();
    response.json({
      agents: found.agents.map((state) => describe(live, state)),
      ...describeHosts(live, found),
    });
  });
  app.get('/v1/agents/:id', async (request, response) => {
    const found = await findAgent(live, http, request, response);
    if (found === null) return;
    const made = await owner.calls.fetch(found);
    response.json({
      ...describe(live, found),
      results: made.map(readResult),
      used: describeUses(live, made),
    });
  });
  app.delete('/v1/agents/:id', (request, response) => stopAgent(live, http, request, response));
  app.all(['/v1/agents', '/v1/agents/:id'], (request, response) => {
    const allowed = request.path === '/v1/agents' ? 'GET, POST' : 'GET, DELETE';
    sendFault(response.setHeader('Allow', allowed), 405, 'METHOD_NOT_ALLOWED', `there are ${allowed}`);
  });
}

function isSigned(request: Request): boolean {
  return request.get('Authorization') !== undefined;
}

/** Null if it is signed, and not as it should be; that is answered. */
function listerOf({ owner, visits, door }: AgentHttp, request: Request, response: Response): Lister | null {
  if (!isSigned(request)) return () => owner.list();
  const visit = door.admitPerson(request, response);
  return visit === null ? null : () => visits.list(visit.person);
}

async function beginAgent(
  live: LiveNode,
  owner: AgentOwner,
  request: Request,
  response: Response,
): Promise<void> {
  const asked = readAgentRequest(request.body, live.driver.node.config.manifest.region);
  if ('detail' in asked) {
    sendFault(response, asked.code === 'BAD_REQUEST' ? 400 : 403, asked.code, asked.detail);
    return;
  }
  if (asked.pods.length > 0) {
    sendUnsigned(
      response,
      'an agent is given pods by their owner, who signs its plan: Authorization: Watershed key=…',
    );
    return;
  }
  const key = readKey(request, response);
  if (key === undefined) return;
  try {
    const { id, said } = await owner.begin(asked, key);
    sendBegun(live, response, id, said);
  } catch (error) {
    sendKeyReused(response, error);
  }
}

async function beginSigned(
  live: LiveNode,
  { visits, door }: AgentHttp,
  request: Request,
  response: Response,
): Promise<void> {
  const visit = door.admitPerson(request, response);
  if (visit === null) return;
  try {
    const { id, said } = await visits.begin(visit, await readDocument(request, visit, PLAN_LIMIT));
    sendBegun(live, response, id, said);
  } catch (error) {
    sendWrong(live, response, null, error);
  }
}

function sendBegun(live: LiveNode, response: Response, id: AgentId, said: Said): void {
  const agent = nameAgent(id);
  if (said !== null && 'state' in said) response.status(201).location(`/v1/agents/${agent}`);
  sendSaid(live, response, agent, said);
}

function sendSaid(live: LiveNode, response: Response, agent: string, said: Said): void {
  if (said === null) sendRefused(live, response, UNKNOWN_OUTCOME, null, { agent });
  else if ('refused' in said) sendRefused(live, response, said.refused.code, said.refused, { agent });
  else response.json(describe(live, said.state));
}

async function stopAgent(
  live: LiveNode,
  http: AgentHttp,
  request: Request,
  response: Response,
): Promise<void> {
  const { revoke } = request.query;
  if (revoke !== undefined && revoke !== 'true' && revoke !== 'false') {
    sendFault(response, 400, 'BAD_REQUEST', 'revoke: true or false is expected');
    return;
  }
  const found = await findAgent(live, http, request, response);
  if (found === null) return;
  const said = await http.owner.calls.stop(found, revoke === 'true');
  sendSaid(live, response, nameAgent(idOf(found)), said);
}

/** The agent that the path names, as its host says now. Null if whoever asks has none of that name; that is answered. */
async function findAgent(
  live: LiveNode,
  http: AgentHttp,
  request: Request,
  response: Response,
): Promise<AgentState | null> {
  const list = listerOf(http, request, response);
  if (list === null) return null;
  const name = String(request.params['id']);
  const [, boot, n] = AGENT_ID.exec(name) ?? [];
  if (boot === undefined) {
    sendFault(response, 404, 'NOT_FOUND', 'an agent is named by two numbers, as 1-7');
    return null;
  }
  const found = await list();
  const state = found.agents.find(
    ({ ownerBoot, n: number }) => ownerBoot === Number(boot) && number === Number(n),
  );
  if (state !== undefined) return state;
  if (found.silent.length === 0) sendFault(response, 404, 'NOT_FOUND', `no host has an agent ${name}`);
  else {
    const silent = found.silent.map((host) => nameOf(live, host)).join(', ');
    const detail = `no answer from ${silent}`.slice(0, 250);
    const refused = { code: UNKNOWN_OUTCOME, retryAfterUs: 1_000_000, detail, struck: [] };
    sendRefused(live, response, UNKNOWN_OUTCOME, refused, { agent: name });
  }
  return null;
}

function describe(live: LiveNode, state: AgentState): Record<string, unknown> {
  return {
    agent: nameAgent(idOf(state)),
    state: AGENT_STATES[state.state],
    ...(state.code === OK ? {} : { code: ERROR_CODES[state.code] }),
    ...(state.detail === '' ? {} : { detail: state.detail }),
    step: state.step,
    steps: state.steps,
    host: nameOf(live, state.host),
    spentTokens: state.spentTokens,
    leftMs: Math.floor(state.leftUs / 1_000),
  };
}

function describeHosts(live: LiveNode, { asked, silent }: FoundAgents): Record<string, string[]> {
  return {
    asked: asked.map((host) => nameOf(live, host)),
    silent: silent.map((host) => nameOf(live, host)),
  };
}

/** What a step has made; null if it could not be had just now. */
function readResult(made: StepMade | undefined): unknown {
  return made === undefined ? null : (JSON.parse(Buffer.from(made.bytes).toString('utf8')) as unknown);
}

/** Which pods steps were given, in the order of steps, and under which consent: by its hash, as it stands on receipts (R6.2-4). */
function describeUses(live: LiveNode, made: readonly (StepMade | undefined)[]): object[] {
  return made.flatMap((step, i) =>
    (step?.used ?? []).map(({ owner, number, proposal }) => {
      return { step: i + 1, pod: { owner: live.ids.idOf(owner), number }, consent: proposal };
    }),
  );
}

/** Unique among those of its owner. */
function nameAgent({ boot, n }: Pick<AgentId, 'boot' | 'n'>): string {
  return `${boot}-${n}`;
}
