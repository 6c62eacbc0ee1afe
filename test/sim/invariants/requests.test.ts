import { expect } from 'chai';
import { ACCELERATOR } from '../../../core/base/peers.ts';
import {
  ANSWER,
  ASK,
  FIND,
  FOUND,
  INFER,
  INFERRED,
  NOTED,
  NOTE_ASKED,
  NOTE_OUTCOME,
  REFUSED,
  RUN,
  type Candidate,
} from '../../../core/machine/kinds.ts';
import {
  OVERLOADED,
  NO_CAPABLE_NODE,
  OK,
  STRIKE_EJECTED,
  UNKNOWN_MODEL,
} from '../../../core/routing/outcomes.ts';
import { BreakersBounded } from '../../../sim/invariants/breakers-bounded.ts';
import { DeadlinesKept } from '../../../sim/invariants/deadlines-kept.ts';
import type { Invariant } from '../../../sim/invariants/invariant.ts';
import { OneOutcome } from '../../../sim/invariants/one-outcome.ts';
import { RefusedForCause } from '../../../sim/invariants/refused-for-cause.ts';
import { WorkOnce } from '../../../sim/invariants/work-once.ts';
import { FRANCE_FRONT, said, setStage, US_COMPUTE, US_FRONT, type Stage } from './stage.ts';

const outcome = (code: number) => ({ note: NOTE_OUTCOME, code });
const answer = (hash: string) => ({ answer: { hash, sizeBytes: 1, keyId: 0 }, servedBy: US_COMPUTE });

describe('the invariant', () => {
  let stage: Stage;
  before(() => (stage = setStage()));

  function breachesOf(invariant: Invariant): string[] {
    return invariant.breaches.map(({ what }) => what);
  }

  describe('one-outcome', () => {
    it('sees an answer released by two gateways, and by two lives of one', () => {
      for (const second of [US_FRONT, FRANCE_FRONT]) {
        const { world, lineage, worldly } = setStage();
        const invariant = new OneOutcome(lineage);
        invariant.onNoted(world, said(worldly, { kind: NOTED, from: FRANCE_FRONT, body: outcome(OK) }));
        world.machines[FRANCE_FRONT].lives++;
        invariant.onNoted(world, said(worldly, { kind: NOTED, from: second, body: outcome(OK) }));
        expect([invariant.checked, invariant.violated]).to.deep.equal([2, 1]);
        expect(breachesOf(invariant)[0]).to.match(
          /a second answer released by .* after one by france\/front/,
        );
      }
    });

    it('sees a gateway that answers what it has refused, and not one that repeats itself', () => {
      const { world, lineage, worldly } = stage;
      const invariant = new OneOutcome(lineage);
      const tell = (kind: number, body: unknown) =>
        invariant.onSent(world, said(worldly, { kind, from: FRANCE_FRONT, to: worldly.user, body }));
      tell(ANSWER, answer('x'));
      tell(ANSWER, answer('x'));
      expect([invariant.checked, invariant.violated]).to.deep.equal([2, 0]);
      tell(REFUSED, { code: NO_CAPABLE_NODE });
      expect(invariant.violated).to.equal(1);
    });
  });

  describe('refused-for-cause', () => {
    const load = { room: 4, draining: false };
    const eligible = {
      peer: US_COMPUTE,
      region: 'americas/us-east',
      trust: 4,
      gpuMemoryBytes: 24e9,
      isOffered: true,
    };
    const candidate = (changes: object = {}) => ({ ...eligible, load, ...changes }) as unknown as Candidate;

    /** A gateway asks an index node, hears the list, asks somebody or not, and refuses. */
    function play(candidates: Candidate[], { asks = false, heardAttempt = 1, code = NO_CAPABLE_NODE } = {}) {
      const { world, lineage, worldly } = stage;
      const invariant = new RefusedForCause(lineage);
      const by = { from: US_FRONT, to: FRANCE_FRONT };
      invariant.onSent(world, said(worldly, { kind: FIND, ...by, attempt: 1, body: {} }));
      const found = { candidates, bridges: [], isModelKnown: true };
      invariant.onHandled(
        world,
        said(worldly, { kind: FOUND, to: US_FRONT, attempt: heardAttempt, body: found }),
      );
      if (asks)
        invariant.onSent(world, said(worldly, { kind: RUN, ...by, to: US_COMPUTE, body: worldly.want }));
      invariant.onSent(world, said(worldly, { kind: REFUSED, ...by, body: { code } }));
      return [invariant.checked, invariant.violated];
    }

    it('sees a refusal where the list named an eligible node that was not asked', () => {
      expect(play([candidate()])).to.deep.equal([1, 1]);
      expect(play([candidate()], { code: OVERLOADED })).to.deep.equal([1, 1]);
    });

    it('accepts one after asking, for each of the hard filters, and where the list came too late', () => {
      expect(play([candidate()], { asks: true })).to.deep.equal([1, 0]);
      expect(play([candidate()], { heardAttempt: 0 })).to.deep.equal([0, 0]);
      const ineligible = [
        { region: 'asia-pac/japan' },
        { trust: 0 },
        { gpuMemoryBytes: 1 },
        { isOffered: false },
        { load: { ...load, room: 0 } },
        { load: { ...load, draining: true } },
      ];
      expect(play(ineligible.map(candidate))).to.deep.equal([1, 0]);
    });

    it('accepts one of a gateway that has asked itself, refused to itself, and looked for others in vain', () => {
      const { world, lineage, worldly } = stage;
      const invariant = new RefusedForCause(lineage);
      const say = (kind: number, to: number, body: object) =>
        invariant.onSent(world, said(worldly, { kind, from: US_FRONT, to, attempt: 1, body }));
      say(RUN, US_FRONT, worldly.want);
      say(REFUSED, US_FRONT, { code: NO_CAPABLE_NODE });
      say(FIND, FRANCE_FRONT, {});
      const found = { candidates: [candidate()], bridges: [], isModelKnown: true };
      invariant.onHandled(world, said(worldly, { kind: FOUND, to: US_FRONT, attempt: 1, body: found }));
      say(REFUSED, worldly.user, { code: NO_CAPABLE_NODE });
      expect([invariant.checked, invariant.violated]).to.deep.equal([2, 0]);
    });

    it('sees a model called unknown that there is', () => {
      expect(play([], { code: UNKNOWN_MODEL })).to.deep.equal([1, 1]);
    });
  });

  describe('breakers-bounded', () => {
    const load = { room: 4, draining: false };
    const nodes = (count: number) =>
      Array.from({ length: count }, (_, peer) => ({
        peer,
        region: 'eu/fr',
        trust: 4,
        gpuMemoryBytes: 24e9,
        isOffered: true,
        load,
      })) as unknown as Candidate[];

    /** A gateway hears of so many nodes, passes over the first as failing, and asks the last. */
    function play(candidates: Candidate[], ejected: number) {
      const { world, lineage, worldly } = stage;
      const invariant = new BreakersBounded(lineage);
      const by = { from: FRANCE_FRONT, to: FRANCE_FRONT };
      const chosen = candidates.length - 1;
      invariant.onSent(world, said(worldly, { kind: FIND, ...by, attempt: 1, body: {} }));
      invariant.onHandled(world, said(worldly, { kind: FOUND, ...by, attempt: 1, body: { candidates } }));
      invariant.onSent(world, said(worldly, { kind: RUN, ...by, to: chosen, body: worldly.want }));
      const struck = candidates
        .slice(0, ejected)
        .map(({ peer }) => ({ peer, cluster: 'france', reason: STRIKE_EJECTED }));
      const body = { note: NOTE_ASKED, stage: 1, struck, chosen, code: 0, model: 'b' };
      invariant.onNoted(world, said(worldly, { kind: NOTED, from: FRANCE_FRONT, body }));
      return [invariant.checked, invariant.violated];
    }

    for (const [size, ejected, violated] of [
      [2, 1, 0],
      [3, 2, 1],
      [9, 4, 0],
      [9, 5, 1],
      [10, 9, 0],
      [10, 10, 1],
      [1, 1, 1],
    ])
      it(`${violated === 1 ? 'sees' : 'accepts'} ${ejected} of ${size} passed over`, () =>
        expect(play(nodes(size), ejected)).to.deep.equal([1, violated]));

    it('does not judge a choice by a list that came after it', () => {
      const { world, lineage, worldly } = stage;
      const invariant = new BreakersBounded(lineage);
      const by = { from: FRANCE_FRONT, to: FRANCE_FRONT };
      const body = { note: NOTE_ASKED, stage: 1, struck: [], chosen: 1, code: 0, model: 'b' };
      const ejected = [0, 1].map((peer) => ({ peer, cluster: 'france', reason: STRIKE_EJECTED }));
      invariant.onSent(world, said(worldly, { kind: FIND, ...by, attempt: 1, body: {} }));
      invariant.onSent(world, said(worldly, { kind: RUN, ...by, to: 0, attempt: 2, body: worldly.want }));
      const late = { candidates: nodes(2) };
      invariant.onHandled(world, said(worldly, { kind: FOUND, ...by, attempt: 1, body: late }));
      invariant.onSent(world, said(worldly, { kind: RUN, ...by, to: 1, attempt: 3, body: worldly.want }));
      const note = { ...body, struck: ejected };
      invariant.onNoted(world, said(worldly, { kind: NOTED, from: FRANCE_FRONT, body: note }));
      expect([invariant.checked, invariant.violated]).to.deep.equal([0, 0]);
    });

    it('counts only those that could have been asked', () => {
      const some = nodes(4).map((node, i) => (i < 2 ? { ...node, trust: 0 } : node));
      expect(play(some, 3)).to.deep.equal([1, 0]);
      expect(play(some, 4)).to.deep.equal([1, 1]);
    });
  });

  describe('work-once', () => {
    /** A node is asked under these attempts, and runs so often; some of the runs fail. */
    function play(attempts: number[], runs: number, failed = 0) {
      const { world, lineage, worldly } = stage;
      const invariant = new WorkOnce(lineage);
      const to = US_COMPUTE;
      for (const attempt of attempts) {
        const run = { kind: RUN, from: US_FRONT, to, attempt, body: worldly.want };
        invariant.onHandled(world, said(worldly, run));
      }
      for (let n = 1; n <= runs; n++) {
        invariant.onSent(world, said(worldly, { kind: INFER, from: to, n, body: worldly.want }));
        if (n > failed) continue;
        const body = { answer: null };
        invariant.onHandled(world, said(worldly, { kind: INFERRED, from: ACCELERATOR, to, n, body }));
      }
      return [invariant.checked, invariant.violated];
    }

    it('sees that a duplicate was run', () => expect(play([1, 1], 2)).to.deep.equal([2, 1]));

    it('accepts one run for each asking, and another where one has failed', () => {
      expect(play([1, 2], 2)).to.deep.equal([2, 0]);
      expect(play([1, 1], 1)).to.deep.equal([1, 0]);
      expect(play([1], 2, 1)).to.deep.equal([2, 0]);
    });

    it('begins anew with each life of the node: what it remembered is gone', () => {
      const { world } = stage;
      expect(play([1], 1)).to.deep.equal([1, 0]);
      world.machines[US_COMPUTE].lives++;
      expect(play([1], 1)).to.deep.equal([1, 0]);
    });
  });

  describe('deadlines-kept', () => {
    it('sees an answer released more than 30 s after the deadline, and none before', () => {
      const { world, lineage, worldly } = setStage();
      const invariant = new DeadlinesKept(lineage);
      const release = () =>
        invariant.onNoted(world, said(worldly, { kind: NOTED, from: FRANCE_FRONT, body: outcome(OK) }));
      world.nowUs = worldly.askedUs + worldly.want.timeLeftUs + 30_000_000;
      release();
      expect([invariant.checked, invariant.violated]).to.deep.equal([1, 0]);
      world.nowUs++;
      release();
      expect(breachesOf(invariant)[0]).to.match(/released an answer 30000001 µs after the deadline/);
    });

    it('sees one released when the gateway’s own time for it is up, whatever was asked again meanwhile', () => {
      for (const [lateUs, violated] of [
        [0, 0],
        [10_000, 1],
      ]) {
        const { world, lineage, worldly } = setStage();
        const invariant = new DeadlinesKept(lineage);
        const take = () =>
          invariant.onHandled(
            world,
            said(worldly, { kind: ASK, from: worldly.user, to: FRANCE_FRONT, body: worldly.want }),
          );
        const tell = (kind: number) =>
          invariant.onSent(world, said(worldly, { kind, from: FRANCE_FRONT, to: worldly.user }));
        take();
        world.nowUs += worldly.want.timeLeftUs + lateUs;
        take();
        tell(ANSWER);
        expect([invariant.checked, invariant.violated]).to.deep.equal([1, violated]);
        // What is told again to who asks again has its own time; so has what was refused at first.
        for (const first of [ANSWER, REFUSED]) {
          take();
          tell(first);
        }
        expect(invariant.violated).to.equal(violated);
      }
    });
  });
});
