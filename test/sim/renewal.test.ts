import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ANSWER, NOTE_DEAD, NOTE_EXPIRED, NOTE_SUSPECTED, PING, RUN } from '../../core/machine/kinds.ts';
import { AdmissionHonoured } from '../../sim/invariants/admission-honoured.ts';
import { Lineage } from '../../sim/lineage.ts';
import { OWED } from '../../sim/owed.ts';
import { loadScenario } from '../../sim/scenario/load.ts';
import { Simulation, simulate } from '../../sim/simulate.ts';
import type { ResolvedNode, ResolvedScenario } from '../../sim/scenario/resolved.ts';
import type { World } from '../../sim/world.ts';
import { envelopeOf } from '../rig.ts';
import { tinyNode, tinyScenario } from './tiny-scenario.ts';

const TERM_US = 40e6;

/** The tiny federation, where France admits for 40 s and renews 10 s before; with one more compute node there. */
function withTerm(changes: Partial<ResolvedNode>, rest: Partial<ResolvedScenario> = {}): ResolvedScenario {
  const base = tinyScenario();
  const [france, other] = base.clusters;
  const operators = { count: 1, threshold: 1, termUs: TERM_US, renewBeforeUs: 10e6 };
  const helper = { ...tinyNode('france/helper', 'france', 'eu/fr', ['compute'], ['a']), ...changes };
  return tinyScenario({
    durationUs: 140e6,
    faults: [],
    clusters: [{ ...france, operators }, other],
    nodes: [...base.nodes, helper],
    workloads: base.workloads.map((workload) => ({ ...workload, untilUs: 120e6 })),
    ...rest,
  });
}

function notesIn(scenario: ResolvedScenario): { world: World; notes: number[]; reasons: string } {
  const notes: number[] = [];
  const onNoted = (_: World, { body }: { body: unknown }) => notes.push((body as { note: number }).note);
  const simulation = simulate(scenario, { watchers: [{ onNoted }] });
  return { world: simulation.world, notes, reasons: simulation.verdict().reasons.join() };
}

const servedAfter = (world: World, us: number): number =>
  world.users.requests.filter(({ answer, askedUs }) => answer?.servedBy === 4 && askedUs > us).length;

describe('admissions with a term, simulated', () => {
  it('R5.1-2: operators renew them again and again, and nobody notices but by the dates', () => {
    const { world, notes, reasons } = notesIn(withTerm({}));
    expect(servedAfter(world, 90e6)).to.be.greaterThan(0);
    expect(notes).not.to.include.members([NOTE_EXPIRED]).and.not.to.include(NOTE_SUSPECTED);
    expect(world.users.requests.filter(({ want, code }) => want.model === 'a' && code !== 0)).to.deep.equal(
      [],
    );
    const { table } = world.machines[0].node.membership!;
    expect(table.liveCount).to.equal(3);
    expect(table.nextExpiryWallUs - 2 ** 40).to.be.within(140e6, 170e6);
    expect(reasons).not.to.match(/admi|none any more/);
  });

  it('R5.1-2: one that is not renewed is no member from then on, and serves nobody; no request is lost', () => {
    const { world, notes, reasons } = notesIn(withTerm({ isRenewed: false }));
    expect(servedAfter(world, 0)).to.be.greaterThan(0);
    expect(servedAfter(world, TERM_US)).to.equal(0);
    expect(notes.filter((note) => note === NOTE_EXPIRED)).to.have.length(3);
    expect(notes).not.to.include(NOTE_DEAD);
    expect(world.users.requests.filter(({ want, code }) => want.model === 'a' && code !== 0)).to.deep.equal(
      [],
    );
    expect(world.machines[0].node.membership!.table.liveCount).to.equal(2);
    expect(reasons).not.to.match(/admi|none any more/);
    for (const goal of ['membership-agrees', 'live-nodes-listed'] as const)
      expect(OWED[goal](world, world.machines)).to.deep.equal([]);
  });

  it('R5.1-2: one that was down when it was to be renewed is told again, and comes back when it runs out', () => {
    const faults = [{ kind: 'crash', atUs: 28e6, untilUs: 55e6, nodes: ['france/helper'] }] as const;
    const { world, notes } = notesIn(withTerm({}, { faults: faults as never }));
    expect(notes).to.include(NOTE_EXPIRED);
    expect(servedAfter(world, 80e6)).to.be.greaterThan(0);
    expect(world.machines[0].node.membership!.table.liveCount).to.equal(3);
  });

  it('R5.1-2: one whose disk is wiped has lost its renewal: its operators see that, and bring it another', () => {
    const faults = [{ kind: 'wipe', atUs: 41e6, untilUs: 43e6, nodes: ['france/helper'] }] as const;
    const { world } = new Simulation(withTerm({}, { faults: faults as never }));
    world.run(50e6);
    expect(world.machines[4].node.membership, 'what it was configured with has run out').to.equal(null);
    world.run(58e6);
    expect(world.machines[4].node.membership).not.to.equal(null);
  });

  it('R5.1-2: whoever joins later has a term of its own, by certificate or by ticket', () => {
    for (const isAdmitted of [undefined, false] as const) {
      const joins = { joinsUs: 10e6, ...(isAdmitted === false ? { isAdmitted } : {}) };
      const simulation = new Simulation(withTerm(joins));
      const { world } = simulation;
      while (world.nowUs < 12e6) simulation.advance();
      const { pending } = world.machines[4].node.affiliation!.joining ?? { pending: null };
      if (pending !== null) world.operators.approve(pending);
      while (!simulation.isDone) simulation.advance();
      expect(servedAfter(world, 90e6), `${isAdmitted}`).to.be.greaterThan(0);
      expect(simulation.verdict().reasons.join()).not.to.match(/admi|none any more/);
    }
  });

  it('has the same digest with own numbers in each node, and from a checkpoint', () => {
    const scenario = withTerm({ isRenewed: false, leavesUs: 90e6 });
    const plain = simulate(scenario).world.digest();
    expect(simulate(scenario, { isChecking: true }).world.digest()).to.equal(plain);
    const { world } = new Simulation(scenario);
    world.run(33e6);
    const copy = world.checkpoint().copy();
    copy.run(140e6);
    world.run(140e6);
    expect(copy.digest()).to.equal(world.digest());
  });
});

describe('the invariant admission-honoured, of dates', () => {
  it('sees members speak to one whose admission has run out, and that one speak and answer', () => {
    const world = new Simulation(withTerm({ isRenewed: false })).world;
    const invariant = new AdmissionHonoured(new Lineage());
    const say = (kind: number, from: number, to: number): void =>
      invariant.onSent(world, envelopeOf(kind, from, to, {}));
    world.nowUs = TERM_US;
    world.operators.certificateFor(world.machines[0]);
    world.nowUs = TERM_US + 29e6;
    for (const kind of [PING, RUN]) say(kind, 0, 4);
    say(ANSWER, 4, 0);
    expect(invariant.violated, 'clocks may differ, and work be under way').to.equal(0);
    world.nowUs = TERM_US + 31e6;
    for (const kind of [PING, RUN]) say(kind, 0, 4);
    say(PING, 4, 0);
    say(ANSWER, 4, 0);
    expect(invariant.violated).to.equal(3);
    world.nowUs = TERM_US + 91e6;
    say(ANSWER, 4, 0);
    expect(invariant.breaches.at(-1)!.what).to.equal(
      'france/helper, whose admission has run out, answers a request',
    );
  });
});

describe('the story of the newcomers', () => {
  it('R5.1-2, R5.1-3: ends with those who belong to the cluster, and with them only', () => {
    const file = fileURLToPath(new URL('../../scenarios/newcomers.yaml', import.meta.url));
    const { world } = simulate(loadScenario(file));
    const nodeOf = (name: string) => world.machines.find(({ spec }) => spec.name === `france/${name}`)!.node;
    const { table } = nodeOf('index-1').membership!;
    const members = world.machines
      .filter(({ peer }) => table.find(peer) >= 0 && table.isLiveAt(table.find(peer)))
      .map(({ spec }) => spec.name.slice('france/'.length));
    expect(members).to.have.members([
      ...['gateway-1', 'gateway-2', 'index-1', 'index-2', 'guide-1'],
      ...['helper-1', 'helper-2', 'helper-3', 'patient-1'],
    ]);
    for (const name of ['early-1', 'early-2', 'walled-1', 'forgotten-1'])
      expect(nodeOf(name).membership, name).to.equal(null);
    const served = (name: string): number =>
      world.users.requests.filter(
        ({ answer }) => world.machines[answer?.servedBy ?? -1]?.spec.name === `france/${name}`,
      ).length;
    for (const name of ['early-1', 'patient-1', 'forgotten-1', 'helper-3'])
      expect(served(name), name).to.be.greaterThan(0);
    expect(served('walled-1')).to.equal(0);
  });
});
