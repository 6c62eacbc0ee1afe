import { expect } from 'chai';
import * as kinds from '../../core/machine/kinds.ts';
import { ERROR_CODES } from '../../core/routing/outcomes.ts';
import type { Want } from '../../core/routing/want.ts';
import { envelopeOf, FEDERATION, Rig, SECOND_US } from '../rig.ts';

describe('§3 Federation and cluster', () => {
  it('R3-1: with any one node of another kind dead, what the rest can serve is served', () => {
    const second = { ...FEDERATION[0], name: 'front-2' };
    const brazil2 = { ...FEDERATION[3], name: 'brazil-front-2', peered: ['front', 'front-2'] };
    const brazil = { ...FEDERATION[3], peered: ['front', 'front-2'] };
    const peered = ['brazil-front', 'brazil-front-2'];
    const specs = [
      { ...FEDERATION[0], peered },
      { ...second, peered },
      ...FEDERATION.slice(1, 3),
      brazil,
      brazil2,
      FEDERATION[4],
      { ...FEDERATION[4], name: 'brazil-compute-2' },
    ];
    for (const victim of specs.map(({ name }) => name).filter((name) => name !== 'front')) {
      const rig = new Rig(specs).start();
      rig.crash(victim);
      rig.ask('ann', 'front', 1, { model: 'a' });
      rig.ask('ann', 'front', 2, { model: 'b' });
      rig.pump();
      rig.advance(25 * SECOND_US);
      for (const n of [1, 2]) {
        const [outcome] = rig.outcomes('ann', n);
        expect(kinds.nameOfKind(outcome.kind), `${victim} is dead, request ${n}`).to.equal('RESPONSE/answer');
      }
    }
  });

  describe('R3-3: service discovery', () => {
    const rig = new Rig().start();
    const find = (model: string): { sent: number; found: kinds.Found } => {
      const body = { model, withBridges: true, minTrust: 1, allowedRegions: ['eu'] };
      const sent = rig.deliver(envelopeOf(kinds.FIND, rig.peer('compute-1'), rig.peer('front'), body));
      return { sent: sent.length, found: sent[0].body as kinds.Found };
    };

    it('R3-3: answers who offers what, with trust, region, load, models loaded', () => {
      const { found } = find('a');
      expect(found.candidates.map(({ peer }) => rig.cast.nameOf(peer)).sort()).to.deep.equal([
        'compute-1',
        'compute-2',
      ]);
      for (const { trust, region, load, isOffered } of found.candidates) {
        expect([trust, region, isOffered]).to.deep.equal([4, 'eu/fr', true]);
        expect([load.loadedModels, load.room, load.slots]).to.deep.equal([['a'], 6, 2]);
      }
      expect(found.bridges).to.deep.equal([rig.peer('front')]);
    });

    it('R3-3: an empty answer is an answer, and comes within one round trip', () => {
      const { sent, found } = find('nobody has this');
      expect(sent).to.equal(1);
      expect([found.candidates, found.isModelKnown]).to.deep.equal([[], false]);
    });

    it('R3-3: a user hears of it at once, not when a timeout has passed', () => {
      const startUs = rig.nowUs;
      rig.ask('ann', 'front', 1, { model: 'c' });
      rig.pump();
      const [{ kind, body }] = rig.outcomes('ann', 1);
      expect([kind, ERROR_CODES[(body as kinds.Refused).code]]).to.deep.equal([
        kinds.REFUSED,
        'NO_CAPABLE_NODE',
      ]);
      expect(rig.nowUs).to.equal(startUs);
    });
  });

  describe('R3-4: load balancing', () => {
    it('R3-4: what is full is passed over, and the others share the load', () => {
      const rig = new Rig().start();
      rig.isInferring = false;
      for (let n = 1; n <= 12; n++) {
        rig.ask('ann', 'front', n, { allowedRegions: ['eu'] });
        rig.pump();
      }
      const jobs = ['compute-1', 'compute-2'].map((name) => rig.node(name).compute!.jobs.length);
      expect(jobs[0] + jobs[1], 'slots and queues of both').to.equal(12);
      expect(Math.min(...jobs)).to.be.at.least(5);
      rig.ask('ann', 'front', 13, { allowedRegions: ['eu'] });
      rig.pump();
      const { code } = rig.outcomes('ann', 13)[0].body as kinds.Refused;
      expect(ERROR_CODES[code]).to.equal('OVERLOADED');

      rig.advance(2 * SECOND_US);
      const asked = rig.sent.filter(({ kind }) => kind === kinds.RUN).length;
      rig.ask('ann', 'front', 14, { allowedRegions: ['eu'] });
      rig.pump();
      const told = rig.outcomes('ann', 14)[0].body as kinds.Refused;
      expect(ERROR_CODES[told.code]).to.equal('OVERLOADED');
      const stillAsked = rig.sent.filter(({ kind }) => kind === kinds.RUN).length - asked;
      expect(stillAsked, 'who has said that it is full is not asked').to.equal(0);
    });

    /** Tells the index node how busy a compute node is, as of now. */
    function report(rig: Rig, name: string, running: number): void {
      const { version, load } = rig.node('front').index!.directory.get(rig.peer(name))!;
      const body = { version, load: { ...load!, running, slots: 64, room: 64 } };
      rig.deliver(envelopeOf(kinds.BEAT, rig.peer(name), rig.peer('front'), body));
    }

    /** Asks so many times, and tells how many of them a compute node was asked. */
    function share(rig: Rig, name: string, requests: number, changes: Partial<Want> = {}): number {
      const before = rig.sent.length;
      for (let n = 1; n <= requests; n++) {
        rig.ask('ann', 'front', before + n, { allowedRegions: ['eu'], ...changes });
        rig.pump();
      }
      const runs = rig.sent.slice(before).filter(({ kind }) => kind === kinds.RUN);
      expect(runs).to.have.length(requests);
      return runs.filter(({ to }) => to === rig.peer(name)).length;
    }

    const wide = FEDERATION.map((spec) => ({ ...spec, slots: 64 }));

    it('R3-4: hard filters come first: no wait is so short that it outweighs one', () => {
      const parameters = { publicBurst: 100 };
      const rig = new Rig([wide[0], { ...wide[1], attestedTrust: 2, parameters }, ...wide.slice(2)]).start();
      report(rig, 'compute-1', 0);
      report(rig, 'compute-2', 50);
      expect(share(rig, 'compute-2', 20, { minTrust: 3 })).to.equal(20);
      expect(share(rig, 'compute-2', 20, { minTrust: 2 })).to.be.below(15);
    });

    it('R3-4: of two drawn at random the one with the shorter expected wait is asked', () => {
      const rig = new Rig(wide).start();
      report(rig, 'compute-1', 5);
      report(rig, 'compute-2', 0);
      expect(share(rig, 'compute-2', 200), 'three of four pairs hold the idle one').to.be.within(135, 165);
    });

    it('R3-4: what the asker itself has under way counts, and a report for less as it ages', () => {
      const held = new Rig(wide).start();
      held.isInferring = false;
      report(held, 'compute-1', 3);
      report(held, 'compute-2', 0);
      expect(share(held, 'compute-2', 40), 'as many as make up for the report').to.be.within(17, 25);

      const aged = new Rig(wide).start();
      report(aged, 'compute-1', 6);
      aged.drops = ({ kind }) => kind === kinds.BEAT;
      aged.advance(4 * SECOND_US);
      report(aged, 'compute-2', 3);
      expect(share(aged, 'compute-1', 200), 'six of four seconds ago are two').to.be.within(135, 165);
    });
  });
});
