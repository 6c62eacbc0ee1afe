import { ACCELERATOR } from '../base/peers.ts';
import { NEVER_US, type Now } from '../base/time.ts';
import { isDeparting } from '../cluster/affiliation/affiliation.ts';
import { MAX_MODELS, type Load } from '../cluster/manifest.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import { ANSWER, INFER, REFUSED, WORKING, type Answer, type Inferred } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { countRefusal, REFUSAL_LATE } from '../machine/refusals.ts';
import { flag, integer, list, peer, record, shared, text, type Of } from '../machine/shape.ts';
import { reply } from '../machine/speech.ts';
import { countJob, findVersion, isReadyToRun, movingModels } from '../models/model-host.ts';
import { freeBytes } from '../models/loading.ts';
import { AGENT_USE, COMPUTE_USE } from '../policy/consent-documents.ts';
import { isRegionAllowed } from '../policy/regions.ts';
import { createMemory, findRemembered, memoryShape, remember } from '../routing/remembered.ts';
import {
  CONSENT_REQUIRED,
  DEADLINE_EXCEEDED,
  isRetryable,
  NO_CAPABLE_NODE,
  NO_ELIGIBLE_NODE,
  NOT_READY,
  OVERLOADED,
  STAGE_CLUSTER,
  TRUST_TOO_LOW,
  type ErrorCode,
} from '../routing/outcomes.ts';
import { isTooLate, wantShape, type Want } from '../routing/want.ts';
import { ownTrust, TRUST_LEVELS } from '../trust/attestation.ts';
import { createFetches, fetchesShape, findPodsFault, hasPods, takePod } from './pod-context.ts';
import { isRateLimited, leastTrust, mayDo, servingOf } from '../trust/operations.ts';

/** A request to run a model, from acceptance to its answer. */
const jobShape = record({
  /** Names the job to the accelerator. */
  number: integer,
  asker: peer,
  origin: peer,
  originBoot: integer,
  n: integer,
  attempt: integer,
  want: shared(wantShape),
  acceptedUs: integer,
  deadlineUs: integer,
  isStarted: flag,
  /** Of a model that moves, the version that it runs, once it has started; '' otherwise. */
  version: text(128),
  startedUs: integer,
  /** What it is given of pods, by pod. */
  fetches: fetchesShape,
});
type Job = Of<typeof jobShape>;

/** Runs models (§4.1). Jobs are served first come, first served, `slots` at once. */
export const computeShape = record({
  /** At work and waiting, in order of acceptance; at most slots + queueLimit. */
  jobs: list(jobShape, 4_096),
  nextJob: integer,
  running: integer,
  /** Smoothed time a job takes on the accelerator: an average that forgets an eighth with each job. */
  serviceUs: integer,
  nextWorkingUs: integer,
  /** What it has answered: a duplicate is told the same, and nothing runs twice for it (R5.3-2). */
  answered: memoryShape,
  /** When the public inference of which the rate is limited would be evenly spaced again. */
  evenUs: integer,
});
type Compute = Of<typeof computeShape>;

function createCompute(): Compute {
  return {
    jobs: [],
    nextJob: 1,
    running: 0,
    serviceUs: 0,
    nextWorkingUs: NEVER_US,
    answered: createMemory(),
    evenUs: 0,
  };
}

/**
 * What all compute nodes hold that have had nothing to run since they were booted: of very many, nearly all. Nothing in it is
 * ever changed; the first job replaces it.
 */
export const NO_WORK = createCompute();
Object.freeze(NO_WORK.jobs);
Object.freeze(NO_WORK);

function ownCompute(node: Node, compute: Compute): Compute {
  return compute === NO_WORK ? (node.compute = createCompute()) : compute;
}

export function onRun(node: Node, compute: Compute, now: Now, out: Outbox, envelope: Envelope): void {
  const want = envelope.body as Want;
  if (compute.jobs.some((job) => isSame(job, envelope))) {
    reply(node, out, envelope, WORKING, { by: node.self, ahead: 0 });
    return;
  }
  const known = findRemembered(compute.answered, now, envelope);
  // Another asker has its own run: running a model is work, and only who asked is told what came of it.
  if (known !== undefined && known.askers.includes(envelope.from)) {
    reply(node, out, envelope, ANSWER, known.answer);
    return;
  }
  const fault = findReason(node, compute, now, want) ?? findConsentReason(node, now, envelope, want);
  if (fault !== null) refuse(node, compute, out, envelope, fault);
  else accept(node, ownCompute(node, compute), now, out, envelope, want);
}

function accept(node: Node, compute: Compute, now: Now, out: Outbox, envelope: Envelope, want: Want): void {
  if (isLimitedHere(node, now, want)) compute.evenUs = nextEvenUs(node, compute, now);
  compute.jobs.push({
    number: compute.nextJob++,
    asker: envelope.from,
    origin: envelope.origin,
    originBoot: envelope.originBoot,
    n: envelope.n,
    attempt: envelope.attempt,
    want,
    acceptedUs: now.monoUs,
    deadlineUs: now.monoUs + want.timeLeftUs,
    isStarted: false,
    version: '',
    startedUs: 0,
    fetches: createFetches(want),
  });
  reply(node, out, envelope, WORKING, { by: node.self, ahead: compute.jobs.length - 1 });
  if (compute.nextWorkingUs === NEVER_US)
    compute.nextWorkingUs = now.monoUs + node.config.parameters.workingUs;
  startJobs(node, compute, now, out);
}

/** Forgets a job that nobody wants any more, if it has not been started. */
export function dropWaiting(compute: Compute, { origin, originBoot, n }: RequestId, attempt: number): void {
  const at = compute.jobs.findIndex(
    (job) =>
      !job.isStarted &&
      job.attempt === attempt &&
      job.n === n &&
      job.origin === origin &&
      job.originBoot === originBoot,
  );
  if (at >= 0) compute.jobs.splice(at, 1);
}

type RequestId = Pick<Envelope, 'origin' | 'originBoot' | 'n'>;

export function onInferred(node: Node, compute: Compute, now: Now, out: Outbox, envelope: Envelope): void {
  const at = compute.jobs.findIndex((job) => job.isStarted && job.number === envelope.n);
  if (envelope.originBoot !== node.bootCount || at < 0) {
    countRefusal(node, REFUSAL_LATE);
    return;
  }
  const job = compute.jobs[at];
  compute.jobs.splice(at, 1);
  compute.running--;
  const inferred = envelope.body as Inferred;
  // Writing takes the time: where nothing is written, what was read is what there is to measure by.
  const workTokens = inferred.generatedTokens || job.want.contextTokens;
  countJob(node, job.version, inferred.answer !== null, inferred.computedUs, workTokens);
  if (inferred.answer === null) {
    sendRefusal(node, out, job, NO_CAPABLE_NODE, 0, `accelerator: ${inferred.error}`);
  } else {
    const tookUs = now.monoUs - job.startedUs;
    compute.serviceUs =
      compute.serviceUs === 0 ? tookUs : compute.serviceUs + Math.round((tookUs - compute.serviceUs) / 8);
    const answer: Answer = {
      answer: inferred.answer,
      contextTokens: job.want.contextTokens,
      generatedTokens: inferred.generatedTokens,
      servedBy: node.self,
      cluster: node.config.manifest.cluster,
      region: node.config.manifest.region,
      stage: STAGE_CLUSTER,
      provider: inferred.provider,
      queuedUs: job.startedUs - job.acceptedUs,
      computedUs: inferred.computedUs,
    };
    out.send(ANSWER, node.self, job.asker, job.origin, job.originBoot, job.n, job.attempt, answer);
    // What it asks itself crosses no network: nothing doubles it.
    if (job.asker !== node.self)
      remember(compute.answered, now, node.config.parameters, job, job.asker, {
        answer,
        refused: null,
        agent: null,
      });
  }
  startJobs(node, compute, now, out);
}

export function onComputeAlarm(node: Node, compute: Compute, now: Now, out: Outbox): void {
  // What waits for a model to be loaded is looked at when it may have been.
  if (node.models !== null) startJobs(node, compute, now, out);
  if (now.monoUs < compute.nextWorkingUs) return;
  if (compute.jobs.length === 0) {
    compute.nextWorkingUs = NEVER_US;
    return;
  }
  compute.nextWorkingUs = now.monoUs + node.config.parameters.workingUs;
  compute.jobs.forEach((job, ahead) => {
    const body = { by: node.self, ahead };
    out.send(WORKING, node.self, job.asker, job.origin, job.originBoot, job.n, job.attempt, body);
  });
}

/** What a node says of its load with each heartbeat. */
export function loadOf(node: Node, now: Now): Load {
  const { compute, config } = node;
  const waiting = compute === null ? 0 : compute.jobs.length - compute.running;
  const reserved = config.models.reduce(
    (sum, model) => (config.installedModels.includes(model.name) ? sum + model.requiredMemoryBytes : sum),
    0,
  );
  const moving = movingModels(node, now);
  return {
    running: compute?.running ?? 0,
    queued: waiting,
    slots: compute === null ? 0 : config.slots,
    room: compute === null ? 0 : roomIn(node, compute),
    serviceUs: compute?.serviceUs ?? 0,
    freeMemoryBytes:
      node.models !== null
        ? freeBytes(node, node.models)
        : Math.max(0, (config.manifest.compute?.gpuMemoryBytes ?? 0) - reserved),
    installedModels: withMoving(config.installedModels, moving.installed),
    loadedModels: withMoving(config.installedModels, moving.loaded),
    draining: isDeparting(node),
  };
}

/** Whether a load that the node has told of is still its own: all else in it is configuration. */
export function isLoadOf(node: Node, load: Load): boolean {
  const { compute } = node;
  if (load.draining !== isDeparting(node)) return false;
  if (compute === null) return true;
  // Models that move come and go, and are withdrawn by the calendar.
  if (node.models !== null) return false;
  const { running, serviceUs, jobs } = compute;
  return load.running === running && load.queued === jobs.length - running && load.serviceUs === serviceUs;
}

/** Names in order, those that are held for good and those that move. */
function withMoving(pinned: readonly string[], moving: readonly string[]): string[] {
  if (moving.length === 0) return pinned as string[];
  const all = new Set([...pinned, ...moving]);
  return [...all].sort((left, right) => (left < right ? -1 : 1)).slice(0, MAX_MODELS);
}

function roomIn(node: Node, compute: Compute): number {
  return Math.max(0, node.config.slots + node.config.queueLimit - compute.jobs.length);
}

function isSame(job: Job, envelope: Envelope): boolean {
  return (
    job.n === envelope.n &&
    job.origin === envelope.origin &&
    job.originBoot === envelope.originBoot &&
    job.asker === envelope.from &&
    job.attempt === envelope.attempt
  );
}

interface Reason {
  readonly code: ErrorCode;
  readonly detail: string;
  /** When it may be otherwise, if not with the first job that ends. */
  readonly afterUs?: number;
}

/** A compute node checks for itself what the asker should have checked: it fails closed (R5.3-4). */
function findReason(node: Node, compute: Compute, now: Now, want: Want): Reason | null {
  if (isDeparting(node)) return { code: NOT_READY, detail: 'the node is leaving its cluster' };
  if (want.timeLeftUs === 0 || isTooLate(want, now))
    return { code: DEADLINE_EXCEEDED, detail: 'no time is left' };
  if (!isRegionAllowed(want.allowedRegions, node.config.manifest.region))
    return { code: NO_ELIGIBLE_NODE, detail: 'the request may not be computed on in this region' };
  if (findVersion(node, want.model, now) === null)
    return { code: NO_CAPABLE_NODE, detail: 'the model is not installed here' };
  const level = ownTrust(node, now);
  const minTrust = leastTrust(want.minTrust, want.pods.length > 0);
  const operation = servingOf(minTrust);
  if (level < minTrust || !mayDo(level, operation))
    return { code: TRUST_TOO_LOW, detail: `${operation} is not for a node that is ${TRUST_LEVELS[level]}` };
  if (roomIn(node, compute) === 0) return { code: OVERLOADED, detail: 'the queue is full' };
  const afterUs = isLimitedHere(node, now, want) ? aboveRateUs(node, compute, now) : 0;
  if (afterUs > 0) return { code: OVERLOADED, detail: 'a peer serves the public at a limited rate', afterUs };
  return null;
}

/** Nothing of a pod is asked for by anybody to whom its owner has not consented (R6.2-4). */
function findConsentReason(node: Node, now: Now, { from, origin }: Envelope, want: Want): Reason | null {
  const use = from === node.self ? AGENT_USE : COMPUTE_USE;
  const detail = findPodsFault(node, now, want, origin, use);
  return detail === null ? null : { code: CONSENT_REQUIRED, detail };
}

/** Of what comes from its own desk: false if no job waits for it. */
export function onPodGiven(node: Node, compute: Compute, now: Now, out: Outbox, envelope: Envelope): boolean {
  const given = takePod(node, compute.jobs, envelope);
  if (given === null) return false;
  const { job, refused } = given;
  if (refused !== null) {
    compute.jobs.splice(compute.jobs.indexOf(job), 1);
    sendRefusal(node, out, job, refused.code, refused.retryAfterUs, refused.detail);
  }
  startJobs(node, compute, now, out);
  return true;
}

function isLimitedHere(node: Node, now: Now, want: Want): boolean {
  return isRateLimited(ownTrust(node, now), servingOf(want.minTrust));
}

/** How long until one more does not exceed the rate: some may come closer together for a while, and then they are spaced. */
function aboveRateUs(node: Node, compute: Compute, now: Now): number {
  const { publicEveryUs, publicBurst } = node.config.parameters;
  return nextEvenUs(node, compute, now) - now.monoUs - publicEveryUs * Math.max(1, publicBurst);
}

function nextEvenUs(node: Node, { evenUs }: Compute, now: Now): number {
  return Math.max(evenUs, now.monoUs) + node.config.parameters.publicEveryUs;
}

function startJobs(node: Node, compute: Compute, now: Now, out: Outbox): void {
  for (let i = 0; i < compute.jobs.length && compute.running < node.config.slots;) {
    const job = compute.jobs[i];
    if (job.isStarted) {
      i++;
    } else if (now.monoUs >= job.deadlineUs) {
      compute.jobs.splice(i, 1);
      sendRefusal(node, out, job, DEADLINE_EXCEEDED, 0, 'the deadline passed in the queue');
    } else {
      const version = findVersion(node, job.want.model, now);
      if (version === null) {
        compute.jobs.splice(i, 1);
        sendRefusal(node, out, job, NO_CAPABLE_NODE, 0, 'the model is not here any more');
        continue;
      }
      if (!isReadyToRun(node, now, out, version)) {
        // Others need not wait with it until its model is loaded.
        i++;
        continue;
      }
      if (!hasPods(node, now, out, job)) {
        i++;
        continue;
      }
      job.isStarted = true;
      job.version = version;
      job.startedUs = now.monoUs;
      compute.running++;
      const { model, prompt, contextTokens, maxTokens } = job.want;
      const contexts = job.fetches.flatMap(({ contents }) => contents);
      const body = { model, version, prompt, contexts, contextTokens, maxTokens };
      out.send(INFER, node.self, ACCELERATOR, node.self, node.bootCount, job.number, 0, body);
      i++;
    }
  }
}

function refuse(
  node: Node,
  compute: Compute,
  out: Outbox,
  envelope: Envelope,
  { code, detail, afterUs }: Reason,
): void {
  const soonestUs = afterUs ?? roomAfterUs(node, compute);
  const retryAfterUs = isRetryable(code) ? Math.max(LEAST_RETRY_US, soonestUs) : 0;
  reply(node, out, envelope, REFUSED, { code, retryAfterUs, detail, struck: [] });
}

/** A node that has not served yet knows no better. */
const LEAST_RETRY_US = 100_000;

/** Until one of the jobs at work can be expected to have ended. */
function roomAfterUs(node: Node, compute: Compute): number {
  return Math.ceil(compute.serviceUs / Math.max(1, node.config.slots));
}

function sendRefusal(
  node: Node,
  out: Outbox,
  job: Job,
  code: ErrorCode,
  retryAfterUs: number,
  detail: string,
): void {
  const body = { code, retryAfterUs, detail, struck: [] };
  out.send(REFUSED, node.self, job.asker, job.origin, job.originBoot, job.n, job.attempt, body);
}
