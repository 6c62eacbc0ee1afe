import { expect } from 'chai';
import fc from 'fast-check';
import type { Peer } from '../../../../core/base/peers.ts';
import type { Attestation, Manifest } from '../../../../core/cluster/manifest.ts';
import { hashManifest } from '../../../../core/cluster/presence.ts';
import type { Evidence, Row } from '../../../../core/cluster/registry/registry-bodies.ts';
import type { Envelope } from '../../../../core/machine/envelope.ts';
import * as kinds from '../../../../core/machine/kinds.ts';
import { law } from '../../../laws/law.ts';
import {
  attest,
  envelopeOf,
  FEDERATION,
  manifestOf,
  namesOf,
  OpenRig as Rig,
  SECOND_US,
  type NodeSpec,
  countRefusals,
} from '../../../rig.ts';

const plain = { ...FEDERATION[0], types: ['index'], peered: [] };
const [here, there, third] = ['index-1', 'index-2', 'index-3'].map((name) => ({ ...plain, name }));
const compute = FEDERATION[1];
const EXTRAS = Array.from({ length: 300 }, (_, i) => `extra ${i}`);

function startAlone(specs: readonly NodeSpec[], parameters = {}): Rig {
  const rig = new Rig(
    specs.map((spec) => ({ ...spec, parameters })),
    [...namesOf([here, there, third, ...FEDERATION]), ...EXTRAS],
  );
  for (const { name } of specs) rig.boot(name);
  rig.pump();
  rig.advance(2 * SECOND_US);
  return rig;
}

interface Said {
  readonly version?: number;
  readonly trust?: number;
  readonly attested?: boolean;
  readonly signer?: string;
}

function say(rig: Rig, name: string, { version = 1, trust = 4, attested = true, signer = name }: Said = {}) {
  const manifest: Manifest = { ...manifestOf(rig.cast, { ...compute, name }), claimedTrust: trust };
  const of = { epoch: 1, version };
  const signature = rig.cast.sign(rig.peer(signer), hashManifest({ pure: rig.cast }, manifest, of));
  const attestor = rig.peer('attestor of france');
  const attestations: Attestation[] = attested ? [attest(rig.cast, manifest.id, attestor)] : [];
  return { manifest, version: of, signature, attestations } as kinds.Announcement;
}

function bring(rig: Rig, to: string, announced: kinds.Announcement): Envelope[] {
  const { id } = announced.manifest;
  return rig.deliver(envelopeOf(kinds.MANIFEST, id, rig.peer(to), announced));
}

const row = (announced: kinds.Announcement, changes: Partial<Row> = {}): Row => ({
  announced,
  load: null,
  ageUs: 0,
  hopsLeft: 0,
  ...changes,
});

function bringRows(rig: Rig, from: Peer, to: string, rows: Row[]): Envelope[] {
  return rig.deliver(envelopeOf(kinds.ROWS, from, rig.peer(to), { rows }));
}

const indexOf = (rig: Rig, name: string) => rig.node(name).index!;
const entryOf = (rig: Rig, at: string, name: string) => indexOf(rig, at).directory.get(rig.peer(name));

/** What an index node holds, whatever the numbers and times. */
function heldBy(rig: Rig, at: string): string[] {
  const members = indexOf(rig, at).directory.members();
  return members
    .map(
      ({ manifest, version, isQuarantined }) =>
        `${rig.cast.nameOf(manifest.id)} ${version.version} ${manifest.claimedTrust} ${isQuarantined}`,
    )
    .filter((line) => !line.startsWith('index'))
    .sort();
}

describe('the registry of a cluster', () => {
  const says = fc.record({
    who: fc.nat(3),
    version: fc.integer({ min: 1, max: 3 }),
    trust: fc.integer({ min: 1, max: 3 }),
    attested: fc.boolean(),
  });

  law(
    'what is held is a join: the order, the grouping and the repetition of what is heard do not matter',
    fc.tuple(fc.array(says, { minLength: 3, maxLength: 14 }), fc.array(fc.nat(1_000), { maxLength: 30 })),
    ([script, shuffle]) => {
      const rig = startAlone([here, there], { exchangeUs: 60 * SECOND_US });
      rig.drops = () => true;
      const announced = script.map(({ who, ...said }) => say(rig, EXTRAS[who], said));
      for (const one of announced) bring(rig, 'index-1', one);
      const again = [...announced, ...shuffle.map((place) => announced[place % announced.length])];
      again.reverse();
      for (let i = 0; i < again.length; i++) {
        const from = (shuffle[i % Math.max(1, shuffle.length)] ?? 0) % again.length;
        bring(rig, 'index-2', again[from]);
        bring(rig, 'index-2', again[i]);
      }
      const bodies = (at: string): string[] =>
        indexOf(rig, at)
          .directory.members()
          .filter(({ manifest }) => rig.cast.nameOf(manifest.id).startsWith('extra'))
          .map(({ manifest, version }) => JSON.stringify([manifest, version]))
          .sort();
      expect(bodies('index-2')).to.deep.equal(bodies('index-1'));
      return bodies('index-1').length > 1;
    },
    { seed: 41, runs: 150 },
  );

  law(
    'a guilty node whose highest version is double is quarantined, and no innocent one is',
    fc.array(says, { minLength: 3, maxLength: 14 }),
    (script) => {
      const rig = startAlone([here]);
      for (const { who, ...said } of script) bring(rig, 'index-1', say(rig, EXTRAS[who], said));
      let guilty = 0;
      for (let who = 0; who < 4; who++) {
        const own = script.filter((said) => said.who === who);
        const highest = Math.max(0, ...own.map(({ version }) => version));
        const bodiesOf = (version: number): number =>
          new Set(own.filter((said) => said.version === version).map(({ trust }) => trust)).size;
        const isQuarantined = entryOf(rig, 'index-1', EXTRAS[who])?.isQuarantined ?? false;
        if (bodiesOf(highest) > 1) expect(isQuarantined).to.equal(true);
        if ([1, 2, 3].every((version) => bodiesOf(version) < 2)) expect(isQuarantined).to.equal(false);
        if (isQuarantined) guilty++;
      }
      return guilty > 0;
    },
    { seed: 42, runs: 100 },
  );

  it('takes the announcement with more valid attestations, so nobody is robbed of them by who passes it on', () => {
    const rig = startAlone([here, there]);
    const [bare, full] = [say(rig, 'compute-1', { attested: false }), say(rig, 'compute-1')];
    const trustAt = (): number => {
      const body = { model: 'a', withBridges: false, minTrust: 1, allowedRegions: ['eu'] };
      const [found] = rig.deliver(envelopeOf(kinds.FIND, rig.peer('ann'), rig.peer('index-1'), body));
      return (found.body as kinds.Found).candidates[0].trust;
    };
    bringRows(rig, rig.peer('index-2'), 'index-1', [row(bare)]);
    expect(trustAt()).to.equal(1);
    bringRows(rig, rig.peer('index-2'), 'index-1', [row(full)]);
    expect(trustAt()).to.equal(4);
    bringRows(rig, rig.peer('index-2'), 'index-1', [row(bare)]);
    expect(trustAt()).to.equal(4);
  });

  it('hearsay brings nobody back who was silent too long, and makes nobody seem heard', () => {
    const rig = startAlone([here, there]);
    const told = say(rig, 'compute-1');
    bringRows(rig, rig.peer('index-2'), 'index-1', [row(told, { ageUs: 5 * SECOND_US })]);
    expect(entryOf(rig, 'index-1', 'compute-1')).to.equal(undefined);
    bringRows(rig, rig.peer('index-2'), 'index-1', [row(told, { ageUs: 3 * SECOND_US })]);
    expect(entryOf(rig, 'index-1', 'compute-1')!.lastHeardUs).to.be.lessThan(0);
    bringRows(rig, rig.peer('index-2'), 'index-1', [row(told)]);
    rig.advance(2_600_000);
    expect(entryOf(rig, 'index-1', 'compute-1'), 'three seconds and these').to.equal(undefined);
  });

  it('believes rows of index nodes of its cluster only, and of these what is signed', () => {
    const rig = startAlone([here, there]);
    const index = rig.node('index-1');
    const before = countRefusals(index, 'forged');
    bringRows(rig, rig.peer('compute-2'), 'index-1', [row(say(rig, 'compute-1'))]);
    expect([entryOf(rig, 'index-1', 'compute-1'), countRefusals(index, 'not for this node')]).to.deep.equal([
      undefined,
      1,
    ]);
    bringRows(rig, rig.peer('index-2'), 'index-1', [row(say(rig, 'compute-1', { signer: 'index-2' }))]);
    expect(entryOf(rig, 'index-1', 'compute-1')).to.equal(undefined);
    expect(countRefusals(index, 'forged')).to.equal(before + 1);
  });

  it('passes on what is new, once each time, in its last version, and only so far (R5.2-3)', () => {
    const rig = startAlone([here, there, third], { passFanout: 1, maxHops: 2 });
    rig.sent.length = 0;
    for (let version = 1; version <= 9; version++) bring(rig, 'index-1', say(rig, 'compute-1', { version }));
    const passed = () => rig.sent.filter(({ kind }) => kind === kinds.ROWS);
    expect(passed(), 'it waits for more').to.have.length(0);
    rig.advance(250_000);
    const versions = (): number[] =>
      passed().flatMap(({ body }) =>
        (body as { rows: Row[] }).rows.map(({ announced }) => announced.version.version),
      );
    expect(versions()[0]).to.equal(9);
    rig.advance(SECOND_US);
    expect(versions()).to.deep.equal([9, 9]);
    rig.advance(SECOND_US);
    expect(versions(), 'nobody passes on what is known').to.deep.equal([9, 9]);
  });
});

describe('evidence', () => {
  const guilty = (rig: Rig): Evidence => ({
    first: say(rig, 'compute-1', { trust: 4 }),
    second: say(rig, 'compute-1', { trust: 3 }),
  });
  const accuse = (rig: Rig, evidence: Evidence, from = 'index-2') =>
    rig.deliver(envelopeOf(kinds.EVIDENCE, rig.peer(from), rig.peer('index-1'), { evidence, hopsLeft: 3 }));

  it('spreads: who sees two bodies tells the others, and each sees for itself', () => {
    const rig = startAlone([here, there, third]);
    for (const at of ['index-1', 'index-2', 'index-3']) bring(rig, at, guilty(rig).first);
    bring(rig, 'index-2', guilty(rig).second);
    rig.pump();
    for (const at of ['index-1', 'index-2', 'index-3']) {
      expect(entryOf(rig, at, 'compute-1')!.isQuarantined, at).to.equal(true);
      const { first, second } = indexOf(rig, at).evidence.get(rig.peer('compute-1'))!;
      expect([first, second].map(({ manifest }) => manifest.claimedTrust).sort()).to.deep.equal([3, 4]);
    }
  });

  const forgeries: [string, (rig: Rig) => Evidence][] = [
    [
      'of two versions',
      (rig) => ({ ...guilty(rig), second: say(rig, 'compute-1', { version: 2, trust: 3 }) }),
    ],
    ['of one body', (rig) => ({ ...guilty(rig), second: say(rig, 'compute-1') })],
    ['of two nodes', (rig) => ({ ...guilty(rig), second: say(rig, 'compute-2', { trust: 3 }) })],
    [
      'that another signed',
      (rig) => ({ ...guilty(rig), second: say(rig, 'compute-1', { trust: 3, signer: 'mallory' }) }),
    ],
  ];
  for (const [what, forge] of forgeries) {
    it(`${what} proves nothing`, () => {
      const rig = startAlone([here, there]);
      bring(rig, 'index-1', say(rig, 'compute-1'));
      accuse(rig, forge(rig));
      expect([
        entryOf(rig, 'index-1', 'compute-1')!.isQuarantined,
        countRefusals(rig.node('index-1'), 'forged'),
      ]).to.deep.equal([false, 1]);
    });
  }

  it('is kept for so many; against members rather than against strangers', () => {
    const rig = startAlone([here, there], { maxEvidence: 2 });
    const of = (name: string): Evidence => ({
      first: say(rig, name, { trust: 4 }),
      second: say(rig, name, { trust: 3 }),
    });
    for (const name of EXTRAS.slice(0, 3)) accuse(rig, of(name));
    expect(indexOf(rig, 'index-1').evidence.size).to.equal(2);
    bring(rig, 'index-1', say(rig, 'compute-1'));
    accuse(rig, guilty(rig));
    expect(indexOf(rig, 'index-1').evidence.has(rig.peer('compute-1'))).to.equal(true);
    expect(indexOf(rig, 'index-1').evidence.size).to.equal(2);
  });
});

describe('the exchange of directories', () => {
  it('sends nothing but its sums when both hold the same', () => {
    const rig = startAlone([here, there]);
    rig.advance(20 * SECOND_US);
    rig.sent.length = 0;
    rig.advance(11 * SECOND_US);
    const sent = rig.sent.filter(({ kind }) => kind === kinds.DIRECTORY || kind === kinds.ROWS);
    expect(sent.length).to.be.within(2, 4);
    for (const { body } of sent) expect((body as { held: unknown[] }).held).to.deep.equal([]);
  });

  it('brings both to the join of what they hold, in pieces of a bounded size', () => {
    const parameters = { silentAfterUs: 60 * SECOND_US };
    const rig = startAlone([here, there], parameters);
    rig.drops = ({ kind }) => [kinds.ROWS, kinds.DIRECTORY, kinds.EVIDENCE].includes(kind);
    EXTRAS.forEach((name, i) => {
      if (i % 3 !== 0) bring(rig, 'index-1', say(rig, name, { version: 1 + (i % 2) }));
      if (i % 3 !== 1) bring(rig, 'index-2', say(rig, name, { version: 2 - (i % 2) }));
    });
    bring(rig, 'index-1', say(rig, 'compute-1', { trust: 1 }));
    bring(rig, 'index-2', say(rig, 'compute-1', { trust: 2 }));
    expect(heldBy(rig, 'index-1')).not.to.deep.equal(heldBy(rig, 'index-2'));
    rig.advance(SECOND_US);
    rig.drops = () => false;
    rig.sent.length = 0;
    rig.advance(11 * SECOND_US);
    expect(heldBy(rig, 'index-1')).to.deep.equal(heldBy(rig, 'index-2'));
    expect(heldBy(rig, 'index-1')).to.have.length(301);
    expect(entryOf(rig, 'index-1', 'compute-1')!.isQuarantined, 'two bodies have met').to.equal(true);
    for (const { kind, body } of rig.sent) {
      if (kind === kinds.ROWS) expect((body as { rows: Row[] }).rows.length).to.be.at.most(8);
    }
  });

  it('fills an index node that comes back, at once', () => {
    const rig = startAlone([here, there], { silentAfterUs: 60 * SECOND_US });
    for (const name of EXTRAS) bring(rig, 'index-1', say(rig, name));
    rig.crash('index-2');
    rig.boot('index-2');
    rig.pump();
    expect(indexOf(rig, 'index-2').directory.size).to.be.lessThan(3);
    rig.advance(10);
    expect(heldBy(rig, 'index-2')).to.deep.equal(heldBy(rig, 'index-1'));
  });

  it('spreads quarantine to whoever missed the evidence', () => {
    const rig = startAlone([here, there], { silentAfterUs: 60 * SECOND_US });
    rig.drops = ({ kind }) => kind === kinds.EVIDENCE;
    for (const at of ['index-1', 'index-2']) bring(rig, at, say(rig, 'compute-1'));
    bring(rig, 'index-1', say(rig, 'compute-1', { trust: 1 }));
    rig.pump();
    rig.drops = () => false;
    rig.advance(11 * SECOND_US);
    expect(entryOf(rig, 'index-2', 'compute-1')!.isQuarantined).to.equal(true);
  });
});
