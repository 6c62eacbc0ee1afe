import type { Join, Pending } from '../../core/cluster/affiliation/affiliation-bodies.ts';
import { expect } from 'chai';
import { certificateOf, GONE } from '../../core/cluster/affiliation/affiliation.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import * as kinds from '../../core/machine/kinds.ts';
import type { Parameters } from '../../core/machine/parameters.ts';
import { CLUSTER_UNREACHABLE, ERROR_CODES, NOT_ADMITTED } from '../../core/routing/outcomes.ts';
import { admissionHash } from '../../core/trust/admission.ts';
import type { Certificate } from '../../core/trust/documents.ts';
import { consoleOf, manifestFor, NodeDiscovery, type ClusterDiscovery } from '../../sim/cluster-discovery.ts';
import { Simulation } from '../../sim/simulate.ts';
import { tinyNode, tinyScenario } from '../sim/tiny-scenario.ts';
import { certifyFor, countRefusals, envelopeOf, FEDERATION, Rig, SECOND_US, type NodeSpec } from '../rig.ts';

const OPERATOR = 'operator 1 of france';
const NEWCOMER: NodeSpec = { ...FEDERATION[1], name: 'newcomer', isAdmitted: false };

/** France of a front and a compute node, which know each other, and a newcomer that nobody has admitted. */
function france(changes: Partial<NodeSpec> = {}, operators = 1, parameters: Partial<Parameters> = {}): Rig {
  const specs = [{ ...FEDERATION[0], peered: [] }, FEDERATION[1], { ...NEWCOMER, ...changes }];
  return new Rig(specs.map((spec) => ({ ...spec, operators, parameters }))).start();
}

/** An operator's order, and what the operator has heard since. */
function tell(rig: Rig, name: string, kind: number, body: unknown, from = OPERATOR): Envelope[] {
  const before = rig.mail.length;
  rig.wire.push(envelopeOf(kind, rig.peer(from), rig.peer(name), body, { n: before + 1 }));
  rig.pump();
  return rig.mail.slice(before);
}

function order(rig: Rig, name = 'newcomer', changes: Partial<Join> = {}, from = OPERATOR): Envelope[] {
  return tell(rig, name, kinds.JOIN, { application: null, certificate: null, seeds: [], ...changes }, from);
}

function approve(rig: Rig, ticket: string, operator = OPERATOR, sponsor = 'front'): Envelope[] {
  const signature = rig.cast.sign(rig.peer(operator), ticket);
  return tell(rig, sponsor, kinds.APPROVE, { ticket, signature }, operator);
}

function namesOf(envelopes: readonly Envelope[]): string[] {
  return envelopes.map(({ kind }) => kinds.nameOfKind(kind));
}

function refusalIn([envelope]: Envelope[]): string {
  const { code, detail } = envelope.body as kinds.Refused;
  return `${ERROR_CODES[code]}: ${detail}`;
}

function membersOf(rig: Rig, name: string): string[] {
  const { membership } = rig.node(name);
  if (membership === null) return [];
  const rows = Array.from({ length: membership.table.count }, (_, row) => row);
  return rows
    .filter((row) => membership.table.isLiveAt(row))
    .map((row) => rig.cast.nameOf(membership.table.peerAt(row)))
    .sort((left, right) => (left < right ? -1 : 1));
}

function certificateFor(rig: Rig, name: string, changes: Partial<Certificate> = {}): Certificate {
  return certifyFor(rig.cast, rig.node('front').config.genesis, rig.peer(name), changes);
}

const ALL = ['compute-1', 'front', 'newcomer'];

describe('joining a cluster', () => {
  it('R5.1-2: a node that is not admitted is no member, does no work, and tries nothing by itself', () => {
    const rig = france();
    expect(membersOf(rig, 'front')).to.deep.equal(['compute-1', 'front']);
    expect(rig.node('newcomer').membership).to.equal(null);
    const run = envelopeOf(kinds.RUN, rig.peer('front'), rig.peer('newcomer'), rig.want());
    const [refused] = rig.deliver(run);
    expect([refused.kind, (refused.body as kinds.Refused).code]).to.deep.equal([kinds.REFUSED, NOT_ADMITTED]);
  });

  it('R5.1-2: with a certificate the sponsor dials back, and it is a member; its disk keeps that', () => {
    const rig = france();
    const certificate = certificateFor(rig, 'newcomer');
    const heard = order(rig, 'newcomer', { certificate });
    expect(namesOf(heard)).to.deep.equal(['RESPONSE/joined']);
    const dial = rig.sent.find(({ kind }) => kind === kinds.DIAL)!;
    expect([rig.cast.nameOf(dial.from), (dial.body as kinds.Dial).address]).to.deep.equal([
      'front',
      'newcomer',
    ]);
    rig.advance(3 * SECOND_US);
    for (const name of ALL) expect(membersOf(rig, name), name).to.deep.equal(ALL);
    rig.crash('newcomer');
    rig.boot('newcomer');
    rig.pump();
    expect(certificateOf(rig.node('newcomer')), 'it asks nobody again').to.deep.equal(certificate);
    expect(rig.node('newcomer').membership).not.to.equal(null);
  });

  it('R5.1-2: joining twice is a no-op, for the one who is told and for the one who is asked', () => {
    const rig = france();
    order(rig, 'newcomer', { certificate: certificateFor(rig, 'newcomer') });
    rig.advance(3 * SECOND_US);
    const dials = rig.sent.filter(({ kind }) => kind === kinds.DIAL).length;
    expect(namesOf(order(rig))).to.deep.equal(['RESPONSE/joined']);
    expect(rig.sent.filter(({ kind }) => kind === kinds.DIAL)).to.have.length(dials);
    expect(membersOf(rig, 'front')).to.deep.equal(ALL);
  });

  it('R5.1-2: without a certificate it is pending with a ticket, until m operators have signed it', () => {
    const rig = france({}, 2);
    const [pending] = order(rig);
    expect(kinds.nameOfKind(pending.kind)).to.equal('RESPONSE/pending');
    const { ticket, terms, signed, needed } = pending.body as Pending;
    expect([signed, needed, rig.cast.nameOf(terms.subject)]).to.deep.equal([0, 2, 'newcomer']);
    expect(ticket, 'an operator can see what it signs').to.equal(admissionHash(rig.cast, terms));
    expect(namesOf(approve(rig, ticket))).to.deep.equal(['RESPONSE/pending']);
    expect(namesOf(approve(rig, ticket)), 'the same operator twice').to.deep.equal(['RESPONSE/pending']);
    expect(rig.node('newcomer').membership).to.equal(null);
    const heard = approve(rig, ticket, 'operator 2 of france');
    expect(namesOf(heard)).to.have.members(['RESPONSE/joined', 'RESPONSE/joined']);
    rig.advance(3 * SECOND_US);
    for (const name of ALL) expect(membersOf(rig, name), name).to.deep.equal(ALL);
  });

  it('R5.1-2: an applicant who misses the word asks again and hears it', () => {
    const rig = france();
    const { ticket } = order(rig)[0].body as Pending;
    rig.drops = ({ kind, to }) => kind === kinds.JOINED && to === rig.peer('newcomer');
    approve(rig, ticket);
    expect(rig.node('newcomer').membership).to.equal(null);
    rig.drops = () => false;
    rig.advance(31 * SECOND_US);
    expect(membersOf(rig, 'front')).to.deep.equal(ALL);
  });

  it('R5.1-2: only operators approve, only what is asked for, with their own signature', () => {
    const rig = france();
    const { ticket } = order(rig)[0].body as Pending;
    expect(refusalIn(approve(rig, ticket, 'mallory'))).to.match(/NOT_ADMITTED: only operators/);
    expect(refusalIn(approve(rig, 'another'))).to.match(/no such ticket/);
    const signature = rig.cast.sign(rig.peer('mallory'), ticket);
    expect(refusalIn(tell(rig, 'front', kinds.APPROVE, { ticket, signature }))).to.match(/signature is not/);
    expect(rig.node('newcomer').membership).to.equal(null);
    for (const why of ['not admitted', 'too late', 'forged'] as const)
      expect(countRefusals(rig.node('front'), why), why).to.equal(1);
  });

  it('R5.1-2: a ticket runs out', () => {
    const rig = france({}, 1, { ticketUs: 20 * SECOND_US, pollTicketUs: 600 * SECOND_US });
    const { ticket } = order(rig)[0].body as Pending;
    rig.advance(21 * SECOND_US);
    expect(refusalIn(approve(rig, ticket))).to.match(/no such ticket/);
  });

  it('R5.1-2: fails with the reason: not reached, another’s manifest, certificate or cluster, forged', () => {
    const attempts: [RegExp, (rig: Rig) => Partial<Join>][] = [
      [
        /signatures of operators that are needed/,
        (rig) => ({ certificate: { ...certificateFor(rig, 'newcomer'), untilWallUs: 2 ** 50 } }),
      ],
      [/certificate is of another node/, (rig) => ({ certificate: certificateFor(rig, 'compute-1') })],
      [
        /certificate has run out/,
        (rig) => ({ certificate: certificateFor(rig, 'newcomer', { untilWallUs: 1 }) }),
      ],
      [
        /certificate is of another cluster/,
        (rig) => ({ certificate: certificateFor(rig, 'newcomer', { genesis: 'x' }) }),
      ],
    ];
    for (const [reason, changes] of attempts) {
      const rig = france();
      const refusal = refusalIn(order(rig, 'newcomer', changes(rig)));
      expect(refusal)
        .to.match(/^NOT_ADMITTED/)
        .and.to.match(reason);
      expect(membersOf(rig, 'front')).to.deep.equal(['compute-1', 'front']);
    }
    const rig = france();
    rig.unreachable.add('newcomer');
    expect(refusalIn(order(rig))).to.match(/NOT_ADMITTED: not reached at the address that it gives/);
  });

  it('R5.1-2: somebody else’s address is found out, and a manifest that it did not sign', () => {
    const rig = france();
    const newcomer = rig.node('newcomer');
    const application = {
      manifest: newcomer.config.manifest,
      version: { epoch: newcomer.epoch, version: newcomer.manifestVersion },
      signature: newcomer.signature,
      address: 'compute-1',
    };
    const apply = (changes: object): string => {
      const body = { application: { ...application, ...changes }, certificate: null, seeds: [] };
      rig.deliver(envelopeOf(kinds.JOIN, newcomer.self, rig.peer('front'), body));
      const before = rig.sent.length;
      rig.pump();
      const all = rig.sent.slice(before - 1);
      return refusalIn(all.filter(({ kind }) => kind === kinds.REFUSED));
    };
    expect(apply({})).to.match(/another node answers/);
    expect(apply({ address: '' })).to.match(/no address/);
    expect(apply({ signature: 'x' })).to.match(/not signed by it/);
    expect(apply({ manifest: rig.node('compute-1').config.manifest })).to.match(
      /manifest is of another node/,
    );
    expect(apply({ manifest: { ...application.manifest, cluster: 'brazil' } })).to.match(
      /this is cluster france/,
    );
    const counted = (['not reached', 'forged', 'not for this node'] as const).map((why) =>
      countRefusals(rig.node('front'), why),
    );
    expect(counted, 'each is counted with its reason').to.deep.equal([2, 2, 1]);
  });

  it('R5.1-1: seeds are tried in turn, by address too; with all of them dead the last known let it in', () => {
    const rig = france({ seeds: [] });
    const certificate = certificateFor(rig, 'newcomer');
    rig.crash('compute-1');
    const seeds = [
      { peer: null, address: 'nowhere' },
      { peer: rig.peer('compute-1'), address: 'compute-1' },
      { peer: null, address: 'front' },
    ];
    expect(order(rig, 'newcomer', { certificate, seeds })).to.deep.equal([]);
    rig.advance(11 * SECOND_US);
    expect(namesOf(rig.mail.slice(-1))).to.deep.equal(['RESPONSE/joined']);
    rig.boot('compute-1');
    rig.advance(40 * SECOND_US);
    rig.crash('newcomer');
    rig.crash('front');
    rig.boot('newcomer');
    rig.advance(5 * SECOND_US);
    expect(membersOf(rig, 'newcomer')).to.include('compute-1');
  });

  it('R5.1-1: gives up after three rounds, and says that it may be tried again', () => {
    const rig = france();
    rig.crash('front');
    expect(order(rig)).to.deep.equal([]);
    rig.advance(61 * SECOND_US);
    const { code } = rig.mail.at(-1)!.body as kinds.Refused;
    expect(code).to.equal(CLUSTER_UNREACHABLE);
    expect(rig.node('newcomer').affiliation!.joining).to.equal(null);
  });

  it('R5.1-1: two nodes that are each other’s seeds form one cluster, started at one instant', () => {
    const one: NodeSpec = { ...FEDERATION[0], name: 'one', seeds: ['two'], peered: [] };
    const two: NodeSpec = { ...FEDERATION[1], name: 'two', seeds: ['one'] };
    const rig = new Rig([one, two]);
    for (const name of ['one', 'two']) rig.boot(name);
    rig.pump();
    rig.advance(2 * SECOND_US);
    for (const name of ['one', 'two']) expect(membersOf(rig, name)).to.deep.equal(['one', 'two']);
    expect(namesOf(order(rig, 'one'))).to.deep.equal(['RESPONSE/joined']);
  });

  it('R5.1-1: the first of a cluster has nobody to ask', () => {
    const rig = new Rig([{ ...FEDERATION[0], peered: [], seeds: [], isAdmitted: false }]).start();
    expect(refusalIn(order(rig, 'front'))).to.match(/CLUSTER_UNREACHABLE/);
    expect(namesOf(order(rig, 'front', { certificate: certificateFor(rig, 'front') }))).to.deep.equal([
      'RESPONSE/joined',
    ]);
    expect(membersOf(rig, 'front')).to.deep.equal(['front']);
  });

  it('is told to join and to leave by whoever runs it, and by nobody else', () => {
    const rig = france();
    expect(refusalIn(order(rig, 'newcomer', {}, 'mallory'))).to.match(/only whoever runs/);
    expect(refusalIn(tell(rig, 'compute-1', kinds.LEAVE, {}, 'mallory'))).to.match(/only whoever runs/);
    expect(membersOf(rig, 'front')).to.deep.equal(['compute-1', 'front']);
  });

  it('keeps applications within a bound', () => {
    const rig = france({}, 1, { maxTickets: 0, joinRounds: 1 });
    expect(refusalIn(order(rig)), 'too many others apply: it goes on to the next').to.match(
      /CLUSTER_UNREACHABLE/,
    );
  });
});

describe('leaving a cluster', () => {
  it('R5.1-3: what has begun is finished first, nothing new is taken, and nobody suspects it', () => {
    const rig = france();
    rig.isInferring = false;
    rig.ask('ann', 'front', 1);
    rig.pump();
    expect(tell(rig, 'compute-1', kinds.LEAVE, {})).to.deep.equal([]);
    rig.advance(2 * SECOND_US);
    expect(rig.node('front').index!.directory.get(rig.peer('compute-1'))!.load!.draining).to.equal(true);
    const late = rig.deliver(
      envelopeOf(kinds.RUN, rig.peer('front'), rig.peer('compute-1'), rig.want(), { n: 9 }),
    );
    expect(refusalIn(late)).to.match(/NOT_READY: the node is leaving/);
    expect(rig.node('compute-1').membership!.isLeaving).to.equal(false);
    rig.isInferring = true;
    rig.pump();
    expect(namesOf(rig.outcomes('ann', 1))).to.deep.equal(['RESPONSE/answer']);
    rig.advance(3 * SECOND_US);
    expect(namesOf(rig.mail.slice(-1))).to.deep.equal(['RESPONSE/left']);
    expect(membersOf(rig, 'front')).to.deep.equal(['front']);
    rig.advance(30 * SECOND_US);
    const notes = rig.notes.map(({ body }) => (body as kinds.Noted).note);
    expect(notes).not.to.include(kinds.NOTE_SUSPECTED);
    expect(rig.node('compute-1').affiliation!.leaving!.stage).to.equal(GONE);
  });

  it('R5.1-3: a job that does not end holds it up for a bounded time', () => {
    const rig = france();
    rig.isInferring = false;
    rig.ask('ann', 'front', 1, { timeLeftUs: 60 * SECOND_US });
    rig.pump();
    tell(rig, 'compute-1', kinds.LEAVE, {});
    rig.advance(59 * SECOND_US);
    expect(membersOf(rig, 'front')).to.include('compute-1');
    rig.advance(8 * SECOND_US);
    expect(membersOf(rig, 'front')).to.deep.equal(['front']);
  });

  it('R5.1-3: leaving twice is a no-op; a restart does not bring it back, an order does', () => {
    const rig = france();
    tell(rig, 'compute-1', kinds.LEAVE, {});
    rig.advance(10 * SECOND_US);
    expect(namesOf(tell(rig, 'compute-1', kinds.LEAVE, {}))).to.deep.equal(['RESPONSE/left']);
    rig.crash('compute-1');
    rig.boot('compute-1');
    rig.advance(5 * SECOND_US);
    expect(rig.node('compute-1').membership).to.equal(null);
    expect(membersOf(rig, 'front')).to.deep.equal(['front']);
    expect(namesOf(order(rig, 'compute-1'))).to.deep.equal(['RESPONSE/joined']);
    rig.advance(5 * SECOND_US);
    expect(membersOf(rig, 'front')).to.deep.equal(['compute-1', 'front']);
    expect(rig.node('compute-1').presence.nextBeatUs).to.be.lessThan(1e12);
  });

  it('turns members-only words away once it has left, and says so to users', () => {
    const rig = france();
    tell(rig, 'front', kinds.LEAVE, {});
    rig.advance(10 * SECOND_US);
    rig.ask('ann', 'front', 1);
    rig.pump();
    expect(refusalIn(rig.outcomes('ann', 1))).to.match(/NOT_READY: this node is in no cluster/);
  });
});

describe('strangers', () => {
  it('are not heard on what only members say, are counted, and change nothing', () => {
    const rig = france();
    const front = rig.node('front');
    const before = front.index!.directory.size;
    const mallory = rig.peer('mallory');
    const find = envelopeOf(kinds.FIND, mallory, front.self, {
      model: 'a',
      withBridges: true,
      minTrust: 1,
      allowedRegions: [],
    });
    const [refused] = rig.deliver(find);
    expect(refusalIn([refused])).to.match(/NOT_ADMITTED: only members/);
    rig.deliver(envelopeOf(kinds.RUN, mallory, rig.peer('compute-1'), rig.want()));
    const manifest = { ...rig.node('compute-1').config.manifest, id: mallory };
    const body = { manifest, version: { epoch: 9, version: 9 }, signature: 'x', attestations: [] };
    expect(rig.deliver(envelopeOf(kinds.MANIFEST, mallory, front.self, body))).to.deep.equal([]);
    expect([front.index!.directory.size, front.refusals[0]]).to.deep.equal([before, 2]);
    expect([rig.node('compute-1').refusals[0], rig.node('compute-1').compute!.jobs.length]).to.deep.equal([
      1, 0,
    ]);
    rig.ask('ann', 'front', 1);
    rig.pump();
    expect(namesOf(rig.outcomes('ann', 1)), 'users are no nodes').to.deep.equal(['RESPONSE/answer']);
  });
});

describe('the interface of the specification', () => {
  it('R5.1-4: ClusterDiscovery is there as written, and what it promises comes to pass', async () => {
    const nodes = [
      tinyNode('france/front', 'france', 'eu/fr', ['gateway', 'index', 'bridge']),
      { ...tinyNode('france/newcomer', 'france', 'eu/fr', ['gateway']), joinsUs: 3_600e6 },
    ];
    const [first] = tinyScenario().clusters;
    const clusters = { clusters: [first], peerings: [], workloads: [], faults: [] };
    const { world } = new Simulation(tinyScenario({ nodes, ...clusters }));
    const [front, newcomer] = world.machines;
    const certificate = world.operators.certificateFor(newcomer);
    const discovery: ClusterDiscovery = new NodeDiscovery(consoleOf(world, newcomer), { certificate });
    world.run(2e6);
    const manifest = manifestFor(newcomer.node.config.manifest, world.identities.idOf(newcomer.peer));
    const joined = discovery.joinCluster('france', manifest);
    world.run(4e6);
    await joined;
    expect(front.node.membership!.table.liveCount).to.equal(2);
    await discovery.announceCapabilities(['gateway']);
    const found = discovery.discoverClusters();
    const left = discovery.leaveCluster('france');
    world.run(30e6);
    await left;
    expect(await found).to.be.an('array');
    expect(front.node.membership!.table.liveCount).to.equal(1);
  });
});
