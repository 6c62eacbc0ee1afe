import { NEVER_US } from '../base/time.ts';
import type { Peer, Pure } from '../base/peers.ts';
import { attestationShape, MAX_ATTESTATIONS, type Attestation } from '../cluster/manifest.ts';
import type { Parameters } from '../machine/parameters.ts';
import { integer, list, peer, record, shared, table, upTo, type Of } from '../machine/shape.ts';
import { hashAttestation } from './attestation.ts';
import { isInForce, standingOf, type Backed, type Standing } from './standing.ts';
import {
  auditShape,
  hashAudit,
  hashVouch,
  MAX_AUDITS,
  MAX_SUBJECTS,
  vouchShape,
  type Testimony,
  type Vouch,
} from './standing-documents.ts';

/** What one node has said in matters of trust, all of it checked. */
export const spokenShape = record({
  attestations: list(shared(attestationShape), MAX_ATTESTATIONS),
  vouches: list(shared(vouchShape), MAX_SUBJECTS),
  audits: list(shared(auditShape), MAX_AUDITS),
});
type Spoken = Of<typeof spokenShape>;

/** What this node has itself seen of a node that somebody vouches for. */
const conductShape = record({ observedUs: integer, awayUs: integer });
export type Conduct = Of<typeof conductShape>;

/**
 * The documents of a cluster on trust, as an index node holds them. A join: what is held depends on what was heard, not on the order,
 * the path, or how often. Nothing is dropped when it runs out, or an older version of it could be said again.
 */
export const standingBookShape = record({
  speakers: table(peer, spokenShape),
  conduct: table(peer, conductShape),
  /** What follows from all of it, until a date: worked out whenever something changes. Level 0: it has lost what was attested. */
  earned: table(peer, record({ level: upTo(4), untilWallUs: integer })),
  /** Whose words are to be passed on to other index nodes, and how often they still may be. */
  pending: table(peer, integer),
  /** When nodes are told again what they are worth, and up to when it was counted how they do. */
  nextTellUs: integer,
  countedUs: integer,
});
export type StandingBook = Of<typeof standingBookShape>;

export function createStandingBook(monoUs: number): StandingBook {
  return {
    speakers: new Map(),
    conduct: new Map(),
    earned: new Map(),
    pending: new Map(),
    nextTellUs: NEVER_US,
    countedUs: monoUs,
  };
}

/** Takes in what has been checked. Whether it brought anything new. */
export function joinTestimony(
  pure: Pure,
  book: StandingBook,
  told: Testimony,
  mostSpeakers: number,
): boolean {
  let spoken = book.speakers.get(told.speaker);
  if (spoken === undefined) {
    if (book.speakers.size >= mostSpeakers) return false;
    spoken = { attestations: [], vouches: [], audits: [] };
    book.speakers.set(told.speaker, spoken);
  }
  const before = [...spoken.attestations, ...spoken.vouches, ...spoken.audits];
  spoken.attestations = union(
    spoken.attestations,
    told.attestations,
    (one) => hashAttestation(pure, one),
    MAX_ATTESTATIONS,
  );
  spoken.vouches = joinVouches(pure, spoken.vouches, told.vouches);
  spoken.audits = union(spoken.audits, told.audits, (one) => hashAudit(pure, one), MAX_AUDITS);
  const after = [...spoken.attestations, ...spoken.vouches, ...spoken.audits];
  const isNew = after.length !== before.length || after.some((one, i) => one !== before[i]);
  return isNew;
}

/** The documents of both, each once, in an order that is the same everywhere; those that hold longest if there are too many. */
function union<T extends { readonly untilWallUs: number }>(
  held: readonly T[],
  told: readonly T[],
  hashOf: (one: T) => string,
  most: number,
): T[] {
  const byHash = new Map<string, T>();
  for (const one of [...held, ...told]) {
    const hash = hashOf(one);
    if (!byHash.has(hash)) byHash.set(hash, one);
  }
  return [...byHash]
    .sort(([left, one], [right, other]) => other.untilWallUs - one.untilWallUs || (left < right ? -1 : 1))
    .slice(0, most)
    .map(([, one]) => one);
}

/** Of each node the highest version; of two under one version that which grants less. */
function joinVouches(pure: Pure, held: readonly Vouch[], told: readonly Vouch[]): Vouch[] {
  const bySubject = new Map<Peer, Vouch>();
  for (const one of [...held, ...told]) {
    const other = bySubject.get(one.subject);
    if (other === undefined || outranks(pure, one, other)) bySubject.set(one.subject, one);
  }
  const vouches = [...bySubject.values()];
  vouches.sort((left, right) => pure.rank(left.subject) - pure.rank(right.subject));
  return vouches.slice(0, MAX_SUBJECTS);
}

function outranks(pure: Pure, one: Vouch, other: Vouch): boolean {
  if (one.version !== other.version) return one.version > other.version;
  if (one.level !== other.level) return one.level < other.level;
  return hashVouch(pure, one) < hashVouch(pure, other);
}

/** Everybody of whom the book says anything, in the order of ranks. */
export function subjectsOf(pure: Pure, book: StandingBook): Peer[] {
  const subjects = new Set<Peer>([...book.speakers.keys(), ...vouchedIn(book)]);
  return [...subjects].sort((left, right) => pure.rank(left) - pure.rank(right));
}

/** Everybody who was ever vouched for. */
export function vouchedIn({ speakers }: StandingBook): Set<Peer> {
  const vouched = new Set<Peer>();
  for (const { vouches } of speakers.values()) for (const { subject } of vouches) vouched.add(subject);
  return vouched;
}

/** What a node has earned, by all that the book holds. */
export function standingIn(
  book: StandingBook,
  subject: Peer,
  attestations: readonly Attestation[],
  vouches: readonly Backed[],
  isGuilty: (peer: Peer) => boolean,
  wallUs: number,
  rules: Parameters,
): Standing {
  const spoken = book.speakers.get(subject);
  const own = rootOf(attestations, wallUs);
  const conduct = book.conduct.get(subject) ?? { observedUs: 0, awayUs: 0 };
  const { observedUs, awayUs } = conduct;
  const isOver = spoken !== undefined && countInForce(spoken, wallUs) > rules.maxVouches;
  return standingOf(
    {
      attested: own.level,
      attestedUntilWallUs: own.untilWallUs,
      vouches,
      audits: spoken?.audits ?? [],
      observedUs,
      uptimePpm: observedUs === 0 ? 0 : Math.floor(((observedUs - awayUs) / observedUs) * 1_000_000),
      isGuilty: isOver || isGuilty(subject),
    },
    wallUs,
    rules,
  );
}

/** All that was vouched for, by whom it is about. */
export function backingIn(
  { speakers }: StandingBook,
  isGuilty: (peer: Peer) => boolean,
  wallUs: number,
): Map<Peer, Backed[]> {
  const backing = new Map<Peer, Backed[]>();
  for (const [voucher, spoken] of speakers) {
    const { level, untilWallUs, runBy } = rootOf(spoken.attestations, wallUs);
    const behind = {
      voucherLevel: level,
      rootUntilWallUs: untilWallUs,
      runBy,
      inForce: countInForce(spoken, wallUs),
      isGuilty: isGuilty(voucher),
    };
    for (const vouch of spoken.vouches) {
      const backed = backing.get(vouch.subject);
      if (backed === undefined) backing.set(vouch.subject, [{ vouch, ...behind }]);
      else backed.push({ vouch, ...behind });
    }
  }
  return backing;
}

function countInForce({ vouches }: Spoken, wallUs: number): number {
  let count = 0;
  for (const vouch of vouches) if (isInForce(vouch, wallUs)) count++;
  return count;
}

interface Root {
  readonly level: number;
  readonly untilWallUs: number;
  readonly runBy: string;
}

/** The highest level that attestors grant today. */
export function rootOf(attestations: readonly Attestation[], wallUs: number): Root {
  let root: Root = { level: 1, untilWallUs: NEVER_US, runBy: '' };
  for (const { level, fromWallUs, untilWallUs, runBy } of attestations) {
    if (wallUs < fromWallUs || wallUs >= untilWallUs) continue;
    const isHigher = level > root.level || (level === root.level && untilWallUs > root.untilWallUs);
    if (isHigher) root = { level, untilWallUs, runBy };
  }
  return root;
}

/** Half of what was seen longest ago is forgotten beyond so long: what counts is how a node does, not how it once did. */
export function observe(
  book: StandingBook,
  subject: Peer,
  tookUs: number,
  isThere: boolean,
  mostUs: number,
): void {
  let conduct = book.conduct.get(subject);
  if (conduct === undefined) book.conduct.set(subject, (conduct = { observedUs: 0, awayUs: 0 }));
  conduct.observedUs += tookUs;
  if (!isThere) conduct.awayUs += tookUs;
  if (conduct.observedUs < mostUs) return;
  conduct.observedUs = Math.floor(conduct.observedUs / 2);
  conduct.awayUs = Math.floor(conduct.awayUs / 2);
}
