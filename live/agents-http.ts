/** Agents over HTTP: to begin one, to see all and each, to stop one (R4-6). */
import type { Express, Request, RequestHandler, Response } from 'express';
import { AGENT_STATES, type AgentState } from '../core/roles/agents/agent-plan.ts';
import { ERROR_CODES, OK, UNKNOWN_OUTCOME } from '../core/routing/outcomes.ts';
import { idOf, type AgentId, type AgentOwner, type FoundAgents } from './agent-owner.ts';
import { readAgentRequest } from './agent-request.ts';
import { nameOf, readKey, sendFault, sendKeyReused, sendRefused } from './http-replies.ts';
import type { LiveNode } from './live-node.ts';

const AGENT_ID = /^(\d{1,10})-(\d{1,10})$/;

export function routeAgents(app: Express, live: LiveNode, owner: AgentOwner, readBody: RequestHandler): void {
  app.post('/v1/agents', readBody, (request, response) => beginAgent(live, owner, request, response));
  app.get('/v1/agents', async (_request, response) => {
    const found = await owner.list();
    response.json({
      agents: found.agents.map((state) => describe(live, state)),
      ...describeHosts(live, found),
    });
  });
  app.get('/v1/agents/:id', async (request, response) => {
    const found = await findAgent(live, owner, request, response);
    if (found === null) return;
    const { state } = found;
    const made = await owner.fetch(state);
    response.json({ ...describe(live, state), results: made.map(readResult) });
  });
  app.delete('/v1/agents/:id', (request, response) => stopAgent(live, owner, request, response));
  app.all(['/v1/agents', '/v1/agents/:id'], (request, response) => {
    const allowed = request.path === '/v1/agents' ? 'GET, POST' : 'GET, DELETE';
    sendFault(response.setHeader('Allow', allowed), 405, 'METHOD_NOT_ALLOWED', `there are ${allowed}`);
  });
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
  const key = readKey(request, response);
  if (key === undefined) return;
  try {
    const { id, said } = await owner.begin(asked, key);
    const agent = nameAgent(id);
    if (said === null) sendRefused(live, response, UNKNOWN_OUTCOME, null, { agent });
    else if ('refused' in said) sendRefused(live, response, said.refused.code, said.refused, { agent });
    else response.status(201).location(`/v1/agents/${agent}`).json(describe(live, said.state));
  } catch (error) {
    sendKeyReused(response, error);
  }
}

async function stopAgent(
  live: LiveNode,
  owner: AgentOwner,
  request: Request,
  response: Response,
): Promise<void> {
  const { revoke } = request.query;
  if (revoke !== undefined && revoke !== 'true' && revoke !== 'false') {
    sendFault(response, 400, 'BAD_REQUEST', 'revoke: true or false is expected');
    return;
  }
  const found = await findAgent(live, owner, request, response);
  if (found === null) return;
  const agent = nameAgent(idOf(found.state));
  const said = await owner.stop(found.state, revoke === 'true');
  if (said === null) sendRefused(live, response, UNKNOWN_OUTCOME, null, { agent });
  else if ('refused' in said) sendRefused(live, response, said.refused.code, said.refused, { agent });
  else response.json(describe(live, said.state));
}

/** The agent that the path names, as its host says now. Null if there is none; that is answered. */
async function findAgent(
  live: LiveNode,
  owner: AgentOwner,
  request: Request,
  response: Response,
): Promise<{ readonly state: AgentState } | null> {
  const name = String(request.params['id']);
  const [, boot, n] = AGENT_ID.exec(name) ?? [];
  if (boot === undefined) {
    sendFault(response, 404, 'NOT_FOUND', 'an agent is named by two numbers, as 1-7');
    return null;
  }
  const found = await owner.list();
  const state = found.agents.find(
    ({ ownerBoot, n: number }) => ownerBoot === Number(boot) && number === Number(n),
  );
  if (state !== undefined) return { state };
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
function readResult(bytes: Uint8Array | undefined): unknown {
  return bytes === undefined ? null : (JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown);
}

/** Unique among those of the gateway's user. */
function nameAgent({ boot, n }: AgentId): string {
  return `${boot}-${n}`;
}
