import type { Peer } from '../../core/base/peers.ts';
import { SECOND_US } from '../../core/base/time.ts';
import type { ClusterRecord, ClusterTerms } from '../../core/cluster/border/border-documents.ts';
import { clusterRecordHash } from '../../core/cluster/border/cluster-record.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { CLUSTER_NEWS, MAX_NEWS, type ClusterNews } from '../../core/machine/kinds.ts';
import type { Malice, Scene } from './malice.ts';

/** Above all that an honest cluster says. */
const LATE_EPOCH = 2 ** 40;
/** Clusters that it keeps in mind to speak for. */
const MAX_KNOWN = 32;

/**
 * A bridge that speaks for other clusters: it spreads later versions of their records with itself as their only bridge,
 * which nobody takes since their operators have not signed them, and it founds a few clusters each second, which are
 * as real as any until somebody asks who has a peering with them.
 */
export class RecordForger implements Malice {
  readonly tickUs = SECOND_US;
  private readonly known: ClusterRecord[] = [];
  private readonly others: Peer[] = [];

  onOutgoing(envelope: Envelope): boolean {
    if (envelope.kind !== CLUSTER_NEWS) return true;
    if (!this.others.includes(envelope.to)) this.others.push(envelope.to);
    return true;
  }

  onIncoming(envelope: Envelope): boolean {
    if (envelope.kind !== CLUSTER_NEWS) return true;
    for (const { record } of (envelope.body as ClusterNews).records) {
      const isKnown = this.known.some(({ genesis }) => genesis.cluster === record.genesis.cluster);
      if (!isKnown && this.known.length < MAX_KNOWN) this.known.push(record);
    }
    return true;
  }

  onTick(scene: Scene): void {
    const records = this.known.slice(0, MAX_NEWS / 2).map((record) => this.forge(scene, record));
    for (let i = records.length; i < MAX_NEWS; i++) records.push(this.found(scene, i));
    for (const to of this.others) {
      const body: ClusterNews = {
        records: records.map((record) => ({ record, hops: 1, ageUs: 0 })),
        asks: true,
      };
      const { self, second } = scene;
      scene.send({
        kind: CLUSTER_NEWS,
        from: self,
        to,
        origin: self,
        originBoot: 1,
        n: second,
        attempt: 0,
        body,
      });
      scene.touch();
    }
  }

  private forge(scene: Scene, record: ClusterRecord): ClusterRecord {
    const bridges = [{ peer: scene.self, region: record.region, address: 'elsewhere' }];
    return sign(scene, { ...record, bridges, version: { epoch: LATE_EPOCH, version: scene.second } });
  }

  private found(scene: Scene, i: number): ClusterRecord {
    const cluster = `founded-${scene.second}-${i}`;
    const region = scene.ownRegion;
    return sign(scene, {
      genesis: { cluster, region, operators: [scene.self], threshold: 1 },
      region,
      bridges: [{ peer: scene.self, region, address: 'elsewhere' }],
      exports: ['*'],
      version: { epoch: 1, version: 1 },
    });
  }
}

function sign(scene: Scene, terms: ClusterTerms): ClusterRecord {
  const signature = scene.sign(clusterRecordHash(scene.pure, terms));
  return { ...terms, signatures: terms.genesis.operators.map((operator) => ({ operator, signature })) };
}
