import { expect } from 'chai';
import { healthOf, type Health } from '../../core/cluster/membership/health.ts';
import { Rig, SECOND_US, type NodeSpec } from '../rig.ts';

const FOUR: readonly NodeSpec[] = ['a', 'b', 'c', 'd'].map((name, i) => ({
  name,
  cluster: 'france',
  region: 'eu/fr',
  types: i === 0 ? ['index'] : ['pod-host'],
}));

function health(rig: Rig, of: string, about: string): Health {
  return healthOf(rig.node(of), rig.nowOf(rig.station(of)), rig.peer(about))!;
}

describe('§3.2 Health monitoring', () => {
  it('R3-5: what is unknown is not down', () => {
    const rig = new Rig(FOUR);
    for (const { name } of FOUR) rig.boot(name);
    rig.pump();
    rig.advance(300_000);
    // In this time it has probed one other at most.
    const others = ['c', 'd'].map((name) => health(rig, 'b', name));
    expect(others.find(({ sign }) => sign === 'unknown')).to.include({
      state: 'alive',
      sign: 'unknown',
      rttUs: null,
      lastOutage: null,
    });
    expect(healthOf(rig.node('b'), rig.nowOf(rig.station('b')), rig.peer('mallory'))).to.equal(null);
  });

  it('R3-5: who answers is well, with how long it took, when it was last seen, and its uptime', () => {
    const rig = new Rig(FOUR).start();
    const { lastSeenAgoUs, ...rest } = health(rig, 'b', 'c');
    expect(rest).to.deep.include({ state: 'alive', sign: 'well', uptimePpm: 1_000_000, lastOutage: null });
    expect(lastSeenAgoUs).to.be.within(0, 3 * SECOND_US);
  });

  it('R3-5: loss in one direction, either way, is neither a crash nor well', () => {
    const rig = new Rig(FOUR).start();
    const [b, c] = [rig.peer('b'), rig.peer('c')];
    rig.drops = ({ from, to }) => from === b && to === c;
    rig.advance(20 * SECOND_US);
    expect(health(rig, 'b', 'c')).to.include({ state: 'alive', sign: 'one-way' });
    expect(health(rig, 'd', 'c').sign).to.equal('well');
    rig.drops = ({ from, to }) => from === c && to === b;
    rig.advance(20 * SECOND_US);
    expect(health(rig, 'b', 'c')).to.include({ state: 'alive', sign: 'one-way' });
  });

  it('R3-5: who answers late is slow', () => {
    const rig = new Rig(FOUR).start();
    const [b, c] = [rig.peer('b'), rig.peer('c')];
    for (let i = 0; i < 60 && health(rig, 'b', 'c').sign !== 'slow'; i++) {
      const held: (typeof rig.wire)[number][] = [];
      rig.drops = (envelope) => envelope.from === c && envelope.to === b && held.push(envelope) > 0;
      rig.advance(700_000);
      rig.drops = () => false;
      for (const envelope of held) rig.deliver(envelope);
      rig.pump();
    }
    expect(health(rig, 'b', 'c')).to.include({ state: 'alive', sign: 'slow' });
    expect(health(rig, 'b', 'c').rttUs).to.be.greaterThan(0);
  });

  for (const isCrash of [true, false]) {
    it(`R3-5: after it is back, a ${isCrash ? 'crash' : 'pause'} is told from a ${isCrash ? 'pause' : 'crash'}, and uptime falls`, () => {
      const rig = new Rig(FOUR).start();
      const c = rig.peer('c');
      if (isCrash) rig.crash('c');
      else rig.drops = ({ from, to }) => (from === c) !== (to === c) && from >= 0 && to >= 0;
      rig.advance(30 * SECOND_US);
      expect(health(rig, 'b', 'c')).to.include({ state: 'dead', sign: 'silent' });
      if (isCrash) rig.boot('c');
      rig.drops = () => false;
      rig.pump();
      rig.advance(90 * SECOND_US);
      const { state, sign, uptimePpm, lastOutage } = health(rig, 'b', 'c');
      expect([state, sign, lastOutage]).to.deep.equal(['alive', 'well', isCrash ? 'crash' : 'pause']);
      expect(uptimePpm).to.be.within(300_000, 950_000);
    });
  }
});
