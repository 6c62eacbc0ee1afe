import { expect } from 'chai';
import { Outbox } from '../../core/machine/envelope.ts';
import { receive, wake } from '../../core/machine/node.ts';
import { cloneNode, diffNodes, foldNode, READY, type Node } from '../../core/machine/node-state.ts';
import { Encoder } from '../../core/machine/codec.ts';
import { decodeEnvelope } from '../../core/machine/codec.ts';
import { Envelope } from '../../core/machine/envelope.ts';
import { ANSWER, REFUSED, type Answer, type Refused } from '../../core/machine/kinds.ts';
import { ERROR_CODES, NOT_READY, OK } from '../../core/routing/outcomes.ts';
import { deepFreeze, SECOND_US, type Rig, type Station } from '../rig.ts';
import { law } from './law.ts';
import { MIXED, play, scripts, startMixed, type Action } from './play.ts';

function reach(script: readonly Action[]): Rig {
  const rig = startMixed();
  for (const action of script) play(rig, action);
  return rig;
}

const foldOf = (node: Node): string => foldNode(node).hex();

/** The bytes of everything in an outbox. */
function bytesOf(rig: Rig, out: Outbox): string[] {
  const encoder = new Encoder(rig.cast);
  return Array.from({ length: out.count }, (_, i) =>
    Buffer.from(encoder.envelope(out.at(i))).toString('hex'),
  );
}

function hasOpenWork({ node }: Station): boolean {
  const searchers = [node.gateway?.searcher, node.bridge?.outward, node.bridge?.inward];
  return (
    searchers.some((searcher) => (searcher?.searches.size ?? 0) > 0) || (node.compute?.jobs.length ?? 0) > 0
  );
}

const isInteresting = (rig: Rig): boolean => [...rig.stations.values()].some(hasOpenWork);

describe('laws of a node in whatever state it comes to', () => {
  law(
    'waking early changes nothing and says nothing',
    scripts(),
    (script) => {
      const rig = reach(script);
      let early = 0;
      for (const station of rig.stations.values()) {
        const now = rig.nowOf(station);
        if (!station.isUp || now.monoUs >= station.node.wakeAtUs) continue;
        early++;
        const before = foldOf(station.node);
        const out = new Outbox();
        wake(station.node, now, out);
        expect(out.count).to.equal(0);
        expect(foldOf(station.node)).to.equal(before);
      }
      return early > 0 && isInteresting(rig);
    },
    { seed: 11, runs: 250 },
  );

  law(
    'waking at any time leaves an alarm that lies ahead',
    scripts(),
    (script) => {
      const rig = reach(script);
      rig.nowUs += script.length * 200_000;
      for (const station of rig.stations.values()) {
        if (!station.isUp) continue;
        rig.wake(station.name);
        expect(station.node.wakeAtUs).to.be.greaterThan(rig.nowOf(station).monoUs);
      }
      return isInteresting(rig);
    },
    { seed: 12, runs: 150 },
  );

  law(
    'a clone is equal, shares nothing that changes, and goes the same way under the same input',
    scripts(),
    (script) => {
      const rig = reach(script);
      const isWorthIt = isInteresting(rig);
      for (const station of rig.stations.values()) {
        const { node } = station;
        const [original, inAlarm, inFuture] = [foldOf(node), cloneNode(node), cloneNode(node)];
        expect(diffNodes(node, inAlarm)).to.deep.equal([]);
        expect(foldOf(inAlarm)).to.equal(original);

        // The clones live on; the original must not notice.
        const [now, out] = [rig.nowOf(station), new Outbox()];
        wake(inAlarm, { ...now, monoUs: now.monoUs + 4 * SECOND_US }, out);
        const later = { ...now, monoUs: now.monoUs + 70 * SECOND_US };
        for (const envelope of rig.sent.slice(-40)) {
          if (envelope.to === node.self) receive(inFuture, now, envelope, out);
        }
        wake(inFuture, later, out);
        out.clear();
        expect(foldOf(node)).to.equal(original);

        // Twins: each input of one is an input of the other.
        const twin = cloneNode(node);
        const [outHere, outThere] = [new Outbox(), new Outbox()];
        wake(node, later, outHere);
        wake(twin, later, outThere);
        expect(bytesOf(rig, outThere)).to.deep.equal(bytesOf(rig, outHere));
        expect(foldOf(twin)).to.equal(foldOf(node));
        expect(diffNodes(twin, node)).to.deep.equal([]);
      }
      return isWorthIt;
    },
    { seed: 13, runs: 150 },
  );

  law(
    'fold and everything that is sent depend on nobody’s number',
    scripts({ withStrays: false }),
    (script) => {
      const rig = startMixed();
      const { names } = rig.cast;
      const other = startMixed([...names.slice(7), ...names.slice(0, 7)].reverse());
      const encoders = [new Encoder(rig.cast), new Encoder(other.cast)];
      const hex = (encoder: Encoder, envelope: Envelope): string =>
        Buffer.from(encoder.envelope(envelope)).toString('hex');
      for (const action of script) {
        play(rig, action);
        play(other, action);
      }
      expect(other.sent.length).to.equal(rig.sent.length);
      rig.sent.forEach((envelope, i) => {
        expect(hex(encoders[1], other.sent[i])).to.equal(hex(encoders[0], envelope));
      });
      for (const { name, node } of rig.stations.values()) {
        const [here, there] = [foldOf(node), foldOf(other.node(name))];
        expect(there, name).to.equal(here);
      }
      return isInteresting(rig);
    },
    { seed: 14, runs: 80 },
  );

  law(
    'R5.3-2: a request has one terminal outcome, whatever is lost, repeated or overtaken',
    scripts({ withStrays: false, withCrashes: false, maxLength: 60 }),
    (script) => {
      const rig = startMixed();
      for (const action of script) play(rig, action);
      rig.isInferring = true;
      rig.pump();
      rig.advance(65 * SECOND_US);
      let answered = 0;
      for (const user of ['ann', 'ben']) {
        for (const gateway of ['front', 'brazil-front']) {
          for (let n = 1; n <= 12; n++) {
            const told = rig
              .outcomes(user, n)
              .filter(({ from }) => from === rig.peer(gateway))
              .map(({ kind, body }) => JSON.stringify([kind, body]));
            expect(new Set(told).size, told.join(' | ')).to.be.at.most(1);
            answered += told.length;
          }
        }
      }
      for (const { node } of rig.stations.values()) {
        for (const searcher of [node.gateway?.searcher, node.bridge?.outward, node.bridge?.inward]) {
          expect(searcher?.searches.size ?? 0, 'no search outlives its deadline').to.equal(0);
          expect(searcher?.inFlight.size ?? 0, 'nothing is counted as under way').to.equal(0);
          expect(searcher?.retriesInFlight ?? 0).to.equal(0);
        }
      }
      return answered > 2;
    },
    { seed: 15, runs: 150 },
  );

  law(
    'what a node sends can be written, read and refused by nobody, and codes agree with kinds',
    scripts(),
    (script) => {
      const rig = reach(script);
      const encoder = new Encoder(rig.cast);
      const read = new Envelope();
      for (const envelope of rig.sent) {
        expect(decodeEnvelope(encoder.envelope(envelope), rig.cast, read)).to.equal(null);
        if (envelope.kind === REFUSED) {
          const { code, retryAfterUs } = envelope.body as Refused;
          expect(code).to.be.within(OK + 1, ERROR_CODES.length - 1);
          if (code === NOT_READY) expect(retryAfterUs).to.be.greaterThan(0);
        }
        if (envelope.kind === ANSWER) expect((envelope.body as Answer).answer.hash).to.be.a('string');
      }
      return rig.sent.length > 100;
    },
    { seed: 16, runs: 60 },
  );

  it('knows the nodes that it speaks of', () => {
    const rig = startMixed();
    expect([...rig.stations.values()].every(({ node }) => node.phase === READY)).to.equal(true);
    expect(MIXED.length).to.equal(rig.stations.size);
    deepFreeze(MIXED);
  });
});
