import { expect } from 'chai';
import * as kinds from '../../core/machine/kinds.ts';
import { CONSENT_REQUIRED, NO_ELIGIBLE_NODE, UNKNOWN_OUTCOME } from '../../core/routing/outcomes.ts';
import type { PodDeleted, PodFound, PodWritten } from '../../core/roles/pods/pod-records.ts';
import { vectorOf } from '../../core/roles/pods/pod-version.ts';
import {
  allowsStorage,
  compilePolicy,
  findPolicyFault,
  isDurablePlace,
} from '../../core/policy/location-policy.ts';
import { AT_HOME, holdersOf, podCluster, PodOwner, signConsent, signPolicy } from '../pods.ts';
import { Rig, SECOND_US } from '../rig.ts';

function stage(regions: readonly string[]) {
  const rig = new Rig(podCluster(regions)).start();
  const ann = new PodOwner(rig);
  return { rig, ann, home: signPolicy(rig.cast, ann.peer, 1, 1) };
}

const bodyOf = <T>(envelope: { body: unknown } | null): T => envelope?.body as T;

describe('§6 Data sovereignty', () => {
  it('R6.1-6: a write is acknowledged when two hold it, and copied to three', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr', 'eu/fr', 'eu/fr']);
    const written = ann.write(home, 'one');
    expect(written?.kind).to.equal(kinds.POD_WRITTEN);
    expect(bodyOf<PodWritten>(written).isFragile).to.equal(false);
    rig.advance(20 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.have.length(3);
    const found = bodyOf<PodFound>(ann.read());
    expect(found.copy.versions.map(({ content }) => content.hash)).to.deep.equal(['one']);
  });

  it('R6.1-6: a gateway may be a pod host itself: what it is asked for it does, or another does', () => {
    const types = ['gateway', 'pod-host', 'index'];
    const rig = new Rig(podCluster(['eu/fr', 'eu/fr', 'eu/fr'], { types })).start();
    const ann = new PodOwner(rig);
    for (const [i, gateway] of ['front', 'host-1', 'host-2', 'host-3'].entries()) {
      ann.gateway = gateway;
      const policy = signPolicy(rig.cast, ann.peer, i, 1);
      expect(ann.write(policy, `by ${gateway}`)?.kind, gateway).to.equal(kinds.POD_WRITTEN);
      expect(ann.read(ann.peer, null, i)?.kind, gateway).to.equal(kinds.POD_FOUND);
    }
  });

  it('R6.1-6: where the policy permits no second holder the answer says fragile, and there are rather too few copies (R6.1-3)', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/de', 'eu/de']);
    expect(bodyOf<PodWritten>(ann.write(home, 'one')).isFragile).to.equal(true);
    rig.advance(60 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.deep.equal(['host-1']);
  });

  it('R6.1-6: concurrent versions are kept side by side, and shown to the owner, who merges them', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr', 'eu/fr']);
    ann.write(home, 'one');
    const second = bodyOf<PodWritten>(ann.write(home, 'two'));
    const { versions } = bodyOf<PodFound>(ann.read()).copy;
    expect(versions.map(({ content }) => content.hash)).to.have.members(['one', 'two']);
    // Whoever goes on from the second alone has not seen the first, and does not replace it.
    ann.write(home, 'three', second.vector);
    const now = bodyOf<PodFound>(ann.read()).copy.versions;
    expect(now.map(({ content }) => content.hash)).to.include.members(['one', 'three']);
    const context = vectorOf(rig.cast, now);
    ann.write(home, 'merged', context);
    expect(bodyOf<PodFound>(ann.read()).copy.versions.map(({ content }) => content.hash)).to.deep.equal([
      'merged',
    ]);
  });

  it('R6.1-6: another primary is found when the first has crashed, and nothing is lost', () => {
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

  it('R6.1-3: a holder that is away for long is replaced within the policy', () => {
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

  it('R6.1-6: a pod whose home has changed moves: the new copies first, then the old ones go', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr', 'eu/de', 'eu/de']);
    ann.write(home, 'one');
    rig.advance(20 * SECOND_US);
    const moved = signPolicy(rig.cast, ann.peer, 1, 2, {}, 'eu/de');
    expect(ann.rule(moved, 8 * SECOND_US)?.kind).to.equal(kinds.POD_RULED);
    rig.advance(30 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.deep.equal(['host-3', 'host-4']);
  });

  it('R6.2-2: a deletion is certified when every pod host has confirmed, and until then it says who is missing', () => {
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

  it('R6.1-5: a legal hold blocks deletion and says so; retention ends in deletion', () => {
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

  it('R6.2-1: others read with the owner’s consent only, and the owner sees it', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr', 'eu/fr']);
    ann.write(home, 'one');
    rig.advance(5 * SECOND_US);
    const ben = new PodOwner(rig, 'ben');
    expect(bodyOf<kinds.Refused>(ben.read(ann.peer)).code).to.equal(CONSENT_REQUIRED);
    const consent = signConsent(rig.cast, ann.peer, 1, ben.peer);
    const found = bodyOf<PodFound>(ben.read(ann.peer, consent));
    expect(found.copy.versions).to.have.length(1);
    expect(found.copy.receipts, 'of what others do only the owner is told').to.deep.equal([]);
    const [receipt, ...rest] = bodyOf<PodFound>(ann.read()).copy.receipts;
    expect(rest).to.deep.equal([]);
    expect(receipt).to.include({
      reader: ben.peer,
      asker: ben.peer,
      purpose: 'care',
      use: 0,
      authorisation: 0,
    });
    expect(receipt.versions).to.deep.equal(found.copy.versions.map(({ dot }) => dot));
  });

  it('R6.1-3: a node whose lease has run out exports nothing', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr', 'eu/fr', 'eu/fr', 'eu/fr']);
    ann.write(home, 'one');
    rig.advance(10 * SECOND_US);
    const holders = holdersOf(rig, ann.podId());
    const other = ['host-1', 'host-2', 'host-3', 'host-4', 'host-5'].find((name) => !holders.includes(name))!;
    // A holder and a host that has no copy are cut off from the other three: they are too few to be sure of the policy.
    const few = [holders[0], other, 'front'].map((name) => rig.peer(name));
    const sent = rig.sent.length;
    rig.drops = ({ from, to }) => from >= 0 && to >= 0 && few.includes(from) !== few.includes(to);
    rig.advance(120 * SECOND_US);
    const given = rig.sent
      .slice(sent)
      .filter(({ kind, from }) => kind === kinds.POD_COPY && few.includes(from));
    expect(given).to.deep.equal([]);
    expect(holdersOf(rig, ann.podId())).not.to.include(other);
    // They are many again, and the copy in excess is nobody's loss.
    rig.drops = () => false;
    rig.advance(60 * SECOND_US);
    expect(holdersOf(rig, ann.podId()).length).to.be.at.least(3);
  });

  it('R6.1-6: a write that no second holder confirms in time is of unknown outcome, and not acknowledged', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr']);
    rig.drops = ({ kind }) => kind === kinds.POD_COPY;
    expect(bodyOf<kinds.Refused>(ann.write(home, 'one', [], 11 * SECOND_US)).code).to.equal(UNKNOWN_OUTCOME);
  });

  it('R6.1-1: where data may be is one predicate, in every cell of the table', () => {
    const regions = ['eu', 'eu/fr', 'eu/de', 'asia/jp'];
    let cells = 0;
    for (const home of ['eu/fr', 'asia/jp'])
      for (const required of [null, ...regions])
        for (const allowed of [[], ['eu'], ['eu/de'], ['asia', 'eu/fr']])
          for (const crossBorderAllowed of [false, true]) {
            const policy = {
              ...AT_HOME,
              requiredRegion: required,
              allowedRegions: allowed,
              crossBorderAllowed,
            };
            if (findPolicyFault(home, policy) !== null) continue;
            const rule = compilePolicy(home, policy);
            const lies = (region: string, inside: string) =>
              region === inside || region.startsWith(`${inside}/`);
            for (const region of regions) {
              const expected = crossBorderAllowed
                ? allowed.some((one) => lies(region, one))
                : lies(region, required ?? home);
              expect(allowsStorage(rule, region), JSON.stringify({ home, policy, region })).to.equal(
                expected,
              );
              const isDurable = expected && (required === null || lies(region, required));
              expect(isDurablePlace(rule, region)).to.equal(isDurable);
              cells++;
            }
            expect(
              [...regions, 'asia/kr'].some((region) => isDurablePlace(rule, region)),
              JSON.stringify({ home, policy }),
            ).to.equal(true);
          }
    expect(cells).to.be.above(60);
  });

  it('R6.1-1: with crossing and a required region, primary and second copy lie there, or nothing is acknowledged', () => {
    const { rig, ann } = stage(['eu/fr', 'eu/de', 'eu/de', 'eu/fr']);
    const there = { requiredRegion: 'eu/fr', allowedRegions: ['eu'], crossBorderAllowed: true };
    const policy = signPolicy(rig.cast, ann.peer, 1, 1, there);
    const written = bodyOf<PodWritten>(ann.write(policy, 'one'));
    expect(['host-1', 'host-4']).to.include(rig.cast.nameOf(written.primary));
    expect(holdersOf(rig, ann.podId())).to.include.members(['host-1', 'host-4']);
    rig.crash('host-4');
    rig.advance(20 * SECOND_US);
    const refused = ann.write(policy, 'two', written.vector, 11 * SECOND_US);
    expect(refused?.kind).to.equal(kinds.REFUSED);
    expect(bodyOf<kinds.Refused>(refused).detail).to.match(/wants two copies in eu\/fr/);
  });

  it('R6.1-1: where no pod host lies where data may be, that is said, and nobody is shown them', () => {
    const { rig, ann } = stage(['eu/fr', 'eu/de']);
    const home = signPolicy(rig.cast, ann.peer, 1, 1, {}, 'asia-pac/japan');
    const refused = ann.write(home, 'one', [], 11 * SECOND_US);
    expect(bodyOf<kinds.Refused>(refused)).to.deep.include({
      code: NO_ELIGIBLE_NODE,
      detail: 'no pod host of this cluster lies where its policy wants its primary',
    });
    expect(rig.mail.some(({ kind }) => kind === kinds.POD_COPY)).to.equal(false);
    expect(holdersOf(rig, ann.podId())).to.deep.equal([]);
  });

  it('R6.1-1: a policy that contradicts itself is refused with the reason', () => {
    const { rig, ann } = stage(['eu/fr', 'eu/fr']);
    const refused = ann.write(signPolicy(rig.cast, ann.peer, 1, 1, { requiredRegion: 'asia' }), 'one');
    expect(bodyOf<kinds.Refused>(refused).detail).to.match(/must be in asia and may not leave eu\/fr/);
  });

  it('R6.1-3: a policy is in force when no lease on an old one is left, and then nothing is sent where it forbids', () => {
    const { rig, ann } = stage(['eu/fr', 'eu/fr', 'eu/de', 'eu/fr']);
    const wide = { allowedRegions: ['eu'], crossBorderAllowed: true };
    ann.write(signPolicy(rig.cast, ann.peer, 1, 1, wide), 'one');
    rig.advance(10 * SECOND_US);
    const far = rig.peer('host-3');
    rig.drops = ({ from, to }) => from >= 0 && to >= 0 && (from === far) !== (to === far);
    const n = ann.send(kinds.POD_RULE, { policy: signPolicy(rig.cast, ann.peer, 1, 2) }, 20 * SECOND_US);
    rig.pump();
    rig.advance(3 * SECOND_US);
    expect(ann.answerTo(n), 'the lease of the host that is cut off may still be good').to.equal(null);
    rig.advance(9 * SECOND_US);
    expect(ann.answerTo(n)?.kind).to.equal(kinds.POD_RULED);
    const sent = rig.sent.length;
    rig.advance(100 * SECOND_US);
    const copies = rig.sent.slice(sent).filter(({ kind, from }) => kind === kinds.POD_COPY && from === far);
    expect(copies).to.deep.equal([]);
  });

  it('R6.2-2: who was away for longer than 30 days comes back empty', () => {
    const { rig, ann, home } = stage(['eu/fr', 'eu/fr', 'eu/fr', 'eu/fr']);
    ann.write(home, 'one');
    rig.advance(10 * SECOND_US);
    const [gone] = holdersOf(rig, ann.podId());
    rig.crash(gone);
    rig.drops = ({ kind }) => kind === kinds.POD_COPY;
    rig.wallOffsetUs += 31 * 86_400 * SECOND_US;
    rig.boot(gone);
    rig.pump();
    rig.advance(10 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).not.to.include(gone);
  });
});
