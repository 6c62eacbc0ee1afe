import { expect } from 'chai';
import fc from 'fast-check';
import { NETWORK } from '../../../core/base/peers.ts';
import * as kinds from '../../../core/machine/kinds.ts';
import { checkLaw } from '../../laws/law.ts';
import {
  chunksAsked,
  createCluster,
  pointTo,
  putOnDisk,
  release,
  tellNode,
  versionAt,
} from '../../publisher.ts';
import { countRefusals, envelopeOf, SECOND_US, type Rig } from '../../rig.ts';

/** Some nodes have a version from the start; the last has none. */
function start(computes: number, chunks: number): Rig {
  const rig = createCluster(computes);
  const first = release(rig, 1, chunks);
  for (let i = 1; i < computes; i++) putOnDisk(rig, `c${i}`, first, true);
  return rig;
}

const offered = (rig: Rig, name: string): boolean =>
  rig.node('front').index!.directory.offeringOf('m') !== undefined && versionAt(rig, name) > 0;

describe('pulling a model', () => {
  it('R7.2-1: fetches each chunk once, in turn from all that have it, and offers the model when all are there', () => {
    const rig = start(4, 300);
    rig.start();
    rig.advance(10 * SECOND_US);
    expect(versionAt(rig, 'c4')).to.equal(1);
    const asked = rig.sent.filter(({ kind }) => kind === kinds.CHUNK_WANTED);
    expect(asked).to.have.length(300);
    const of = (name: string): number => asked.filter(({ to }) => to === rig.peer(name)).length;
    for (const name of ['c1', 'c2', 'c3']) expect(of(name), name).to.be.within(90, 110);
    expect(offered(rig, 'c4')).to.equal(true);
  });

  it('R7.2-1: shows nothing of a model of which one chunk is missing', () => {
    const rig = start(2, 20);
    rig.drops = ({ kind, body }) =>
      kind === kinds.CHUNK && (body as kinds.Infer & { place: number }).place === 19;
    rig.start();
    rig.advance(60 * SECOND_US);
    const { models } = rig.node('c2');
    expect([...models!.held.values()][0].pages[0]!.count).to.equal(19);
    expect(versionAt(rig, 'c2')).to.equal(0);
    rig.drops = () => false;
    rig.advance(60 * SECOND_US);
    expect(versionAt(rig, 'c2')).to.equal(1);
  });

  it('R7.2-1: goes on where it was after a crash at any moment, and loses one chunk at most', () => {
    checkLaw(
      fc.array(fc.integer({ min: 40, max: 260 }), { minLength: 2, maxLength: 6 }),
      (moments) => {
        const rig = start(3, 100);
        for (const name of ['front', 'c1', 'c2']) rig.boot(name);
        rig.pump();
        rig.advance(8 * SECOND_US);
        let crashes = 0;
        for (const moment of moments) {
          rig.boot('c3');
          // So many messages on; then whatever is in memory is gone, and what is on the wire is for nobody.
          for (let i = 0; i < moment; i++) {
            if (rig.pumpOne()) continue;
            rig.nowUs += SECOND_US / 10;
            rig.wake('c3');
          }
          if (versionAt(rig, 'c3') > 0) break;
          rig.crash('c3');
          rig.pump();
          crashes++;
        }
        rig.boot('c3');
        rig.pump();
        rig.advance(30 * SECOND_US);
        expect(versionAt(rig, 'c3')).to.equal(1);
        expect(chunksAsked(rig, 'c3').length).to.be.at.most(100 + crashes);
        return crashes > 0 && chunksAsked(rig, 'c3').length > 100;
      },
      { seed: 721, runs: 25 },
    );
  });

  it('R7.2-1: throws away a chunk that is not the publisher’s, says who handed it out, and asks it no more', () => {
    const rig = start(4, 60);
    let lies = 0;
    rig.drops = (envelope) => {
      if (envelope.kind !== kinds.CHUNK || envelope.from !== rig.peer('c2')) return false;
      const body = envelope.body as { chunk: { hash: string } };
      envelope.body = { ...body, chunk: { ...body.chunk, hash: 'lie' } };
      lies++;
      return false;
    };
    rig.start();
    rig.advance(20 * SECOND_US);
    expect(versionAt(rig, 'c4')).to.equal(1);
    expect(lies).to.equal(1);
    const told = rig.notes
      .map(({ body }) => body as kinds.Noted)
      .filter(({ note }) => note === kinds.NOTE_LIED);
    expect(told.map(({ chosen }) => chosen)).to.deep.equal([rig.peer('c2')]);
  });

  it('R7.2-1: asks no more whoever handed out bytes that are not the content that it named', () => {
    const rig = start(4, 60);
    const others = new Set<number>();
    let falsified = 0;
    rig.drops = (envelope) => {
      const { kind, from, to, n, originBoot } = envelope;
      if (kind !== kinds.CHUNK) return false;
      if (from !== rig.peer('c2')) {
        others.add(from);
        return false;
      }
      falsified++;
      // As the driver says it, which has fetched them and dropped the envelope.
      const told = { origin: to, originBoot, n };
      rig.wire.push(envelopeOf(kinds.CONTENT_FALSE, NETWORK, to, { peer: from }, told));
      return true;
    };
    rig.start();
    rig.advance(20 * SECOND_US);
    expect(versionAt(rig, 'c4')).to.equal(1);
    expect(falsified).to.equal(1);
    expect([...others].sort()).to.deep.equal([rig.peer('c1'), rig.peer('c3')].sort());
    const told = rig.notes
      .map(({ body }) => body as kinds.Noted)
      .filter(({ note }) => note === kinds.NOTE_LIED);
    expect(told.map(({ chosen }) => chosen)).to.deep.equal([rig.peer('c2')]);
  });

  it('R7.2-1: a liar is left out of the next pull, too, and nobody is for a lie that was not told', () => {
    const rig = start(3, 8);
    rig.start();
    const told = { origin: rig.peer('c3'), originBoot: rig.node('c3').bootCount, n: 77 };
    rig.wire.push(
      envelopeOf(kinds.CONTENT_FALSE, NETWORK, rig.peer('c3'), { peer: rig.peer('c1') }, told),
      envelopeOf(kinds.CONTENT_FALSE, rig.peer('mallory'), rig.peer('c3'), { peer: rig.peer('c1') }, told),
    );
    rig.pump();
    expect(rig.node('c3').models!.liars).to.deep.equal([]);
    expect(countRefusals(rig.node('c3'), 'of no device')).to.equal(1);
  });

  it('R8.1-2: who is experimental hands out no chunk, and R7.2-1: whoever is no node of the cluster is not believed', () => {
    const rig = createCluster(3, { attestedTrust: 1 });
    const first = release(rig, 1);
    for (const name of ['c1', 'c2']) putOnDisk(rig, name, first, true);
    rig.start();
    rig.advance(30 * SECOND_US);
    const body = { id: first.id, region: 'eu/fr', isWhole: true, keeps: false, busy: 0 };
    rig.wire.push(envelopeOf(kinds.HOLDER, rig.peer('mallory'), rig.peer('c3'), body));
    rig.pump();
    rig.advance(30 * SECOND_US);
    expect(versionAt(rig, 'c3')).to.equal(0);
    expect(rig.sent.some(({ kind }) => kind === kinds.CHUNK_WANTED)).to.equal(false);
  });

  it('takes no list of chunks that does not hash to what is signed', () => {
    const rig = start(3, 30);
    rig.drops = (envelope) => {
      if (envelope.kind !== kinds.MODEL_PAGE || envelope.from !== rig.peer('c1')) return false;
      const body = envelope.body as { hashes: { hashes: string[] } };
      envelope.body = { ...body, hashes: { hashes: body.hashes.hashes.toReversed() } };
      return false;
    };
    rig.start();
    rig.advance(20 * SECOND_US);
    expect(versionAt(rig, 'c3')).to.equal(1);
  });

  it('fetches nothing to a region where it may not be, and nothing that does not fit', () => {
    for (const changes of [
      { regions: ['americas'] },
      { requiredMemoryBytes: 23.5e9 },
      { sizeBytes: 2e12, chunkBytes: 4e6 },
    ]) {
      const rig = createCluster(2);
      const first = release(rig, 1, 10, changes);
      rig.start();
      tellNode(rig, 'c1', { entries: [first.entry], channels: [pointTo(rig, first, 1)] });
      rig.advance(10 * SECOND_US);
      expect(rig.sent.some(({ kind }) => kind === kinds.FIND_HOLDERS)).to.equal(false);
    }
  });

  it('looks for holders ever more rarely while there are none', () => {
    const rig = createCluster(2);
    const first = release(rig, 1);
    rig.start();
    const before = rig.sent.length;
    tellNode(rig, 'c1', { entries: [first.entry], channels: [pointTo(rig, first, 1)] });
    rig.advance(600 * SECOND_US);
    const asked = rig.sent.slice(before).filter(({ kind, from, to }) => {
      const isAsking = kind === kinds.FIND_HOLDERS && from === rig.peer('c1');
      return isAsking && to === rig.peer('c2');
    });
    expect(asked.length).to.be.within(8, 16);
  });
});
