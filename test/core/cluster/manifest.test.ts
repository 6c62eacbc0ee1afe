import { expect } from 'chai';
import { compareVersions, hasType, type Manifest } from '../../../core/cluster/manifest.ts';
import { hashManifest } from '../../../core/cluster/presence.ts';
import { findFault } from '../../../core/cluster/validation.ts';
import { Cast } from '../../cast.ts';
import { FEDERATION, manifestOf, namesOf, Rig } from '../../rig.ts';

const cast = new Cast(namesOf(FEDERATION));
const good = manifestOf(cast, { ...FEDERATION[1], types: ['compute', 'pod-host'] });

describe('a manifest', () => {
  const cases: [string, Partial<Manifest>, RegExp | null][] = [
    ['as it should be', {}, null],
    ['a pod host without storage', { podStorage: null }, /pod host must declare/],
    ['a compute node without compute', { compute: null }, /compute node must declare/],
    ['a gateway needs neither', { types: ['gateway'], podStorage: null, compute: null }, null],
    ['storage without the type is no fault', { types: ['compute'] }, null],
    ['no region', { region: '' }, /region/],
    ['no cluster', { cluster: '' }, /cluster/],
    ['no type at all', { types: [] }, /at least one type/],
    ['a type that nobody knows', { types: ['orrery'], compute: null, podStorage: null }, null],
  ];
  for (const [what, changes, fault] of cases) {
    it(`${what}: ${fault === null ? 'valid' : 'refused, with the reason'}`, () => {
      const found = findFault({ ...good, ...changes });
      if (fault === null) expect(found).to.equal(null);
      else expect(found).to.match(fault);
    });
  }

  it('is ordered by epoch, then version', () => {
    const ordered = [
      [1, 1],
      [1, 2],
      [2, 1],
      [2, 9],
      [3, 0],
    ].map(([epoch, version]) => ({ epoch, version }));
    ordered.forEach((left, i) =>
      ordered.forEach((right, j) =>
        expect(Math.sign(compareVersions(left, right))).to.equal(Math.sign(i - j)),
      ),
    );
  });

  it('has the types it names', () => {
    expect(hasType(good, 'compute')).to.equal(true);
    expect(hasType(good, 'bridge')).to.equal(false);
  });

  it('is signed with everything in it: any change is another hash', () => {
    const { pure, self, config } = new Rig().node('compute-1');
    const node = { pure, self, config } as never;
    const hash = hashManifest(node, good, { epoch: 1, version: 1 });
    const others: [Manifest, number, number][] = [
      [good, 1, 2],
      [good, 2, 1],
      [{ ...good, claimedTrust: 3 }, 1, 1],
      [{ ...good, unknown: [{ field: 'colour', json: '"blue"' }] }, 1, 1],
      [{ ...good, types: [...good.types].reverse() }, 1, 1],
      [{ ...good, compute: { gpuMemoryBytes: 1, supportedModels: [] } }, 1, 1],
    ];
    for (const [manifest, epoch, version] of others) {
      expect(hashManifest(node, manifest, { epoch, version })).not.to.equal(hash);
    }
    expect(hashManifest(node, { ...good }, { epoch: 1, version: 1 })).to.equal(hash);
  });
});
