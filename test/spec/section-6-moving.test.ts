import { expect } from 'chai';
import * as kinds from '../../core/machine/kinds.ts';
import type { Left } from '../../core/cluster/affiliation/affiliation-bodies.ts';
import type { DataLocationPolicy } from '../../core/policy/location-policy.ts';
import { MAX_CIRCLE, type PodDeleted } from '../../core/roles/pods/pod-records.ts';
import { holdersOf, podCluster, PodOwner, signPolicy } from '../pods.ts';
import { envelopeOf, Rig, SECOND_US } from '../rig.ts';

const MINUTE_US = 60 * SECOND_US;

function stage(regions: readonly string[], policy: Partial<DataLocationPolicy> = {}) {
  const rig = new Rig(podCluster(regions)).start();
  const ann = new PodOwner(rig);
  const home = signPolicy(rig.cast, ann.peer, 1, 1, policy);
  ann.write(home, 'diary');
  rig.advance(15 * SECOND_US);
  return { rig, ann, home, holders: holdersOf(rig, ann.podId()) };
}

/** Whoever runs a node tells it to leave. */
function leave(rig: Rig, name: string): void {
  const operator = rig.peer('operator 1 of europe');
  rig.deliver(envelopeOf(kinds.LEAVE, operator, rig.peer(name), {}, { n: 77 }));
  rig.pump();
}

/** What whoever runs a node was told when it had left; null: not yet. */
function leftOf(rig: Rig, name: string): Left | null {
  const said = rig.mail.find(({ kind, from }) => kind === kinds.LEFT && from === rig.peer(name));
  return (said?.body as Left | undefined) ?? null;
}

/** Whether a deletion is certified, and of whom it is still to hear. */
function deletedBy(ann: PodOwner): { isCertified: boolean; missing: string[] } {
  const answer = ann.delete(1, 11 * SECOND_US);
  expect(answer?.kind).to.equal(kinds.POD_DELETED);
  const { isCertified, missing } = answer!.body as PodDeleted;
  return { isCertified, missing: missing.map((peer) => ann.rig.cast.nameOf(peer)) };
}

const CERTIFIED = { isCertified: true, missing: [] };

function bootAll(rig: Rig, names: readonly string[]): void {
  for (const name of names) rig.boot(name);
  rig.pump();
  rig.advance(15 * SECOND_US);
}

function rejoin(rig: Rig, name: string): void {
  const operator = rig.peer('operator 1 of europe');
  const body = { application: null, seeds: [], certificate: null };
  rig.deliver(envelopeOf(kinds.JOIN, operator, rig.peer(name), body, { n: 78 }));
  rig.pump();
  rig.advance(15 * SECOND_US);
}

const astrayAt = (rig: Rig, name: string): string[] =>
  rig.notes
    .filter(
      ({ from, body }) => from === rig.peer(name) && (body as kinds.Noted).note === kinds.NOTE_POD_ASTRAY,
    )
    .map(({ body }) => (body as kinds.Noted).model);

/** One of three holders leaves a cluster of four hosts. */
function handsOver(encryptionRequired: boolean): void {
  const { rig, ann, holders } = stage(['eu/fr', 'eu/fr', 'eu/fr', 'eu/fr'], { encryptionRequired });
  const [leaver] = holders;
  leave(rig, leaver);
  while (leftOf(rig, leaver) === null) {
    rig.advance(SECOND_US / 2);
    const now = holdersOf(rig, ann.podId());
    expect(now.includes(leaver) || now.length === 3, now.join()).to.equal(true);
  }
  expect(leftOf(rig, leaver)).to.deep.equal({ staying: [], stayingCount: 0 });
  expect(holdersOf(rig, ann.podId())).to.have.length(3).and.not.to.include(leaver);
  expect([...rig.station(leaver).keyring.keys.keys()]).to.deep.equal([]);
  expect(ann.read()?.kind).to.equal(kinds.POD_FOUND);
  expect(astrayAt(rig, leaver)).to.deep.equal([]);
}

describe('pods that move', () => {
  it('R5.1-3: a pod host that leaves hands its pods over before it is gone', () => handsOver(false));

  it('R5.1-3: a pod host that leaves hands its sealed pods over before it is gone', () => handsOver(true));

  it('R5.1-3: it waits for a bounded time, and says which pods nobody else may have', () => {
    const { rig, ann, holders } = stage(['eu/fr', 'eu/de']);
    expect(holders).to.deep.equal(['host-1']);
    leave(rig, 'host-1');
    rig.advance(9 * MINUTE_US);
    expect(leftOf(rig, 'host-1')).to.equal(null);
    expect(ann.read()?.kind, 'it is still read there').to.equal(kinds.POD_FOUND);
    rig.advance(2 * MINUTE_US);
    expect(leftOf(rig, 'host-1')).to.deep.equal({ staying: [ann.podId()], stayingCount: 1 });
    expect(astrayAt(rig, 'host-1')).to.deep.equal([ann.podId()]);
    expect(holdersOf(rig, ann.podId())).to.deep.equal(['host-1']);
  });

  it('R6.2-2: who has left with a pod is waited for, and a deletion is certified when it is back and has erased it', () => {
    const { rig, ann } = stage(['eu/fr', 'eu/de']);
    leave(rig, 'host-1');
    rig.advance(11 * MINUTE_US);
    expect(leftOf(rig, 'host-1')?.stayingCount).to.equal(1);
    expect(deletedBy(ann)).to.deep.equal({ isCertified: false, missing: ['host-1'] });
    expect(holdersOf(rig, ann.podId())).to.deep.equal(['host-1']);
    rejoin(rig, 'host-1');
    expect(holdersOf(rig, ann.podId())).to.deep.equal([]);
    expect(deletedBy(ann)).to.deep.equal(CERTIFIED);
  });

  it('R6.2-2: it is waited for, too, by a host that has come when it was gone', () => {
    const rig = new Rig(podCluster(['eu/fr', 'eu/fr']));
    bootAll(rig, ['front', 'host-1']);
    const ann = new PodOwner(rig);
    const written = ann.write(signPolicy(rig.cast, ann.peer, 1, 1), 'diary');
    expect(written?.kind).to.equal(kinds.POD_WRITTEN);
    leave(rig, 'host-1');
    rig.advance(11 * MINUTE_US);
    expect(leftOf(rig, 'host-1')?.stayingCount).to.equal(1);
    rig.crash('front');
    bootAll(rig, ['front', 'host-2']);
    expect(deletedBy(ann)).to.deep.equal({ isCertified: false, missing: ['host-1'] });
    expect(holdersOf(rig, ann.podId())).to.deep.equal(['host-1']);
    rejoin(rig, 'host-1');
    expect(deletedBy(ann)).to.deep.equal(CERTIFIED);
    expect(holdersOf(rig, ann.podId())).to.deep.equal([]);
  });

  it('R6.2-2: where so many pod hosts have been that a list of them is full, nobody can know of all, and nothing is certified', () => {
    const { rig, ann } = stage(['eu/fr', 'eu/fr']);
    const strangers = Array.from({ length: MAX_CIRCLE - 2 }, (_, i) => rig.peer(`stranger ${i}`));
    const { pods } = rig.node('host-1');
    pods!.circle.push(...strangers);
    ann.send(kinds.POD_DELETE, { deletion: ann.deletion(), circle: [] });
    rig.pump();
    const entry = pods!.entries.get(ann.podId())!;
    entry.confirmed.push(...strangers);
    rig.advance(11 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.deep.equal([]);
    expect(deletedBy(ann)).to.deep.equal({ isCertified: false, missing: [] });
  });

  it('R6.1-6: a copy that has not moved ten minutes after a change of policy is told of, once, and moves when it can', () => {
    const { rig, ann, holders } = stage(['eu/fr', 'eu/fr', 'eu/de', 'eu/de']);
    expect(holders).to.deep.equal(['host-1', 'host-2']);
    rig.drops = ({ kind }) => kind === kinds.POD_COPY;
    const moved = signPolicy(rig.cast, ann.peer, 1, 2, {}, 'eu/de');
    expect(ann.rule(moved, 8 * SECOND_US)?.kind).to.equal(kinds.POD_RULED);
    rig.advance(9 * MINUTE_US);
    for (const name of holders) expect(astrayAt(rig, name)).to.deep.equal([]);
    rig.advance(10 * MINUTE_US);
    for (const name of holders) expect(astrayAt(rig, name), name).to.deep.equal([ann.podId()]);
    rig.drops = () => false;
    rig.advance(30 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.deep.equal(['host-3', 'host-4']);
  });
});
