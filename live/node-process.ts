/**
 * One node as a process of its own, started by a federation with the folder of the node as its argument. It stops in
 * order on SIGTERM, when told to, and when whoever started it is gone: nobody is orphaned.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import type { Envelope } from '../core/machine/envelope.ts';
import { NOTE_OUTCOME, NOTE_READY, NOTES, type Noted } from '../core/machine/kinds.ts';
import { READY } from '../core/machine/node-state.ts';
import { hasType } from '../core/cluster/manifest.ts';
import { ERROR_CODES, STAGES, STRIKES } from '../core/routing/outcomes.ts';
import type { StoryStep } from '../sim/frame.ts';
import { refusalOf } from '../sim/recorder.ts';
import { CONFIG_FILE, type LiveConfig } from './config.ts';
import { GatewayUser, type Ending } from './gateway-user.ts';
import { createHttp } from './http.ts';
import { nameOf, requestIdOf } from './http-replies.ts';
import { openUser } from './identity.ts';
import { LiveNode } from './live-node.ts';
import { viewOf } from './node-view.ts';
import { PodVisitors } from './pod-visitors.ts';
import type { FromNode, ToNode } from './process-messages.ts';

const REPORT_MS = 1_000;
/** sysexits: software that broke its own promise, and a start that failed. */
const EXIT_FAILED = 70;
const EXIT_NOT_STARTED = 78;

const folder = process.argv[2];
if (folder === undefined || process.send === undefined)
  throw new Error('a node’s process is started by a federation, with the folder of the node');
const config = JSON.parse(readFileSync(join(folder, CONFIG_FILE), 'utf8')) as LiveConfig;
const log = pino(
  { base: { pid: process.pid, node: config.name } },
  pino.destination({ dest: join(folder, 'node.log'), sync: true }),
);
let live: LiveNode | null = null;
let user: GatewayUser | null = null;
let isStopping = false;
/** What was reported as sent and as dropped, by id of the other node. */
const lastSent = new Map<string, [number, number]>();

process.on('disconnect', () => void stop('whoever started the node is gone', 0));
process.on('SIGTERM', () => void stop('SIGTERM', 0));
// Ctrl-C reaches every process of the terminal; when to stop is said by the one that was started there.
process.on('SIGINT', () => undefined);
process.on('message', (message: ToNode) => {
  if (message.type === 'stop') void stop('told to', 0);
  else live?.start(message.addresses);
});
process.on('uncaughtException', (error) => fail(error));

try {
  await open(folder);
} catch (error) {
  log.fatal({ reason: (error as Error).message }, 'the node does not start');
  tell({ type: 'failed', message: (error as Error).message });
  await stop('it does not start', EXIT_NOT_STARTED);
}

async function open(path: string): Promise<void> {
  let visitors: PodVisitors | null = null;
  live = await LiveNode.open(path, config, {
    onNoted,
    onFailed: fail,
    onPutBack: () => log.warn('a backup was put back, or its folder copied: it goes on as one that was away'),
  });
  if (hasType(live.driver.node.config.manifest, 'gateway')) {
    user = new GatewayUser(live, openUser(path), onEnded);
    live.user = user;
    const { calls } = user.owner;
    const errands = (visitors = new PodVisitors(live));
    live.visitors = {
      receive: (envelope) => errands.receive(envelope) || calls.receive(envelope),
      close: () => errands.close(),
    };
  }
  live.handler = createHttp(live, user, visitors, (error) =>
    log.error({ error: String((error as Error).stack) }, 'a request over HTTP failed'),
  );
  const { port } = live;
  log.info({ port, bootCount: live.bootCount, provider: config.provider }, 'listening');
  tell({ type: 'listening', port });
  setInterval(report, REPORT_MS).unref();
}

function onNoted(envelope: Envelope, wallUs: number): void {
  const noted = envelope.body as Noted;
  if (noted.note === NOTE_READY) {
    log.info('ready');
    tell({ type: 'ready' });
    report();
  }
  const liar = live?.liarIn(envelope) ?? null;
  if (liar !== null) log.warn({ liar }, 'it handed out what is not true of a model, and is not asked again');
  if (live === null || noted.note > NOTE_OUTCOME) return;
  const node = live;
  tell({
    type: 'note',
    request: `${node.ids.idOf(envelope.origin)}/${envelope.originBoot}/${envelope.n}`,
    step: {
      wallUs,
      node: config.name,
      what: NOTES[noted.note] as StoryStep['what'],
      stage: STAGES[noted.stage]!,
      about: noted.chosen === envelope.from ? null : nameOf(node, noted.chosen),
      refusal: refusalOf(noted),
      struck: noted.struck.map(({ peer, cluster, reason }) => ({
        node: nameOf(node, peer),
        cluster,
        reason: STRIKES[reason]!,
      })),
    },
  });
}

function onEnded(ending: Ending): void {
  if (live === null || user === null) return;
  const { n, question, askedWallUs, endedWallUs, answer, refused } = ending;
  const outcome = ERROR_CODES[ending.code]!;
  const servedBy = answer === null ? null : STAGES[answer.stage]!;
  const server = answer === null ? null : nameOf(live, answer.servedBy);
  const request = `${live.ids.idOf(user.peer)}/${live.bootCount}/${n}`;
  const detail = refused?.detail ?? '';
  const { model } = question;
  tell({
    type: 'ended',
    story: { request, askedWallUs, endedWallUs, model, outcome, servedBy, server, detail },
  });
  log.info({ request: requestIdOf(live, n), model, outcome, servedBy, server }, 'question ended');
}

function report(): void {
  if (live === null || isStopping) return;
  const traffic: [string, number, number][] = [];
  for (const [id, { sent, dropped }] of live.transport.sentTo) {
    const [sentBefore, droppedBefore] = lastSent.get(id) ?? [0, 0];
    if (sent > sentBefore || dropped > droppedBefore)
      traffic.push([id, sent - sentBefore, dropped - droppedBefore]);
    lastSent.set(id, [sent, dropped]);
  }
  const { node } = live.driver;
  tell({
    type: 'report',
    state: node.phase === READY ? 'up' : 'starting',
    load: node.compute?.jobs.length ?? 0,
    open: user?.openCount ?? 0,
    view: viewOf(node, live.names),
    traffic,
  });
}

function tell(message: FromNode): void {
  if (process.connected) process.send!(message);
}

function fail(error: Error): void {
  log.fatal({ reason: error.message, stack: error.stack }, 'the node failed');
  tell({ type: 'failed', message: error.message });
  void stop('it failed', EXIT_FAILED);
}

async function stop(reason: string, exitCode: number): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  // Whatever hangs, the process ends.
  setTimeout(() => process.exit(exitCode), 3_000).unref();
  log.info({ reason, steps: live?.driver.steps ?? 0 }, 'stopping');
  try {
    await live?.stop();
    log.info('stopped');
  } finally {
    process.exit(exitCode);
  }
}
