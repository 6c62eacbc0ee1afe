import { expect } from 'chai';
import type { ClusterRecord, Peering, Revocation } from '../../../../core/cluster/border/border-documents.ts';
import { peeringHash, revocationHash } from '../../../../core/cluster/border/peering.ts';
import type { AgreedPeering } from '../../../../core/machine/config.ts';
import type { Envelope } from '../../../../core/machine/envelope.ts';
import * as kinds from '../../../../core/machine/kinds.ts';
import { ERROR_CODES } from '../../../../core/routing/outcomes.ts';
import { genesisHash } from '../../../../core/trust/genesis.ts';
import { peeringFor, recordFor, signByOperators } from '../../../agreements.ts';
import type { Cast } from '../../../cast.ts';
import {
  envelopeOf,
  FEDERATION,
  genesisOf,
  Rig,
  SECOND_US,
  WALL_START_US,
  type NodeSpec,
  countRefusals,
} from '../../../rig.ts';

type Terms = Parameters<typeof peeringFor>[4];

/** The federation with one peering as it is given, known to both sides, or to those named. */
function peeredBy(make: (cast: Cast) => AgreedPeering[], holders = ['france', 'brazil']): NodeSpec[] {
  return FEDERATION.map((spec) =>
    holders.includes(spec.cluster)
      ? { ...spec, agreements: (cast: Cast) => ({ peerings: make(cast) }) }
      : spec,
  );
}

const onTerms = (terms: Terms, holders?: string[]): NodeSpec[] =>
  peeredBy(
    (cast) => [{ peering: peeringFor(cast, FEDERATION, 'france', 'brazil', terms), revocation: null }],
    holders,
  );

const nothing = (holders: string[]): NodeSpec[] => peeredBy(() => [], holders);

function sessionsOf(rig: Rig, name: string): string[] {
  return rig.node(name).bridge!.sessions.sessions.map(({ peer }) => rig.cast.nameOf(peer));
}

function cross(rig: Rig, n = 1, model = 'b'): Envelope[] {
  const [from, to, origin] = ['front', 'brazil-front', 'ann'].map((name) => rig.peer(name));
  const body = { want: rig.want({ model }), path: ['france'] };
  return rig.deliver(envelopeOf(kinds.CROSS, from, to, body, { origin, n }));
}

const refusalsOf = (sent: readonly Envelope[]): string[] =>
  sent
    .filter(({ kind }) => kind === kinds.REFUSED)
    .map(({ body }) => ERROR_CODES[(body as kinds.Refused).code]);

function announce(
  rig: Rig,
  from: string,
  to: string,
  peering: Peering,
  revocation: Revocation | null,
): Envelope[] {
  return rig.deliver(envelopeOf(kinds.PEERING, rig.peer(from), rig.peer(to), { peering, revocation }));
}

function withdraw(cast: Cast, peering: Peering, spec: NodeSpec): Revocation {
  const hash = peeringHash(cast, peering);
  return {
    peering: hash,
    signatures: signByOperators(cast, genesisOf(cast, spec), revocationHash(cast, hash)),
  };
}

describe('the border of a cluster', () => {
  it('R5.2-4: is open to nobody without a peering, however well the clusters know each other', () => {
    const rig = new Rig(nothing(['france', 'brazil'])).start();
    expect(rig.node('front').bridge!.directory.entries.size).to.equal(2);
    expect([sessionsOf(rig, 'front'), sessionsOf(rig, 'brazil-front')]).to.deep.equal([[], []]);
    expect(refusalsOf(cross(rig))).to.deep.equal(['NO_ELIGIBLE_NODE']);
    expect(countRefusals(rig.node('brazil-front'), 'no peering')).to.equal(1);
  });

  it('holds no peering that only one side has signed', () => {
    const half = (cast: Cast): AgreedPeering[] => {
      const peering = peeringFor(cast, FEDERATION, 'france', 'brazil');
      return [{ peering: { ...peering, left: { ...peering.left, signatures: [] } }, revocation: null }];
    };
    const rig = new Rig(peeredBy(half)).start();
    expect([sessionsOf(rig, 'front'), sessionsOf(rig, 'brazil-front')]).to.deep.equal([[], []]);
    for (const name of ['front', 'brazil-front']) {
      expect(rig.node(name).bridge!.agreements.held.size).to.equal(0);
      expect(countRefusals(rig.node(name), 'forged')).to.equal(1);
    }
  });

  it('learns a peering from the other side, if its own operators have signed it', () => {
    const rig = new Rig(
      onTerms({}, ['france']).map((spec, i) => (i < 3 ? spec : nothing(['brazil'])[i])),
    ).start();
    expect([sessionsOf(rig, 'front'), sessionsOf(rig, 'brazil-front')]).to.deep.equal([
      ['brazil-front'],
      ['front'],
    ]);
    expect(refusalsOf(cross(rig))).to.deep.equal([]);
  });

  it('takes the later of two peerings, and exports by it at once', () => {
    const rig = new Rig().start();
    const narrow = peeringFor(rig.cast, FEDERATION, 'france', 'brazil', {
      version: 2,
      exports: { brazil: ['a'] },
    });
    announce(rig, 'mallory', 'brazil-front', narrow, null);
    rig.pump();
    expect(rig.node('front').bridge!.sessions.sessions[0].models).to.deep.equal(['a']);
    expect(refusalsOf(cross(rig))).to.deep.equal(['NO_ELIGIBLE_NODE']);
    announce(rig, 'mallory', 'brazil-front', peeringFor(rig.cast, FEDERATION, 'france', 'brazil'), null);
    rig.advance(5 * SECOND_US);
    expect(refusalsOf(cross(rig, 2)), 'the earlier one is over').to.deep.equal(['NO_ELIGIBLE_NODE']);
    expect(rig.node('front').bridge!.agreements.held.values().next().value!.peering.version).to.equal(2);
  });

  it('R5.2-4: closes when a peering runs out, by the wall clock, and opens when one begins', () => {
    const fromWallUs = WALL_START_US + 20 * SECOND_US;
    const rig = new Rig(onTerms({ fromWallUs, untilWallUs: fromWallUs + 20 * SECOND_US })).start();
    expect([sessionsOf(rig, 'front'), refusalsOf(cross(rig))]).to.deep.equal([[], ['NO_ELIGIBLE_NODE']]);
    rig.advance(15 * SECOND_US);
    expect([sessionsOf(rig, 'front'), refusalsOf(cross(rig, 2))]).to.deep.equal([['brazil-front'], []]);
    rig.advance(16 * SECOND_US + SECOND_US / 2);
    expect(rig.nowUs + rig.wallOffsetUs, 'just past the end').to.be.within(
      fromWallUs + 20 * SECOND_US,
      fromWallUs + 21 * SECOND_US,
    );
    expect(refusalsOf(cross(rig, 3)), 'to the microsecond, whatever the sessions').to.deep.equal([
      'NO_ELIGIBLE_NODE',
    ]);
    rig.advance(2 * SECOND_US);
    expect([sessionsOf(rig, 'front'), sessionsOf(rig, 'brazil-front')]).to.deep.equal([[], []]);
    const notes = rig.notes.map(({ body }) => (body as kinds.Noted).note);
    expect(notes.filter((note) => note === kinds.NOTE_SESSION_UP)).to.have.length(2);
    expect(notes.filter((note) => note === kinds.NOTE_SESSION_DOWN)).to.have.length(2);
  });

  it('closes on both sides when one withdraws its peering, and stays closed', () => {
    const rig = new Rig().start();
    const peering = peeringFor(rig.cast, FEDERATION, 'france', 'brazil');
    announce(rig, 'mallory', 'brazil-front', peering, withdraw(rig.cast, peering, FEDERATION[3]));
    rig.pump();
    expect([sessionsOf(rig, 'front'), sessionsOf(rig, 'brazil-front')]).to.deep.equal([[], []]);
    expect(refusalsOf(cross(rig))).to.deep.equal(['NO_ELIGIBLE_NODE']);
    // One that starts anew knows nothing of it, and is told.
    rig.boot('front');
    rig.advance(5 * SECOND_US);
    expect([sessionsOf(rig, 'front'), sessionsOf(rig, 'brazil-front')]).to.deep.equal([[], []]);
    const again = peeringFor(rig.cast, FEDERATION, 'france', 'brazil', { version: 2 });
    announce(rig, 'mallory', 'brazil-front', again, null);
    rig.advance(5 * SECOND_US);
    expect(sessionsOf(rig, 'front'), 'until there is a new one').to.deep.equal(['brazil-front']);
  });

  it('is not closed by whoever is on neither side', () => {
    const rig = new Rig().start();
    const peering = peeringFor(rig.cast, FEDERATION, 'france', 'brazil');
    const forged = { peering: peeringHash(rig.cast, peering), signatures: [] };
    announce(rig, 'mallory', 'brazil-front', peering, forged);
    expect(sessionsOf(rig, 'brazil-front')).to.deep.equal(['front']);
    expect(countRefusals(rig.node('brazil-front'), 'forged')).to.equal(1);
  });

  it('lets in only as many requests at once as the peering says, shared by its bridges', () => {
    const rig = new Rig(onTerms({ maxInFlight: 2 })).start();
    rig.isInferring = false;
    expect([1, 2, 3].map((n) => refusalsOf(cross(rig, n)))).to.deep.equal([[], [], ['OVERLOADED']]);
    rig.pump();
    rig.isInferring = true;
    rig.pump();
    expect(refusalsOf(cross(rig, 4)), 'one is done').to.deep.equal([]);
  });

  it('R5.1-5: learns new bridges, and lost ones, from the next version of a record', () => {
    const specs = [...FEDERATION, { ...FEDERATION[3], name: 'brazil-new', peered: ['front'] }];
    const old = (cast: Cast): { record: ClusterRecord } => ({
      record: recordFor(cast, FEDERATION, 'brazil'),
    });
    const rig = new Rig(
      specs.map((spec) => (spec.cluster === 'brazil' ? { ...spec, agreements: old } : spec)),
    ).start();
    expect(sessionsOf(rig, 'front')).to.deep.equal(['brazil-front']);
    const version = { epoch: 1, version: 2 };
    const both = recordFor(rig.cast, specs, 'brazil', { version });
    const tell = (record: ClusterRecord): void => {
      const body = { records: [{ record, hops: 1, ageUs: 0 }], asks: false };
      rig.deliver(envelopeOf(kinds.CLUSTER_NEWS, rig.peer('brazil-new'), rig.peer('front'), body));
      rig.advance(3 * SECOND_US);
    };
    tell(both);
    expect(sessionsOf(rig, 'front')).to.deep.equal(['brazil-front', 'brazil-new']);
    const bridges = both.bridges.filter(({ peer }) => peer === rig.peer('brazil-new'));
    tell(recordFor(rig.cast, specs, 'brazil', { version: { epoch: 1, version: 3 }, bridges }));
    expect(sessionsOf(rig, 'front')).to.deep.equal(['brazil-new']);
  });

  it('believes bridges for whom they speak, and no record that names another’s', () => {
    const rig = new Rig().start();
    const { sessions } = rig.node('front').bridge!.sessions;
    const heardUs = sessions[0].lastHeardUs;
    const before = countRefusals(rig.node('front'), 'no peering');
    const body = {
      exportsVersion: 0,
      heardVersion: 0,
      sentUs: 1,
      echoUs: 0,
      heldUs: 0,
      genesis: 'another',
      peeringVersion: 1,
    };
    rig.advance(SECOND_US / 2);
    rig.deliver(envelopeOf(kinds.SESSION, rig.peer('brazil-front'), rig.peer('front'), body));
    expect(sessions[0].lastHeardUs).to.be.within(heardUs, heardUs + SECOND_US);
    expect(countRefusals(rig.node('front'), 'no peering')).to.equal(before + 1);
  });

  it('R5.1-5: lists what was heard, own cluster first, with age, source, and whether there is a peering', () => {
    const rig = new Rig().start();
    rig.advance(SECOND_US);
    const ask = (from: number): kinds.Clusters => {
      const asked = envelopeOf(kinds.FIND_CLUSTERS, rig.peer('ann'), rig.peer('front'), { from });
      return rig.deliver(asked)[0].body as kinds.Clusters;
    };
    const { clusters, total } = ask(0);
    expect(total).to.equal(2);
    expect(clusters.map(({ cluster, isOwn, isPeered }) => [cluster, isOwn, isPeered])).to.deep.equal([
      ['france', true, false],
      ['brazil', false, true],
    ]);
    const [france, brazil] = clusters;
    expect([france.ageUs, france.source]).to.deep.equal([0, rig.peer('front')]);
    expect(brazil.ageUs).to.be.greaterThan(8 * SECOND_US);
    expect(brazil).to.deep.include({
      genesis: genesisHash(rig.cast, genesisOf(rig.cast, FEDERATION[3])),
      region: 'americas/br',
      bridges: 1,
      exports: ['*'],
      version: { epoch: 1, version: 1 },
      source: rig.peer('brazil-front'),
    });
    expect(ask(1).clusters.map(({ cluster }) => cluster)).to.deep.equal(['brazil']);
    expect(ask(2)).to.deep.equal({ clusters: [], total: 2 });
  });

  it('R5.1-5: a gateway that is no bridge passes the question on, and the answer back', () => {
    const gateway: NodeSpec = { name: 'door', cluster: 'france', region: 'eu/fr', types: ['gateway'] };
    const rig = new Rig([...FEDERATION, gateway]).start();
    rig.wire.push(envelopeOf(kinds.FIND_CLUSTERS, rig.peer('ann'), rig.peer('door'), { from: 0 }, { n: 7 }));
    rig.pump();
    const [answer, ...none] = rig.mail.filter(({ kind }) => kind === kinds.CLUSTERS);
    expect(none).to.deep.equal([]);
    expect([answer.from, answer.n]).to.deep.equal([rig.peer('door'), 7]);
    expect((answer.body as kinds.Clusters).total).to.equal(2);
    const stray = envelopeOf(kinds.CLUSTERS, rig.peer('mallory'), rig.peer('door'), answer.body, {
      origin: rig.peer('ann'),
    });
    expect(rig.deliver(stray), 'what no bridge of its own says is not passed on').to.deep.equal([]);
  });
});
