import { expect } from 'chai';
import fc from 'fast-check';
import { KINDS, nameOfKind, typeOfKind, STORE } from '../../../../core/machine/kinds.ts';
import * as kinds from '../../../../core/machine/kinds.ts';
import { foldNode } from '../../../../core/machine/node-state.ts';
import { NOT_ADMITTED, NOT_READY } from '../../../../core/routing/outcomes.ts';
import { ALL_KINDS, envelopesOfKind } from '../../../arbitraries.ts';
import { poolOf } from '../../../laws/play.ts';
import { countRefusals, FEDERATION, Rig, type NodeSpec } from '../../../rig.ts';

/** Said by members of the cluster, and by nobody else; the starred by users, too, each for itself and to a gateway. */
const MEMBERS_ONLY = [
  'DISCOVER/find',
  'DISCOVER/offers',
  'DISCOVER/directory',
  'DISCOVER/agents *',
  'DISCOVER/lease',
  'DISCOVER/models',
  'DISCOVER/holders',
  'ANNOUNCE/manifest',
  'ANNOUNCE/wanted',
  'ANNOUNCE/evidence',
  'ANNOUNCE/testimony',
  'ANNOUNCE/level',
  'ANNOUNCE/testimony-sum',
  'REQUEST/ask *',
  'REQUEST/run',
  'REQUEST/agent *',
  'REQUEST/agent-stop *',
  'REQUEST/step *',
  'REQUEST/pod-write *',
  'REQUEST/pod-read *',
  'REQUEST/pod-delete *',
  'REQUEST/pod-policy *',
  'REQUEST/pod-consent *',
  'REQUEST/pod-key',
  'REQUEST/model-page',
  'REQUEST/chunk',
  'RESPONSE/lease',
  'RESPONSE/pod-key',
  'RESPONSE/offered',
  'RESPONSE/agent',
  'RESPONSE/agents',
  'RESPONSE/step',
  'REPLICATE/directory',
  'REPLICATE/pod',
  'REPLICATE/pod-offer',
  'REPLICATE/pod-kept',
  'REPLICATE/pod-law',
  'REPLICATE/pod-law-kept',
  'REPLICATE/pod-key',
  'HEARTBEAT/beat',
];
/** What a stranger may say, and who judges it. */
const OPEN: Readonly<Record<string, string>> = {
  'DISCOVER/members': 'it introduces: the certificate that it brings decides',
  'DISCOVER/clusters': 'records of clusters are for everybody',
  'ANNOUNCE/exports': 'bridges, by their sessions',
  'ANNOUNCE/cluster': 'the signatures of the operators of that cluster decide',
  'ANNOUNCE/peering': 'the signatures of the operators of both sides decide',
  'ANNOUNCE/models': 'the signatures of publishers decide',
  'REQUEST/model': 'whoever runs the node gives it',
  'REQUEST/cross': 'bridges, by their peerings; of others it is for members',
  'REQUEST/join': 'a sponsor, by the application; of orders whoever runs the node',
  'REQUEST/leave': 'whoever runs the node gives it',
  'REQUEST/approve': 'operators alone sign',
  'RESPONSE/found': 'it answers a question that the receiver remembers',
  'RESPONSE/working': 'it answers a question that the receiver remembers',
  'RESPONSE/answer': 'it answers a question that the receiver remembers',
  'RESPONSE/refused': 'it answers a question that the receiver remembers',
  'RESPONSE/clusters': 'gateways hear it of their bridges',
  'RESPONSE/joined': 'it answers a question that the receiver remembers, and brings what decides',
  'RESPONSE/pending': 'it answers a question that the receiver remembers',
  'RESPONSE/pod-written': 'it answers an errand that the receiver remembers',
  'RESPONSE/pod': 'it answers an errand that the receiver remembers',
  'RESPONSE/pod-deleted': 'it answers an errand that the receiver remembers',
  'RESPONSE/pod-policy': 'it answers an errand that the receiver remembers',
  'RESPONSE/pod-consent': 'it answers an errand that the receiver remembers',
  'RESPONSE/holder': 'it answers a question that the receiver remembers',
  'RESPONSE/model': 'operators hear it, and no node',
  'REPLICATE/model-page': 'it answers a question that the receiver remembers, and its hash decides',
  'REPLICATE/chunk': 'it answers a question that the receiver remembers, and its hash decides',
  'REPLICATE/model-stock': 'publishers alone put it on a disk, and their signature decides',
  'RESPONSE/left': 'operators hear it, and no node',
  'REPLICATE/members': 'it introduces: the certificate of whoever sends it decides',
  'HEARTBEAT/session': 'bridges, by their peerings',
  'HEARTBEAT/ping': 'it is answered; of what it tells only newcomers with certificates are heard',
  'HEARTBEAT/ping-req': 'it costs a probe, within a bound',
  'HEARTBEAT/ack': 'it answers a probe that the receiver remembers',
  'HEARTBEAT/nack': 'it answers a probe that the receiver remembers',
  'HEARTBEAT/gossip': 'of what it tells only newcomers with certificates are heard',
};

const SUBJECT: NodeSpec = {
  ...FEDERATION[0],
  name: 'all',
  types: ['gateway', 'index', 'bridge', 'compute', 'pod-host'],
  models: ['a'],
};
const bare = (name: string): string => name.replace(' *', '');

describe('who may say what to a node', () => {
  const rig = new Rig([...FEDERATION, SUBJECT]).start();
  const { node } = rig.station('all');
  const stranger = rig.peer('mallory');

  it('is settled for every kind of the table', () => {
    const settled = [...MEMBERS_ONLY.map(bare), ...Object.keys(OPEN)];
    const named = ALL_KINDS.filter(({ kind }) => kind < STORE).map(({ name }) => name);
    expect(new Set(settled)).to.deep.equal(new Set(named));
    expect(settled).to.have.length(new Set(settled).size);
    for (const { name, kind, isForMembers, isOfUsers } of ALL_KINDS) {
      const isOpen = OPEN[name] !== undefined && kind !== kinds.CROSS;
      if (kind < STORE) expect(isForMembers, name).to.equal(!isOpen);
      expect(isOfUsers, name).to.equal(MEMBERS_ONLY.includes(`${name} *`));
    }
  });

  for (const entry of ALL_KINDS.filter(({ kind, isForMembers }) => kind < STORE && isForMembers)) {
    it(`${entry.name} of a stranger in another’s name is refused, counted once, and changes nothing`, () => {
      const told = fc.sample(envelopesOfKind(entry, poolOf(rig)), { seed: entry.kind, numRuns: 10 });
      for (const envelope of told) {
        Object.assign(envelope, { from: stranger, to: node.self, origin: rig.peer('ann') });
        if (entry.kind === kinds.CROSS)
          Object.assign(envelope, { body: { ...(envelope.body as object), path: [] } });
        // It is asked who it is, now and then.
        node.membership!.nextStrangerUs = Number.MAX_SAFE_INTEGER;
        const before = countRefusals(node);
        const strangers = countRefusals(node, 'of no member');
        const state = foldNode({ ...node, refusals: [] }).hex();
        for (const { kind, body } of rig.deliver(envelope))
          expect([nameOfKind(kind), (body as kinds.Refused).code]).to.deep.equal([
            'RESPONSE/refused',
            NOT_ADMITTED,
          ]);
        expect([countRefusals(node) - before, countRefusals(node, 'of no member') - strangers]).to.deep.equal(
          [1, 1],
        );
        expect(foldNode({ ...node, refusals: [] }).hex()).to.equal(state);
      }
    });
  }

  it('tells whoever asks a node that has just started and knows nobody yet to ask another', () => {
    const young = new Rig([...FEDERATION, SUBJECT]).start();
    young.crash('all');
    young.advance(1_000_000);
    young.boot('all');
    // What others say of themselves is lost for a while: it knows nobody.
    young.drops = ({ from, to }) => from >= 0 && to >= 0 && from !== to;
    young.pump();
    const codeAfter = (us: number): number => {
      young.advance(us);
      const front = young.peer(FEDERATION[0].name);
      const read = envelopesOfKind(
        ALL_KINDS.find(({ kind }) => kind === kinds.POD_READ)!,
        poolOf(young),
      );
      const [envelope] = fc.sample(read, { seed: 1, numRuns: 1 });
      Object.assign(envelope, { from: front, to: young.peer('all'), origin: young.peer('ann') });
      return (young.deliver(envelope)[0].body as kinds.Refused).code;
    };
    expect([codeAfter(100_000), codeAfter(3_000_000)]).to.deep.equal([NOT_READY, NOT_ADMITTED]);
  });

  it('lets users ask for themselves, of a gateway, and of no other node', () => {
    const compute = rig.node('compute-1');
    for (const { kind, isOfUsers, name } of ALL_KINDS) {
      if (!isOfUsers) continue;
      const [sample] = fc.sample(envelopesOfKind(KINDS[kind]!, poolOf(rig)), { seed: 1, numRuns: 1 });
      Object.assign(sample, { from: rig.peer('ann'), origin: rig.peer('ann') });
      const before = [node, compute].map((one) => countRefusals(one, 'of no member'));
      rig.deliver(Object.assign(sample, { to: node.self }));
      rig.deliver(Object.assign(sample, { to: compute.self }));
      const after = [node, compute].map((one) => countRefusals(one, 'of no member'));
      expect(after, name).to.deep.equal([before[0], before[1] + 1]);
    }
  });

  it('hears its devices from its devices: of another node it is refused, counted once, in any phase', () => {
    for (const entry of ALL_KINDS.filter(({ kind }) => typeOfKind(kind) === typeOfKind(STORE))) {
      const [told] = fc.sample(envelopesOfKind(entry, poolOf(rig)), { seed: 1, numRuns: 1 });
      Object.assign(told, { from: rig.peer('front'), to: node.self, origin: node.self });
      const before = countRefusals(node, 'of no device');
      expect(rig.deliver(told)).to.deep.equal([]);
      expect(countRefusals(node, 'of no device'), entry.name).to.equal(before + 1);
    }
  });
});
