import { expect } from 'chai';
import { DISK, KEYS } from '../../../core/base/peers.ts';
import { recordOf } from '../../../core/machine/disk-records.ts';
import { Envelope } from '../../../core/machine/envelope.ts';
import {
  INFER,
  OPENED,
  POD_COPY,
  POD_DELETED,
  POD_FOUND,
  POD_KEY_GIVEN,
  POD_READ,
  POD_WRITE,
  STORE,
} from '../../../core/machine/kinds.ts';
import { AccessConsented } from '../../../sim/invariants/access-consented.ts';
import { DeletionTrue } from '../../../sim/invariants/deletion-true.ts';
import { PodsAtHome } from '../../../sim/invariants/pods-at-home.ts';
import { ReceiptsTrue } from '../../../sim/invariants/receipts-true.ts';
import { SealedPods } from '../../../sim/invariants/sealed-pods.ts';
import { WritesSurvive } from '../../../sim/invariants/writes-survive.ts';
import { Lineage } from '../../../sim/lineage.ts';
import { OWED } from '../../../sim/owed.ts';
import type { PodRequest } from '../../../sim/owned-pod.ts';
import type { ResolvedPods } from '../../../sim/scenario/resolved-pods.ts';
import { simulate } from '../../../sim/simulate.ts';
import { AGREEABLE, HOME, podScenario } from '../pod-scenario.ts';

const FRONT = 0;
const HOST_1 = 1;
const HOST_2 = 2;
const ABROAD = 4;
const US_FRONT = 5;

/** A world in which people have used their pods, and an account of what they wrote. */
function setPods(pods: Partial<ResolvedPods> = {}) {
  const { world } = simulate(podScenario(pods));
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

  it('access-consented sees a pod given to somebody to whom nobody has consented', () => {
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
    const id = { origin: read.person, originBoot: 0, n: read.n };
    const stranger = world.podOwners.requestOf(id)!;
    Object.assign(stranger, { pod: read.pod, person: read.person, isConsented: false });
    give();
    expect(invariant.breaches.at(-1)!.what).to.match(/nobody has consented/);
  });

  it('access-consented sees a use after it was withdrawn, on another ground, and by a model', () => {
    const { world, lineage, say, requests, last, pod, copied } = setPods();
    const proposer = world.podOwners.pods.find(({ owner }) => owner !== pod.owner)!.owner;
    const dialogue = world.dialogues.begin(pod, proposer, AGREEABLE, {
      use: 0,
      plan: '',
      untilWallUs: 2 ** 50,
    });
    const [round] = dialogue.rounds;
    Object.assign(round, { understoodUs: 0, authorisedUs: 0 });
    const read = {
      ...requests.find(({ act }) => act === 'read')!,
      person: proposer,
      dialogue,
      isConsented: true,
    };
    Object.assign(world.podOwners.requestOf({ origin: proposer, originBoot: 0, n: read.n })!, read);
    const give = (proposal = round.proposal, invariant = new AccessConsented(lineage)) => {
      const permission = { proposal, pattern: null, understood: null, decided: null };
      const body = { owner: pod.owner, number: pod.number, permission };
      invariant.onSent(world, say(read, { kind: POD_READ, from: proposer, to: FRONT, body }));
      invariant.onSent(
        world,
        say(read, { kind: POD_FOUND, from: HOST_1, to: FRONT, body: { ...copied, keys: [] } }),
      );
      return invariant.breaches.map(({ what }) => what).join();
    };
    expect(give()).to.equal('');
    expect(give({ ...round.proposal, signature: 'forged' })).to.match(/its owner has not consented/);
    dialogue.withdrawAskedUs = world.nowUs - 30e6;
    const known = new AccessConsented(lineage);
    known.onTick(world);
    const law = { book: { withdrawals: [{}] } };
    for (const { platter, spec } of world.machines)
      if (spec.types.includes('pod-host')) platter.records.set(`pod-law/${pod.id}`, { podLaw: law } as never);
    known.onTick(world);
    expect(give(round.proposal, known)).to.equal('');
    world.nowUs += 7e6;
    expect(give(round.proposal, known)).to.match(/most pod hosts know that it was withdrawn/);
    dialogue.withdrawnUs = world.nowUs - 1;
    expect(give()).to.match(/its owner was told that it is withdrawn/);
    lineage.mintPrompt('task', {
      agent: 0,
      label: 'a1',
      cluster: 0,
      want: { model: 'a', minTrust: 1, allowedRegions: [] },
    });
    Object.assign(world.owners.agents, [{ dialogues: [] }]);
    const invariant = new AccessConsented(lineage);
    const body = { prompt: { hash: 'task' }, contexts: [last.content] };
    invariant.onSent(world, Object.assign(new Envelope(), { kind: INFER, from: HOST_1, body }));
    expect(invariant.breaches[0].what).to.match(/a model is given it and its owner has not consented/);
  });

  it('receipts-true sees a use without a receipt, one that says otherwise or is gone, and one of nothing', () => {
    const { world, lineage, say, requests, pod } = setPods();
    const reader = world.podOwners.pods.find(({ owner }) => owner !== pod.owner)!.owner;
    const read = { ...requests.find(({ act }) => act === 'read')!, person: reader };
    const terms = { proposer: reader, use: 0, purpose: 'care', pods: [pod.id] };
    const body = { owner: pod.owner, permission: { proposal: { terms } } };
    const receipt = { dot: { host: HOST_1, epoch: 1, n: 1 }, reader, asker: reader, askerBoot: 0, n: read.n };
    const whole = { ...receipt, use: 0, purpose: 'care', versions: [] };
    const keepOn = (hosts: readonly number[], ...receipts: object[]) => {
      const copy = { versions: [{}], receipts };
      for (const host of hosts)
        world.machines[host].platter.records.set(`pod/${pod.id}`, { pod: { pod: pod.id, copy } } as never);
    };
    const keep = (...receipts: object[]) => keepOn([HOST_1, HOST_2], ...receipts);
    const give = (invariant = new ReceiptsTrue(lineage)): ReceiptsTrue => {
      invariant.onSent(world, say(read, { kind: POD_READ, from: reader, to: FRONT, body }));
      const found = { copy: { versions: [] } };
      invariant.onSent(world, say(read, { kind: POD_FOUND, from: HOST_1, to: FRONT, body: found }));
      return invariant;
    };
    keep();
    expect(give().breaches[0].what).to.match(/gives it out without a receipt/);
    keep({ ...whole, purpose: 'sale' });
    expect(give().breaches[0].what).to.match(/says something else/);
    keep();
    keepOn([HOST_1], whole);
    expect(give().breaches[0].what).to.match(/with its receipt on one disk only/);
    world.machines[HOST_2].isUp = false;
    expect(give().breaches, 'it was the only one that there was').to.deep.equal([]);
    world.machines[HOST_2].isUp = true;
    keep(whole);
    const invariant = give();
    invariant.onTick(world);
    keepOn([HOST_1]);
    invariant.onTick(world);
    expect([invariant.checked, invariant.violated]).to.deep.equal([1, 0]);
    keep(whole, { ...whole, dot: { ...receipt.dot, n: 2 }, n: 77 });
    invariant.onTick(world);
    expect(invariant.breaches[0].what).to.match(/a receipt of what nobody has asked for/);
    keep();
    invariant.onTick(world);
    expect(invariant.breaches[1].what).to.match(/on no disk any more/);
    const idle = new ReceiptsTrue(lineage);
    keep(whole);
    idle.onSent(world, say(read, { kind: POD_READ, from: FRONT, to: HOST_1, body }));
    idle.onTick(world);
    world.nowUs += 20e6;
    idle.onTick(world);
    expect(idle.breaches[0].what).to.match(/a receipt of a use that was not/);
  });

  it('sealed-pods sees what is given away, stored or opened as it is, and keys where they may not be', () => {
    const { world, lineage, say, last, copied, pod } = setPods({
      policies: [{ ...HOME, encryptionRequired: true }],
      readsPpm: 0,
    });
    const invariant = new SealedPods(lineage);
    const { vault, machines } = world;
    const bring = (to: number, kind: number, body: unknown, from = HOST_1) =>
      invariant.onSent(world, say(last, { kind, from, to, body }));
    const [hash] = vault.sealsOf(last.content!.hash);
    const sealed = {
      ...copied,
      copy: { ...copied.copy, versions: [{ content: { ...last.content, hash } }] },
    };
    bring(HOST_2, POD_COPY, sealed);
    invariant.onTick(world);
    expect(invariant.checked).to.be.above(0);
    expect(invariant.violated).to.equal(0);
    bring(HOST_2, POD_COPY, copied);
    expect(invariant.breaches.at(-1)!.what).to.match(/host-1 gives pod-.* to france\/host-2 as it is/);
    const record = recordOf({ pod: { pod: pod.id, copy: copied.copy as never } });
    bring(DISK, STORE, { writes: [{ key: 'pod/x', record }] });
    expect(invariant.breaches.at(-1)!.what).to.match(/to its disk as it is/);
    const open = (to: number) =>
      invariant.onHandled(
        world,
        say(last, { kind: OPENED, from: KEYS, to, body: { content: last.content } }),
      );
    open(FRONT);
    expect(invariant.violated).to.equal(2);
    open(HOST_1);
    expect(invariant.breaches.at(-1)!.what).to.match(/host-1 has opened pod-/);
    const [key] = [...vault.wrapped].find(([, { pod: id }]) => id === pod.id)!;
    const handed = { pod: pod.id, key: { keyId: 1, wrapped: { hash: key, sizeBytes: 1, keyId: 0 } } };
    bring(FRONT, POD_KEY_GIVEN, handed);
    bring(HOST_2, POD_KEY_GIVEN, handed);
    expect(invariant.violated).to.equal(3);
    bring(US_FRONT, POD_KEY_GIVEN, handed);
    expect(invariant.breaches.at(-1)!.what).to.match(/a key goes to us-east\/front, which may not open it/);
    machines[HOST_2].platter.contents.set(last.content!.hash, 1);
    invariant.onTick(world);
    expect(invariant.breaches.at(-1)!.what).to.match(/lies on france\/host-2 as it is/);
    machines[HOST_2].platter.contents.delete(last.content!.hash);
    machines[US_FRONT].platter.keys.set(7, pod.id);
    invariant.onTick(world);
    expect(invariant.breaches.at(-1)!.what).to.match(
      /a key lies on us-east\/front, which declares no encryption/,
    );
  });

  it('of what is sealed, writes-survive sees that the last key is gone, deletion-true that one is left', () => {
    const { world, lineage, say, last, pod } = setPods({ policies: [{ ...HOME, encryptionRequired: true }] });
    const survive = new WritesSurvive(lineage);
    survive.onTick(world);
    expect(survive.checked).to.be.above(0);
    expect(survive.violated).to.equal(0);
    const early = new DeletionTrue(lineage);
    pod.deletedUs = 1;
    const certify = (invariant: DeletionTrue) =>
      invariant.onSent(
        world,
        say(last, { kind: POD_DELETED, from: HOST_1, to: FRONT, body: { isCertified: true, pod: pod.id } }),
      );
    certify(early);
    expect(early.breaches.map(({ what }) => what).join()).to.match(/a key of it lies on.*pod-.* lies on/s);
    pod.deletedUs = Infinity;
    for (const { platter } of world.machines) platter.keys.clear();
    survive.onTick(world);
    expect(survive.violated).to.be.above(0);
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
