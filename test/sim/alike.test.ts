import { expect } from 'chai';
import { manifestVersionShape } from '../../core/cluster/manifest.ts';
import { recordOf } from '../../core/machine/disk-records.ts';
import { Alike } from '../../sim/alike.ts';
import { Shelf } from '../../sim/devices/shelf.ts';

const record = (epoch: number) => recordOf({ node: { epoch, manifestVersion: 1 } });

describe('what many hold alike', () => {
  const alike = (): Alike => new Alike((peer) => peer);

  it('is held once, and only what is equal and of one shape', () => {
    const values = alike();
    const first = values.once(manifestVersionShape, { epoch: 1, version: 2 });
    expect(values.once(manifestVersionShape, { epoch: 1, version: 2 })).to.equal(first);
    expect(values.once(manifestVersionShape, { epoch: 2, version: 1 })).to.deep.equal({
      epoch: 2,
      version: 1,
    });
  });

  it('stays right where it is forgotten', () => {
    const values = alike();
    for (let epoch = 0; epoch < 20_000; epoch++) {
      const value = values.once(manifestVersionShape, { epoch: epoch % 7_000, version: 1 });
      expect(value.epoch).to.equal(epoch % 7_000);
    }
  });

  it('is shared by disks that hold the same, until one of them holds another', () => {
    const values = alike();
    const [left, right] = [new Shelf(), new Shelf()];
    for (const shelf of [left, right]) {
      shelf.set('node', record(1));
      shelf.share(values);
    }
    expect(right.get('node')).to.equal(left.get('node'));
    right.set('node', record(2));
    expect([left.get('node')!.node!.epoch, right.get('node')!.node!.epoch]).to.deep.equal([1, 2]);
  });
});

describe('a shelf of records', () => {
  it('does what a map does, with few and with many', () => {
    const shelf = new Shelf();
    const map = new Map<string, ReturnType<typeof record>>();
    let word = 1;
    for (let step = 0; step < 2_000; step++) {
      word = (word * 1_103_515_245 + 12_345) & 0x7fffffff;
      const key = `key ${word % (step < 1_000 ? 4 : 40)}`;
      if (word % 5 < 2) {
        shelf.delete(key);
        map.delete(key);
      } else {
        shelf.set(key, record(step));
        map.set(key, record(step));
      }
      if (step === 1_500) {
        shelf.clear();
        map.clear();
      }
      expect(shelf.size).to.equal(map.size);
      expect(shelf.get(key)).to.deep.equal(map.get(key));
      expect(shelf.keys().sort()).to.deep.equal([...map.keys()].sort());
    }
  });
});
