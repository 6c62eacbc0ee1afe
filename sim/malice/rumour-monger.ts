import type { Peer } from '../../core/base/peers.ts';
import { SECOND_US } from '../../core/base/time.ts';
import type { FindMembers, Members, Sayings } from '../../core/cluster/membership/member-messages.ts';
import { DEAD, SUSPECT, type Member } from '../../core/cluster/membership/member.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { ACK, FIND_MEMBERS, GOSSIP, MEMBERS, PING } from '../../core/machine/kinds.ts';
import type { Malice, Scene } from './malice.ts';

/** A member that tells all others, each second, that some of them are suspect and others dead, and names others as its sources. */
export class RumourMonger implements Malice {
  readonly tickUs = SECOND_US;
  /** What it last heard of each. */
  private readonly heard = new Map<Peer, Member>();

  onOutgoing(envelope: Envelope): boolean {
    this.listen(envelope);
    return true;
  }

  onIncoming(envelope: Envelope): boolean {
    this.listen(envelope);
    return true;
  }

  onTick(scene: Scene): void {
    const items = scene.neighbours.flatMap((peer) => {
      const known = this.heard.get(peer);
      if (known === undefined || !scene.isInShare(scene.keyOf(peer), scene.second)) return [];
      const from = scene.neighbours[scene.draw(scene.second, scene.keyOf(peer)) % scene.neighbours.length];
      const state = scene.draw(scene.keyOf(peer), scene.second, 1) < 0x80000000 ? SUSPECT : DEAD;
      return [{ ...known, state, from, certificate: null }];
    });
    if (items.length === 0) return;
    for (const to of scene.neighbours) {
      const body = { items: items.slice(0, MOST_ITEMS) };
      const { self } = scene;
      scene.send({
        kind: GOSSIP,
        from: self,
        to,
        origin: self,
        originBoot: 1,
        n: scene.second,
        attempt: 0,
        body,
      });
      scene.touch();
    }
  }

  /** Keeps the highest incarnation that each is said to have. */
  private listen({ kind, body }: Envelope): void {
    for (const told of sayingsOf(kind, body)) {
      const known = this.heard.get(told.peer);
      if (known === undefined || told.incarnation > known.incarnation) this.heard.set(told.peer, told);
    }
  }
}

/** No message of news carries more. */
const MOST_ITEMS = 24;

function sayingsOf(kind: number, body: unknown): readonly Member[] {
  if (kind === MEMBERS) return (body as Members).rows;
  if (kind === FIND_MEMBERS) return [(body as FindMembers).own];
  return kind === PING || kind === ACK || kind === GOSSIP ? (body as Sayings).items : [];
}
