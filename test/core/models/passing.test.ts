import { expect } from 'chai';
import * as kinds from '../../../core/machine/kinds.ts';
import type { EntryTerms } from '../../../core/models/documents.ts';
import {
  pointTo,
  PUBLISHER,
  putOnDisk,
  release,
  tellNode,
  versionAt,
  type Release,
} from '../../publisher.ts';
import { envelopeOf, namesOf, Rig, SECOND_US, type NodeSpec } from '../../rig.ts';

const SHARED = { publishers: [PUBLISHER], exports: ['m'] };
const nodesOf = (cluster: string, region: string, peered: string[], computes: number): NodeSpec[] => [
  { ...SHARED, name: `${cluster}-front`, cluster, region, types: ['gateway', 'index', 'bridge'], peered },
  ...Array.from({ length: computes }, (_, i): NodeSpec => ({
    ...SHARED,
    name: `${cluster}-${i + 1}`,
    cluster,
    region,
    types: ['compute'],
    wants: ['m'],
  })),
];

/** France has the model and Brazil has not; Chile is peered with Brazil alone. */
function start(
  terms: Partial<EntryTerms> = { regions: ['eu', 'americas'] },
  changes: Partial<NodeSpec> = {},
): { rig: Rig; first: Release } {
  const specs = [
    ...nodesOf('france', 'eu/fr', ['brazil-front'], 2),
    ...nodesOf('brazil', 'americas/br', ['france-front', 'chile-front'], 2),
    ...nodesOf('chile', 'americas/cl', ['brazil-front'], 1),
  ].map((spec) => ({ ...spec, ...changes }));
  const rig = new Rig(specs, [...namesOf(specs), PUBLISHER]);
  const first = release(rig, 1, 20, terms);
  for (const name of ['france-1', 'france-2']) putOnDisk(rig, name, first, true);
  rig.start();
  tellNode(rig, 'france-1', { entries: [first.entry], channels: [pointTo(rig, first, 1)] });
  return { rig, first };
}

const chunks = (rig: Rig, from: string, to: string): number =>
  rig.sent.filter(
    (sent) => sent.kind === kinds.CHUNK && sent.from === rig.peer(from) && sent.to === rig.peer(to),
  ).length;

describe('a model that comes over a border', () => {
  it('R7.2-1, R5.2-4: bridges fetch it and hand it on, each chunk over the border once, and nobody else crosses', () => {
    const { rig } = start();
    rig.advance(180 * SECOND_US);
    for (const name of ['brazil-1', 'brazil-2']) expect(versionAt(rig, name), name).to.equal(1);
    expect(chunks(rig, 'france-front', 'brazil-front')).to.equal(20);
    const clusterOf = (peer: number): string => rig.cast.nameOf(peer).split('-')[0];
    for (const { kind, from, to } of rig.sent) {
      if (![kinds.CHUNK, kinds.CHUNK_WANTED, kinds.PAGE_WANTED, kinds.FIND_HOLDERS].includes(kind)) continue;
      if (clusterOf(from) === clusterOf(to)) continue;
      expect([rig.cast.nameOf(from), rig.cast.nameOf(to)].every((name) => name.endsWith('front'))).to.equal(
        true,
      );
    }
  });

  it('R5.2-4: crosses one border: what Brazil has fetched Chile has from Brazil, and never from France', () => {
    const { rig } = start();
    rig.advance(400 * SECOND_US);
    expect(versionAt(rig, 'chile-1')).to.equal(1);
    expect(chunks(rig, 'france-front', 'chile-front')).to.equal(0);
    expect(chunks(rig, 'brazil-front', 'chile-front')).to.equal(20);
  });

  it('R7.2-1: does not go where a copy may not be, nor over a peering that does not export it', () => {
    const kept = start({ regions: ['eu'] });
    kept.rig.advance(180 * SECOND_US);
    const other = start({ regions: ['eu', 'americas'] }, { exports: ['another'] });
    other.rig.advance(180 * SECOND_US);
    for (const { rig } of [kept, other]) {
      expect(versionAt(rig, 'brazil-1')).to.equal(0);
      expect(chunks(rig, 'france-front', 'brazil-front')).to.equal(0);
    }
  });

  it('R7.2-1: a bridge that is asked for what it does not export says that it has nothing, and fetches nothing', () => {
    const { rig, first } = start({ regions: ['eu', 'americas'] }, { exports: ['another'] });
    const body = { id: first.id, isToKeep: false, isToPass: true };
    const [from, to] = [rig.peer('brazil-front'), rig.peer('france-front')];
    rig.wire.push(envelopeOf(kinds.FIND_HOLDERS, from, to, body, { n: 900 }));
    rig.pump();
    const answer = rig.sent.find(({ kind, n }) => kind === kinds.HOLDER && n === 900)!;
    expect((answer.body as { isWhole: boolean }).isWhole).to.equal(false);
    expect(rig.node('france-front').models!.passing.size).to.equal(0);
  });

  it('what a bridge has only to hand it on goes when nobody has asked for a while', () => {
    const { rig, first } = start();
    rig.advance(300 * SECOND_US);
    expect(rig.node('brazil-front').models!.held.has(first.id)).to.equal(true);
    rig.advance(1_300 * SECOND_US);
    for (const name of ['brazil-front', 'france-front']) {
      expect(rig.node(name).models!.held.has(first.id), name).to.equal(false);
      expect([...rig.station(name).disk.keys()].filter((key) => key.includes('/held/'))).to.deep.equal([]);
    }
    expect(versionAt(rig, 'brazil-1')).to.equal(1);
  });

  it('a bridge that crashes while it has a version goes on with it, and erases it later', () => {
    const { rig, first } = start();
    rig.advance(60 * SECOND_US);
    rig.crash('brazil-front');
    rig.advance(5 * SECOND_US);
    rig.boot('brazil-front');
    rig.pump();
    rig.advance(240 * SECOND_US);
    expect(versionAt(rig, 'brazil-2')).to.equal(1);
    expect(chunks(rig, 'france-front', 'brazil-front')).to.be.at.most(21);
    rig.advance(1_300 * SECOND_US);
    expect(rig.node('brazil-front').models!.held.has(first.id)).to.equal(false);
  });
});
