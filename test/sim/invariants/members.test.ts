import { expect } from 'chai';
import { ALIVE, type Member } from '../../../core/cluster/membership/member.ts';
import { Envelope } from '../../../core/machine/envelope.ts';
import { ANSWER, FIND, GOSSIP, NOTE_DEAD, NOTED, PING, RUN } from '../../../core/machine/kinds.ts';
import { AdmissionHonoured } from '../../../sim/invariants/admission-honoured.ts';
import { IncarnationOwn } from '../../../sim/invariants/incarnation-own.ts';
import { NoFalseDeath } from '../../../sim/invariants/no-false-death.ts';
import { Lineage } from '../../../sim/lineage.ts';
import { OWED } from '../../../sim/owed.ts';
import { Simulation } from '../../../sim/simulate.ts';
import { envelopeOf } from '../../rig.ts';
import { tinyNode, tinyScenario } from '../tiny-scenario.ts';
import { FRANCE_COMPUTE, FRANCE_FRONT, setStage } from './stage.ts';

function gossip(from: number, peer: number, incarnation: number): Envelope {
  const told: Member = {
    peer,
    incarnation,
    state: ALIVE,
    types: 0,
    address: '',
    from: null,
    certificate: null,
  };
  return Object.assign(new Envelope(), { kind: GOSSIP, from, to: FRANCE_FRONT, body: { items: [told] } });
}

function death(from: number, chosen: number): Envelope {
  return Object.assign(new Envelope(), { kind: NOTED, from, body: { note: NOTE_DEAD, chosen } });
}

describe('the invariants of membership', () => {
  it('admission-honoured sees members speak to one whom nobody has admitted, and that one answer', () => {
    const stranger = tinyNode('france/newcomer', 'france', 'eu/fr', ['compute']);
    const nodes = [...tinyScenario().nodes, { ...stranger, isAdmitted: false as const }];
    const { world } = new Simulation(tinyScenario({ faults: [], nodes }));
    const invariant = new AdmissionHonoured(new Lineage());
    for (const kind of [PING, FIND, RUN]) invariant.onHandled(world, envelopeOf(kind, 0, 1, {}));
    expect([invariant.checked, invariant.violated]).to.deep.equal([3, 0]);
    for (const kind of [PING, RUN]) invariant.onHandled(world, envelopeOf(kind, 0, 4, {}));
    invariant.onSent(world, envelopeOf(ANSWER, 4, 0, {}));
    invariant.onSent(world, envelopeOf(ANSWER, 1, 0, {}));
    expect([invariant.checked, invariant.violated]).to.deep.equal([7, 3]);
    expect(invariant.breaches[0].what).to.match(/france\/front speaks to france\/newcomer, which nobody has/);
  });

  it('incarnation-own sees an incarnation that its subject never told', () => {
    const { world, lineage } = setStage();
    const invariant = new IncarnationOwn(lineage);
    invariant.onSent(world, gossip(FRANCE_COMPUTE, FRANCE_COMPUTE, 7));
    invariant.onSent(world, gossip(FRANCE_FRONT, FRANCE_COMPUTE, 7));
    expect([invariant.checked, invariant.violated]).to.deep.equal([1, 0]);
    invariant.onSent(world, gossip(FRANCE_FRONT, FRANCE_COMPUTE, 8));
    expect(invariant.breaches[0].what).to.equal(
      'france/front tells incarnation 8 of france/compute, which has told none so high',
    );
  });

  it('no-false-death sees a death out of nothing, and judges none that harm explains', () => {
    const { world, lineage } = setStage();
    const invariant = new NoFalseDeath(lineage);
    invariant.onTick(world);
    expect(invariant.checked).to.equal(4);
    world.machines[FRANCE_COMPUTE].pauses = 1;
    invariant.onTick(world);
    world.machines[FRANCE_COMPUTE].pauses = 0;
    invariant.onNoted(world, death(FRANCE_FRONT, FRANCE_COMPUTE));
    expect(invariant.violated).to.equal(0);
    const fresh = new NoFalseDeath(lineage);
    fresh.onNoted(world, death(FRANCE_FRONT, FRANCE_COMPUTE));
    expect(fresh.breaches[0].what).to.equal(
      'france/front declares france/compute dead, to which nothing has happened',
    );
  });

  it('membership-agrees is owed while one that is up is not known, or one that is down is thought alive', () => {
    const { world } = setStage();
    const owed = (): string[] => OWED['membership-agrees'](world, world.machines);
    expect(owed()).to.deep.equal([]);
    world.machines[FRANCE_COMPUTE].isUp = false;
    expect(owed()).to.deep.equal(['france/front thinks france/compute is alive']);
    world.machines[FRANCE_COMPUTE].isUp = true;
    const { table } = world.machines[FRANCE_FRONT].node.membership!;
    table.remove(1, 0);
    expect(owed()).to.deep.equal(['france/front does not know france/compute as alive']);
  });
});
