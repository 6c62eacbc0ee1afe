import { expect } from 'chai';
import { NETWORK } from '../../core/base/peers.ts';
import { DIAL, DIALLED, ROUTE, type Dialled } from '../../core/machine/kinds.ts';
import { answerOf } from '../../sim/devices.ts';
import { World } from '../../sim/world.ts';
import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { envelopeOf } from '../rig.ts';
import { tinyScenario } from './tiny-scenario.ts';

/** What france/front hears when it dials, at 1 s: the words and the time. */
function dialled(address: string, wanted: string | null, changes: Partial<ResolvedScenario> = {}) {
  const world = new World(tinyScenario({ faults: [], ...changes }));
  world.start();
  world.run(1e6);
  const [front] = world.machines;
  const peer = wanted === null ? null : world.identities.find(wanted)!;
  const answer = answerOf(world, front, envelopeOf(DIAL, front.peer, NETWORK, { peer, address }))!;
  expect(answer.kind).to.equal(DIALLED);
  const { peer: found, isReached, detail } = answer.body as Dialled;
  const name = found === null ? null : world.identities.names[found];
  return { name, isReached, detail, delayUs: answer.delayUs };
}

describe('the simulated NETWORK', () => {
  it('finds who listens at an address, after a round trip', () => {
    const near = dialled('france/compute', null);
    expect(near).to.deep.include({ name: 'france/compute', isReached: true });
    const far = dialled('us-east/front', 'us-east/front');
    expect(far.isReached).to.equal(true);
    expect(far.delayUs).to.be.greaterThan(2 * 40_000);
    expect(near.delayUs).to.be.within(2 * 900, 20_000);
  });

  it('says that another node is there, and that nobody is', () => {
    expect(dialled('france/compute', 'us-east/compute')).to.deep.include({
      name: 'france/compute',
      isReached: false,
      detail: 'another node answers at france/compute',
    });
    expect(dialled('atlantis', null)).to.include({ name: null, isReached: false, delayUs: 3e6 });
  });

  it('is refused by machines that are down, and hears nothing of cut links and of nodes behind a wall', () => {
    const off = { kind: 'crash', nodes: ['us-east/front'], atUs: 1, untilUs: null } as const;
    const down = dialled('us-east/front', null, { faults: [off] });
    expect(down.isReached).to.equal(false);
    expect(down.delayUs).to.be.lessThan(1e6);
    const cut = { kind: 'cut', from: ['us-east'], to: ['france'], bothWays: false, atUs: 1, untilUs: null };
    expect(dialled('us-east/front', null, { faults: [cut as never] })).to.include({
      isReached: false,
      delayUs: 3e6,
    });
    const nodes = tinyScenario().nodes.map((node) => ({ ...node, isUnreachable: true as const }));
    expect(dialled('france/compute', null, { nodes })).to.include({ isReached: false, delayUs: 3e6 });
  });

  it('has nothing to say to a route: here all find their way by their numbers', () => {
    const world = new World(tinyScenario());
    const [front, compute] = world.machines;
    const route = { peer: compute.peer, address: 'france/compute' };
    expect(answerOf(world, front, envelopeOf(ROUTE, front.peer, NETWORK, route))).to.equal(null);
  });
});
