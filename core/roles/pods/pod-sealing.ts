import type { Outbox } from '../../machine/envelope.ts';
import { OPEN, SEAL } from '../../machine/key-kinds.ts';
import { POD_WRITE } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import type { Ref } from '../../machine/shape.ts';
import { sealingHash } from '../../policy/pod-documents.ts';
import { askKeys } from './pod-keys.ts';
import type { PodFound, PodKeyGiven, PodWrite } from './pod-records.ts';
import type { Version } from './pod-version.ts';

/**
 * What a gateway does with contents of pods that are to be sealed (R6.1-4): it has what an owner writes sealed before any host sees
 * it, and what its user reads opened when no host sees it any more; so does a node with what it is to give its models. It holds no key:
 * each comes wrapped for its own KEYS, and goes.
 */

/** Whether a request brings a content that no host may see as it is. */
export function isToSeal(kind: number, body: unknown): boolean {
  if (kind !== POD_WRITE) return false;
  const { policy, content } = body as PodWrite;
  return policy.terms.policy.encryptionRequired && content.keyId === 0;
}

/** Whose request it is, and so what its content is bound to. */
interface RequestOfPod {
  readonly pod: string;
  readonly origin: number;
  readonly originBoot: number;
  readonly n: number;
}

/** Has a content sealed with the key that a host has given. Returns the number of the question. */
export function askToSeal(
  node: Node,
  out: Outbox,
  { pod, origin, originBoot, n }: RequestOfPod,
  content: Ref,
  { key }: PodKeyGiven,
): number {
  const bound = sealingHash(node.pure, pod, origin, originBoot, n);
  const { keyId, wrapped } = key;
  return askKeys(node, out, SEAL, { pod, keyId, wrapped, content, bound });
}

/** The next version of what was found; null if all have been looked at. */
export function nextVersion({ copy }: PodFound, opened: readonly Ref[]): Version | null {
  const version = copy.versions[opened.length] as Version | undefined;
  return version ?? null;
}

/** Has a content opened with its key. Returns the number of the question, or 0 if there is no key to it. */
export function askToOpen(
  node: Node,
  out: Outbox,
  pod: string,
  { keys }: PodFound,
  { content, writer, writerBoot, n }: Version,
): number {
  const { keyId } = content;
  const key = keys.find((one) => one.keyId === keyId);
  if (key === undefined) return 0;
  const bound = sealingHash(node.pure, pod, writer, writerBoot, n);
  return askKeys(node, out, OPEN, { pod, keyId, wrapped: key.wrapped, content, bound });
}

/** What the user is shown: everything as it was written, and no keys. */
export function withOpened({ policy, copy, leftUs }: PodFound, opened: readonly Ref[]): PodFound {
  const versions = copy.versions.map((version, i) => ({ ...version, content: opened[i] }));
  return { policy, copy: { ...copy, versions }, keys: [], leftUs };
}
