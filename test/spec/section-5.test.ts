import { expect } from 'chai';
import { Encoder, decodeEnvelope } from '../../core/machine/codec.ts';
import { copyEnvelope, Envelope } from '../../core/machine/envelope.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { foldNode } from '../../core/machine/node-state.ts';
import { refusal } from '../../core/routing/ending.ts';
import * as outcomes from '../../core/routing/outcomes.ts';
import { envelopeOf, FEDERATION, Rig, SECOND_US, type NodeSpec, countRefusals } from '../rig.ts';

const [front, compute1, compute2, brazilFront, brazilCompute] = FEDERATION;

/** Asks once, lets half a minute pass, and returns what the user was told: exactly one thing. */
function settle(rig: Rig, changes: object = {}, n = 1): Envelope {
  rig.ask('ann', 'front', n, changes);
  rig.pump();
  rig.advance(40 * SECOND_US);
  const told = rig.outcomes('ann', n);
  expect(told, 'one terminal outcome').to.have.length(1);
  return told[0];
}

/** A refusal as an error name and, of each that was struck out, who and why. */
function refusalOf(rig: Rig, { kind, body }: Envelope): { code: string; struck: string[] } {
  expect(kinds.nameOfKind(kind)).to.equal('RESPONSE/refused');
  const { code, struck } = body as kinds.Refused;
  return {
    code: outcomes.ERROR_CODES[code],
    struck: struck.map(({ peer, reason }) => `${rig.cast.nameOf(peer)}: ${outcomes.STRIKES[reason]}`).sort(),
  };
}

const kindsSent = (rig: Rig, kind: number): Envelope[] =>
  rig.sent.filter((envelope) => envelope.kind === kind);

describe('§5.2 Messages', () => {
  describe('R5.2-1: the six message types are the wire types', () => {
    it('R5.2-1: a reader that does not know an operation ignores it, and counts it', () => {
      const rig = new Rig().start();
      const node = rig.node('front');
      for (const type of [0, 1, 2, 3, 4, 5]) {
        const before = foldNode(Object.assign(Object.create(node) as typeof node, { refusals: [] })).hex();
        const ignored = countRefusals(node, 'unknown operation');
        expect(rig.deliver(envelopeOf(type * 32 + 31, rig.peer('compute-1'), node.self, {}))).to.deep.equal(
          [],
        );
        expect(countRefusals(node, 'unknown operation')).to.equal(ignored + 1);
        const after = foldNode(Object.assign(Object.create(node) as typeof node, { refusals: [] })).hex();
        expect(after, 'nothing else changes').to.equal(before);
      }
    });

    it('R5.2-1: what travels is told apart before it is a message: unknown operation, unknown type', () => {
      const rig = new Rig();
      const good = new Encoder(rig.cast).envelope(envelopeOf(kinds.MANIFEST_WANTED, 0, 1, {}));
      const withKind = (kind: number): string | null =>
        decodeEnvelope(
          Uint8Array.of(...good.subarray(0, 2), kind, ...good.subarray(3)),
          rig.cast,
          new Envelope(),
        );
      expect(withKind(kinds.MANIFEST_WANTED)).to.equal(null);
      for (const type of [0, 1, 2, 3]) expect(withKind(type * 32 + 31)).to.equal('unknown-operation');
      const far = Uint8Array.of(...good.subarray(0, 2), 0xe0, 1, ...good.subarray(3));
      expect(decodeEnvelope(far, rig.cast, new Envelope())).to.equal('unknown-type');
    });
  });

  describe('R5.2-4: between clusters only bridges speak', () => {
    it('R5.2-4: only envelopes of bridges cross a border, and each request crosses one', () => {
      const rig = new Rig().start();
      settle(rig, { model: 'b' });
      const clusterOf = (peer: number): string =>
        rig.stations.get(peer)?.node.config.manifest.cluster ?? 'users';
      const bridges = [rig.peer('front'), rig.peer('brazil-front')];
      const across = rig.sent.filter(
        ({ from, to }) => to >= 0 && clusterOf(to) !== 'users' && clusterOf(from) !== clusterOf(to),
      );
      expect(across.length).to.be.greaterThan(10);
      for (const { from, to } of across) expect(bridges).to.include.members([from, to]);
      expect(across.filter(({ kind }) => kind === kinds.CROSS)).to.have.length(1);
    });

    it('R5.2-4: nothing is exported unless a peering says so', () => {
      const closed = new Rig([front, compute1, { ...brazilFront, exports: [] }, brazilCompute]).start();
      expect(refusalOf(closed, settle(closed, { model: 'b' }))).to.deep.equal({
        code: 'NO_CAPABLE_NODE',
        struck: [],
      });
      const some = new Rig([front, compute1, { ...brazilFront, exports: ['b'] }, brazilCompute]).start();
      expect(settle(some, { model: 'b' }).kind).to.equal(kinds.ANSWER);
      expect(some.node('front').bridge!.sessions.sessions[0].models).to.deep.equal(['b']);
    });

    it('R5.2-4: what is not exported is refused to whoever asks all the same', () => {
      const rig = new Rig([front, compute1, { ...brazilFront, exports: [] }, brazilCompute]).start();
      const body = { want: rig.want({ model: 'b' }), path: ['france'] };
      const sent = rig.deliver(envelopeOf(kinds.CROSS, rig.peer('front'), rig.peer('brazil-front'), body));
      expect(sent.map(({ kind }) => kind)).to.deep.equal([kinds.REFUSED]);
    });

    it('R5.2-4: origin and path stop loops: three clusters in a ring, and a model that nobody has', () => {
      const chile: NodeSpec = {
        ...brazilFront,
        name: 'chile-front',
        cluster: 'chile',
        region: 'americas/cl',
      };
      const ring = [
        { ...front, peered: ['brazil-front', 'chile-front'] },
        { ...brazilFront, peered: ['chile-front', 'front'] },
        { ...chile, peered: ['front', 'brazil-front'] },
      ];
      const rig = new Rig(ring).start();
      // Each believes that the others have it.
      for (const { name } of ring) {
        const { sessions } = rig.node(name).bridge!;
        for (const session of sessions.sessions) session.models = ['a'];
        sessions.ownModels = ['a'];
      }
      rig.ask('ann', 'front', 1, { model: 'a' });
      rig.pump();
      expect(rig.outcomes('ann', 1)).to.have.length(1);
      expect(kindsSent(rig, kinds.CROSS).length).to.be.within(2, 4);
    });

    it('R5.2-4: a request that comes back to a cluster that it has been in is refused there', () => {
      const rig = new Rig().start();
      for (const [path, kind] of [
        [['brazil'], kinds.WORKING],
        [['chile', 'brazil'], kinds.REFUSED],
        [['france', 'brazil'], kinds.REFUSED],
      ] as const) {
        const body = { want: rig.want(), path: [...path] };
        const [from, to] = [rig.peer('brazil-front'), rig.peer('front')];
        const [told] = rig.deliver(envelopeOf(kinds.CROSS, from, to, body, { n: path[0].length }));
        expect(kinds.nameOfKind(told.kind), path.join()).to.equal(kinds.nameOfKind(kind));
      }
    });

    it('R5.2-4: a request that comes twice by one bridge is searched once', () => {
      const rig = new Rig().start();
      rig.isInferring = false;
      rig.ask('ann', 'front', 1, { model: 'b' });
      rig.pump();
      for (const cross of kindsSent(rig, kinds.CROSS)) rig.wire.push(copyEnvelope(cross, new Envelope()));
      rig.pump();
      expect(kindsSent(rig, kinds.RUN)).to.have.length(1);
    });
  });
});

describe('§5.3 Requests', () => {
  describe('R5.3-1: local → cluster → federation → error', () => {
    const stages: [string, readonly NodeSpec[], object, number][] = [
      [
        'local',
        [{ ...front, types: [...front.types, 'compute'], models: ['a'] }, compute1],
        {},
        outcomes.STAGE_LOCAL,
      ],
      ['cluster', FEDERATION, {}, outcomes.STAGE_CLUSTER],
      ['federation', FEDERATION, { model: 'b' }, outcomes.STAGE_FEDERATION],
      ['federation, for the law', FEDERATION, { allowedRegions: ['americas'] }, outcomes.STAGE_FEDERATION],
    ];
    for (const [what, specs, changes, stage] of stages) {
      it(`R5.3-1: served by ${what}`, () => {
        const { kind, body } = settle(new Rig(specs).start(), changes);
        expect([kind, (body as kinds.Answer).stage]).to.deep.equal([kinds.ANSWER, stage]);
      });
    }

    it('R5.3-1: NO_CAPABLE_NODE when nobody offers the model', () => {
      const rig = new Rig().start();
      const told = settle(rig, { model: 'c' });
      expect(refusalOf(rig, told)).to.deep.equal({ code: 'NO_CAPABLE_NODE', struck: [] });
      expect((told.body as kinds.Refused).detail).to.equal('nobody in reach offers c now');
    });

    it('R5.3-1: NO_CAPABLE_NODE when those who offer it fail, and who failed how', () => {
      const rig = new Rig([{ ...front, peered: [] }, compute1, compute2]).start();
      rig.isInferring = false;
      rig.ask('ann', 'front', 1);
      rig.pump();
      for (const name of ['compute-1', 'compute-2', 'compute-1', 'compute-2']) {
        rig.infer(name, 'out of memory');
        rig.pump();
      }
      expect(refusalOf(rig, rig.outcomes('ann', 1)[0])).to.deep.equal({
        code: 'NO_CAPABLE_NODE',
        struck: ['compute-1: refused', 'compute-2: refused'],
      });
    });

    it('R5.3-1: NO_ELIGIBLE_NODE when the law forbids it, here and over there', () => {
      const rig = new Rig().start();
      expect(refusalOf(rig, settle(rig, { allowedRegions: ['asia'] }))).to.deep.equal({
        code: 'NO_ELIGIBLE_NODE',
        struck: [
          'brazil-front: region not allowed',
          'compute-1: region not allowed',
          'compute-2: region not allowed',
        ],
      });
    });

    it('R5.3-1: NO_ELIGIBLE_NODE when the memory does not suffice', () => {
      const rig = new Rig([
        { ...front, peered: [] },
        { ...compute1, gpuMemoryBytes: 4e9 },
      ]).start();
      expect(refusalOf(rig, settle(rig))).to.deep.equal({
        code: 'NO_ELIGIBLE_NODE',
        struck: ['compute-1: too little memory for the model'],
      });
    });

    it('R5.3-1: TRUST_TOO_LOW when only trust was missing, though nobody elsewhere offers it', () => {
      const rig = new Rig([front, { ...compute1, attestedTrust: 2 }, brazilFront]).start();
      expect(refusalOf(rig, settle(rig, { minTrust: 3 }))).to.deep.equal({
        code: 'TRUST_TOO_LOW',
        struck: ['compute-1: trust too low'],
      });
    });

    it('R5.3-1: OVERLOADED when all are full, though elsewhere the law forbids it', () => {
      const rig = new Rig([
        front,
        { ...compute1, slots: 1, queueLimit: 0 },
        brazilFront,
        brazilCompute,
      ]).start();
      rig.isInferring = false;
      rig.ask('ben', 'front', 1, { allowedRegions: ['eu'], timeLeftUs: 60 * SECOND_US });
      rig.pump();
      expect(refusalOf(rig, settle(rig, { allowedRegions: ['eu'] }))).to.deep.equal({
        code: 'OVERLOADED',
        struck: ['brazil-front: region not allowed', 'compute-1: queue full'],
      });
    });

    it('R5.3-1: CLUSTER_UNREACHABLE when who offers it is out of reach', () => {
      const rig = new Rig().start();
      rig.drops = ({ from, to }) =>
        [from, to].includes(rig.peer('brazil-front')) &&
        [from, to].includes(rig.peer('front')) &&
        from !== to;
      rig.advance(5 * SECOND_US);
      expect(refusalOf(rig, settle(rig, { model: 'b' }))).to.deep.equal({
        code: 'CLUSTER_UNREACHABLE',
        struck: ['brazil-front: cluster out of reach'],
      });
    });

    it('R5.3-1: DEADLINE_EXCEEDED when no answer came in time', () => {
      const rig = new Rig().start();
      rig.isInferring = false;
      const { code } = refusalOf(rig, settle(rig, { timeLeftUs: 5 * SECOND_US }));
      expect(code).to.equal('DEADLINE_EXCEEDED');
      const [told] = rig.outcomes('ann', 1);
      expect(told.n).to.equal(1);
    });

    it('R5.3-1: UNKNOWN_MODEL for a name that the federation does not know', () => {
      const rig = new Rig().start();
      expect(refusalOf(rig, settle(rig, { model: 'oracle' }))).to.deep.equal({
        code: 'UNKNOWN_MODEL',
        struck: [],
      });
    });

    it('R5.3-1: NOT_READY before the gateway is ready', () => {
      const rig = new Rig();
      rig.boot('front');
      const [told] = rig.deliver(rig.ask('ann', 'front', 1));
      expect(refusalOf(rig, told)).to.deep.equal({ code: 'NOT_READY', struck: [] });
    });

    it('R5.3-1: NOT_ADMITTED for a request that somebody else brings', () => {
      const rig = new Rig().start();
      const body = rig.want();
      const asked = envelopeOf(kinds.ASK, rig.peer('mallory'), rig.peer('front'), body, {
        origin: rig.peer('ann'),
      });
      const [told] = rig.deliver(asked);
      expect(refusalOf(rig, told)).to.deep.equal({ code: 'NOT_ADMITTED', struck: [] });
    });

    // Code on the wire, whether the effect surely did not happen, whether to ask again: and if so, when.
    const errors: [name: outcomes.ErrorName, code: number, isDefinite: boolean, isRetryable: boolean][] = [
      ['NO_CAPABLE_NODE', 1, true, true],
      ['NO_ELIGIBLE_NODE', 2, true, false],
      ['OVERLOADED', 3, true, true],
      ['DEADLINE_EXCEEDED', 4, true, true],
      ['CLUSTER_UNREACHABLE', 5, true, true],
      ['TRUST_TOO_LOW', 6, true, false],
      ['CONSENT_REQUIRED', 7, true, false],
      ['UNKNOWN_MODEL', 8, true, false],
      ['NOT_ADMITTED', 9, true, false],
      ['NOT_READY', 10, true, true],
      ['UNKNOWN_OUTCOME', 11, false, true],
      ['INTERNAL', 12, false, true],
    ];
    for (const [name, code, isDefinite, isRetryable] of errors) {
      const [effect, again] = [isDefinite ? 'definite' : 'indefinite', isRetryable ? 'retryable' : 'final'];
      it(`R5.3-1: ${name} is ${effect} and ${again}`, () => {
        expect(outcomes.ERROR_CODES[code]).to.equal(name);
        expect(outcomes.isDefinite(code)).to.equal(isDefinite);
        expect(outcomes.isRetryable(code)).to.equal(isRetryable);
        const { refused } = refusal(code, '', []);
        expect(refused!.retryAfterUs).to.equal(isRetryable ? SECOND_US : 0);
        expect(refusal(code, '', [], 7 * SECOND_US).refused!.retryAfterUs).to.equal(
          isRetryable ? 7 * SECOND_US : 0,
        );
      });
    }

    it('R5.3-1: there are no other errors', () =>
      expect(outcomes.ERROR_CODES.slice(1)).to.deep.equal(errors.map(([name]) => name)));

    it('R5.3-1: what users are told advises when to ask again exactly where that may help', () => {
      const rig = new Rig().start();
      for (const [n, changes] of [
        { model: 'c' },
        { allowedRegions: ['asia'] },
        { timeLeftUs: 0 },
      ].entries()) {
        const { code, retryAfterUs } = settle(rig, changes, n + 1).body as kinds.Refused;
        expect(retryAfterUs > 0).to.equal(outcomes.isRetryable(code));
      }
    });
  });

  describe('R5.3-1: back-pressure', () => {
    it('R5.3-1: OVERLOADED says when one of those that are full may have room again', () => {
      const rig = new Rig([
        { ...front, peered: [] },
        { ...compute1, slots: 1, queueLimit: 0 },
      ]).start();
      rig.isInferring = false;
      rig.ask('ben', 'front', 1, { timeLeftUs: 60 * SECOND_US });
      rig.pump();
      rig.node('compute-1').compute!.serviceUs = 6 * SECOND_US;
      const adviceFor = (n: number) => {
        rig.ask('ann', 'front', n);
        rig.pump();
        const { body } = rig.outcomes('ann', n)[0];
        const { code, retryAfterUs } = body as kinds.Refused;
        return [outcomes.ERROR_CODES[code], retryAfterUs];
      };
      expect(adviceFor(1), 'as the node itself says').to.deep.equal(['OVERLOADED', 6 * SECOND_US]);
      rig.advance(2 * SECOND_US);
      const runs = kindsSent(rig, kinds.RUN).length;
      expect(adviceFor(2), 'as its load lets expect').to.deep.equal(['OVERLOADED', 6 * SECOND_US]);
      expect(kindsSent(rig, kinds.RUN), 'and it was not asked for that').to.have.length(runs);
    });

    it('R5.3-1: a gateway that holds as many requests as it may sheds the next at once, and keeps the others', () => {
      const rig = new Rig([{ ...front, parameters: { maxSearches: 2 } }, compute1]).start();
      rig.isInferring = false;
      for (const n of [1, 2, 3]) rig.ask('ann', 'front', n);
      rig.pump();
      const { code, retryAfterUs } = rig.outcomes('ann', 3)[0].body as kinds.Refused;
      expect([outcomes.ERROR_CODES[code], retryAfterUs]).to.deep.equal(['OVERLOADED', SECOND_US]);
      rig.isInferring = true;
      rig.pump();
      for (const n of [1, 2]) expect(rig.outcomes('ann', n)[0].kind).to.equal(kinds.ANSWER);
    });
  });

  describe('R5.3-2: one terminal outcome', () => {
    it('R5.3-2: a duplicate while it is under way starts nothing, and one after it gets the same', () => {
      const rig = new Rig().start();
      rig.isInferring = false;
      rig.ask('ann', 'front', 1);
      rig.ask('ann', 'front', 1);
      rig.pump();
      rig.ask('ann', 'front', 1);
      rig.pump();
      expect(kindsSent(rig, kinds.RUN)).to.have.length(1);
      rig.isInferring = true;
      rig.pump();
      rig.ask('ann', 'front', 1);
      rig.pump();
      const told = rig.outcomes('ann', 1);
      expect(told).to.have.length(2);
      expect(told[1].body).to.equal(told[0].body);
      expect(kindsSent(rig, kinds.INFER), 'and no second run').to.have.length(1);
    });

    it('R5.3-2: so does a duplicate of a refusal', () => {
      const rig = new Rig().start();
      const first = settle(rig, { model: 'c' });
      const finds = kindsSent(rig, kinds.FIND).length;
      rig.ask('ann', 'front', 1, { model: 'c' });
      rig.pump();
      expect(rig.outcomes('ann', 1)[1].body).to.equal(first.body);
      expect(kindsSent(rig, kinds.FIND)).to.have.length(finds);
    });

    it('R5.3-2: work that was retried elsewhere is answered once, though both answer', () => {
      const rig = new Rig().start();
      rig.isInferring = false;
      let deaf = 0;
      rig.drops = ({ kind, to }) => kind === kinds.WORKING && to === rig.peer('front') && deaf++ < 1_000;
      rig.ask('ann', 'front', 1, { allowedRegions: ['eu'] });
      rig.pump();
      rig.advance(4 * SECOND_US);
      expect(new Set(kindsSent(rig, kinds.RUN).map(({ to }) => to)).size).to.equal(2);
      rig.isInferring = true;
      rig.pump();
      expect(kindsSent(rig, kinds.ANSWER).filter(({ to }) => to === rig.peer('front'))).to.have.length(2);
      expect(rig.outcomes('ann', 1)).to.have.length(1);
      expect(countRefusals(rig.node('front'), 'too late')).to.be.greaterThan(0);
    });
  });

  describe('R5.3-3: a deadline travels twice', () => {
    it('R5.3-3: each hop subtracts how long it held the request; the wall time stays', () => {
      const rig = new Rig().start();
      const { notAfterWallUs } = rig.ask('ann', 'front', 1, { model: 'b' }).body as kinds.Cross['want'];
      // On the way it is nobody’s: that time only the wall clock sees.
      const held: Record<number, number> = { [kinds.FIND]: 300_000, [kinds.CROSS]: 700_000 };
      for (let i = 0; i < 60 && kindsSent(rig, kinds.INFER).length === 0; i++) {
        const next = rig.wire[0];
        rig.nowUs += held[next?.kind] ?? 0;
        rig.pumpOne();
      }
      const asked = (kind: number): number[] =>
        kindsSent(rig, kind).map(({ body }) => (body as Partial<kinds.Cross>).want?.timeLeftUs ?? 0);
      expect(asked(kinds.CROSS)).to.deep.equal([29_700_000, 29_700_000]);
      const [run] = kindsSent(rig, kinds.RUN).map(({ body }) => body as kinds.Cross['want']);
      expect([run.timeLeftUs, run.notAfterWallUs]).to.deep.equal([29_400_000, notAfterWallUs]);
    });

    it('R5.3-3: a gateway or bridge that was frozen past the deadline releases no late answer', () => {
      for (const frozen of ['front', 'brazil-front']) {
        const rig = new Rig().start();
        rig.drops = ({ kind, from, to }) =>
          kind === kinds.ANSWER && rig.cast.nameOf(to) === frozen && from !== to;
        rig.ask('ann', 'front', 1, { model: 'b', timeLeftUs: 5 * SECOND_US });
        rig.pump();
        const [answer] = kindsSent(rig, kinds.ANSWER).filter(({ to }) => rig.cast.nameOf(to) === frozen);
        // What waited in its inbox is handled before its alarm, which is overdue.
        rig.nowUs += 5 * SECOND_US;
        const said = rig.deliver(answer).filter(({ to }) => to >= 0);
        expect(said.map(({ kind }) => kinds.nameOfKind(kind))).to.deep.equal(['RESPONSE/refused']);
        expect(refusalOf(rig, said[0]).code).to.equal('DEADLINE_EXCEEDED');
      }
    });

    it('R5.3-3: nor when only the wall clock shows that it is too late', () => {
      const rig = new Rig().start();
      rig.isInferring = false;
      rig.ask('ann', 'front', 1, { timeLeftUs: 20 * SECOND_US });
      rig.pump();
      rig.wallOffsetUs += 50 * SECOND_US;
      rig.isInferring = true;
      rig.pump();
      expect(refusalOf(rig, rig.outcomes('ann', 1)[0]).code).to.equal('DEADLINE_EXCEEDED');
    });

    it('R5.3-3: no deadline is longer than a minute', () => {
      const rig = new Rig();
      const ask = rig.ask('ann', 'front', 1, { timeLeftUs: 60 * SECOND_US + 1 });
      const read = decodeEnvelope(new Encoder(rig.cast).envelope(ask), rig.cast, new Envelope());
      expect(read).to.equal('out-of-range');
    });

    it('R5.3-3: work starts only while time is left, by either clock', () => {
      const rig = new Rig().start();
      const wallUs = rig.nowUs + rig.wallOffsetUs;
      const ask = (n: number, timeLeftUs: number, notAfterWallUs: number): string[] => {
        const body = rig.want({ timeLeftUs, notAfterWallUs });
        const [asker, asked] = [rig.peer('front'), rig.peer('compute-1')];
        return rig.deliver(envelopeOf(kinds.RUN, asker, asked, body, { n })).map(({ kind, body }) => {
          if (kind !== kinds.REFUSED) return kinds.nameOfKind(kind);
          return outcomes.ERROR_CODES[(body as kinds.Refused).code];
        });
      };
      const late = 30 * SECOND_US;
      expect(ask(1, 0, wallUs + late)).to.deep.equal(['DEADLINE_EXCEEDED']);
      expect(ask(2, SECOND_US, wallUs - late)).to.deep.equal(['DEADLINE_EXCEEDED']);
      expect(ask(3, SECOND_US, wallUs - late + 1)).to.include('DEVICE/infer');
      expect(ask(4, 1, wallUs)).to.include('DEVICE/infer');
      expect(ask(5, SECOND_US, wallUs), 'no slot is free').to.deep.equal(['RESPONSE/working']);
      rig.nowUs += SECOND_US;
      rig.isInferring = false;
      rig.infer('compute-1');
      rig.pump();
      expect(
        kindsSent(rig, kinds.INFER).map(({ n }) => n),
        'what has waited too long does not start',
      ).to.have.length(2);
    });

    it('R5.3-3: at most two retries, each on another node', () => {
      const many = Array.from({ length: 5 }, (_, i) => ({ ...compute1, name: `compute-${i + 1}` }));
      const rig = new Rig([{ ...front, peered: [] }, ...many]).start();
      rig.isInferring = false;
      rig.ask('ann', 'front', 1);
      rig.pump();
      for (let round = 0; round < 6; round++) {
        for (const { name } of many) rig.infer(name, 'broken');
        rig.pump();
      }
      const asked = kindsSent(rig, kinds.RUN).map(({ to }) => to);
      expect(asked).to.have.length(3);
      expect(new Set(asked).size).to.equal(3);
      expect(rig.outcomes('ann', 1)).to.have.length(1);
    });

    for (const [requests, budget] of [
      [10, 3],
      [40, 8],
    ]) {
      it(`R5.3-3: of ${requests} in flight that fail at once, ${budget} may be retried`, () => {
        const many = [1, 2, 3].map((i) => ({ ...compute1, name: `compute-${i}`, slots: 64 }));
        const rig = new Rig([{ ...front, peered: [] }, ...many]).start();
        rig.drops = ({ kind }) => kind === kinds.RUN;
        for (let n = 1; n <= requests; n++) rig.ask('ann', 'front', n);
        rig.pump();
        expect(kindsSent(rig, kinds.RUN)).to.have.length(requests);
        rig.advance(3_010_000);
        const { searcher } = rig.node('front').gateway!;
        expect(searcher.retriesInFlight).to.be.within(3, budget);
        expect(kindsSent(rig, kinds.RUN).length - requests).to.be.within(3, budget);
        const ended = rig.mail.filter(({ kind }) => kind === kinds.REFUSED).length;
        expect(ended).to.equal(requests - searcher.searches.size);
        rig.advance(10 * SECOND_US);
        expect([searcher.retriesInFlight, searcher.searches.size]).to.deep.equal([0, 0]);
      });
    }

    it('R5.3-3: whoever fails all the time is passed over, and tried again later; the last one never is', () => {
      const rig = new Rig([{ ...front, peered: [] }, compute1, compute2]).start();
      const served: string[] = [];
      const askOne = (n: number): string[] => {
        rig.sent.length = 0;
        rig.isInferring = false;
        rig.ask('ann', 'front', n);
        rig.pump();
        // compute-1 can do nothing right.
        for (let i = 0; i < 3; i++) {
          rig.infer('compute-1', 'device lost');
          rig.infer('compute-2');
          rig.pump();
        }
        served.push(outcomes.ERROR_CODES[(rig.outcomes('ann', n)[0].body as kinds.Refused).code] ?? 'OK');
        return kindsSent(rig, kinds.RUN).map(({ to }) => rig.cast.nameOf(to));
      };
      let n = 1;
      const failing = (): number =>
        rig.node('front').gateway!.searcher.targets.get(rig.peer('compute-1'))?.ejections ?? 0;
      while (failing() === 0 && n < 50) askOne(n++);
      expect(n, 'it takes some failures').to.be.within(3, 40);
      for (let i = 0; i < 10; i++) expect(askOne(n++)).to.deep.equal(['compute-2']);
      rig.advance(6 * SECOND_US);
      const tried = Array.from({ length: 12 }, () => askOne(n++)).flat();
      expect(
        tried.filter((name) => name === 'compute-1'),
        'one trial',
      ).to.have.length(1);
      expect(
        served.every((outcome) => outcome === 'OK'),
        'nobody has noticed',
      ).to.equal(true);

      const alone = new Rig([{ ...front, peered: [] }, compute1]).start();
      alone.isInferring = false;
      for (let m = 1; m <= 8; m++) {
        alone.ask('ann', 'front', m);
        alone.pump();
        expect(alone.infer('compute-1', 'device lost'), 'it is asked all the same').to.equal(true);
        alone.pump();
      }
    });

    it('R5.3-3: duplicates are remembered for two minutes', () => {
      const rig = new Rig().start();
      rig.ask('ann', 'front', 1);
      rig.pump();
      rig.advance(119 * SECOND_US);
      rig.ask('ann', 'front', 1);
      rig.pump();
      expect(kindsSent(rig, kinds.INFER)).to.have.length(1);
    });
  });

  it('R5.3-4: asking the federation exports the prompt: it leaves only for regions that may have it', () => {
    const rig = new Rig().start();
    settle(rig, { model: 'b', allowedRegions: ['eu'] });
    const told = rig.sent.filter(({ to, body }) => to >= 0 && JSON.stringify(body).includes('"prompt"'));
    for (const { to } of told) expect(rig.cast.nameOf(to)).to.be.oneOf(['front']);
    expect(told.length).to.be.greaterThan(0);
  });

  it('R5.3-4: a bridge that lies in a wider region than allowed is not asked, and takes nothing in', () => {
    const narrow = { ...brazilCompute, region: 'americas/br/bahia' };
    const rig = new Rig([front, brazilFront, narrow]).start();
    const allowedRegions = ['americas/br/bahia'];
    expect(refusalOf(rig, settle(rig, { model: 'b', allowedRegions }))).to.deep.equal({
      code: 'NO_ELIGIBLE_NODE',
      struck: ['brazil-front: region not allowed'],
    });
    const body = { want: rig.want({ model: 'b', allowedRegions }), path: ['france'] };
    const sent = rig.deliver(envelopeOf(kinds.CROSS, rig.peer('front'), rig.peer('brazil-front'), body));
    expect(sent.map((told) => refusalOf(rig, told).code)).to.deep.equal(['NO_ELIGIBLE_NODE']);
  });

  it('R5.3-4: it fails closed: a request that allows no region leaves for none', () => {
    for (const model of ['a', 'b']) {
      const rig = new Rig().start();
      expect(refusalOf(rig, settle(rig, { model, allowedRegions: [] })).code).to.equal('NO_ELIGIBLE_NODE');
      expect(kindsSent(rig, kinds.RUN)).to.deep.equal([]);
      const crossed = kindsSent(rig, kinds.CROSS).filter(({ to }) => to !== rig.peer('front'));
      expect(crossed).to.deep.equal([]);
    }
  });
});
