import { expect } from 'chai';
import type { Pending } from '../../core/cluster/affiliation/affiliation-bodies.ts';
import {
  DiscoveryRefused,
  NodeDiscovery,
  type JoinOptions,
  type NodeManifest,
} from '../../sim/cluster-discovery.ts';

/** France of a front (gateway, index, bridge) that is a member, and a newcomer (gateway) that nobody has admitted. */
export interface DiscoveryStage {
  discoveryOf(node: 'front' | 'newcomer', options?: JoinOptions): NodeDiscovery;
  manifestOf(node: 'front' | 'newcomer'): NodeManifest;
  /** The operators of France sign what an applicant waits for. */
  approve(pending: Pending): void;
  /** Names of the live members as the front sees them, sorted. */
  members(): string[];
  /** Lets things go on until a promise has settled. */
  settle<T>(promise: Promise<T>): Promise<T>;
  /** Lets things go on until it is so; false if it never is. */
  until(isSo: () => boolean): Promise<boolean>;
  close(): Promise<void>;
}

/** What `ClusterDiscovery` of §5.1 promises, whatever drives the nodes. */
export function testClusterDiscovery(driver: string, setUp: () => Promise<DiscoveryStage>): void {
  describe(`R5.1-4: ClusterDiscovery, ${driver}`, function () {
    this.timeout(30_000);
    let stage: DiscoveryStage;
    before(async () => (stage = await setUp()));
    after(() => stage?.close());

    async function reasonOf(promise: Promise<unknown>): Promise<string> {
      try {
        await stage.settle(promise);
      } catch (error) {
        expect(error).to.be.instanceOf(DiscoveryRefused);
        return (error as Error).message;
      }
      return 'done';
    }

    it('discoverClusters lists what a bridge has heard of, its own cluster among it', async () => {
      const clusters = await stage.settle(stage.discoveryOf('front').discoverClusters());
      expect(clusters.map(({ name, region, isOwn }) => [name, region, isOwn])).to.deep.equal([
        ['france', 'eu/fr', true],
      ]);
      expect(clusters[0]!.id).to.match(/^[0-9a-f]{16,64}$/);
    });

    it('joinCluster fails with a reason: another cluster, another manifest', async () => {
      const newcomer = stage.discoveryOf('newcomer');
      const manifest = stage.manifestOf('newcomer');
      expect(await reasonOf(newcomer.joinCluster('atlantis', manifest))).to.match(/configured for france/);
      const other = { ...manifest, type: ['bridge' as const] };
      expect(await reasonOf(newcomer.joinCluster('france', other))).to.match(/not the manifest/);
      expect(await reasonOf(newcomer.announceCapabilities(['gateway']))).to.match(/in no cluster/);
    });

    it('joinCluster is pending with a ticket, and resolves when operators have signed it', async () => {
      let pending: Pending | null = null;
      const newcomer = stage.discoveryOf('newcomer', { onPending: (told) => (pending = told) });
      const joined = newcomer.joinCluster('france', stage.manifestOf('newcomer'));
      expect(await stage.until(() => pending !== null)).to.equal(true);
      expect(stage.members()).to.deep.equal(['front']);
      stage.approve(pending!);
      await stage.settle(joined);
      expect(await stage.until(() => stage.members().length === 2)).to.equal(true);
    });

    it('joining twice is a no-op; capabilities are announced as the manifest says', async () => {
      const newcomer = stage.discoveryOf('newcomer');
      await stage.settle(newcomer.joinCluster('france', stage.manifestOf('newcomer')));
      expect(stage.members()).to.deep.equal(['front', 'newcomer']);
      await stage.settle(newcomer.announceCapabilities(['gateway']));
      expect(await reasonOf(newcomer.announceCapabilities(['teleport']))).to.match(
        /teleport is not in the manifest/,
      );
    });

    it('leaveCluster resolves when it is said to all; leaving twice is a no-op', async () => {
      const newcomer = stage.discoveryOf('newcomer');
      await stage.settle(newcomer.leaveCluster('france'));
      expect(await stage.until(() => stage.members().length === 1)).to.equal(true);
      await stage.settle(newcomer.leaveCluster('france'));
    });
  });
}
