import { expect } from 'chai';
import { NOTE_JOINED } from '../../core/machine/kinds.ts';
import { ERROR_CODES } from '../../core/routing/outcomes.ts';
import { simulate, Simulation } from '../../sim/simulate.ts';
import type { MaliciousRole } from '../../sim/scenario/resolved-malice.ts';
import type { ResolvedNode, ResolvedScenario } from '../../sim/scenario/resolved.ts';
import type { Machine } from '../../sim/machine.ts';
import type { World } from '../../sim/world.ts';
import { countRefusals } from '../rig.ts';
import { tinyNode, tinyScenario } from './tiny-scenario.ts';

const NEWCOMER = 'france/newcomer';

/** The tiny federation with a third member of France, and a newcomer; one of them is malicious. */
function withVillain(
  as: MaliciousRole,
  node: string,
  newcomer: Partial<ResolvedNode> = {},
): ResolvedScenario {
  const base = tinyScenario();
  return tinyScenario({
    faults: [],
    nodes: [
      ...base.nodes,
      tinyNode('france/helper', 'france', 'eu/fr', ['compute'], ['a']),
      { ...tinyNode(NEWCOMER, 'france', 'eu/fr', ['compute'], ['a']), joinsUs: 10e6, ...newcomer },
    ],
    malice: [{ node, as, fromUs: 0, untilUs: null, sharePpm: 1_000_000, region: '' }],
    expectations: { okAtLeastPpm: 0, sometimes: [], never: [] },
  });
}

interface Told {
  readonly world: World;
  readonly listed: ReadonlySet<number>;
  readonly admission: string[];
  readonly verdict: string;
}

/** Runs a world whose nodes may be broken before it begins. */
function run(scenario: ResolvedScenario, breakIt: (world: World) => void = () => {}): Told {
  const listed = new Set<number>();
  const onNoted = (_: World, { body }: { body: unknown }) => {
    const { note, chosen } = body as { note: number; chosen: number };
    if (note === NOTE_JOINED) listed.add(chosen);
  };
  const simulation = new Simulation(scenario, { watchers: [{ onNoted }] });
  breakIt(simulation.world);
  while (!simulation.isDone) simulation.advance();
  const { verdict, reasons } = simulation.verdict();
  const admission = reasons.filter((reason) => reason.includes('admission-honoured'));
  return { world: simulation.world, listed, admission, verdict };
}

/** A core that takes every signature for what it claims to be. */
function believeAll({ machines }: World): void {
  for (const { node } of machines)
    Object.assign(node, { pure: Object.create(node.pure, { verify: { value: () => true } }) as unknown });
}

/** A driver that is content whoever answers where it dials. */
function reachAnybody({ identities, machines }: World): void {
  const find = identities.find.bind(identities);
  const isNode = (name: string): boolean => machines.some(({ spec }) => spec.name === name);
  identities.find = (name) => find(isNode(name) ? NEWCOMER : name);
}

const machineOf = (world: World, name: string): Machine =>
  world.machines.find(({ spec }) => spec.name === name)!;
const membersIn = (world: World, name: string): number => {
  const { table } = machineOf(world, name).node.membership!;
  return table.count;
};
const outcomesIn = ({ users }: World): string[] =>
  users.requests.filter(({ want }) => want.model === 'a').map(({ code }) => ERROR_CODES[code]);

describe('a forger of certificates', () => {
  it('R5.1-2: that is a member lets in nobody, prolongs nothing, costs no request, and is counted', () => {
    const { world, admission, verdict } = run(withVillain('certificate-forger', 'france/helper'));
    expect([verdict, admission]).to.deep.equal(['pass', []]);
    expect(world.villains[0].affected).to.be.greaterThan(100);
    for (const name of ['france/front', 'france/compute']) {
      expect(membersIn(world, name), name).to.equal(4);
      expect(countRefusals(machineOf(world, name).node, 'not admitted'), name).to.be.greaterThan(50);
    }
    expect(new Set(outcomesIn(world))).to.deep.equal(new Set(['OK']));
  });

  it('R5.1-2: that nobody has admitted does not let itself in', () => {
    const { world, listed, admission } = run(
      withVillain('certificate-forger', NEWCOMER, { isAdmitted: false }),
    );
    expect(admission).to.deep.equal([]);
    expect([membersIn(world, 'france/front'), listed.has(5)]).to.deep.equal([3, false]);
    expect(machineOf(world, NEWCOMER).node.membership).to.equal(null);
    expect(countRefusals(machineOf(world, 'france/front').node, 'not admitted')).to.be.greaterThan(20);
  });

  it('R5.1-2: admission-honoured sees a core that believes it, from within and from without', () => {
    const within = run(withVillain('certificate-forger', 'france/helper'), believeAll);
    expect(within.verdict).to.equal('violated');
    expect(within.admission.join('\n')).to.match(/of another cluster as to a member/);
    const without = run(withVillain('certificate-forger', NEWCOMER, { isAdmitted: false }), believeAll);
    expect(without.admission.join('\n')).to.match(/which nobody has admitted/);
  });
});

it('forgers and borrowers keep the digest in runs that check', () => {
  for (const as of ['certificate-forger', 'address-borrower'] as const) {
    const scenario = withVillain(as, NEWCOMER);
    const plain = simulate(scenario).world.digest();
    expect(simulate(scenario, { isChecking: true }).world.digest(), as).to.equal(plain);
  }
});

describe('a borrower of addresses', () => {
  it('R5.1-2: is found out by whoever calls it back, with a certificate or without', () => {
    for (const isAdmitted of [undefined, false] as const) {
      const newcomer = isAdmitted === false ? { isAdmitted } : {};
      const { world, admission, verdict } = run(withVillain('address-borrower', NEWCOMER, newcomer));
      expect([verdict, admission]).to.deep.equal(['pass', []]);
      expect(world.villains[0].affected).to.be.greaterThan(0);
      expect(membersIn(world, 'france/front')).to.equal(3);
      expect(countRefusals(machineOf(world, 'france/front').node, 'not reached')).to.equal(1);
    }
  });

  it('R5.1-2: admission-honoured sees one that was let in and is not where it says', () => {
    const { admission, verdict } = run(withVillain('address-borrower', NEWCOMER), reachAnybody);
    expect(verdict).to.equal('violated');
    expect(admission.join()).to.match(/lets france\/newcomer in, which is not where it says that it is/);
  });
});
