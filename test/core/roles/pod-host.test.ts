import { expect } from 'chai';
import * as kinds from '../../../core/machine/kinds.ts';
import { CONSENT_REQUIRED, NO_ELIGIBLE_NODE, UNKNOWN_OUTCOME } from '../../../core/routing/outcomes.ts';
import type { PodDeleted, PodFound, PodWritten } from '../../../core/roles/pod-records.ts';
import { vectorOf } from '../../../core/roles/pod-version.ts';
import { contentOf, holdersOf, podCluster, PodOwner, signConsent, signPolicy } from '../../pods.ts';
import { Rig, SECOND_US } from '../../rig.ts';

function stage(regions: readonly string[]) {
  const rig = new Rig(podCluster(regions)).start();
  const ann = new PodOwner(rig);
  return { rig, ann, home: signPolicy(rig.cast, ann.peer, 1, 1) };
}

const bodyOf = <T>(envelope: { body: unknown } | null): T => envelope?.body as T;

describe('a pod host', () => {
  it('acknowledges a write when two hold it, and has it copied to three', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr', 'eu/fr', 'eu/fr']);
    const written = ann.write(home, 'one');
    expect(written?.kind).to.equal(kinds.POD_WRITTEN);
    expect(bodyOf<PodWritten>(written).isFragile).to.equal(false);
    rig.advance(20 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.have.length(3);
    const found = bodyOf<PodFound>(ann.read());
    expect(found.copy.versions.map(({ content }) => content.hash)).to.deep.equal(['one']);
  });

  it('says that a write is fragile where the policy permits no second holder', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/de', 'eu/de']);
    expect(bodyOf<PodWritten>(ann.write(home, 'one')).isFragile).to.equal(true);
    rig.advance(60 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.deep.equal(['host-1']);
  });

  it('keeps concurrent versions side by side, and lets the owner merge them', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr', 'eu/fr']);
    ann.write(home, 'one');
    ann.write(home, 'two');
    const { versions } = bodyOf<PodFound>(ann.read()).copy;
    expect(versions.map(({ content }) => content.hash)).to.have.members(['one', 'two']);
    const context = vectorOf(rig.cast, versions);
    ann.write(home, 'merged', context);
    expect(bodyOf<PodFound>(ann.read()).copy.versions.map(({ content }) => content.hash)).to.deep.equal([
      'merged',
    ]);
  });

  it('finds another primary when the first has crashed, and loses nothing', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr', 'eu/fr']);
    const primary = bodyOf<PodWritten>(ann.write(home, 'one')).primary;
    rig.crash(rig.cast.nameOf(primary));
    rig.advance(20 * SECOND_US);
    const again = bodyOf<PodWritten>(
      ann.write(home, 'two', vectorOf(rig.cast, bodyOf<PodFound>(ann.read()).copy.versions)),
    );
    expect(again.primary).not.to.equal(primary);
    expect(bodyOf<PodFound>(ann.read()).copy.versions.map(({ content }) => content.hash)).to.deep.equal([
      'two',
    ]);
  });

  it('replaces a holder that is away for long, within the policy', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr', 'eu/fr', 'eu/fr', 'eu/de']);
    ann.write(home, 'one');
    rig.advance(20 * SECOND_US);
    const [gone, ...others] = holdersOf(rig, ann.podId());
    rig.crash(gone);
    rig.advance(60 * SECOND_US);
    const now = holdersOf(rig, ann.podId()).filter((name) => name !== gone);
    expect(now).to.include.members(others);
    expect(now).to.have.length(3);
    expect(now).not.to.include('host-5');
  });

  it('moves a pod whose policy has changed: the new copies first, then the old ones go', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr', 'eu/de', 'eu/de']);
    ann.write(home, 'one');
    rig.advance(20 * SECOND_US);
    const moved = signPolicy(rig.cast, ann.peer, 1, 2, {}, 'eu/de');
    expect(ann.rule(moved, 8 * SECOND_US)?.kind).to.equal(kinds.POD_RULED);
    rig.advance(30 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.deep.equal(['host-3', 'host-4']);
  });

  it('certifies a deletion when every pod host has confirmed, and says until then who is missing', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr', 'eu/fr']);
    ann.write(home, 'one');
    rig.advance(10 * SECOND_US);
    rig.crash('host-2');
    rig.advance(20 * SECOND_US);
    const pending = bodyOf<PodDeleted>(ann.delete(1, 11 * SECOND_US));
    expect(pending.isCertified).to.equal(false);
    expect(pending.missing).to.deep.equal([rig.peer('host-2')]);
    expect(holdersOf(rig, ann.podId())).to.deep.equal(['host-2']);
    rig.boot('host-2');
    rig.pump();
    rig.advance(10 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.deep.equal([]);
    const done = bodyOf<PodDeleted>(ann.delete(1, 11 * SECOND_US));
    expect(done.isCertified).to.equal(true);
    expect(bodyOf<kinds.Refused>(ann.read()).code).to.equal(NO_ELIGIBLE_NODE);
    expect(bodyOf<kinds.Refused>(ann.write(home, 'back')).code).to.equal(NO_ELIGIBLE_NODE);
  });

  it('deletes nothing that a legal hold keeps, and deletes by itself when the retention is over', () => {
    const { rig, ann } = stage(['eu/fr', 'eu/fr']);
    const held = signPolicy(rig.cast, ann.peer, 1, 1, { retention: { maxDays: 1, legalHold: true } });
    ann.write(held, 'one');
    expect(bodyOf<kinds.Refused>(ann.delete()).detail).to.match(/legal hold/);
    rig.wallOffsetUs += 2 * 86_400 * SECOND_US;
    rig.advance(20 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.have.length(2);
    ann.rule(
      signPolicy(rig.cast, ann.peer, 1, 2, { retention: { maxDays: 1, legalHold: false } }),
      8 * SECOND_US,
    );
    rig.advance(20 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.deep.equal([]);
  });

  it('lets others read with the owner’s consent only, and lists it to the owner', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr', 'eu/fr']);
    ann.write(home, 'one');
    rig.advance(5 * SECOND_US);
    const ben = new PodOwner(rig, 'ben');
    expect(bodyOf<kinds.Refused>(ben.read(ann.peer)).code).to.equal(CONSENT_REQUIRED);
    const consent = signConsent(rig.cast, ann.peer, 1, ben.peer);
    const found = bodyOf<PodFound>(ben.read(ann.peer, consent));
    expect(found.copy.versions).to.have.length(1);
    expect(found.copy.accesses).to.deep.equal([]);
    expect(bodyOf<PodFound>(ann.read()).copy.accesses.map(({ reader }) => reader)).to.deep.equal([ben.peer]);
  });

  it('takes no write of another, under a stale policy, of an open content where sealed ones are asked for', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr']);
    const ben = new PodOwner(rig, 'ben');
    expect(ben.write(home, 'mine')?.kind).to.equal(kinds.REFUSED);
    const first = bodyOf<PodWritten>(ann.write(home, 'one'));
    const sealed = signPolicy(rig.cast, ann.peer, 1, 2, { encryptionRequired: true });
    expect(bodyOf<kinds.Refused>(ann.rule(sealed)).detail).to.match(/open contents/);
    const content = contentOf('sealed', 7);
    ann.say(kinds.POD_WRITE, { policy: home, content, context: first.vector });
    expect(ann.rule(sealed, 8 * SECOND_US)?.kind).to.equal(kinds.POD_RULED);
    expect(bodyOf<kinds.Refused>(ann.write(home, 'two')).detail).to.match(/newer policy/);
    expect(bodyOf<kinds.Refused>(ann.write(sealed, 'open')).detail).to.match(/sealed/);
    expect(ann.say(kinds.POD_WRITE, { policy: sealed, content, context: [] })?.kind).to.equal(
      kinds.POD_WRITTEN,
    );
  });

  it('exports nothing when its lease has run out', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr', 'eu/fr', 'eu/fr']);
    ann.write(home, 'one');
    rig.advance(10 * SECOND_US);
    const [first, second] = holdersOf(rig, ann.podId());
    const isCutOff = (peer: number) => ![rig.peer(first), rig.peer('front')].includes(peer);
    rig.crash(second);
    const sent = rig.sent.length;
    rig.drops = ({ from, to }) => from >= 0 && to >= 0 && isCutOff(from) !== isCutOff(to);
    rig.advance(120 * SECOND_US);
    const late = rig.sent
      .slice(sent)
      .filter(({ kind, from }) => kind === kinds.POD_COPY && from === rig.peer(first));
    expect(late).to.deep.equal([]);
  });

  it('says that a write may or may not have been done when no second holder confirms in time', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr']);
    rig.drops = ({ kind }) => kind === kinds.POD_COPY;
    expect(bodyOf<kinds.Refused>(ann.write(home, 'one', [], 11 * SECOND_US)).code).to.equal(UNKNOWN_OUTCOME);
  });
});
