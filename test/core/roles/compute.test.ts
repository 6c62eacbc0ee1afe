import { expect } from 'chai';
import { ACCELERATOR } from '../../../core/base/peers.ts';
import type { Envelope } from '../../../core/machine/envelope.ts';
import * as kinds from '../../../core/machine/kinds.ts';
import * as outcomes from '../../../core/routing/outcomes.ts';
import { WALL_SKEW_BOUND_US, type Want } from '../../../core/routing/want.ts';
import { envelopeOf, FEDERATION, OpenRig as Rig, SECOND_US, countRefusals } from '../../rig.ts';

/** A compute node of one slot that lets one job wait. */
function startSmall(): Rig {
  const small = { ...FEDERATION[1], slots: 1, queueLimit: 1 };
  const rig = new Rig([FEDERATION[0], small]).start();
  rig.isInferring = false;
  return rig;
}

function run(rig: Rig, n: number, changes: Partial<Want> = {}): Envelope[] {
  const [asker, self] = [rig.peer('front'), rig.peer('compute-1')];
  const envelope = envelopeOf(kinds.RUN, asker, self, rig.want(changes), {
    origin: rig.peer('ann'),
    n,
    attempt: 2,
  });
  return rig.deliver(envelope);
}

const codeOf = ({ body }: Envelope): string => outcomes.ERROR_CODES[(body as kinds.Refused).code];

describe('a compute node', () => {
  it('starts what it has a slot for, lets wait what fits, and refuses the rest', () => {
    const rig = startSmall();
    const [working, infer] = run(rig, 1);
    expect([working.kind, working.body]).to.deep.equal([
      kinds.WORKING,
      { by: rig.peer('compute-1'), ahead: 0 },
    ]);
    expect([infer.kind, infer.to, infer.body]).to.deep.equal([
      kinds.INFER,
      ACCELERATOR,
      { model: 'a', version: '', prompt: rig.want().prompt, contexts: [], contextTokens: 100, maxTokens: 10 },
    ]);
    const waiting = run(rig, 2);
    expect(waiting.map(({ kind, body }) => [kind, (body as kinds.Working).ahead])).to.deep.equal([
      [kinds.WORKING, 1],
    ]);
    const [refused] = run(rig, 3);
    expect([refused.kind, codeOf(refused)]).to.deep.equal([kinds.REFUSED, 'OVERLOADED']);

    rig.infer('compute-1');
    const sent = rig.deliver(rig.wire.at(-1)!);
    expect(sent.map(({ kind, n }) => [kind, n])).to.deep.equal([
      [kinds.ANSWER, 1],
      [kinds.INFER, 2],
    ]);
    const { queuedUs, computedUs, servedBy, cluster, region, provider } = sent[0].body as kinds.Answer;
    expect([queuedUs, computedUs, servedBy, cluster, region, provider]).to.deep.equal([
      0,
      1_000,
      rig.peer('compute-1'),
      'france',
      'eu/fr',
      'rig',
    ]);
    expect([sent[0].to, sent[0].attempt]).to.deep.equal([rig.peer('front'), 2]);
  });

  it('tells a duplicate of what it has answered the same again and runs nothing; another asker has its own run', () => {
    const rig = startSmall();
    run(rig, 1);
    rig.infer('compute-1');
    const [answer] = rig.deliver(rig.wire.at(-1)!);
    const [again, ...none] = run(rig, 1);
    expect([again.kind, again.to, again.attempt, none]).to.deep.equal([kinds.ANSWER, answer.to, 2, []]);
    expect(again.body).to.equal(answer.body);
    const other = envelopeOf(kinds.RUN, rig.peer('mallory'), rig.peer('compute-1'), rig.want(), {
      origin: rig.peer('ann'),
      n: 1,
    });
    expect(rig.deliver(other).map(({ kind }) => kind)).to.deep.equal([kinds.WORKING, kinds.INFER]);
    rig.infer('compute-1');
    rig.deliver(rig.wire.at(-1)!);
    for (const envelope of [other, other]) {
      expect(rig.deliver(envelope).map(({ kind }) => kind)).to.deep.equal([kinds.ANSWER]);
    }
    expect(run(rig, 1).map(({ kind }) => kind)).to.deep.equal([kinds.ANSWER]);
  });

  it('remembers what it has answered for two minutes, and at most as much as it may', () => {
    const rig = startSmall();
    const answerOne = (n: number): void => {
      run(rig, n);
      rig.infer('compute-1');
      rig.deliver(rig.wire.at(-1)!);
    };
    answerOne(1);
    rig.advance(119 * SECOND_US);
    expect(run(rig, 1).map(({ kind }) => kind)).to.deep.equal([kinds.ANSWER]);
    rig.advance(2 * SECOND_US);
    expect(run(rig, 1).map(({ kind }) => kind)).to.deep.equal([kinds.WORKING, kinds.INFER]);

    const small = { ...FEDERATION[1], slots: 1, parameters: { maxRemembered: 1 } };
    const forgetful = new Rig([FEDERATION[0], small]).start();
    for (const n of [1, 2]) {
      run(forgetful, n);
      forgetful.pump();
    }
    expect([2, 1].map((n) => run(forgetful, n)[0].kind)).to.deep.equal([kinds.ANSWER, kinds.WORKING]);
  });

  it('advises who is refused because it is full to come back when a job can be expected to have ended', () => {
    const rig = startSmall();
    for (const n of [1, 2]) run(rig, n);
    const adviceOf = () => (run(rig, 3)[0].body as kinds.Refused).retryAfterUs;
    expect(adviceOf(), 'it has not served yet').to.equal(100_000);
    rig.node('compute-1').compute!.serviceUs = 4_000_000;
    expect(adviceOf()).to.equal(4_000_000);
  });

  const refusals: [string, Partial<Want>, string][] = [
    ['no time left', { timeLeftUs: 0 }, 'DEADLINE_EXCEEDED'],
    ['a prompt that may not be computed on here', { allowedRegions: ['americas'] }, 'NO_ELIGIBLE_NODE'],
    ['a prompt that may be computed on nowhere', { allowedRegions: [] }, 'NO_ELIGIBLE_NODE'],
    ['a model it does not have', { model: 'b' }, 'NO_CAPABLE_NODE'],
  ];
  for (const [what, changes, code] of refusals) {
    it(`checks for itself: ${what}: ${code}`, () => {
      const [refused, ...none] = run(startSmall(), 1, changes);
      expect([refused.kind, codeOf(refused), none]).to.deep.equal([kinds.REFUSED, code, []]);
    });
  }

  it('starts work until the wall time of the deadline and the bound of skew, and not after (R5.3-3)', () => {
    const rig = startSmall();
    const wallUs = rig.nowUs + rig.wallOffsetUs;
    const before = run(rig, 1, { notAfterWallUs: wallUs - WALL_SKEW_BOUND_US + 1 });
    expect(before[0].kind).to.equal(kinds.WORKING);
    const after = run(rig, 2, { notAfterWallUs: wallUs - WALL_SKEW_BOUND_US });
    expect([after[0].kind, codeOf(after[0])]).to.deep.equal([kinds.REFUSED, 'DEADLINE_EXCEEDED']);
  });

  it('does not start what has waited beyond its deadline', () => {
    const rig = startSmall();
    run(rig, 1);
    run(rig, 2, { timeLeftUs: 2 * SECOND_US });
    rig.advance(3 * SECOND_US);
    rig.infer('compute-1');
    const sent = rig.deliver(rig.wire.at(-1)!);
    expect(sent.map(({ kind, n }) => [kind, n])).to.deep.equal([
      [kinds.ANSWER, 1],
      [kinds.REFUSED, 2],
    ]);
    expect(codeOf(sent[1])).to.equal('DEADLINE_EXCEEDED');
    expect(rig.node('compute-1').compute!.jobs).to.deep.equal([]);
  });

  it('takes a job once: a duplicate hears that it is at work', () => {
    const rig = startSmall();
    run(rig, 1);
    expect(run(rig, 1).map(({ kind }) => kind)).to.deep.equal([kinds.WORKING]);
    expect(rig.node('compute-1').compute!.jobs).to.have.length(1);
  });

  it('says each second how many are ahead, while it has anything', () => {
    const rig = startSmall();
    run(rig, 1);
    run(rig, 2);
    rig.sent.length = 0;
    rig.advance(3 * SECOND_US);
    const said = rig.sent.filter(
      ({ kind, from }) => kind === kinds.WORKING && from === rig.peer('compute-1'),
    );
    expect(said.map(({ n, body }) => [n, (body as kinds.Working).ahead])).to.deep.equal(
      Array.from({ length: 3 }, () => [
        [1, 0],
        [2, 1],
      ]).flat(),
    );
    rig.infer('compute-1');
    rig.pump();
    rig.infer('compute-1');
    rig.pump();
    rig.sent.length = 0;
    rig.advance(3 * SECOND_US);
    expect(
      rig.sent.filter(({ kind, from }) => kind === kinds.WORKING && from === rig.peer('compute-1')),
    ).to.deep.equal([]);
  });

  it('passes the accelerator’s failure on, and goes on with the next', () => {
    const rig = startSmall();
    run(rig, 1);
    run(rig, 2);
    rig.infer('compute-1', 'out of memory');
    const [refused, next] = rig.deliver(rig.wire.at(-1)!);
    expect([codeOf(refused), (refused.body as kinds.Refused).detail]).to.deep.equal([
      'NO_CAPABLE_NODE',
      'accelerator: out of memory',
    ]);
    expect([next.kind, next.n]).to.deep.equal([kinds.INFER, 2]);
    expect(rig.node('compute-1').compute!.serviceUs, 'a failure measures nothing').to.equal(0);
  });

  it('hears its accelerator once a job, of this boot, and nobody who speaks in its name', () => {
    const rig = startSmall();
    run(rig, 1);
    const { node } = rig.station('compute-1');
    const asked = rig.station('compute-1').inferring[0];
    rig.infer('compute-1');
    const inferred = rig.wire.at(-1)!;
    const { origin, originBoot, n } = asked;
    const forged = envelopeOf(kinds.INFERRED, rig.peer('mallory'), node.self, inferred.body, {
      origin,
      originBoot,
      n,
    });
    const [impostors, late] = [countRefusals(node, 'of no device'), countRefusals(node, 'too late')];
    expect(rig.deliver(forged)).to.deep.equal([]);
    expect([countRefusals(node, 'of no device'), node.compute!.jobs.length]).to.deep.equal([
      impostors + 1,
      1,
    ]);
    const ofBefore = envelopeOf(kinds.INFERRED, ACCELERATOR, node.self, inferred.body, {
      origin,
      originBoot: 0,
      n,
    });
    expect(rig.deliver(ofBefore)).to.deep.equal([]);
    expect(rig.deliver(inferred).map(({ kind }) => kind)).to.deep.equal([kinds.ANSWER]);
    expect(rig.deliver(inferred), 'the same again').to.deep.equal([]);
    expect(countRefusals(node, 'too late')).to.equal(late + 2);
  });

  it('learns how long a job takes', () => {
    const rig = startSmall();
    const serve = (n: number, tookUs: number): number => {
      run(rig, n);
      rig.advance(tookUs);
      rig.infer('compute-1');
      rig.pump();
      return rig.node('compute-1').compute!.serviceUs;
    };
    expect(serve(1, 800_000)).to.equal(800_000);
    expect(serve(2, 1_600_000)).to.equal(900_000);
  });
});
