import { expect } from 'chai';
import type { Envelope } from '../../core/machine/envelope.ts';
import * as kinds from '../../core/machine/kinds.ts';
import type { Ref, Shape } from '../../core/machine/shape.ts';
import { visitRefs } from '../../core/machine/shape.ts';
import type { DataLocationPolicy } from '../../core/policy/location-policy.ts';
import type { PodDeleted, PodFound, PodWritten } from '../../core/roles/pods/pod-records.ts';
import { CONSENT_REQUIRED, NO_ELIGIBLE_NODE, UNKNOWN_OUTCOME } from '../../core/routing/outcomes.ts';
import { contentOf, holdersOf, podCluster, PodOwner, signConsent, signOpening, signPolicy } from '../pods.ts';
import { Rig, SECOND_US } from '../rig.ts';

const FRANCE = ['eu/fr', 'eu/fr', 'eu/fr'];

function stage(regions: readonly string[] = FRANCE, policy: Partial<DataLocationPolicy> = {}) {
  const rig = new Rig(podCluster(regions)).start();
  const ann = new PodOwner(rig);
  const sealed = signPolicy(rig.cast, ann.peer, 1, 1, { encryptionRequired: true, ...policy });
  return { rig, ann, sealed };
}

const bodyOf = <T>(envelope: { body: unknown } | null): T => envelope?.body as T;
const hashesOf = (envelope: Envelope | null): string[] =>
  bodyOf<PodFound>(envelope).copy.versions.map(({ content }) => content.hash);

/** The contents that an envelope names. */
function refsOf({ kind, body }: Envelope): Ref[] {
  const found: Ref[] = [];
  visitRefs(kinds.KINDS[kind]!.body as Shape, body, (ref) => found.push(ref));
  return found;
}

/** Hosts whose KEYS holds a key of the pod. */
function keyholdersOf(rig: Rig, pod: string): string[] {
  return [...rig.stations.values()]
    .filter(({ keyring }) => [...keyring.keys.values()].includes(pod))
    .map(({ name }) => name);
}

const ofKind = (rig: Rig, ...of: number[]): Envelope[] => rig.sent.filter(({ kind }) => of.includes(kind));

describe('§6.1 Encryption', () => {
  it('R6.1-4: what is to be sealed is on no link and no disk as it is; its owner reads what was written', () => {
    const { rig, ann, sealed } = stage();
    expect(ann.write(sealed, 'diary')?.kind).to.equal(kinds.POD_WRITTEN);
    rig.advance(20 * SECOND_US);
    const found = ann.read();
    expect(hashesOf(found)).to.deep.equal(['diary']);
    expect(bodyOf<PodFound>(found).keys).to.deep.equal([]);
    const shown = rig.sent.filter((envelope) => refsOf(envelope).some(({ hash }) => hash === 'diary'));
    // Its gateway gives it to KEYS, which seals it, and to its owner.
    expect(shown.map(({ kind, from, to }) => [kind, from, to])).to.deep.equal([
      [kinds.SEAL, rig.peer('front'), -4],
      [kinds.POD_FOUND, rig.peer('front'), ann.peer],
    ]);
    for (const { disk } of rig.stations.values())
      for (const { pod } of disk.values())
        for (const { content } of pod?.copy.versions ?? []) expect(content.keyId).to.be.above(0);
    // One key for the pod, which all holders have; none of them has opened anything.
    const names = new Set([...rig.stations.values()].flatMap(({ keyring }) => [...keyring.keys.keys()]));
    expect(names.size).to.equal(1);
    expect(keyholdersOf(rig, ann.podId())).to.deep.equal(holdersOf(rig, ann.podId()));
    expect(ofKind(rig, kinds.OPEN).map(({ from }) => rig.cast.nameOf(from))).to.deep.equal(['front']);
  });

  it('R6.1-4: a gateway gets a key on the word of the owner, for itself, and on no other', () => {
    const { rig, ann, sealed } = stage();
    const write = { policy: sealed, content: contentOf('diary'), context: [] };
    const another = signOpening(rig.cast, ann.peer, 1, rig.peer('host-1'));
    for (const opening of [null, another])
      expect(bodyOf<kinds.Refused>(ann.say(kinds.POD_WRITE, { ...write, opening })).code).to.equal(
        CONSENT_REQUIRED,
      );
    ann.write(sealed, 'diary');
    const read = { owner: ann.peer, number: 1, consent: null, region: '', agreement: '' };
    for (const opening of [null, another])
      expect(bodyOf<kinds.Refused>(ann.say(kinds.POD_READ, { ...read, opening })).code).to.equal(
        CONSENT_REQUIRED,
      );
    expect(ofKind(rig, kinds.OPEN)).to.deep.equal([]);
    rig.advance(8 * SECOND_US);
    const ben = new PodOwner(rig, 'ben');
    expect(bodyOf<kinds.Refused>(ben.read(ann.peer)).code).to.equal(CONSENT_REQUIRED);
    expect(hashesOf(ben.read(ann.peer, signConsent(rig.cast, ann.peer, 1, ben.peer)))).to.deep.equal([
      'diary',
    ]);
  });

  it('R6.1-4: only hosts that declare encryption hold it', () => {
    const specs = podCluster([...FRANCE, 'eu/fr']).map((spec) =>
      ['host-2', 'host-3'].includes(spec.name) ? { ...spec, encryption: false } : spec,
    );
    const rig = new Rig(specs).start();
    const ann = new PodOwner(rig);
    ann.write(signPolicy(rig.cast, ann.peer, 1, 1, { encryptionRequired: true }), 'diary');
    ann.write(signPolicy(rig.cast, ann.peer, 2, 1), 'letter');
    rig.advance(30 * SECOND_US);
    expect(holdersOf(rig, ann.podId(1))).to.deep.equal(['host-1', 'host-4']);
    expect(keyholdersOf(rig, ann.podId(1))).to.deep.equal(['host-1', 'host-4']);
    expect(holdersOf(rig, ann.podId(2))).to.have.length(3);
  });

  it('R6.1-4: a pod with open contents is sealed by writing what follows them, and then no open one is taken', () => {
    const { rig, ann } = stage(['eu/fr', 'eu/fr']);
    const home = signPolicy(rig.cast, ann.peer, 1, 1);
    const ben = new PodOwner(rig, 'ben');
    expect(ben.write(home, 'mine')?.kind).to.equal(kinds.REFUSED);
    const first = bodyOf<PodWritten>(ann.write(home, 'one'));
    const strict = signPolicy(rig.cast, ann.peer, 1, 2, { encryptionRequired: true });
    expect(bodyOf<kinds.Refused>(ann.rule(strict)).detail).to.match(/open contents/);
    expect(bodyOf<kinds.Refused>(ann.write(strict, 'two')).detail).to.match(/open contents/);
    expect(ann.write(strict, 'two', first.vector)?.kind).to.equal(kinds.POD_WRITTEN);
    expect(ann.rule(strict, 8 * SECOND_US)?.kind).to.equal(kinds.POD_RULED);
    expect(bodyOf<kinds.Refused>(ann.write(home, 'three')).detail).to.match(/newer policy/);
    // Not by way of a gateway that does not seal, either.
    const time = { timeLeftUs: SECOND_US, notAfterWallUs: rig.nowUs + rig.wallOffsetUs + SECOND_US };
    const open = { policy: strict, content: contentOf('open'), context: [], opening: null, ...time };
    const primary = rig.station(holdersOf(rig, ann.podId())[0]);
    const envelope = {
      ...rig.sent.find(({ kind, origin }) => kind === kinds.POD_WRITE && origin === ann.peer)!,
      n: 999,
      body: open,
    };
    rig.deliver({ ...envelope, to: primary.node.self });
    rig.pump();
    const refused = rig.sent.find(({ kind, n }) => kind === kinds.REFUSED && n === 999)!;
    expect(bodyOf<kinds.Refused>(refused).detail).to.match(/asks for sealed contents/);
    expect(hashesOf(ann.read())).to.deep.equal(['two']);
  });

  it('R6.1-4: a write is safe only when a second holder can open it, too', () => {
    const { rig, ann, sealed } = stage(['eu/fr', 'eu/fr']);
    rig.drops = ({ kind }) => kind === kinds.POD_KEY_COPY;
    const refused = ann.write(sealed, 'diary', [], 11 * SECOND_US);
    expect(bodyOf<kinds.Refused>(refused).code).to.equal(UNKNOWN_OUTCOME);
    expect(holdersOf(rig, ann.podId())).to.have.length(2);
    rig.drops = () => false;
    rig.advance(10 * SECOND_US);
    expect(keyholdersOf(rig, ann.podId())).to.have.length(2);
    expect(bodyOf<PodWritten>(ann.write(sealed, 'diary')).isFragile).to.equal(false);
  });

  it('R6.1-4: whoever has lost a key, or everything, is given it again; what is held in excess goes with its key', () => {
    const { rig, ann, sealed } = stage([...FRANCE, 'eu/fr']);
    ann.write(sealed, 'diary');
    rig.advance(10 * SECOND_US);
    const [first, second] = holdersOf(rig, ann.podId());
    rig.crash(first);
    rig.station(first).keyring.keys.clear();
    rig.boot(first);
    rig.pump();
    rig.advance(30 * SECOND_US);
    expect(keyholdersOf(rig, ann.podId())).to.include(first);
    rig.crash(second);
    rig.station(second).keyring.keys.clear();
    rig.station(second).disk.clear();
    rig.advance(60 * SECOND_US);
    expect(keyholdersOf(rig, ann.podId())).to.have.length(3);
    rig.boot(second);
    rig.pump();
    rig.advance(60 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.have.length(3).and.to.include(second);
    expect(keyholdersOf(rig, ann.podId())).to.deep.equal(holdersOf(rig, ann.podId()));
  });

  it('R6.1-4: a content in the place of another version does not open', () => {
    const { rig, ann, sealed } = stage();
    ann.write(sealed, 'one');
    ann.write(sealed, 'two');
    rig.drops = (envelope) => {
      if (envelope.kind === kinds.POD_FOUND && envelope.to === rig.peer('front')) {
        const found = bodyOf<PodFound>(envelope);
        const [left, right] = found.copy.versions;
        const versions = [
          { ...left, content: right.content },
          { ...right, content: left.content },
        ];
        envelope.body = { ...found, copy: { ...found.copy, versions } };
      }
      return false;
    };
    const refused = ann.say(
      kinds.POD_READ,
      { owner: ann.peer, number: 1, consent: null, region: '', opening: ann.opening(1), agreement: '' },
      11 * SECOND_US,
    );
    expect(bodyOf<kinds.Refused>(refused).code).to.equal(NO_ELIGIBLE_NODE);
    expect(bodyOf<kinds.Refused>(refused).detail).to.match(/does not open/);
  });

  it('R6.2-2: what says so is on disk before keys go, and keys before copies; a crash in between changes nothing', () => {
    const { rig, ann, sealed } = stage(['eu/fr', 'eu/fr']);
    ann.write(sealed, 'diary');
    rig.advance(10 * SECOND_US);
    const from = rig.sent.length;
    const [one, two] = holdersOf(rig, ann.podId());
    // The second loses its power as soon as the tombstone is on its disk.
    rig.drops = ({ kind, to }) => {
      if (kind === kinds.KEYS_DESTROYED && to === rig.peer(two)) rig.crash(two);
      return false;
    };
    const n = ann.send(kinds.POD_DELETE, { deletion: ann.deletion(), circle: [] }, 8 * SECOND_US);
    rig.pump();
    rig.advance(9 * SECOND_US);
    const acts = rig.sent.slice(from).filter(({ from: who, to }) => who === rig.peer(one) && to < 0);
    const told = acts.flatMap(({ kind, body }) => {
      if (kind === kinds.DESTROY_KEYS) return ['key'];
      const writes = kind === kinds.STORE ? bodyOf<kinds.Store>({ body }).writes : [];
      return writes.flatMap(({ key, record }) =>
        record === null ? [`no ${key.split('/')[0]}`] : record.podLaw?.deletion ? ['tombstone'] : [],
      );
    });
    expect(told).to.deep.equal(['tombstone', 'key', 'no pod']);
    expect(bodyOf<PodDeleted>(ann.answerTo(n)).missing).to.deep.equal([rig.peer(two)]);
    rig.drops = () => false;
    rig.boot(two);
    rig.pump();
    rig.advance(5 * SECOND_US);
    expect(keyholdersOf(rig, ann.podId())).to.deep.equal([]);
    expect(bodyOf<PodDeleted>(ann.delete(1, 11 * SECOND_US)).isCertified).to.equal(true);
    expect(holdersOf(rig, ann.podId())).to.deep.equal([]);
  });

  it('R6.2-2: no certificate while a key is left, and a backup without its key is read by nobody', () => {
    const { rig, ann, sealed } = stage(['eu/fr', 'eu/fr']);
    ann.write(sealed, 'diary');
    rig.advance(10 * SECOND_US);
    const [one] = holdersOf(rig, ann.podId());
    const { keyring, disk } = rig.station(one);
    const backup = new Map(disk);
    // Its KEYS does not get to it.
    rig.drops = ({ kind, from, to }) => kind === kinds.KEYS_DESTROYED && from < 0 && to === rig.peer(one);
    expect(bodyOf<PodDeleted>(ann.delete(1, 11 * SECOND_US)).missing).to.deep.equal([rig.peer(one)]);
    rig.drops = () => false;
    rig.crash(one);
    rig.boot(one);
    rig.pump();
    rig.advance(8 * SECOND_US);
    expect(bodyOf<PodDeleted>(ann.delete(1, 11 * SECOND_US)).isCertified).to.equal(true);
    // What was restored is sealed, there is no key to it, and it goes when the others have told of the deletion.
    rig.crash(one);
    for (const [key, record] of backup) disk.set(key, record);
    rig.boot(one);
    rig.pump();
    expect(holdersOf(rig, ann.podId())).to.deep.equal([one]);
    expect([...keyring.keys.keys()]).to.deep.equal([]);
    const asked = ann.read();
    expect(asked?.kind).to.equal(kinds.REFUSED);
    rig.advance(20 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.deep.equal([]);
  });

  it('R6.2-2: who was away for longer than 30 days destroys the keys that it had', () => {
    const { rig, ann, sealed } = stage([...FRANCE, 'eu/fr']);
    ann.write(sealed, 'diary');
    rig.advance(10 * SECOND_US);
    const [gone] = holdersOf(rig, ann.podId());
    rig.crash(gone);
    rig.drops = ({ kind }) => kind === kinds.POD_COPY || kind === kinds.POD_KEY_COPY;
    rig.wallOffsetUs += 31 * 86_400 * SECOND_US;
    rig.boot(gone);
    rig.pump();
    rig.advance(10 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).not.to.include(gone);
    expect(keyholdersOf(rig, ann.podId())).not.to.include(gone);
  });
});
