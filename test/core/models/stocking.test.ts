import { expect } from 'chai';
import * as kinds from '../../../core/machine/kinds.ts';
import { pagesOf } from '../../../core/models/hashes.ts';
import { refOfChunk } from '../../../core/models/holding.ts';
import type { Stock } from '../../../core/models/model-bodies.ts';
import { ERROR_CODES } from '../../../core/routing/outcomes.ts';
import {
  createCluster,
  pointTo,
  PUBLISHER,
  release,
  tellNode,
  versionAt,
  type Release,
} from '../../publisher.ts';
import { envelopeOf, SECOND_US, type Rig } from '../../rig.ts';

/** A publisher puts one list of a version on a node; what that answers. */
function stock(
  rig: Rig,
  node: string,
  { entry, hashes }: Release,
  page: number,
  changes: Partial<Stock> = {},
  by = PUBLISHER,
): string {
  const list = pagesOf(hashes)[page];
  const chunks = list.hashes.map((hash, place) => refOfChunk(entry, page, place, hash));
  const body: Stock = { entry, page, hashes: list, chunks, ...changes };
  const n = rig.sent.length + 1_000;
  rig.wire.push(envelopeOf(kinds.MODEL_STOCK, rig.peer(by), rig.peer(node), body, { n }));
  rig.pump();
  const [answer, ...more] = rig.mail.filter((mail) => mail.n === n);
  expect(more).to.deep.equal([]);
  if (answer.kind === kinds.REFUSED) return ERROR_CODES[(answer.body as kinds.Refused).code];
  expect(answer.kind).to.equal(kinds.HOLDER);
  return (answer.body as { isWhole: boolean }).isWhole ? 'whole' : 'taken';
}

describe('a publisher puts a version on a node', () => {
  it('R7.1-1: list by list, each kept before it is answered; then others pull it from there', () => {
    const rig = createCluster(3).start();
    const first = release(rig, 1, 300);
    expect(stock(rig, 'c1', first, 1)).to.equal('taken');
    expect(stock(rig, 'c1', first, 1)).to.equal('taken');
    expect(versionAt(rig, 'c1')).to.equal(0);
    expect(stock(rig, 'c1', first, 0)).to.equal('whole');
    tellNode(rig, 'c1', { channels: [pointTo(rig, first, 1)] });
    rig.advance(60 * SECOND_US);
    for (const name of ['c1', 'c2', 'c3']) expect(versionAt(rig, name), name).to.equal(1);
  });

  it('R7.1-1: refuses whoever is not its publisher, and chunks that the publisher has not signed', () => {
    const rig = createCluster(2).start();
    const first = release(rig, 1, 4);
    const second = release(rig, 2, 4);
    const before = rig.node('c1').models!.held.size;
    expect(stock(rig, 'c1', first, 0, {}, 'mallory')).to.equal('NOT_ADMITTED');
    const forged = { ...first.entry, licence: 'none' };
    expect(stock(rig, 'c1', first, 0, { entry: forged })).to.equal('NOT_ADMITTED');
    const hashes = pagesOf(second.hashes)[0];
    expect(stock(rig, 'c1', first, 0, { hashes })).to.equal('NOT_ADMITTED');
    const chunks = second.hashes.map((hash, place) => refOfChunk(first.entry, 0, place, hash));
    expect(stock(rig, 'c1', first, 0, { chunks })).to.equal('NOT_ADMITTED');
    expect(stock(rig, 'c1', first, 0, { hashes, chunks })).to.equal('NOT_ADMITTED');
    expect(stock(rig, 'c1', first, 0, { page: 1 })).to.equal('NOT_ADMITTED');
    expect([...rig.node('c1').models!.held.values()].filter(({ isWhole }) => isWhole)).to.have.length(before);
  });

  it('R7.2-1: puts nothing where a copy may not be, or where there is no room', () => {
    const rig = createCluster(2).start();
    expect(stock(rig, 'c1', release(rig, 1, 4, { regions: ['americas'] }), 0)).to.equal('NO_ELIGIBLE_NODE');
    const small = createCluster(2, { modelDiskBytes: 3_000 }).start();
    expect(stock(small, 'c1', release(small, 1, 4), 0)).to.equal('NO_CAPABLE_NODE');
  });
});
