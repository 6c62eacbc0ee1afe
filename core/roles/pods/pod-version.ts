import type { Peer, Pure } from '../../base/peers.ts';
import { integer, list, peer, record, ref, type Of } from '../../machine/shape.ts';

/** Hosts, in their epochs, that have taken writes of one pod. A pod with more takes no writes. */
export const MAX_VECTOR = 64;
/** Concurrent versions that a pod can have; above the first number it takes no writes until its owner has merged them. */
export const MAX_OPEN_SIBLINGS = 8;
export const MAX_SIBLINGS = 64;

/** The n-th write that a host has taken. A host whose disk was wiped has another epoch, and so counts anew. */
export const dotShape = record({ host: peer, epoch: integer, n: integer });
export type Dot = Readonly<Of<typeof dotShape>>;
/** The last write of each host that is known of. Sorted by rank and epoch. */
export const vectorShape = list(dotShape, MAX_VECTOR);
export type Vector = readonly Dot[];

/** What a pod holds after a write: its content as a whole, which write made it, and what that write came after. */
export const versionShape = record({
  content: ref,
  dot: dotShape,
  /** All writes that the writer had seen: this one comes after them, and after no others. */
  context: vectorShape,
  /** The request that wrote it: the same request writes once (R5.3-2). */
  writer: peer,
  writerBoot: integer,
  n: integer,
  wallUs: integer,
});
export type Version = Readonly<Of<typeof versionShape>>;

type Order = Pick<Pure, 'rank'>;

export function compareDots(pure: Order, left: Dot, right: Dot): number {
  if (left.host !== right.host) return pure.rank(left.host) - pure.rank(right.host);
  return left.epoch !== right.epoch ? left.epoch - right.epoch : left.n - right.n;
}

/** Up to which of its writes a vector knows of a host. */
export function countOf(vector: Vector, { host, epoch }: Dot): number {
  for (const dot of vector) if (dot.host === host && dot.epoch === epoch) return dot.n;
  return 0;
}

/** Whether somebody who has seen these writes has seen that one. */
export function isSeen(vector: Vector, dot: Dot): boolean {
  return countOf(vector, dot) >= dot.n;
}

/** The least vector that knows of every write that one of both knows of. */
export function joinVectors(pure: Order, left: Vector, right: Vector): Dot[] {
  const joined = left.map((dot) => ({ ...dot, n: Math.max(dot.n, countOf(right, dot)) }));
  for (const dot of right) if (countOf(left, dot) === 0) joined.push({ ...dot });
  return joined.sort((one, other) => compareDots(pure, one, other));
}

/** All writes that some versions know of: what somebody has seen who has read them. */
export function vectorOf(pure: Order, versions: readonly Version[]): Dot[] {
  let all: Dot[] = [];
  for (const { context, dot } of versions) all = joinVectors(pure, joinVectors(pure, all, context), [dot]);
  return all;
}

/** The next write of a host: unlike every one that it has taken. */
export function nextDot(context: Vector, versions: readonly Version[], host: Peer, epoch: number): Dot {
  const known = versions.flatMap(({ context: seen, dot }) => [...seen, dot]);
  return nextDotOf(context, known, host, epoch);
}

/** The next number of a host above all that are known of it. */
export function nextDotOf(vector: Vector, dots: readonly Dot[], host: Peer, epoch: number): Dot {
  const own = { host, epoch, n: 0 };
  let n = countOf(vector, own);
  for (const dot of dots) n = Math.max(n, countOf([dot], own));
  return { host, epoch, n: n + 1 };
}

/**
 * What a writer has seen after a write: itself too, unless its host has taken other writes meanwhile that the writer has not
 * seen. A vector has no gaps, and who said to have seen those would have them dropped unread.
 */
export function seenAfter(pure: Order, { context, dot }: Version): Dot[] {
  const isNext = countOf(context, dot) >= dot.n - 1;
  return isNext ? joinVectors(pure, context, [dot]) : [...context];
}

/**
 * What is left of two sets of versions: those that no other comes after (R6.1-6). A join: the order in which sets meet, and
 * how often, does not matter. Of two versions of one write, which no honest host makes, the one of the lower hash stands.
 */
export function joinVersions(pure: Order, left: readonly Version[], right: readonly Version[]): Version[] {
  const all = [...left, ...right];
  const isLast = (version: Version): boolean =>
    !all.some(({ context }) => countOf(context, version.dot) >= version.dot.n);
  const last = all.filter(isLast).sort((one, other) => {
    const difference = compareDots(pure, one.dot, other.dot);
    return difference !== 0 ? difference : one.content.hash < other.content.hash ? -1 : 1;
  });
  return last
    .filter(({ dot }, i) => i === 0 || compareDots(pure, dot, last[i - 1].dot) !== 0)
    .slice(0, MAX_SIBLINGS);
}
