import type { Peer } from '../../core/base/peers.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { POD_READ } from '../../core/machine/kinds.ts';
import {
  DELEGATED,
  EXECUTE,
  FIRST_LOCK,
  READING_USE,
  SECOND_LOCK,
  type Pattern,
  type PatternTerms,
  type Permission,
  type Proposal,
  type Word,
} from '../../core/policy/consent-documents.ts';
import { lockedPatternHash, patternHash, proposedHash, wordHash } from '../../core/policy/consent-hashes.ts';
import type { PodRead } from '../../core/roles/pods/pod-records.ts';
import type { Malice, Scene } from './malice.ts';

const MAX_CAPTURED = 16;
/** Of its own numbering of requests, far from those of its node. */
const FIRST_N = 2 ** 40;
const FAR_WALL_US = 2 ** 50;

interface Captured {
  readonly host: Peer;
  readonly read: PodRead & { readonly permission: Permission };
}

/**
 * A node that works for others, and goes on with what it was allowed for them: it says the same again when it has run out or was withdrawn,
 * about another pod or for another purpose, and signs in the place of owners and of those to whom they have delegated.
 */
export class ConsentForger implements Malice {
  readonly tickUs = 1_000_000;
  private captured: readonly Captured[] = [];

  onOutgoing({ kind, from, to, body }: Envelope): boolean {
    const read = body as PodRead;
    if (kind !== POD_READ || to === from || read.permission === null) return true;
    const one = { host: to, read: read as Captured['read'] };
    this.captured = [...this.captured, one].slice(-MAX_CAPTURED);
    return true;
  }

  onIncoming(): boolean {
    return true;
  }

  onTick(scene: Scene): void {
    if (this.captured.length === 0 || !scene.isInShare(scene.second, 1)) return;
    const draw = (what: number): number => scene.draw(scene.second, what);
    const { host, read } = this.captured[draw(2) % this.captured.length];
    const other = this.captured[draw(3) % this.captured.length].read;
    const forgeries: (() => PodRead)[] = [
      // Once more, which is for its owner to notice while it holds, and nobody's any more after that.
      () => read,
      // The pod of one with what was said of another.
      () => ({ ...read, owner: other.owner, number: other.number + (draw(4) % 2) }),
      // Just to read it, for itself.
      () => ({ ...read, use: READING_USE, plan: '', permission: this.claim(scene, read) }),
      // Both locks, signed in the owner's place.
      () => ({ ...read, permission: this.forgeWords(scene, read) }),
      // A key to which nobody has delegated anything.
      () => ({ ...read, permission: this.delegate(scene, read) }),
    ];
    const body = forgeries[draw(5) % forgeries.length]();
    scene.touch();
    const id = { origin: scene.self, originBoot: 0, n: FIRST_N + scene.second, attempt: 1 };
    const notAfterWallUs = read.notAfterWallUs + FAR_WALL_US;
    const sent = { ...body, region: scene.ownRegion, notAfterWallUs };
    scene.send({ kind: POD_READ, from: scene.self, to: host, ...id, body: sent });
  }

  /** Another proposal, of its own, with what was said of the first. */
  private claim(scene: Scene, { permission }: Captured['read']): Permission {
    const terms = { ...permission.proposal.terms, proposer: scene.self, use: READING_USE, plan: '' };
    const proposal: Proposal = { terms, signature: scene.sign(proposedHash(scene.pure, terms)) };
    return { ...permission, proposal: proposal as Permission['proposal'] };
  }

  private forgeWords(scene: Scene, read: Captured['read']): Permission {
    const { permission } = read;
    const terms = { ...permission.proposal.terms, proposer: scene.self, number: scene.second };
    const proposal: Proposal = { terms, signature: scene.sign(proposedHash(scene.pure, terms)) };
    const word = (lock: 1 | 2): Word => this.wordOf(scene, lock, proposal, read.owner, 0);
    return {
      proposal,
      pattern: null,
      understood: word(FIRST_LOCK),
      decided: word(SECOND_LOCK),
    } as Permission;
  }

  /** A pattern that names itself as the delegate, signed by itself, and its word on that ground. */
  private delegate(scene: Scene, { owner, permission }: Captured['read']): Permission {
    const { purpose, pods, use, proposer, untilWallUs } = permission.proposal.terms;
    const terms: PatternTerms = {
      ...{ owner, number: scene.second, authorisation: DELEGATED, proposer, delegate: scene.self },
      ...{ use, purpose, pods, untilWallUs, uses: 0, wallUs: untilWallUs },
    };
    const hash = patternHash(scene.pure, terms);
    const sign = (lock: 1 | 2): string => scene.sign(lockedPatternHash(scene.pure, lock, hash));
    const pattern: Pattern = { terms, understood: sign(FIRST_LOCK), authorised: sign(SECOND_LOCK) };
    const decided = this.wordOf(scene, SECOND_LOCK, permission.proposal, scene.self, DELEGATED);
    return { ...permission, pattern, decided } as Permission;
  }

  private wordOf(scene: Scene, lock: 1 | 2, proposal: Proposal, by: Peer, authorisation: number): Word {
    const { untilWallUs, pods } = proposal.terms;
    const said = {
      by,
      version: 9,
      said: EXECUTE,
      authorisation,
      detail: '',
      untilWallUs,
      wallUs: untilWallUs,
    };
    const hash = wordHash(scene.pure, lock, pods[0], proposedHash(scene.pure, proposal.terms), said);
    return { ...said, signature: scene.sign(hash) };
  }
}
