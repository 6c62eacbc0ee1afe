import { SECOND_US } from '../../core/base/time.ts';
import type { ClusterRecord, Peering, PeeringTerms } from '../../core/cluster/border/border-documents.ts';
import { peeringHash } from '../../core/cluster/border/peering.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import {
  CLUSTER_NEWS,
  CROSS,
  PEERING,
  SESSION,
  type ClusterNews,
  type Cross,
} from '../../core/machine/kinds.ts';
import { genesisHash } from '../../core/trust/genesis.ts';
import type { Malice, Scene } from './malice.ts';

/** Clusters that it keeps in mind to claim peerings with. */
const MAX_KNOWN = 32;

/**
 * A bridge that claims peerings which the other side has not signed: each second it hands one to every bridge that it
 * knows of, says that it is there, and takes the requests of its own cluster to them.
 */
export class PeeringForger implements Malice {
  readonly tickUs = SECOND_US;
  private own: ClusterRecord | null = null;
  private readonly known: ClusterRecord[] = [];

  onOutgoing(envelope: Envelope, scene: Scene): boolean {
    if (envelope.kind !== CLUSTER_NEWS) return true;
    for (const { record } of (envelope.body as ClusterNews).records) {
      if (record.bridges.some(({ peer }) => peer === scene.self)) this.own = record;
      else this.keep(record);
    }
    return true;
  }

  onIncoming(envelope: Envelope, scene: Scene): boolean {
    if (envelope.kind === CLUSTER_NEWS)
      for (const { record } of (envelope.body as ClusterNews).records) this.keep(record);
    if (envelope.kind !== CROSS || this.own === null) return true;
    const cross = envelope.body as Cross;
    if (cross.path.length > 0) return true;
    const path = [this.own.genesis.cluster];
    const { kind, origin, originBoot, n, attempt } = envelope;
    for (const to of this.bridges()) {
      scene.send({
        kind,
        from: scene.self,
        to,
        origin,
        originBoot,
        n,
        attempt,
        body: { want: cross.want, path },
      });
      scene.touch();
    }
    return true;
  }

  onTick(scene: Scene): void {
    const { own } = this;
    if (own === null) return;
    for (const other of this.known) {
      const peering = forge(scene, own, other);
      const clock = { sentUs: 1, echoUs: 0, heldUs: 0 };
      const genesis = genesisHash(scene.pure, own.genesis);
      const session = {
        exportsVersion: 1,
        heardVersion: 0,
        ...clock,
        genesis,
        peeringVersion: peering.version,
      };
      for (const { peer: to } of other.bridges) {
        for (const [kind, body] of [
          [PEERING, { peering, revocation: null }],
          [SESSION, session],
        ] as const) {
          const { self, second } = scene;
          scene.send({ kind, from: self, to, origin: self, originBoot: 1, n: second, attempt: 0, body });
        }
        scene.touch();
      }
    }
  }

  private keep(record: ClusterRecord): void {
    const name = record.genesis.cluster;
    if (name === this.own?.genesis.cluster || this.known.some(({ genesis }) => genesis.cluster === name))
      return;
    if (this.known.length < MAX_KNOWN) this.known.push(record);
  }

  private bridges(): number[] {
    return this.known.flatMap(({ bridges }) => bridges.map(({ peer }) => peer));
  }
}

/** For both sides it signs itself. */
function forge(scene: Scene, own: ClusterRecord, other: ClusterRecord): Peering {
  const sideOf = ({ genesis }: ClusterRecord) => ({
    cluster: genesis.cluster,
    genesis: genesisHash(scene.pure, genesis),
    exports: ['*'],
  });
  const terms: PeeringTerms = {
    left: sideOf(own),
    right: sideOf(other),
    version: 1_000,
    fromWallUs: 0,
    untilWallUs: 2 ** 50,
    maxInFlight: 0,
  };
  const signature = scene.sign(peeringHash(scene.pure, terms));
  const signaturesOf = ({ genesis }: ClusterRecord) =>
    genesis.operators.map((operator) => ({ operator, signature }));
  return {
    ...terms,
    left: { ...terms.left, signatures: signaturesOf(own) },
    right: { ...terms.right, signatures: signaturesOf(other) },
  };
}
