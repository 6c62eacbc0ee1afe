import type { Peer } from '../base/peers.ts';
import type { Now } from '../base/time.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import { POD_FOUND, POD_READ, type Refused } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { flag, integer, list, record, ref, type Of } from '../machine/shape.ts';
import { AGENT_USE, COMPUTE_USE, EMPTY_BOOK, FIRST_LOCK } from '../policy/consent-documents.ts';
import { podIdOf } from '../policy/pod-documents.ts';
import { decideUse } from '../policy/use-of-pods.ts';
import { MAX_PODS_OF_WANT, type Want } from '../routing/want.ts';
import type { PodFound, PodRead } from './pods/pod-records.ts';
import { MAX_SIBLINGS } from './pods/pod-version.ts';

/**
 * What a model is given of pods besides its prompt (R6.2-4). A compute node asks for it when it is about to run, pod by pod, and has to
 * begin while what it was told of consent still holds: each step of an agent, and each run, is a use with a receipt of its own. What is
 * sealed comes with its key, wrapped for this boot of this node, and is open in its memory only.
 */

/** A pod that a job is to be given, and what has come of it. */
export const fetchShape = record({
  /** The request to a pod host that is under way, or was the last; 0: none yet. */
  n: integer,
  askedUs: integer,
  isHere: flag,
  /** It is to be used by then, or asked for again. */
  freshUntilUs: integer,
  contents: list(ref, MAX_SIBLINGS),
});
export type Fetch = Of<typeof fetchShape>;
export const fetchesShape = list(fetchShape, MAX_PODS_OF_WANT);

/** A pod host has so long to answer; the job itself may have less. */
const PATIENCE_US = 10_000_000;

export function createFetches({ pods }: Want): Fetch[] {
  return pods.map(() => ({ n: 0, askedUs: 0, isHere: false, freshUntilUs: 0, contents: [] }));
}

/** Why somebody's work may not be given the pods that it names, or null: what can be said without asking where they lie. */
export function findPodsFault(
  node: Node,
  now: Now,
  want: Pick<Want, 'model' | 'pods'>,
  reader: Peer,
  use: number,
): string | null {
  const { pure, config } = node;
  const today = { wallUs: now.wallUs, emergencyUs: config.parameters.emergencyUs };
  for (const { owner, number, plan, permission } of want.pods) {
    const { region } = config.manifest;
    const asked = { pod: podIdOf(pure, owner, number), owner, reader, use, plan, region };
    const verdict =
      use === COMPUTE_USE && plan !== want.model
        ? ({ shut: FIRST_LOCK, reason: 'the owner was asked about another model' } as const)
        : decideUse(pure, today, asked, permission, EMPTY_BOOK);
    if (verdict.shut !== 0)
      return `the ${verdict.shut === FIRST_LOCK ? 'first' : 'second'} lock is shut: ${verdict.reason}`;
  }
  return null;
}

interface Job {
  readonly asker: Peer;
  readonly want: Want;
  readonly deadlineUs: number;
  readonly fetches: Fetch[];
}

/** Whether a job has all that it is given of pods, and may begin with it now; what it has not, or no longer, is asked for. */
export function hasPods(node: Node, now: Now, out: Outbox, job: Job): boolean {
  let hasAll = true;
  for (const [i, fetch] of job.fetches.entries()) {
    if (fetch.isHere && now.monoUs < fetch.freshUntilUs) continue;
    hasAll = false;
    if (fetch.n === 0 || fetch.isHere) askForPod(node, now, out, job, i);
  }
  return hasAll;
}

function askForPod(
  node: Node,
  now: Now,
  out: Outbox,
  { asker, want, deadlineUs, fetches }: Job,
  i: number,
): void {
  const { owner, number, plan, permission } = want.pods[i];
  const n = node.nextN++;
  fetches[i] = { n, askedUs: now.monoUs, isHere: false, freshUntilUs: 0, contents: [] };
  const timeLeftUs = Math.max(1, Math.min(PATIENCE_US, deadlineUs - now.monoUs));
  const body: PodRead = {
    ...{ owner, number, permission, use: asker === node.self ? AGENT_USE : COMPUTE_USE, plan },
    // What is sealed its own desk opens, on the consent to this use and nothing else (R6.1-4).
    ...{ opening: null, agreement: '' },
    ...{ region: node.config.manifest.region, timeLeftUs, notAfterWallUs: now.wallUs + timeLeftUs },
  };
  // To its own desk, which finds out who holds it.
  out.send(POD_READ, node.self, node.self, node.self, node.bootCount, n, 0, body);
}

/** What its own desk says of a pod that a job waits for: the job, with why it cannot have it, if so; null: none waits for it. */
export function takePod<J extends Job>(
  node: Node,
  jobs: readonly J[],
  { kind, from, n, originBoot, body }: Envelope,
): { readonly job: J; readonly refused: Refused | null } | null {
  if (from !== node.self || originBoot !== node.bootCount) return null;
  const job = jobs.find(({ fetches }) => fetches.some((fetch) => fetch.n === n && !fetch.isHere));
  if (job === undefined) return null;
  if (kind !== POD_FOUND) return { job, refused: body as Refused };
  const { copy, leftUs } = body as PodFound;
  const fetch = job.fetches.find((one) => one.n === n)!;
  fetch.isHere = true;
  fetch.freshUntilUs = fetch.askedUs + leftUs;
  fetch.contents = copy.versions.map(({ content }) => content);
  return { job, refused: null };
}
