import { expect } from 'chai';
import type { ClusterRecord } from '../../../../core/cluster/border/border-documents.ts';
import { clusterRecordHash } from '../../../../core/cluster/border/cluster-record.ts';
import { ageOf, byKey, type ClusterDirectory } from '../../../../core/cluster/border/cluster-directory.ts';
import type { Envelope } from '../../../../core/machine/envelope.ts';
import * as kinds from '../../../../core/machine/kinds.ts';
import { genesisHash } from '../../../../core/trust/genesis.ts';
import { recordFor } from '../../../agreements.ts';
import {
  envelopeOf,
  FEDERATION,
  namesOf,
  Rig,
  SECOND_US,
  type NodeSpec,
  countRefusals,
} from '../../../rig.ts';

/** A cluster that nobody has a peering with, founded by whoever signs for it. */
function foundedBy(rig: Rig, founder: string, cluster: string, version = 1): ClusterRecord {
  const operators = [rig.peer(founder)];
  const terms = {
    genesis: { cluster, region: 'asia', operators, threshold: 1 },
    region: 'asia',
    bridges: [{ peer: rig.peer(founder), region: 'asia', address: 'there' }],
    exports: ['*'],
    version: { epoch: 1, version },
  };
  const signature = rig.cast.sign(operators[0], clusterRecordHash(rig.cast, terms));
  return { ...terms, signatures: [{ operator: operators[0], signature }] };
}

function tell(
  rig: Rig,
  from: string,
  to: string,
  records: ClusterRecord[],
  changes: object = {},
): Envelope[] {
  const items = records.map((record) => ({ record, hops: 1, ageUs: 0, ...changes }));
  const body = { records: items, asks: false };
  return rig.deliver(envelopeOf(kinds.CLUSTER_NEWS, rig.peer(from), rig.peer(to), body));
}

const directoryOf = (rig: Rig, name = 'front'): ClusterDirectory => rig.node(name).bridge!.directory;
const heardOf = (rig: Rig, name = 'front'): string[] =>
  byKey(directoryOf(rig, name))
    .map(([, { record }]) => record.genesis.cluster)
    .sort((left, right) => (left < right ? -1 : 1));
const news = (sent: readonly Envelope[]): Envelope[] =>
  sent.filter(({ kind }) => kind === kinds.CLUSTER_NEWS);

/** With a small directory. */
const small = (maxClusters: number): NodeSpec[] =>
  FEDERATION.map((spec) => ({ ...spec, parameters: { maxClusters } }));

describe('the directory of clusters', () => {
  it('learns a peered cluster from the bridge that it began with', () => {
    const rig = new Rig().start();
    expect(heardOf(rig)).to.deep.equal(['brazil', 'france']);
    const key = genesisHash(rig.cast, recordFor(rig.cast, FEDERATION, 'brazil').genesis);
    const heard = directoryOf(rig).entries.get(key)!;
    expect([heard.source, heard.hops]).to.deep.equal([rig.peer('brazil-front'), 1]);
  });

  it('passes on what is new, once, gathered, and not back for ever', () => {
    const rig = new Rig().start();
    const [japan, korea] = [foundedBy(rig, 'mallory', 'japan'), foundedBy(rig, 'mallory', 'korea')];
    expect(news(tell(rig, 'mallory', 'front', [japan])), 'nothing at once').to.deep.equal([]);
    tell(rig, 'mallory', 'front', [korea]);
    tell(rig, 'mallory', 'front', [japan]);
    rig.sent.length = 0;
    rig.advance(SECOND_US);
    const told = news(rig.sent).filter(({ from }) => from === rig.peer('front'));
    expect(told.map(({ to }) => to)).to.deep.equal([rig.peer('brazil-front')]);
    const { records } = told[0].body as kinds.ClusterNews;
    expect(records.map(({ record, hops }) => [record.genesis.cluster, hops])).to.deep.equal([
      ['japan', 2],
      ['korea', 2],
    ]);
    expect(heardOf(rig, 'brazil-front')).to.deep.equal(['brazil', 'france', 'japan', 'korea']);
    rig.sent.length = 0;
    rig.advance(10 * SECOND_US);
    expect(news(rig.sent), 'they know it by now').to.deep.equal([]);
  });

  it('tells all that it knows every thirty seconds', () => {
    const rig = new Rig().start();
    rig.sent.length = 0;
    rig.advance(60 * SECOND_US);
    const told = news(rig.sent).filter(({ from }) => from === rig.peer('front'));
    expect(told).to.have.length(2);
    const { records } = told[1].body as kinds.ClusterNews;
    expect(records.map(({ record, ageUs }) => [record.genesis.cluster, ageUs > 0])).to.deep.equal([
      ['france', false],
      ['brazil', true],
    ]);
  });

  it('passes nothing on that has gone through three bridges', () => {
    const rig = new Rig().start();
    tell(rig, 'mallory', 'front', [foundedBy(rig, 'mallory', 'near')], { hops: 2 });
    tell(rig, 'mallory', 'front', [foundedBy(rig, 'mallory', 'far')], { hops: 3 });
    rig.advance(65 * SECOND_US);
    expect(heardOf(rig)).to.deep.equal(['brazil', 'far', 'france', 'near']);
    expect(heardOf(rig, 'brazil-front')).to.deep.equal(['brazil', 'france', 'near']);
  });

  it('takes the highest version, and of one version the youngest news', () => {
    const rig = new Rig().start();
    const key = genesisHash(rig.cast, foundedBy(rig, 'mallory', 'japan').genesis);
    const heard = () => directoryOf(rig).entries.get(key)!;
    const age = () => ageOf(heard(), rig.nowOf(rig.station('front')));
    tell(rig, 'mallory', 'front', [foundedBy(rig, 'mallory', 'japan', 2)], { ageUs: 60 * SECOND_US });
    tell(rig, 'ben', 'front', [foundedBy(rig, 'mallory', 'japan', 1)]);
    expect([heard().record.version.version, heard().source]).to.deep.equal([2, rig.peer('mallory')]);
    rig.advance(SECOND_US);
    expect(age()).to.equal(61 * SECOND_US);
    tell(rig, 'ben', 'front', [foundedBy(rig, 'mallory', 'japan', 2)], { ageUs: 90 * SECOND_US });
    expect([age(), heard().source]).to.deep.equal([61 * SECOND_US, rig.peer('mallory')]);
    tell(rig, 'ben', 'front', [foundedBy(rig, 'mallory', 'japan', 2)], { ageUs: 5, hops: 2 });
    expect([age(), heard().source, heard().hops]).to.deep.equal([5, rig.peer('ben'), 2]);
    tell(rig, 'ben', 'front', [foundedBy(rig, 'mallory', 'japan', 3)]);
    expect(heard().record.version.version).to.equal(3);
  });

  it('refuses, counted, a record that its cluster has not signed, from whomever it comes', () => {
    const rig = new Rig().start();
    const brazil = recordFor(rig.cast, FEDERATION, 'brazil');
    const bridges = [{ peer: rig.peer('mallory'), region: 'americas/br', address: 'there' }];
    const forged = { ...brazil, bridges, version: { epoch: 9, version: 1 } };
    const before = countRefusals(rig.node('front'), 'forged');
    for (const from of ['mallory', 'brazil-front']) tell(rig, from, 'front', [forged]);
    expect(countRefusals(rig.node('front'), 'forged')).to.equal(before + 2);
    const key = genesisHash(rig.cast, brazil.genesis);
    expect(directoryOf(rig).entries.get(key)!.record.bridges).to.deep.equal(brazil.bridges);
    rig.advance(40 * SECOND_US);
    expect(rig.node('front').bridge!.sessions.sessions.map(({ peer }) => peer)).to.deep.equal([
      rig.peer('brazil-front'),
    ]);
  });

  it('turns newcomers away when it is full, but not clusters with a peering', () => {
    const rig = new Rig(small(3));
    rig.drops = ({ kind, from }) => kind === kinds.CLUSTER_NEWS && from === rig.peer('brazil-front');
    rig.start();
    expect(heardOf(rig)).to.deep.equal(['france']);
    for (const cluster of ['japan', 'korea', 'australia'])
      tell(rig, 'mallory', 'front', [foundedBy(rig, 'mallory', cluster)]);
    expect(heardOf(rig)).to.deep.equal(['france', 'japan', 'korea']);
    expect(countRefusals(rig.node('front'), 'no room')).to.equal(1);
    tell(rig, 'brazil-front', 'front', [recordFor(rig.cast, FEDERATION, 'brazil')]);
    expect(heardOf(rig)).to.have.length(3).and.include.members(['brazil', 'france']);
  });

  it('checks so many signatures a second for all strangers, and as many for each that it knows', () => {
    const specs = FEDERATION.map((spec) => ({ ...spec, parameters: { clusterChecks: 3 } }));
    const rig = new Rig(specs, [...namesOf(specs), 'eve']).start();
    rig.advance(10 * SECOND_US);
    const many = (prefix: string) =>
      Array.from({ length: 4 }, (_, i) => foundedBy(rig, 'mallory', `${prefix}-${i}`));
    tell(rig, 'mallory', 'front', many('fake').slice(0, 2));
    tell(rig, 'eve', 'front', many('other'));
    expect(heardOf(rig), 'three of strangers').to.have.length(2 + 3);
    tell(rig, 'brazil-front', 'front', many('true'));
    expect(heardOf(rig), 'and three of a bridge that is known').to.have.length(2 + 3 + 3);
    rig.advance(SECOND_US);
    tell(rig, 'eve', 'front', many('later'));
    expect(heardOf(rig), 'a second later it has time again').to.have.length(2 + 3 + 3 + 3);
  });

  it('forgets whom nobody has spoken for in ten minutes, but not whom it has a peering with', () => {
    const rig = new Rig().start();
    tell(rig, 'mallory', 'front', [foundedBy(rig, 'mallory', 'japan')]);
    rig.crash('brazil-front');
    rig.advance(9 * 60 * SECOND_US);
    expect(heardOf(rig)).to.deep.equal(['brazil', 'france', 'japan']);
    rig.advance(2 * 60 * SECOND_US);
    expect(heardOf(rig)).to.deep.equal(['brazil', 'france']);
    tell(rig, 'mallory', 'front', [foundedBy(rig, 'mallory', 'japan')], { ageUs: 10 * 60 * SECOND_US });
    expect(heardOf(rig), 'news as old as that are none').to.deep.equal(['brazil', 'france']);
  });
});
