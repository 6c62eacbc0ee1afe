import type { Join } from '../../core/cluster/affiliation/affiliation-bodies.ts';
import type { Peer } from '../../core/base/peers.ts';
import { SECOND_US } from '../../core/base/time.ts';
import type { FindMembers, Members, Sayings } from '../../core/cluster/membership/member-messages.ts';
import { ALIVE, type Member } from '../../core/cluster/membership/member.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { FIND_MEMBERS, GOSSIP, JOIN, MEMBERS, PING } from '../../core/machine/kinds.ts';
import { admissionHash } from '../../core/trust/admission.ts';
import type { AdmissionTerms, Certificate } from '../../core/trust/documents.ts';
import { genesisHash } from '../../core/trust/genesis.ts';
import type { Malice, Scene } from './malice.ts';

/** Far beyond any run. */
const FOR_GOOD_US = 2 ** 51;
/** Certificates of others that it keeps to borrow from. */
const MAX_HELD = 32;
/** Ways to come by a certificate that nobody has given. */
const FORGERIES = 5;

/**
 * Whoever makes itself an operator: it tells its cluster each second of a stranger that it says to have admitted, prolongs the
 * admission of a neighbour and its own, and applies with what it has made. It signs as itself alone, borrows what others
 * have shown, puts other names and dates on it, and founds a cluster of the same name.
 */
export class CertificateForger implements Malice {
  readonly tickUs = SECOND_US;
  private readonly held: Certificate[] = [];
  private own: Member | null = null;

  onOutgoing(envelope: Envelope, scene: Scene): boolean {
    this.listen(envelope, scene.self);
    if (envelope.kind !== JOIN) return true;
    const join = envelope.body as Join;
    if (join.application === null) return true;
    envelope.body = { ...join, certificate: this.forge(scene, scene.self, scene.second) } satisfies Join;
    scene.touch();
    return true;
  }

  onIncoming(envelope: Envelope, scene: Scene): boolean {
    this.listen(envelope, scene.self);
    return true;
  }

  onTick(scene: Scene): void {
    const { neighbours, strangers, self, second } = scene;
    if (neighbours.length === 0) return;
    const others = strangers.length === 0 ? neighbours : strangers;
    const stranger = others[scene.draw(second, 1) % others.length];
    const neighbour = neighbours[scene.draw(second, 2) % neighbours.length];
    const items = [stranger, neighbour].map((peer) => this.introduce(scene, peer));
    for (const to of neighbours) {
      if (!scene.isInShare(scene.keyOf(to), second)) continue;
      this.say(scene, GOSSIP, to, { items });
      const own = {
        ...(this.own ?? this.introduce(scene, self)),
        certificate: this.forge(scene, self, second),
      };
      const asking: FindMembers = { cluster: scene.genesis.cluster, own, liveHigh: 0, liveLow: 0 };
      this.say(scene, FIND_MEMBERS, to, asking);
    }
  }

  /** As its members say it of somebody new. */
  private introduce(scene: Scene, peer: Peer): Member {
    const certificate = this.forge(scene, peer, scene.second);
    return { peer, incarnation: 1, state: ALIVE, types: 1, address: 'elsewhere', from: null, certificate };
  }

  private forge(scene: Scene, subject: Peer, second: number): Certificate {
    const way = scene.draw(second, 3) % FORGERIES;
    const model = this.held[scene.draw(second, 4) % Math.max(1, this.held.length)];
    const { self: operator, pure } = scene;
    if (way === 0) {
      // By the rules, in a cluster of its own that bears the name.
      const genesis = { ...scene.genesis, operators: [operator], threshold: 1 };
      return this.sign(scene, genesisHash(pure, genesis), subject, genesis.operators);
    }
    if (way === 1 || model === undefined)
      return this.sign(scene, genesisHash(pure, scene.genesis), subject, scene.genesis.operators);
    if (way === 2) return model;
    if (way === 3) return { ...model, subject };
    const own = this.held.find((one) => one.subject === subject);
    return { ...(own ?? model), untilWallUs: FOR_GOOD_US };
  }

  /** Names these operators, and signs for all of them itself. */
  private sign(scene: Scene, genesis: string, subject: Peer, operators: readonly Peer[]): Certificate {
    const terms: AdmissionTerms = { genesis, subject, fromWallUs: 0, untilWallUs: FOR_GOOD_US };
    const signature = scene.sign(admissionHash(scene.pure, terms));
    return { ...terms, signatures: operators.map((operator) => ({ operator, signature })) };
  }

  private say(scene: Scene, kind: number, to: Peer, body: unknown): void {
    const { self, second } = scene;
    scene.send({ kind, from: self, to, origin: self, originBoot: 1, n: second, attempt: 0, body });
    scene.touch();
  }

  private listen({ kind, body }: Envelope, self: Peer): void {
    for (const told of sayingsOf(kind, body)) {
      if (told.peer === self && told.state === ALIVE) this.own = told;
      const { certificate } = told;
      const isHeld = certificate === null || this.held.some(({ subject }) => subject === certificate.subject);
      if (!isHeld && this.held.length < MAX_HELD) this.held.push(certificate);
    }
  }
}

function sayingsOf(kind: number, body: unknown): readonly Member[] {
  if (kind === MEMBERS) return (body as Members).rows;
  if (kind === FIND_MEMBERS) return [(body as FindMembers).own];
  return kind === PING || kind === GOSSIP ? (body as Sayings).items : [];
}
