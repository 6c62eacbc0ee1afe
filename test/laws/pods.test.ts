import { expect } from 'chai';
import fc from 'fast-check';
import type { Peer } from '../../core/base/peers.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { allowsStorage, compilePolicy, findPolicyFault } from '../../core/policy/location-policy.ts';
import { EMPTY_BOOK } from '../../core/policy/consent-documents.ts';
import { joinLaws } from '../../core/roles/pods/pod-law.ts';
import { desiredHolders } from '../../core/roles/pods/pod-placement.ts';
import type { Fellows } from '../../core/roles/pods/pod-state.ts';
import { COMMUNITY, PEER } from '../../core/trust/attestation.ts';
import type { PodDeleted, PodLaw } from '../../core/roles/pods/pod-records.ts';
import {
  joinVersions,
  nextDot,
  seenAfter,
  vectorOf,
  type Version,
} from '../../core/roles/pods/pod-version.ts';
import { AT_HOME, holdersOf, podCluster, PodOwner, signDeletion, signPolicy } from '../pods.ts';
import { Rig, SECOND_US } from '../rig.ts';
import { law } from './law.ts';

const REGIONS = ['eu', 'eu/fr', 'eu/de', 'asia/jp', 'americas'];
const rig = new Rig(podCluster(['eu/fr', 'eu/fr', 'eu/fr']));
const HOSTS = ['host-1', 'host-2', 'host-3'].map((name) => rig.peer(name));
const nameOf = (versions: readonly Version[]): string[] => versions.map(({ content }) => content.hash);

interface Move {
  readonly host: number;
  /** Whom it merges with, or itself: it takes a write. */
  readonly other: number;
  /** Of a write: what its writer had seen. */
  readonly seen: 'nothing' | 'all' | 'own';
}

const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.record({ host: fc.nat(2), other: fc.nat(2), seen: fc.constantFrom('nothing', 'all', 'own') }),
  { minLength: 4, maxLength: 24 },
);

/** What three hosts hold after writes that their owner made here and there, and after meetings. */
function play(script: readonly Move[]): Version[][] {
  const held: Version[][] = [[], [], []];
  const own = [[], [], []] as ReturnType<typeof vectorOf>[];
  script.forEach(({ host, other, seen }, i) => {
    if (host !== other) {
      held[host] = joinVersions(rig.cast, held[host], held[other]);
      return;
    }
    const context = seen === 'nothing' ? [] : seen === 'all' ? vectorOf(rig.cast, held[host]) : own[host];
    const dot = nextDot(context, held[host], HOSTS[host], 1);
    const content = { hash: `w${i}`, sizeBytes: 1, keyId: 0 };
    const version: Version = { content, dot, context, writer: 9, writerBoot: 0, n: i, wallUs: i };
    held[host] = joinVersions(rig.cast, held[host], [version]);
    own[host] = seenAfter(rig.cast, version);
  });
  return held;
}

describe('laws of pods', () => {
  law(
    'what two hosts hold is joined alike in whatever order and however often they meet',
    moves,
    (script) => {
      const [a, b, c] = play(script);
      const join = (left: Version[], right: Version[]) => joinVersions(rig.cast, left, right);
      expect(nameOf(join(a, b))).to.deep.equal(nameOf(join(b, a)));
      expect(nameOf(join(join(a, b), c))).to.deep.equal(nameOf(join(a, join(b, c))));
      expect(nameOf(join(a, a))).to.deep.equal(nameOf(a));
      expect(nameOf(join(join(a, b), b))).to.deep.equal(nameOf(join(a, b)));
      return a.length + b.length + c.length > 1;
    },
    { seed: 61, runs: 400 },
  );

  law(
    'a write that nobody has seen is replaced by none',
    moves,
    (script) => {
      const all = play(script).reduce((left, right) => joinVersions(rig.cast, left, right));
      // Whoever wrote without having seen anything has replaced nothing: only a context drops a version.
      const blind = script.every(({ host, other, seen }) => host !== other || seen === 'nothing');
      if (!blind) return true;
      expect(all.length).to.equal(script.filter(({ host, other }) => host === other).length);
      return true;
    },
    { seed: 62, runs: 400 },
  );

  const owner = rig.peer('ann');
  const laws: fc.Arbitrary<PodLaw> = fc
    .record({
      version: fc.integer({ min: 1, max: 4 }),
      isDeletion: fc.boolean(),
      home: fc.constantFrom('eu/fr', 'eu/de'),
    })
    .map(({ version, isDeletion, home }) => ({
      pod: 'p',
      policy: isDeletion ? null : signPolicy(rig.cast, owner, 1, version, {}, home),
      deletion: isDeletion ? signDeletion(rig.cast, owner, 1) : null,
      book: EMPTY_BOOK as PodLaw['book'],
    }));

  law(
    'what an owner has said of a pod is joined alike in whatever order it is heard, and a deletion beats all',
    fc.tuple(laws, laws, laws),
    ([a, b, c]) => {
      expect(joinLaws(rig.cast, a, b)).to.deep.equal(joinLaws(rig.cast, b, a));
      expect(joinLaws(rig.cast, joinLaws(rig.cast, a, b), c)).to.deep.equal(
        joinLaws(rig.cast, a, joinLaws(rig.cast, b, c)),
      );
      expect(joinLaws(rig.cast, a, a)).to.deep.equal(a);
      const isDeleted = [a, b, c].some(({ deletion }) => deletion !== null);
      expect(joinLaws(rig.cast, joinLaws(rig.cast, a, b), c).deletion !== null).to.equal(isDeleted);
      return true;
    },
    { seed: 63, runs: 300 },
  );

  law(
    'whatever the policy, the places and levels of hosts, and which of them are there: holders are where and whom data may be with',
    fc
      .record({
        home: fc.constantFrom(...REGIONS),
        allowedRegions: fc.subarray(REGIONS),
        requiredRegion: fc.option(fc.constantFrom(...REGIONS)),
        crossBorderAllowed: fc.boolean(),
        places: fc.array(fc.constantFrom(...REGIONS), { minLength: 1, maxLength: 9 }),
        heardUs: fc.array(fc.constantFrom(0, 5, 29, 31, 60), { minLength: 9, maxLength: 9 }),
        levels: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 9, maxLength: 9 }),
        encryptionRequired: fc.boolean(),
        pod: fc.nat(0xffffff),
      })
      .filter(({ home, ...said }) => findPolicyFault(home, { ...AT_HOME, ...said }) === null),
    ({ home, places, heardUs, levels, pod, ...said }) => {
      const policy = { ...AT_HOME, ...said };
      const rule = compilePolicy(home, policy);
      const { node } = rig.station('host-1');
      const none = {
        agreement: 'one',
        isLeaving: false,
        boot: 1,
        seen: 0,
        grantedUs: 0,
      };
      const fellows: Fellows = new Map();
      for (const [i, region] of places.entries()) {
        const peer = 100 + i;
        const signed = { subject: peer, level: levels[i], issuer: 1, runBy: '', signature: '' };
        const attestations = [{ ...signed, fromWallUs: 0, untilWallUs: 1 }];
        const heard = { heardUs: heardUs[i] * SECOND_US, askedUs: 0, askedN: 0 };
        fellows.set(peer, { ...none, ...heard, region, trust: 4, attestations });
      }
      const rankless = {
        ...node,
        pure: { ...rig.cast, rank: (peer: Peer) => peer * 7 },
      } as unknown as typeof node;
      const now = { monoUs: 60 * SECOND_US, wallUs: 0 };
      const holders = desiredHolders(rankless, fellows, now, pod.toString(16).padStart(16, 'a'), rule);
      expect(holders.length).to.be.at.most(node.config.parameters.podCopies);
      for (const { region, level } of holders) {
        expect(allowsStorage(rule, region)).to.equal(true);
        expect(level).to.be.at.least(said.encryptionRequired ? PEER : COMMUNITY);
      }
      // Who is not chosen changes nothing by going.
      const chosen = new Set(holders.map(({ peer }) => peer));
      const fewer = new Map([...fellows].filter(([peer]) => chosen.has(peer)));
      const again = desiredHolders(rankless, fewer, now, pod.toString(16).padStart(16, 'a'), rule);
      expect(again).to.deep.equal(holders);
      return true;
    },
    { seed: 64, runs: 500 },
  );

  law(
    'whatever fails and comes back, a certificate is true of every disk, and nothing comes back',
    fc.array(
      fc.record({ what: fc.constantFrom('crash', 'boot', 'cut', 'heal', 'delete', 'wait'), host: fc.nat(3) }),
      { minLength: 3, maxLength: 12 },
    ),
    (script) => {
      const stage = new Rig(podCluster(['eu/fr', 'eu/fr', 'eu/fr', 'eu/de'])).start();
      const ann = new PodOwner(stage);
      const policy = signPolicy(stage.cast, ann.peer, 1, 1, {
        allowedRegions: ['eu'],
        crossBorderAllowed: true,
      });
      ann.write(policy, 'one');
      stage.advance(8 * SECOND_US);
      const cut = new Set<Peer>();
      stage.drops = ({ from, to }) => from >= 0 && to >= 0 && cut.has(from) !== cut.has(to);
      let isCertified = false;
      const look = (): void => {
        const told = stage.mail.filter(({ kind }) => kind === kinds.POD_DELETED);
        isCertified ||= told.some(({ body }) => (body as PodDeleted).isCertified);
        if (isCertified) expect(holdersOf(stage, ann.podId())).to.deep.equal([]);
      };
      for (const { what, host } of script) {
        const name = `host-${host + 1}`;
        const { isUp } = stage.station(name);
        if (what === 'crash' && isUp) stage.crash(name);
        else if (what === 'boot' && !isUp) stage.boot(name);
        else if (what === 'cut') cut.add(stage.peer(name));
        else if (what === 'heal') cut.clear();
        else if (what === 'delete')
          ann.send(kinds.POD_DELETE, { deletion: signDeletion(stage.cast, ann.peer, 1), circle: [] });
        stage.pump();
        stage.advance((what === 'wait' ? 12 : 2) * SECOND_US);
        look();
      }
      for (const { name, isUp } of stage.stations.values()) if (!isUp) stage.boot(name);
      cut.clear();
      stage.pump();
      stage.advance(40 * SECOND_US);
      look();
      return script.some(({ what }) => what === 'delete');
    },
    { seed: 65, runs: 40 },
  );
});
