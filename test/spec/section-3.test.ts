import { expect } from 'chai';
import * as kinds from '../../core/machine/kinds.ts';
import { ERROR_CODES } from '../../core/routing/outcomes.ts';
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
      const body = { model, withBridges: true };
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
    });
  });
});
