import { expect } from 'chai';
import { OBSERVER } from '../../core/base/peers.ts';
import { Envelope } from '../../core/machine/envelope.ts';
import { NOTE_DEAD, NOTED } from '../../core/machine/kinds.ts';
import { Attendance } from '../../sim/attendance.ts';
import type { ResolvedFault } from '../../sim/scenario/resolved.ts';
import { simulate } from '../../sim/simulate.ts';
import { summarize } from '../../sim/summary.ts';
import { World } from '../../sim/world.ts';
import { at, withFaults } from './harmed-world.ts';

const FRONT = 0;
const COMPUTE = 1;

function summaryOf(...faults: ResolvedFault[]) {
  const { world, checker } = simulate(withFaults(...faults));
  return summarize(world, 'pass', [], 1, checker);
}

/** What comes of it when one node says of another that it is dead. */
function giveUp(world: World, attendance: Attendance) {
  const body = { note: NOTE_DEAD, model: '', chosen: COMPUTE, stage: 0, code: 0, struck: [] };
  const said = { kind: NOTED, from: FRONT, to: OBSERVER, body };
  attendance.onNoted(world, Object.assign(new Envelope(), said));
  return Object.entries(attendance.dead).flatMap(([truth, count]) => (count > 0 ? [truth] : []));
}

/** A world after so many seconds, and who has watched it. */
function watched(seconds: number, ...faults: ResolvedFault[]): [World, Attendance] {
  const attendance = new Attendance();
  const world = new World(withFaults(...faults), attendance);
  world.start();
  world.run(seconds * 1_000_000);
  return [world, attendance];
}

describe('the account of who was missed', () => {
  it('measures from a crash to the first suspicion and to the first who gives the node up', () => {
    const { membership, discovery } = summaryOf({ kind: 'crash', ...at(10, 25) });
    expect(membership.crashes).to.equal(1);
    expect(membership.suspected).to.be.greaterThan(0);
    expect(membership.dead).to.deep.equal({ rightly: 1, 'cut-off': 0, falsely: 0 });
    const { suspicionMs, deathMs } = membership;
    expect([suspicionMs.count, deathMs.count]).to.deep.equal([1, 1]);
    expect(suspicionMs.p50).to.be.within(500, 3_000);
    // A suspicion of one of two lasts four seconds.
    expect(deathMs.p50! - suspicionMs.p50!).to.equal(4_000);
    expect(discovery.removed).to.equal(1);
  });

  it('has nothing to tell of a run in which nothing happened to anybody', () => {
    const { membership, discovery } = summaryOf();
    const none = { count: 0, p50: null, p99: null };
    expect(membership).to.deep.equal({
      suspected: 0,
      refuted: 0,
      dead: { rightly: 0, 'cut-off': 0, falsely: 0 },
      left: 0,
      crashes: 0,
      suspicionMs: none,
      deathMs: none,
    });
    const { joined, removed, sessionsUp, sessionsDown, clusters, quarantined } = discovery;
    expect([joined, removed, sessionsUp, sessionsDown, quarantined]).to.deep.equal([4, 0, 2, 0, 0]);
    expect(clusters, 'each of two bridges has heard of the other').to.equal(2);
  });

  it('knows whether who is given up is gone, is cut off, has just come back, or was there all along', () => {
    const cut = { kind: 'cut', from: ['france/compute'], to: ['france'], bothWays: true } as const;
    expect(giveUp(...watched(12))).to.deep.equal(['falsely']);
    expect(giveUp(...watched(12, { kind: 'crash', ...at(10, 20) }))).to.deep.equal(['rightly']);
    expect(giveUp(...watched(12, { kind: 'pause', ...at(10, 20) }))).to.deep.equal(['rightly']);
    expect(giveUp(...watched(12, { ...cut, atUs: 10e6, untilUs: 20e6 }))).to.deep.equal(['cut-off']);
    expect(giveUp(...watched(12, { kind: 'crash', ...at(10, 11.5) }))).to.deep.equal(['rightly']);
    expect(giveUp(...watched(14, { kind: 'crash', ...at(10, 11.5) }))).to.deep.equal(['falsely']);
  });
});
