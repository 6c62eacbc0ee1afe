import { expect } from 'chai';
import { Envelope } from '../../../core/machine/envelope.ts';
import { POD_COPY, POD_DELETED, POD_FOUND, POD_WRITE } from '../../../core/machine/kinds.ts';
import { AccessConsented } from '../../../sim/invariants/access-consented.ts';
import { DeletionTrue } from '../../../sim/invariants/deletion-true.ts';
import { PodsAtHome } from '../../../sim/invariants/pods-at-home.ts';
import { WritesSurvive } from '../../../sim/invariants/writes-survive.ts';
import { Lineage } from '../../../sim/lineage.ts';
import { OWED } from '../../../sim/owed.ts';
import type { PodRequest } from '../../../sim/owned-pod.ts';
import { simulate } from '../../../sim/simulate.ts';
import { HOME, podScenario } from '../pod-scenario.ts';

const FRONT = 0;
const HOST_1 = 1;
const HOST_2 = 2;
const ABROAD = 4;

/** A world in which people have used their pods, and an account of what they wrote. */
function setPods() {
  const { world } = simulate(podScenario());
  const lineage = new Lineage();
  const say = (request: PodRequest, fields: Partial<Envelope>): Envelope =>
    Object.assign(new Envelope(), { origin: request.person, originBoot: 0, n: request.n }, fields);
  const { requests } = world.podOwners;
  const writes = requests.filter(({ act, code }) => act === 'write' && code === 0);
  for (const write of writes)
    lineage.onSent(world, say(write, { kind: POD_WRITE, from: write.person, body: write.body }));
  const last = writes[writes.length - 1];
  const { pod } = last;
  const version = { content: last.content };
  const copy = { versions: [version], receipts: [] };
  const policy = pod.policies[0].document;
  return { world, lineage, say, requests, last, pod, copied: { policy, copy }, copy };
}

describe('the invariants of pods', () => {
  it('pods-at-home sees a copy sent abroad, and one that lies there', () => {
    const { world, lineage, say, last, copied } = setPods();
    const invariant = new PodsAtHome(lineage);
    const bring = (to: number) =>
      invariant.onSent(world, say(last, { kind: POD_COPY, from: HOST_1, to, body: copied }));
    bring(HOST_2);
    expect([invariant.checked, invariant.violated]).to.deep.equal([1, 0]);
    bring(ABROAD);
    expect(invariant.violated).to.equal(1);
    expect(invariant.breaches[0].what).to.match(/sends pod-.* to france\/abroad in americas\/us-east/);
    invariant.onTick(world);
    expect(invariant.violated).to.equal(1);
    world.machines[ABROAD].platter.contents.set(last.content!.hash, 1);
    invariant.onTick(world);
    expect(invariant.violated).to.equal(2);
  });

  it('pods-at-home sees a copy sent under a policy that is no longer in force, and one that stays for long', () => {
    const { world, lineage, say, last, copied, pod } = setPods();
    const invariant = new PodsAtHome(lineage);
    const there = { ...HOME, allowedRegions: ['americas', 'eu'], crossBorderAllowed: true };
    const { document } = pod.policies[0];
    const widely = { ...document, terms: { ...document.terms, policy: there } };
    pod.policies.splice(0, 1, { document: widely, askedUs: 0, inForceUs: 0 });
    const send = () =>
      invariant.onSent(world, say(last, { kind: POD_COPY, from: HOST_1, to: ABROAD, body: copied }));
    send();
    expect(invariant.violated).to.equal(0);
    pod.policies.push({ document, askedUs: world.nowUs, inForceUs: Infinity });
    send();
    expect(invariant.violated, 'nobody was told that it is in force').to.equal(0);
    pod.policies[1].inForceUs = world.nowUs;
    send();
    expect(invariant.violated).to.equal(1);
    world.machines[ABROAD].platter.contents.set(last.content!.hash, 1);
    invariant.onTick(world);
    expect(invariant.violated).to.equal(1);
    world.nowUs += 601_000_000;
    invariant.onTick(world);
    expect(invariant.violated).to.equal(2);
  });

  it('writes-survive sees that what was acknowledged is on no disk', () => {
    const { world, lineage, last } = setPods();
    const invariant = new WritesSurvive(lineage);
    invariant.onTick(world);
    expect(invariant.checked).to.be.above(0);
    expect(invariant.violated).to.equal(0);
    for (const { platter } of world.machines) platter.contents.delete(last.content!.hash);
    invariant.onTick(world);
    expect(invariant.violated).to.equal(1);
  });

  it('deletion-true sees a certificate that comes too early, one that nobody asked for, and what comes back', () => {
    const { world, lineage, say, last, pod, copied } = setPods();
    const certify = (invariant: DeletionTrue) =>
      invariant.onSent(
        world,
        say(last, { kind: POD_DELETED, from: HOST_1, to: FRONT, body: { isCertified: true, pod: pod.id } }),
      );
    const early = new DeletionTrue(lineage);
    pod.deletedUs = 1;
    certify(early);
    expect(early.violated).to.be.above(0);
    for (const { content } of pod.requests)
      for (const { platter } of world.machines) platter.contents.delete(content?.hash ?? '');
    const invariant = new DeletionTrue(lineage);
    certify(invariant);
    invariant.onTick(world);
    expect(invariant.violated).to.equal(0);
    world.machines[HOST_2].platter.contents.set(last.content!.hash, 1);
    invariant.onTick(world);
    expect(invariant.violated).to.equal(1);
    invariant.onSent(world, say(last, { kind: POD_FOUND, from: FRONT, to: pod.owner, body: copied }));
    expect(invariant.violated).to.equal(2);
    pod.deletedUs = Infinity;
    certify(invariant);
    expect(invariant.violated).to.be.above(2);
  });

  it('access-consented sees a pod given to somebody to whom nobody has consented, and one without an entry', () => {
    const { world, lineage, say, requests, copied } = setPods();
    const invariant = new AccessConsented(lineage);
    const read = requests.find(({ act }) => act === 'read')!;
    const give = () =>
      invariant.onSent(world, say(read, { kind: POD_FOUND, from: HOST_1, to: FRONT, body: copied }));
    give();
    expect([invariant.checked, invariant.violated]).to.deep.equal([1, 0]);
    Object.assign(read, {
      person: world.podOwners.pods.find(({ owner }) => owner !== read.pod.owner)!.owner,
    });
    const stranger = world.podOwners.requestOf({ origin: read.person, n: read.n })!;
    Object.assign(stranger, { pod: read.pod, person: read.person, isConsented: false });
    give();
    expect(invariant.breaches.at(-1)!.what).to.match(/nobody has consented/);
    Object.assign(stranger, { isConsented: true });
    give();
    expect(invariant.breaches.at(-1)!.what).to.match(/no disk has it on the owner’s list/);
  });

  it('pods-replicated is owed where a copy is missing', () => {
    const { world, last } = setPods();
    expect(OWED['pods-replicated'](world, world.machines)).to.deep.equal([]);
    world.machines.find(({ platter }) => platter.contents.has(last.content!.hash))!.platter.contents.clear();
    expect(OWED['pods-replicated'](world, world.machines).join()).to.match(
      /lies on 2 disks of hosts that are up, of 3/,
    );
  });
});
