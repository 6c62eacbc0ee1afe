import { expect } from 'chai';
import { ModelRefused, type NodeModels } from '../../sim/model-sync.ts';

export const MODEL = 'lifeos/sense-maker-v1';

/**
 * France of three compute nodes: the first two run the first version of a model, of which the region is promised a copy; the third
 * runs nothing. A gateway asks the model all the while, if it is asked to.
 */
export interface ModelStage {
  modelsOf(node: 'first' | 'second' | 'third'): NodeModels;
  /** The publisher releases another version: a good one, or one that fails. */
  release(version: number, isGood: boolean): Promise<void>;
  /** Whether all chunks of what runs on a node lie on its disk. */
  isWhole(node: 'first' | 'second' | 'third'): boolean;
  /** Lets things go on until a promise has settled. */
  settle<T>(promise: Promise<T>): Promise<T>;
  /** Lets things go on until it is so; false if it never is. */
  until(isSo: () => boolean | Promise<boolean>): Promise<boolean>;
  close(): Promise<void>;
}

/** What `ModelSync` of §7.2 promises, whatever drives the nodes. */
export function testModelSync(driver: string, setUp: () => Promise<ModelStage>): void {
  describe(`R5.1-4, R7.2-1: ModelSync, ${driver}`, function () {
    this.timeout(120_000);
    let stage: ModelStage;
    before(async () => (stage = await setUp()));
    after(() => stage?.close());

    async function reasonOf(promise: Promise<unknown>): Promise<string> {
      try {
        await stage.settle(promise);
      } catch (error) {
        expect(error).to.be.instanceOf(ModelRefused);
        return (error as Error).message;
      }
      return 'done';
    }

    it('checkVersion tells what is installed and what is newest; nothing of either is an answer, too', async () => {
      const first = await stage.settle(stage.modelsOf('first').checkVersion(MODEL));
      expect([first.installedVersion, first.latestVersion]).to.deep.equal([1, 1]);
      expect(first.installed).to.equal(first.latest);
      expect(first.installed).to.match(/^lifeos\/sense-maker-v1@sha256:[0-9a-f]+$/);
      const third = await stage.settle(stage.modelsOf('third').checkVersion(MODEL));
      expect([third.installed, third.latest]).to.deep.equal([null, first.latest]);
      const unknown = await stage.settle(stage.modelsOf('third').checkVersion('nobody/nothing'));
      expect([unknown.installed, unknown.latest, unknown.latestVersion]).to.deep.equal([null, null, 0]);
    });

    it('pullModel resolves when every chunk is there, and again at once; a model that nobody has released is refused', async () => {
      expect(stage.isWhole('third')).to.equal(false);
      await stage.settle(stage.modelsOf('third').pullModel(MODEL));
      expect(stage.isWhole('third')).to.equal(true);
      await stage.settle(stage.modelsOf('third').pullModel(MODEL));
      expect(await reasonOf(stage.modelsOf('third').pullModel('nobody/nothing'))).to.match(/^UNKNOWN_MODEL/);
    });

    it('updateModel resolves when the newest has proven itself there, and rejects when it was rolled back', async () => {
      await stage.release(2, true);
      const third = stage.modelsOf('third');
      const isKnown = async (version: number): Promise<boolean> =>
        (await third.checkVersion(MODEL)).latestVersion === version;
      expect(await stage.until(() => isKnown(2))).to.equal(true);
      await stage.settle(third.updateModel(MODEL));
      expect((await stage.settle(third.checkVersion(MODEL))).installedVersion).to.equal(2);
      await stage.release(3, false);
      expect(await stage.until(() => isKnown(3))).to.equal(true);
      expect(await reasonOf(third.updateModel(MODEL))).to.match(/not proven itself/);
      const { installedVersion, latestVersion } = await stage.settle(third.checkVersion(MODEL));
      expect([installedVersion, latestVersion]).to.deep.equal([2, 3]);
    });

    it('removeModel is a no-op where there is nothing, and refuses to drop the last copy that a region is promised', async () => {
      const remove = (name: 'first' | 'second' | 'third'): Promise<string> =>
        reasonOf(stage.modelsOf(name).removeModel(MODEL));
      expect(await reasonOf(stage.modelsOf('third').removeModel('nobody/nothing'))).to.equal('done');
      // All come to the second version first.
      const isEverywhere = async (): Promise<boolean> => {
        for (const name of ['first', 'second', 'third'] as const)
          if ((await stage.modelsOf(name).checkVersion(MODEL)).installedVersion !== 2) return false;
        return true;
      };
      expect(await stage.until(isEverywhere)).to.equal(true);
      expect(await remove('third')).to.equal('done');
      expect(stage.isWhole('third')).to.equal(false);
      // Whoever was asked to keep its copy for that keeps it for a while.
      expect(await stage.until(async () => (await remove('second')) === 'done')).to.equal(true);
      let refused = '';
      const isSettled = async (): Promise<boolean> =>
        !(refused = await remove('first')).startsWith('OVERLOADED');
      expect(await stage.until(isSettled)).to.equal(true);
      expect(refused).to.match(/^NO_ELIGIBLE_NODE: eu\/fr is promised a copy/);
      expect(stage.isWhole('first')).to.equal(true);
    });
  });
}
