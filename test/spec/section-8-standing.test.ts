import { expect } from 'chai';
import { hashManifest } from '../../core/cluster/presence.ts';
import { trustAt } from '../../core/cluster/registry/testimony.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { REFUSAL_FORGED } from '../../core/machine/refusals.ts';
import { DEFAULT_PARAMETERS } from '../../core/machine/parameters.ts';
import { ERROR_CODES } from '../../core/routing/outcomes.ts';
import { ownTrust } from '../../core/trust/attestation.ts';
import { standingOf, type Backed, type Grounds } from '../../core/trust/standing.ts';
import { hashAudit, type Audit } from '../../core/trust/standing-documents.ts';
import { envelopeOf, FEDERATION, OpenRig as Rig, SECOND_US, WALL_START_US, type NodeSpec } from '../rig.ts';

const DAY_US = 86_400 * SECOND_US;
const WALL_US = 1_000_000;

/** A vouch by one of the stewards, numbered, with all that must stand behind it. */
function backed(voucher: number, changes: Partial<Backed> = {}, level = 3): Backed {
  const dates = { fromWallUs: 0, untilWallUs: 2 * WALL_US };
  return {
    vouch: { voucher, subject: 99, version: 1, level, ...dates, signature: '' },
    voucherLevel: 3,
    rootUntilWallUs: 3 * WALL_US,
    runBy: voucher === 1 ? 'north' : 'south',
    inForce: 1,
    isGuilty: false,
    ...changes,
  };
}

const audit: Audit = {
  auditor: 1,
  subject: 99,
  disclosure: 'accounts',
  promisedPpm: 995_000,
  fromWallUs: 0,
  untilWallUs: 366 * DAY_US,
  signature: '',
};

const all: Grounds = {
  attested: 1,
  attestedUntilWallUs: 0,
  vouches: [backed(1), backed(2), backed(3)],
  audits: [audit],
  observedUs: 90 * DAY_US,
  uptimePpm: 990_000,
  isGuilty: false,
};
const levelOf = (changes: Partial<Grounds>, wallUs = WALL_US): number =>
  standingOf({ ...all, ...changes }, wallUs, DEFAULT_PARAMETERS).level;

describe('§8.1 Earned trust', () => {
  const cases: [string, Partial<Grounds>, number][] = [
    ['with everything', {}, 4],
    ['with nothing', { vouches: [], audits: [] }, 1],
    [
      'one vouch, 7 days, 95 %',
      { vouches: [backed(1, {}, 2)], observedUs: 7 * DAY_US, uptimePpm: 950_000 },
      2,
    ],
    ['one vouch, a little less than 7 days', { vouches: [backed(1, {}, 2)], observedUs: 7 * DAY_US - 1 }, 1],
    ['one vouch, a little less than 95 %', { vouches: [backed(1, {}, 2)], uptimePpm: 949_999 }, 1],
    ['three vouches, 90 days, 99 %', { audits: [] }, 3],
    ['three vouches for a peer only', { vouches: [1, 2, 3].map((one) => backed(one, {}, 2)) }, 2],
    ['two vouches', { vouches: [backed(1), backed(2)] }, 2],
    ['three vouches of one organisation', { vouches: [backed(2), backed(3), backed(4)] }, 2],
    ['three vouches of one voucher', { vouches: [backed(1), backed(1), backed(1)] }, 2],
    ['a little less than 90 days', { observedUs: 90 * DAY_US - 1 }, 2],
    ['a little less than 99 %', { uptimePpm: 989_999 }, 2],
    ['an audit without a disclosure', { audits: [{ ...audit, disclosure: '' }] }, 3],
    ['an audit that promises less than 99.5 %', { audits: [{ ...audit, promisedPpm: 994_999 }] }, 3],
    ['an audit for longer than a year', { audits: [{ ...audit, untilWallUs: 366 * DAY_US + 1 }] }, 3],
    ['an audit that has run out', { audits: [{ ...audit, untilWallUs: WALL_US }] }, 3],
    ['an audit alone', { vouches: [] }, 1],
    ['an attested community node with an audit', { vouches: [], attested: 3 }, 4],
    ['vouchers that may not vouch', { vouches: all.vouches.map((one) => ({ ...one, voucherLevel: 2 })) }, 1],
    ['vouchers that vouch for five', { vouches: all.vouches.map((one) => ({ ...one, inForce: 5 })) }, 4],
    ['vouchers that vouch for six', { vouches: all.vouches.map((one) => ({ ...one, inForce: 6 })) }, 1],
    ['guilty vouchers', { vouches: all.vouches.map((one) => ({ ...one, isGuilty: true })) }, 1],
    ['proof against it', { isGuilty: true, attested: 4 }, 1],
  ];
  for (const [what, changes, level] of cases) {
    it(`R8.1-3: ${what}: ${level}`, () => {
      expect(levelOf(changes)).to.equal(level);
    });
  }

  it('R8.1-3: it falls with the day on which what carried it runs out, and says that day', () => {
    const { level, untilWallUs } = standingOf(all, WALL_US, DEFAULT_PARAMETERS);
    expect([level, untilWallUs]).to.deep.equal([4, 2 * WALL_US]);
    expect(levelOf({}, 2 * WALL_US - 1)).to.equal(4);
    expect(levelOf({}, 2 * WALL_US)).to.equal(1);
    // The attestation of a voucher takes its vouches with it.
    const short = all.vouches.map((one) => ({ ...one, rootUntilWallUs: WALL_US + 1 }));
    expect(standingOf({ ...all, vouches: short }, WALL_US, DEFAULT_PARAMETERS).untilWallUs).to.equal(
      WALL_US + 1,
    );
  });

  it('R8.1-3: it says what is missing', () => {
    const { why } = standingOf({ ...all, vouches: [backed(1)] }, WALL_US, DEFAULT_PARAMETERS);
    expect(why).to.deep.equal(['vouched for as a peer', '1 of 3 vouches for level 3']);
  });

  describe('in a cluster', () => {
    const parameters = { risePeerUs: 20 * SECOND_US, riseCommunityUs: 60 * SECOND_US };
    const at = (seconds: number): number => WALL_START_US + seconds * SECOND_US;
    const steward = (name: string, runBy: string, ...vouches: NodeSpec['vouches'] & {}): NodeSpec => ({
      ...{ name, cluster: 'france', region: 'eu/fr', types: ['pod-host'], attestedTrust: 3 },
      ...{ runBy, vouches, parameters },
    });
    const newcomer = { ...FEDERATION[1], attestedTrust: 0, parameters };
    const front = { ...FEDERATION[0], peered: [], parameters };
    const levelAt = (rig: Rig): number => {
      const index = rig.node('front').index!;
      const slot = index.directory.slotOf(rig.peer('compute-1'));
      return trustAt(index, rig.nowOf(rig.station('front')), slot);
    };
    const asked = (rig: Rig, n: number, minTrust: number): string => {
      rig.ask('ann', 'front', n, { minTrust });
      rig.pump();
      const [{ kind, body }] = rig.outcomes('ann', n);
      return kind === kinds.ANSWER ? 'OK' : ERROR_CODES[(body as kinds.Refused).code];
    };

    it('R8.1-3: a newcomer that is vouched for rises when it has been there long enough, and learns of it', () => {
      const rig = new Rig([front, steward('steward', 'north', { subject: 'compute-1' }), newcomer]).start();
      expect([levelAt(rig), asked(rig, 1, 2)]).to.deep.equal([1, 'TRUST_TOO_LOW']);
      rig.advance(30 * SECOND_US);
      expect([levelAt(rig), asked(rig, 2, 2), asked(rig, 3, 3)]).to.deep.equal([2, 'OK', 'TRUST_TOO_LOW']);
      const station = rig.station('compute-1');
      expect(ownTrust(station.node, rig.nowOf(station))).to.equal(2);
    });

    it('R8.1-3: one that was away too much does not rise', () => {
      const rig = new Rig([front, steward('steward', 'north', { subject: 'compute-1' }), newcomer]).start();
      rig.crash('compute-1');
      rig.advance(15 * SECOND_US);
      rig.boot('compute-1');
      rig.pump();
      rig.advance(25 * SECOND_US);
      expect(levelAt(rig)).to.equal(1);
    });

    it('R8.1-3: three vouches of two organisations make a community node, and it may not vouch on the strength of it', () => {
      const vouch = { subject: 'compute-1', level: 3 };
      const rig = new Rig([
        front,
        steward('steward-1', 'north', vouch),
        steward('steward-2', 'north', vouch),
        steward('steward-3', 'south', vouch),
        { ...newcomer, vouches: [{ subject: 'compute-2', fromWallUs: at(80) }] },
        { ...newcomer, name: 'compute-2' },
      ]).start();
      rig.advance(65 * SECOND_US);
      expect([levelAt(rig), asked(rig, 1, 3)]).to.deep.equal([3, 'OK']);
      rig.advance(60 * SECOND_US);
      // It believes that it may, and says so; nobody counts it.
      const said = rig.sent.filter(
        ({ kind, from }) => kind === kinds.TESTIMONY && from === rig.peer('compute-1'),
      );
      expect(said.length).to.be.above(0);
      const { index } = rig.node('front');
      expect(index!.book!.speakers.has(rig.peer('compute-1'))).to.equal(false);
      expect(rig.node('front').refusals[REFUSAL_FORGED]).to.be.above(0);
    });

    const falls: [string, Partial<NonNullable<NodeSpec['vouches']>[number]>[], object][] = [
      ['runs out', [{ untilWallUs: at(40) }], {}],
      ['is taken back', [{}, { version: 2, level: 0, fromWallUs: at(40) }], {}],
    ];
    for (const [what, vouches] of falls) {
      it(`R8.1-3: a node falls at once when the vouch for it ${what}`, () => {
        const told = vouches.map((vouch) => ({ subject: 'compute-1', ...vouch }));
        const rig = new Rig([front, steward('steward', 'north', ...told), newcomer]).start();
        rig.advance(at(39) - WALL_START_US - rig.nowUs);
        expect([levelAt(rig), asked(rig, 1, 2)]).to.deep.equal([2, 'OK']);
        rig.advance(3 * SECOND_US);
        expect([levelAt(rig), asked(rig, 2, 2)]).to.deep.equal([1, 'TRUST_TOO_LOW']);
        const station = rig.station('compute-1');
        expect(ownTrust(station.node, rig.nowOf(station))).to.equal(1);
        // The older vouch, said again by anybody, changes nothing.
        const old = rig.sent.find(({ kind }) => kind === kinds.TESTIMONY)!;
        rig.deliver(envelopeOf(kinds.TESTIMONY, old.from, old.to, old.body));
        rig.advance(5 * SECOND_US);
        expect(levelAt(rig)).to.equal(1);
      });
    }

    it('R8.1-3: a voucher that equivocates takes its vouches with it', () => {
      const rig = new Rig([front, steward('steward', 'north', { subject: 'compute-1' }), newcomer]).start();
      rig.advance(30 * SECOND_US);
      expect(levelAt(rig)).to.equal(2);
      const node = rig.node('front');
      const known = node.index!.directory.get(rig.peer('steward'))!;
      const manifest = { ...known.manifest, claimedTrust: 2 };
      const signature = rig.cast.sign(manifest.id, hashManifest(node, manifest, known.version));
      const body = { manifest, version: known.version, signature, attestations: [] };
      rig.deliver(envelopeOf(kinds.MANIFEST, manifest.id, node.self, body));
      rig.advance(SECOND_US);
      expect([levelAt(rig), asked(rig, 1, 2)]).to.deep.equal([1, 'TRUST_TOO_LOW']);
    });

    it('R8.1-3: what has been observed is still known when the only index node comes back', () => {
      const often = { ...parameters, conductSaveUs: 2 * SECOND_US };
      const slow = [front, steward('steward', 'north', { subject: 'compute-1' }), newcomer];
      const rig = new Rig(slow.map((spec) => ({ ...spec, parameters: often }))).start();
      rig.advance(12 * SECOND_US);
      expect(levelAt(rig)).to.equal(1);
      rig.crash('front');
      rig.advance(2 * SECOND_US);
      rig.boot('front');
      rig.pump();
      // Anew it would take twenty seconds; meanwhile nobody observed, and nothing is counted for that.
      rig.advance(9 * SECOND_US);
      expect(levelAt(rig)).to.equal(2);
    });

    it('R8.1-3: what was observed longer ago than it may count is forgotten', () => {
      const often = { ...parameters, conductSaveUs: SECOND_US, conductKeptUs: SECOND_US };
      const slow = [front, steward('steward', 'north', { subject: 'compute-1' }), newcomer];
      const rig = new Rig(slow.map((spec) => ({ ...spec, parameters: often }))).start();
      rig.advance(12 * SECOND_US);
      rig.crash('front');
      rig.advance(3 * SECOND_US);
      rig.boot('front');
      rig.pump();
      rig.advance(9 * SECOND_US);
      expect(levelAt(rig)).to.equal(1);
    });

    it('R4-3: proof of equivocation outlives a crash of the only index node', () => {
      const rig = new Rig([front, newcomer]).start();
      rig.advance(5 * SECOND_US);
      const node = rig.node('front');
      const known = node.index!.directory.get(rig.peer('compute-1'))!;
      const manifest = { ...known.manifest, claimedTrust: 2 };
      const signature = rig.cast.sign(manifest.id, hashManifest(node, manifest, known.version));
      const body = { manifest, version: known.version, signature, attestations: [] };
      rig.deliver(envelopeOf(kinds.MANIFEST, manifest.id, node.self, body));
      rig.advance(2 * SECOND_US);
      rig.crash('front');
      rig.boot('front');
      rig.pump();
      rig.advance(5 * SECOND_US);
      const { index } = rig.node('front');
      expect([...index!.evidence.keys()]).to.deep.equal([manifest.id]);
      expect(index!.directory.isQuarantinedAt(index!.directory.slotOf(manifest.id))).to.equal(true);
    });

    it('R8.1-3: who vouches for six at once vouches for nobody, and is worth nothing itself', () => {
      const names = [1, 2, 3, 4, 5, 6].map((i) => `compute-${i}`);
      const rig = new Rig([
        front,
        steward('steward', 'north', ...names.map((subject) => ({ subject }))),
        ...names.map((name) => ({ ...newcomer, name })),
      ]).start();
      rig.advance(40 * SECOND_US);
      const index = rig.node('front').index!;
      const now = rig.nowOf(rig.station('front'));
      const levels = ['steward', ...names].map((name) =>
        trustAt(index, now, index.directory.slotOf(rig.peer(name))),
      );
      expect(levels).to.deep.equal([1, 1, 1, 1, 1, 1, 1]);
    });

    it('R8.1-3: nothing counts that is not signed by whom it names, nor an audit of somebody who is not accredited', () => {
      const rig = new Rig([front, steward('steward', 'north'), newcomer]).start();
      const index = rig.node('front').index!;
      const [self, speaker, subject] = ['front', 'steward', 'compute-1'].map((name) => rig.peer(name));
      const { attestations } = rig.node('steward').config;
      const vouch = { voucher: speaker, subject, version: 1, level: 2, fromWallUs: 0, untilWallUs: 2 ** 50 };
      const forged = { ...vouch, signature: rig.cast.sign(subject, 'anything') };
      const own = { ...audit, auditor: rig.peer('mallory'), subject: speaker };
      const bribed = { ...own, signature: rig.cast.sign(own.auditor, hashAudit(rig.cast, own)) };
      const body = {
        testimony: { speaker, attestations: [...attestations], vouches: [forged], audits: [bribed] },
        hopsLeft: 1,
      };
      rig.deliver(envelopeOf(kinds.TESTIMONY, speaker, self, body));
      expect([index.book, rig.node('front').refusals[REFUSAL_FORGED]]).to.deep.equal([null, 1]);
      const auditor = rig.peer('auditor');
      const real = { ...own, auditor, fromWallUs: WALL_START_US, untilWallUs: WALL_START_US + DAY_US };
      const sound = { ...real, signature: rig.cast.sign(auditor, hashAudit(rig.cast, real)) };
      const good = { testimony: { ...body.testimony, audits: [sound] }, hopsLeft: 1 };
      rig.deliver(envelopeOf(kinds.TESTIMONY, speaker, self, good));
      const slot = index.directory.slotOf(speaker);
      expect(trustAt(index, rig.nowOf(rig.station('front')), slot)).to.equal(4);
    });

    it('R8.1-3: index nodes come to hold the same documents, also of a voucher that is gone', () => {
      const second = { ...front, name: 'second', types: ['index'] };
      const rig = new Rig([front, second, steward('steward', 'north', { subject: 'compute-1' }), newcomer]);
      for (const name of ['front', 'steward', 'compute-1']) rig.boot(name);
      rig.pump();
      rig.advance(8 * SECOND_US);
      rig.crash('steward');
      rig.advance(20 * SECOND_US);
      rig.boot('second');
      rig.pump();
      rig.advance(30 * SECOND_US);
      const [one, other] = ['front', 'second'].map((name) => rig.node(name).index!.book);
      expect(other?.speakers).to.deep.equal(one!.speakers);
    });
  });
});
