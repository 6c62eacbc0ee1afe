/** The HTTP side of a live node: questions to a gateway, and how the node is. */
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { READY } from '../core/machine/node-state.ts';
import { loadOf } from '../core/roles/compute.ts';
import { NO_ELIGIBLE_NODE, OK, STAGES, UNKNOWN_OUTCOME } from '../core/routing/outcomes.ts';
import { effectiveTrust, TRUST_LEVELS } from '../core/trust/attestation.ts';
import { AgentVisits } from './agent-visits.ts';
import { routeAgents } from './agents-http.ts';
import { routeContents } from './contents-http.ts';
import type { Ending, GatewayUser } from './gateway-user.ts';
import { nameOf, readKey, requestIdOf, sendFault, sendKeyReused, sendRefused } from './http-replies.ts';
import type { LiveNode } from './live-node.ts';
import { Metrics } from './metrics.ts';
import { routePods } from './pods-http.ts';
import type { PodVisitors } from './pod-visitors.ts';
import { routeModels } from './models-http.ts';
import { routeOwnPods, routePodHosts, routeShelf, shelfOf } from './pod-shelf.ts';
import { PodDoor } from './pod-visits.ts';
import { readQuestion } from './question.ts';

const BODY_LIMIT = '512kb';

const PHASES = ['down', 'loading', 'storing', 'signing', 'ready'];

/** The application of a node; `user` and `visitors` are null unless it is a gateway. `onFault` is told what breaks in it. */
export function createHttp(
  live: LiveNode,
  user: GatewayUser | null,
  visitors: PodVisitors | null,
  onFault: (error: unknown) => void,
): Express {
  const app = express();
  app.disable('x-powered-by');
  const metrics = new Metrics(live, user, visitors);
  app.use(refuseOtherSites);
  app.get('/v1/health', (_request, response) => sendHealth(live, response));
  app.get('/v1/node', (_request, response) => void response.json(describeNode(live)));
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.read());
  });
  routeContents(app, live);
  routeModels(app, live);
  if (user !== null) {
    app.post('/v1/ask', express.json({ limit: BODY_LIMIT }), (request, response) =>
      takeQuestion(live, user, metrics, request, response),
    );
    app.all('/v1/ask', (_request, response) => {
      sendFault(response.setHeader('Allow', 'POST'), 405, 'METHOD_NOT_ALLOWED', 'questions are POSTed');
    });
  }
  const door = new PodDoor(live);
  if (user !== null && visitors !== null) {
    const visits = new AgentVisits(live, user.owner.calls, visitors);
    const readBody = express.json({ limit: BODY_LIMIT });
    routeAgents(app, live, { owner: user.owner, visits, door, readBody });
  }
  routePodHosts(app, live);
  routeOwnPods(app, live, door);
  routeShelf(app, live, door);
  if (visitors !== null) routePods(app, live, door, visitors);
  app.use((request, response) => {
    const isOfGateways = /^\/v1\/(ask|agents|pods)(\/|$)/.test(request.path);
    const detail =
      isOfGateways && user === null
        ? 'this node is no gateway'
        : 'there are /v1/ask, /v1/agents, /v1/pods/OWNER/NUMBER, /v1/pod-hosts, /v1/models, /v1/health, /v1/node, /metrics';
    sendFault(response, 404, 'NOT_FOUND', detail);
  });
  app.use(answerFault(onFault));
  return app;
}

async function takeQuestion(
  live: LiveNode,
  user: GatewayUser,
  metrics: Metrics,
  request: Request,
  response: Response,
): Promise<void> {
  const question = readQuestion(request.body, live.driver.node.config.manifest.region);
  if (typeof question === 'string') return sendFault(response, 400, 'BAD_REQUEST', question);
  const key = readKey(request, response);
  if (key === undefined) return;
  try {
    const ending = await user.ask(question, key);
    metrics.observe((ending.endedWallUs - ending.askedWallUs) / 1_000_000);
    sendEnding(live, response, ending);
  } catch (error) {
    sendKeyReused(response, error);
  }
}

function sendEnding(live: LiveNode, response: Response, ending: Ending): void {
  const requestId = requestIdOf(live, ending.n);
  const totalMs = (ending.endedWallUs - ending.askedWallUs) / 1_000;
  const { answer } = ending;
  const content = answer === null ? undefined : live.contents.get(answer.answer);
  if (ending.code !== OK || answer === null || content === undefined) {
    // An answer whose content is gone was released before: it cannot be had again.
    const code = ending.code === OK ? UNKNOWN_OUTCOME : ending.code;
    const isBare = code === NO_ELIGIBLE_NODE && ending.refused?.detail === '';
    const detail = `no node that could answer is where the request may go: ${ending.question.regions.join(', ')}`;
    sendRefused(live, response, code, ending.refused, { requestId, ...(isBare ? { detail } : {}) });
    return;
  }
  response.json({
    answer: JSON.parse(Buffer.from(content).toString('utf8')) as unknown,
    model: ending.question.model,
    provider: answer.provider,
    servedBy: nameOf(live, answer.servedBy),
    cluster: answer.cluster,
    region: answer.region,
    stage: STAGES[answer.stage],
    tokens: { context: answer.contextTokens, generated: answer.generatedTokens },
    timings: { totalMs, queuedMs: answer.queuedUs / 1_000, computedMs: answer.computedUs / 1_000 },
    requestId,
  });
}

function sendHealth(live: LiveNode, response: Response): void {
  const { phase } = live.driver.node;
  response.status(phase === READY ? 200 : 503).json({ name: live.config.name, phase: PHASES[phase] });
}

function describeNode(live: LiveNode): unknown {
  const { node } = live.driver;
  const { manifest, attestations } = node.config;
  const now = { monoUs: 0, wallUs: Date.now() * 1_000 };
  const valid = node.phase === READY ? node.presence.valid : undefined;
  return {
    name: live.config.name,
    phase: PHASES[node.phase],
    bootCount: live.bootCount,
    provider: live.config.models.length === 0 ? null : live.config.provider,
    manifest: { ...manifest, id: live.identity.id },
    version: { epoch: node.epoch, version: node.manifestVersion },
    trust: TRUST_LEVELS[effectiveTrust(now, manifest, attestations, valid)],
    load: loadOf(node, now),
    pods: shelfOf(node, live.names),
  };
}

/** A page of another site must not ask through the browser of whoever runs the node. */
const refuseOtherSites: RequestHandler = (request, response, next) => {
  const { origin, host } = request.headers;
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) next();
  else sendFault(response, 403, 'OTHER_SITE', 'pages of other sites may not ask here');
};

/** What express itself refuses: a body that is no JSON, or too large. What is our own fault is told to `onFault`, not to who asked. */
function answerFault(onFault: (error: unknown) => void): ErrorRequestHandler {
  return (error: { status?: number; type?: string }, _request, response, next) => {
    const status = error.status ?? 500;
    if (status >= 500) onFault(error);
    if (response.headersSent) return next(error);
    if (error.type === 'entity.too.large')
      sendFault(response, 413, 'TOO_LARGE', `a body has at most ${BODY_LIMIT}`);
    else if (status < 500) sendFault(response, status, 'BAD_REQUEST', 'the body is no JSON');
    else sendFault(response, 500, 'INTERNAL', 'the gateway failed');
  };
}
