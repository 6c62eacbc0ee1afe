import { expect } from 'chai';
import { OBSERVER } from '../../../core/base/peers.ts';
import type { Envelope } from '../../../core/machine/envelope.ts';
import * as kinds from '../../../core/machine/kinds.ts';
import * as outcomes from '../../../core/routing/outcomes.ts';
import { envelopeOf, FEDERATION, Rig, SECOND_US, countRefusals } from '../../rig.ts';

/** Kinds and receivers of what a node sent, notes left out. */
function saidOf(rig: Rig, sent: readonly Envelope[]): string[] {
  return sent
    .filter(({ to }) => to !== OBSERVER)
    .map(({ kind, to }) => `${kinds.nameOfKind(kind)} to ${rig.cast.nameOf(to)}`);
}

/** Hands over a user's request without the wire. */
function askOf(rig: Rig, n: number, changes: object = {}, from = 'ann'): Envelope {
  return envelopeOf(kinds.ASK, rig.peer(from), rig.peer('front'), rig.want(changes), { n });
}

describe('a gateway', () => {
  it('opens a search: says that it works, asks an index node, then a compute node, and passes the answer on', () => {
    const rig = new Rig().start();
    const { gateway } = rig.node('front');
    expect(saidOf(rig, rig.deliver(askOf(rig, 1)))).to.deep.equal([
      'RESPONSE/working to ann',
      'DISCOVER/find to front',
    ]);
    const found = rig.deliver(rig.wire.find(({ kind }) => kind === kinds.FIND)!);
    expect(saidOf(rig, found)).to.deep.equal(['RESPONSE/found to front']);
    const [run] = rig.deliver(found[0]);
    expect([run.kind, run.origin, run.n, run.attempt]).to.deep.equal([kinds.RUN, rig.peer('ann'), 1, 2]);
    expect([...gateway!.searcher.inFlight]).to.deep.equal([[run.to, 1]]);

    const answer = {
      answer: { hash: 'answer', sizeBytes: 1, keyId: 0 },
      contextTokens: 1,
      generatedTokens: 1,
      servedBy: run.to,
      cluster: 'france',
      region: 'eu/fr',
      stage: outcomes.STAGE_LOCAL,
      provider: 'rig',
      queuedUs: 0,
      computedUs: 1,
    };
    const { origin, originBoot, n, attempt } = run;
    const id = { origin, originBoot, n, attempt };
    const sent = rig.deliver(envelopeOf(kinds.ANSWER, run.to, run.from, answer, id));
    expect(saidOf(rig, sent)).to.deep.equal(['RESPONSE/answer to ann']);
    expect(sent[0].body, 'at which stage, the gateway knows').to.deep.equal({
      ...answer,
      stage: outcomes.STAGE_CLUSTER,
    });
    expect([
      gateway!.searcher.searches.size,
      gateway!.searcher.inFlight.size,
      gateway!.remembered.size,
    ]).to.deep.equal([0, 0, 1]);
    const note = sent.find(({ to }) => to === OBSERVER)!.body as kinds.Noted;
    expect([note.note, note.model, note.chosen, note.code]).to.deep.equal([
      kinds.NOTE_OUTCOME,
      'a',
      run.to,
      outcomes.OK,
    ]);
  });

  it('heeds an answer only of the one it asked, under the attempt it asked with', () => {
    const rig = new Rig().start();
    rig.isInferring = false;
    rig.ask('ann', 'front', 1);
    rig.pump();
    const run = rig.sent.find(({ kind }) => kind === kinds.RUN)!;
    const other = run.to === rig.peer('compute-1') ? 'compute-2' : 'compute-1';
    const refused = { code: outcomes.OVERLOADED, retryAfterUs: 0, detail: '', struck: [] };
    const id = { origin: run.origin, n: run.n, originBoot: run.originBoot };
    const { node } = rig.station('front');
    const late = countRefusals(node, 'too late');
    for (const [from, attempt] of [
      [rig.peer(other), run.attempt],
      [rig.peer('mallory'), run.attempt],
      [run.to, run.attempt - 1],
      [run.to, run.attempt + 1],
    ]) {
      const envelope = envelopeOf(kinds.REFUSED, from, node.self, refused, { ...id, attempt });
      expect(rig.deliver(envelope)).to.deep.equal([]);
    }
    const otherBoot = { ...id, originBoot: run.originBoot + 1, attempt: run.attempt };
    rig.deliver(envelopeOf(kinds.REFUSED, run.to, node.self, refused, otherBoot));
    expect(countRefusals(node, 'too late')).to.equal(late + 5);
    expect(node.gateway!.searcher.searches.size).to.equal(1);
  });

  it('serves by itself when it can: asks itself by an envelope like any other', () => {
    const rig = new Rig([
      { ...FEDERATION[0], types: [...FEDERATION[0].types, 'compute'], models: ['a'] },
    ]).start();
    rig.ask('ann', 'front', 1);
    rig.pump();
    const { body } = rig.outcomes('ann', 1)[0];
    expect((body as kinds.Answer).stage).to.equal(outcomes.STAGE_LOCAL);
    expect(rig.sent.some(({ kind, n }) => kind === kinds.FIND && n === 1)).to.equal(false);
  });

  it('gives a duplicate the same answer, and does not run it again', () => {
    const rig = new Rig().start();
    rig.ask('ann', 'front', 1);
    rig.pump();
    const runs = rig.sent.filter(({ kind }) => kind === kinds.RUN).length;
    expect(saidOf(rig, rig.deliver(askOf(rig, 1)))).to.deep.equal(['RESPONSE/answer to ann']);
    rig.pump();
    const [first, second] = rig.outcomes('ann', 1);
    expect(second.body).to.deep.equal(first.body);
    expect(rig.sent.filter(({ kind }) => kind === kinds.RUN)).to.have.length(runs);
  });

  it('tells nobody else: whoever brings another’s request is not admitted, open or answered', () => {
    const rig = new Rig().start();
    rig.isInferring = false;
    rig.ask('ann', 'front', 1);
    rig.pump();
    const steal = () =>
      rig.deliver(askOf(rig, 1, {}, 'mallory')).map(({ kind, body }) => [kind, (body as kinds.Refused).code]);
    const asMallory = envelopeOf(kinds.ASK, rig.peer('mallory'), rig.peer('front'), rig.want(), {
      origin: rig.peer('ann'),
    });
    const stealAsAnn = () => rig.deliver(asMallory).filter(({ kind }) => kind === kinds.REFUSED);
    expect(stealAsAnn().map(({ kind }) => kind)).to.deep.equal([kinds.REFUSED]);
    rig.infer('compute-1') || rig.infer('compute-2');
    rig.pump();
    expect(rig.outcomes('ann', 1)[0].kind).to.equal(kinds.ANSWER);
    const [told] = stealAsAnn();
    expect([told.kind, (told.body as kinds.Refused).code]).to.deep.equal([
      kinds.REFUSED,
      outcomes.NOT_ADMITTED,
    ]);
    expect(steal()[0][0], 'under its own name it is a request of its own').to.equal(kinds.WORKING);
  });

  it('takes the same number of another boot of the user for another request', () => {
    const rig = new Rig().start();
    const ask = (originBoot: number): Envelope =>
      Object.assign(askOf(rig, 1, { model: originBoot === 1 ? 'a' : 'b' }), { originBoot });
    rig.isInferring = false;
    rig.deliver(ask(1));
    rig.deliver(ask(2));
    expect(rig.node('front').gateway!.searcher.searches.size).to.equal(2);
    rig.isInferring = true;
    rig.pump();
    const told = rig
      .outcomes('ann', 1)
      .map(({ originBoot, body }) => [originBoot, (body as kinds.Answer).answer.hash]);
    expect(Object.fromEntries(told)).to.deep.equal({ 1: 'a(prompt)', 2: 'b(prompt)' });
    for (const [originBoot, hash] of told) {
      const [again] = rig.deliver(ask(originBoot as number));
      expect((again.body as kinds.Answer).answer.hash).to.equal(hash);
    }
  });

  it('remembers outcomes for two minutes, and at most as many as it may', () => {
    const parameters = { maxRemembered: 2 };
    const rig = new Rig([{ ...FEDERATION[0], parameters }, ...FEDERATION.slice(1)]).start();
    const { remembered } = rig.node('front').gateway!;
    for (const n of [1, 2, 3]) {
      rig.ask('ann', 'front', n);
      rig.pump();
    }
    const ann = rig.peer('ann');
    expect(
      [1, 2, 3].map((n) => remembered.holds(ann, 0, n)),
      'the oldest goes first',
    ).to.deep.equal([false, true, true]);
    rig.advance(119 * SECOND_US);
    expect(remembered.size).to.equal(2);
    rig.advance(2 * SECOND_US);
    // Whoever looks forgets first: the third is a new request now, and alone in the table.
    rig.ask('ann', 'front', 3);
    rig.pump();
    expect([1, 2, 3].map((n) => remembered.holds(ann, 0, n))).to.deep.equal([false, false, true]);
    expect(rig.sent.filter(({ kind }) => kind === kinds.INFER)).to.have.length(4);
  });

  it('remembers nothing when it may remember nothing', () => {
    const rig = new Rig([
      { ...FEDERATION[0], parameters: { maxRemembered: 0 } },
      ...FEDERATION.slice(1),
    ]).start();
    rig.ask('ann', 'front', 1);
    rig.pump();
    expect(rig.outcomes('ann', 1)[0].kind).to.equal(kinds.ANSWER);
    expect(rig.node('front').gateway!.remembered.size).to.equal(0);
  });

  it('holds no more requests than it may, and refuses the rest as overloaded', () => {
    const rig = new Rig([
      { ...FEDERATION[0], parameters: { maxSearches: 1 } },
      ...FEDERATION.slice(1),
    ]).start();
    rig.isInferring = false;
    rig.deliver(askOf(rig, 1));
    const [refused] = rig.deliver(askOf(rig, 2));
    expect([refused.kind, (refused.body as kinds.Refused).code]).to.deep.equal([
      kinds.REFUSED,
      outcomes.OVERLOADED,
    ]);
    expect((refused.body as kinds.Refused).retryAfterUs).to.be.greaterThan(0);
  });

  it('says each second that it works, and to whom it was asked again', () => {
    const rig = new Rig().start();
    rig.isInferring = false;
    rig.ask('ann', 'front', 1);
    rig.pump();
    rig.mail.length = 0;
    rig.advance(5 * SECOND_US);
    const signs = rig.mail.filter(({ kind, to }) => kind === kinds.WORKING && to === rig.peer('ann'));
    expect(signs).to.have.length(5);
    expect(saidOf(rig, rig.deliver(askOf(rig, 1)))).to.deep.equal(['RESPONSE/working to ann']);
  });

  it('goes on to the next index node when one is silent, and says when none answers', () => {
    const second = { ...FEDERATION[0], name: 'front-2' };
    const rig = new Rig([FEDERATION[0], second, ...FEDERATION.slice(1)]).start();
    rig.drops = ({ kind }) => kind === kinds.FIND;
    rig.ask('ann', 'front', 1);
    rig.pump();
    rig.advance(2 * SECOND_US);
    const asked = rig.sent.filter(({ kind }) => kind === kinds.FIND).map(({ to }) => rig.cast.nameOf(to));
    expect(new Set(asked)).to.deep.equal(new Set(['front', 'front-2']));
    const { code, detail } = rig.outcomes('ann', 1)[0].body as kinds.Refused;
    expect([outcomes.ERROR_CODES[code], detail]).to.deep.equal(['NOT_READY', 'no index node answered']);
  });

  it('leaves what it has said as it was said: bodies never change afterwards', () => {
    const rig = new Rig().start();
    rig.isInferring = false;
    rig.ask('ann', 'front', 1, { model: 'a' });
    rig.pump();
    const bodies = rig.sent.map(({ body }) => JSON.stringify(body));
    rig.advance(40 * SECOND_US);
    rig.sent
      .slice(0, bodies.length)
      .forEach(({ body }, i) => expect(JSON.stringify(body)).to.equal(bodies[i]));
    expect(rig.outcomes('ann', 1)).to.have.length(1);
  });
});
