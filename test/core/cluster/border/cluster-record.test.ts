import { expect } from 'chai';
import type { ClusterRecord } from '../../../../core/cluster/border/border-documents.ts';
import { clusterRecordHash, findRecordFault } from '../../../../core/cluster/border/cluster-record.ts';
import { recordFor, signByOperators } from '../../../agreements.ts';
import { Cast } from '../../../cast.ts';
import { FEDERATION, genesisOf, namesOf, type NodeSpec } from '../../../rig.ts';

const cast = new Cast(namesOf(FEDERATION));
const UNSIGNED = /not signed by the operators/;

describe('the record of a cluster', () => {
  it('is sound as its operators have signed it', () => {
    expect(findRecordFault(cast, recordFor(cast, FEDERATION, 'brazil'))).to.equal(null);
  });

  const changes: readonly [string, (record: ClusterRecord) => Partial<ClusterRecord>][] = [
    ['its bridges', () => ({ bridges: [{ peer: cast.peer('mallory'), region: 'eu/fr', address: '' }] })],
    ['where one of them listens', ({ bridges }) => ({ bridges: [{ ...bridges[0], address: 'elsewhere' }] })],
    ['its region', () => ({ region: 'eu/fr' })],
    ['its exports', () => ({ exports: ['*', 'c'] })],
    ['its version', () => ({ version: { epoch: 1, version: 2 } })],
    ['its genesis record', ({ genesis }) => ({ genesis: { ...genesis, cluster: 'france' } })],
  ];
  for (const [what, change] of changes) {
    it(`is refused when somebody has changed ${what}`, () => {
      const record = recordFor(cast, FEDERATION, 'brazil');
      expect(findRecordFault(cast, { ...record, ...change(record) })).to.match(UNSIGNED);
    });
  }

  it('is refused when another has signed it, or nobody', () => {
    const record = recordFor(cast, FEDERATION, 'brazil');
    const hash = clusterRecordHash(cast, record);
    const france = genesisOf(cast, FEDERATION[0]);
    expect(findRecordFault(cast, { ...record, signatures: signByOperators(cast, france, hash) })).to.match(
      UNSIGNED,
    );
    expect(findRecordFault(cast, { ...record, signatures: [] })).to.match(UNSIGNED);
  });

  it('takes as many operators as its genesis record asks for, each once', () => {
    const specs: NodeSpec[] = FEDERATION.map((spec) => ({ ...spec, operators: 3 }));
    const many = new Cast(namesOf(specs));
    const record = recordFor(many, specs, 'brazil');
    expect(findRecordFault(many, record)).to.equal(null);
    const [first, second] = record.signatures;
    for (const signatures of [
      [first, second],
      [first, second, second],
    ])
      expect(findRecordFault(many, { ...record, signatures })).to.match(UNSIGNED);
  });

  it('names each bridge once, and lies somewhere', () => {
    const [bridge] = recordFor(cast, FEDERATION, 'brazil').bridges;
    const twice = recordFor(cast, FEDERATION, 'brazil', { bridges: [bridge, bridge] });
    expect(findRecordFault(cast, twice)).to.match(/named twice/);
    expect(findRecordFault(cast, recordFor(cast, FEDERATION, 'brazil', { region: '' }))).to.match(/region/);
  });
});
