import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { INCARNATIONS, MAX_LEAP } from '../../core/cluster/membership/incarnation.ts';
import { ALIVE, bitOfType, DEAD, type Member } from '../../core/cluster/membership/member.ts';
import { decodeEnvelope, Encoder } from '../../core/machine/codec.ts';
import type { NodeConfig } from '../../core/machine/config.ts';
import { Envelope } from '../../core/machine/envelope.ts';
import {
  APPROVE,
  BEAT,
  FIND_MEMBERS,
  GOSSIP,
  MANIFEST,
  PING,
  REFUSED,
  RUN,
  type Refused,
} from '../../core/machine/kinds.ts';
import { NOT_ADMITTED } from '../../core/routing/outcomes.ts';
import { admissionHash } from '../../core/trust/admission.ts';
import type { Certificate } from '../../core/trust/documents.ts';
import { readNodeConfig, readRoster, type LiveConfig } from '../../live/config.ts';
import { startFederation, type Federation, type RunningNode } from '../../live/federation.ts';
import { hashBytes, LiveIds, openIdentity, signHash, type Identity } from '../../live/identity.ts';
import {
  ask,
  askUntil,
  expectReplays,
  makeFolder,
  metricsWhen,
  pilotNode,
  pilotOf,
  readMetric,
  removeFolder,
  until,
} from './pilot.ts';
import { openVoice, signed, type Voice } from './voice.ts';

const QUESTION = { model: 'near', text: 'Where does the water go?' };
const LOAD = {
  running: 0,
  queued: 0,
  slots: 1,
  room: 1,
  serviceUs: 0,
  freeMemoryBytes: 0,
  installedModels: [],
  loadedModels: [],
  draining: false,
};

/** Programs that speak the protocol and mean harm: an outsider, and one that has stolen the key of a member. */
describe('a live cluster among misbehaving peers', function () {
  this.timeout(60_000);
  const folder = makeFolder();
  const lost: string[] = [];
  const voices: Voice[] = [];
  let federation: Federation;
  let front: RunningNode;
  let compute: RunningNode;
  let ids: LiveIds;
  let configOf: (node: RunningNode) => NodeConfig;
  /** Knows everything that is public, and is nobody. */
  let outsider: Identity;
  /** The key of a member, in the wrong hands. */
  let stolen: Identity;

  before(async () => {
    const pilot = pilotOf([
      pilotNode('france/front', 'eu/fr', ['gateway', 'index', 'bridge']),
      pilotNode('france/compute', 'eu/fr', ['compute'], ['near']),
      pilotNode('france/careless', 'eu/fr', ['bridge']),
    ]);
    federation = await startFederation(pilot, { folder, onLost: (name) => lost.push(name) });
    const careless = federation.nodes[2]!;
    [front, compute] = [federation.nodes[0]!, federation.nodes[1]!];
    const fileOf = (node: RunningNode): LiveConfig =>
      JSON.parse(readFileSync(join(node.folder, 'config.json'), 'utf8')) as LiveConfig;
    ids = new LiveIds(readRoster(fileOf(front).roster));
    configOf = (node) => readNodeConfig(fileOf(node).node, ids);
    stolen = openIdentity(careless.folder);
    outsider = openIdentity(join(folder, 'outsider'));
    await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 3, 20_000);
    await askUntil(front.url, QUESTION, ({ status }) => status === 200);
  });

  after(async () => {
    for (const { socket } of voices) socket.disconnect();
    await federation?.stop();
    removeFolder(folder);
  });

  async function speakTo(node: RunningNode): Promise<Voice> {
    const voice = await openVoice(node.url);
    voices.push(voice);
    return voice;
  }

  let nextN = 1_000_000;
  function bytesOf(speaker: Identity, to: RunningNode, kind: number, body: unknown): Uint8Array {
    const envelope = new Envelope();
    envelope.kind = kind;
    envelope.from = envelope.origin = ids.peerOf(speaker.id);
    envelope.to = configOf(to).manifest.id;
    envelope.originBoot = 1;
    envelope.n = nextN++;
    envelope.body = body;
    return new Encoder(ids).envelope(envelope);
  }

  /** Waits until what a node has counted under a reason has risen by so many, and no more; or the time is over. */
  async function expectCounted(
    node: RunningNode,
    metric: string,
    before: Record<string, number>,
    rise: Record<string, number>,
  ): Promise<void> {
    const risen = (now: Record<string, number>): Record<string, number> =>
      Object.fromEntries(
        Object.keys(now)
          .map((reason): [string, number] => [reason, now[reason]! - (before[reason] ?? 0)])
          .filter(([, count]) => count > 0),
      );
    const isSo = (now: Record<string, number>): boolean =>
      Object.entries(rise).every(([reason, count]) => (risen(now)[reason] ?? 0) >= count);
    const [last] = await metricsWhen([node], metric, isSo, 10_000);
    expect(risen(last!), `${metric} of ${node.name}`).to.deep.equal(rise);
  }

  async function expectUnharmed(): Promise<void> {
    const seen = await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 3, 10_000);
    expect(seen.map(({ alive, dead }) => [alive, dead])).to.deep.equal(seen.map(() => [3, 0]));
    expect((await ask(front.url, QUESTION)).body['servedBy']).to.equal('france/compute');
  }

  /** What a node would say of itself in gossip. */
  function memberOf(id: string, certificate: Certificate | null, changes: Partial<Member> = {}): Member {
    return {
      peer: ids.peerOf(id),
      incarnation: INCARNATIONS,
      state: ALIVE,
      types: bitOfType('index'),
      address: 'http://127.0.0.1:9',
      from: null,
      certificate,
      ...changes,
    };
  }

  it('R5.1-2: nobody becomes a member by a certificate that is forged, borrowed or of nobody', async () => {
    const { genesis, certificate } = configOf(compute);
    const own = { ...certificate!, subject: ids.peerOf(outsider.id) };
    const forgedBy = (signer: Identity): Certificate => ({
      ...own,
      signatures: genesis.operators.map((operator) => ({
        operator,
        signature: signHash(signer, admissionHash(ids, own)),
      })),
    });
    const certificates = [null, certificate, own, forgedBy(outsider), forgedBy(stolen)];
    const voice = await speakTo(front);
    const before = await readMetric(front.url, 'turned_away_total');
    for (const claimed of certificates) {
      const find = {
        cluster: 'france',
        own: memberOf(outsider.id, claimed),
        liveHigh: 0,
        liveLow: 0,
      };
      voice.socket.emit('envelope', ...signed(voice, bytesOf(outsider, front, FIND_MEMBERS, find), outsider));
    }
    const reason = 'not admitted';
    await expectCounted(front, 'turned_away_total', before, { [reason]: certificates.length });
    // Nor by way of a member that vouches for it.
    const items = certificates.map((claimed) => memberOf(outsider.id, claimed));
    voice.socket.emit('envelope', ...signed(voice, bytesOf(stolen, front, GOSSIP, { items }), stolen));
    await expectCounted(front, 'turned_away_total', before, { [reason]: 2 * certificates.length });
    await expectUnharmed();
  });

  it('R5.1-2: who is no member is heard on nothing that members say to one another', async () => {
    const voice = await speakTo(compute);
    const refusals: string[] = [];
    voice.socket.on('envelope', (...frame: unknown[]) => {
      const answer = new Envelope();
      if (decodeEnvelope(frame[2] as Uint8Array, ids, answer) !== null || answer.kind !== REFUSED) return;
      const { code, detail } = answer.body as Refused;
      expect(code).to.equal(NOT_ADMITTED);
      refusals.push(detail);
    });
    const before = await readMetric(compute.url, 'turned_away_total');
    const prompt = Buffer.from('compute this for nothing');
    const run = {
      model: 'near',
      prompt: { hash: hashBytes(prompt), sizeBytes: prompt.length, keyId: 0 },
      contextTokens: 1,
      maxTokens: 0,
      minTrust: 1,
      allowedRegions: ['eu'],
      pods: [],
      timeLeftUs: 1_000_000,
      notAfterWallUs: (Date.now() + 1_000) * 1_000,
    };
    voice.socket.emit('envelope', ...signed(voice, bytesOf(outsider, compute, RUN, run), outsider, [prompt]));
    const approve = { ticket: 'any', signature: signHash(outsider, 'any') };
    voice.socket.emit('envelope', ...signed(voice, bytesOf(outsider, compute, APPROVE, approve), outsider));
    expect(await until(() => refusals.length === 2, 5_000)).to.equal(true);
    // Which of them is answered first depends on what else waits.
    expect(refusals).to.have.members([
      'only members of the cluster ask this',
      'only operators of the cluster admit nodes',
    ]);
    await expectCounted(compute, 'turned_away_total', before, { 'of no member': 1, 'not admitted': 1 });
    await expectUnharmed();
  });

  it('R5.2-2: a liar kills nobody, and cannot use up the incarnations of others', async () => {
    const voice = await speakTo(front);
    const before = await readMetric(front.url, 'turned_away_total');
    const victim = configOf(compute).manifest.id;
    const certificate = configOf(compute).certificate;
    const told = (changes: Partial<Member>): Member => ({
      ...memberOf(ids.idOf(victim), certificate),
      types: bitOfType('compute'),
      from: ids.peerOf(stolen.id),
      ...changes,
    });
    const lies = [
      told({ state: DEAD, incarnation: INCARNATIONS + 7 }),
      told({ state: ALIVE, incarnation: INCARNATIONS + 2 * MAX_LEAP }),
      told({ state: DEAD, incarnation: INCARNATIONS + 2 * MAX_LEAP }),
    ];
    for (const items of lies.map((lie) => [lie]))
      voice.socket.emit('envelope', ...signed(voice, bytesOf(stolen, front, GOSSIP, { items }), stolen));
    await expectCounted(front, 'turned_away_total', before, { malformed: 2 });
    await expectUnharmed();
  });

  it('R4-3: nobody speaks for another: neither in a frame, nor by a manifest, nor with a signature of his own', async () => {
    const voice = await speakTo(front);
    const refused = await readMetric(front.url, 'refused_total');
    const beat = { version: { epoch: 1, version: 1 }, load: LOAD };
    const asCompute = openIdentity(compute.folder);
    const overheard = bytesOf(asCompute, front, BEAT, beat);
    voice.socket.emit('envelope', ...signed(voice, overheard, stolen));
    const real = signed(voice, bytesOf(stolen, front, PING, { items: [] }), stolen);
    for (let i = 0; i < 10; i++) voice.socket.emit('envelope', ...real);
    const elsewhere = await speakTo(compute);
    voice.socket.emit('envelope', ...signed(elsewhere, bytesOf(stolen, front, PING, { items: [] }), stolen));
    await expectCounted(front, 'refused_total', refused, {
      'wrong sender': 1,
      'said before': 9,
      'bad signature': 1,
    });

    const before = await readMetric(front.url, 'turned_away_total');
    const { manifest } = configOf(compute);
    const announced = {
      manifest: { ...manifest, claimedTrust: 1 },
      version: { epoch: Math.floor(Date.now() / 1_000) + 3_600, version: 1 },
      signature: signHash(stolen, 'what it says'),
      attestations: [],
    };
    const wrongs = [announced, { ...announced, manifest: { ...manifest, types: [] } }];
    for (const body of wrongs)
      voice.socket.emit('envelope', ...signed(voice, bytesOf(stolen, front, MANIFEST, body), stolen));
    await expectCounted(front, 'turned_away_total', before, { forged: 1, malformed: 1 });
    await expectUnharmed();
  });

  it('a flood of garbage is counted to the last frame, and questions are answered meanwhile', async () => {
    const voice = await speakTo(front);
    const refused = await readMetric(front.url, 'refused_total');
    const dropped = async (): Promise<number> => (await readMetric(front.url, 'inbox_dropped_total'))['']!;
    const floods = 500;
    let answered = 0;
    const asking = (async () => {
      for (let i = 0; i < 20; i++) if ((await ask(front.url, QUESTION)).status === 200) answered++;
    })();
    for (let i = 0; i < floods; i++) {
      voice.socket.emit('envelope', randomBytes(200));
      voice.socket.emit(
        'envelope',
        outsider.publicKey,
        1_000 + i,
        randomBytes(200),
        randomBytes(64),
        [],
        randomBytes(0),
      );
      voice.socket.emit('envelope', ...signed(voice, randomBytes(200).fill(0, 0, 1), outsider));
      voice.socket.emit('no such event', randomBytes(200));
    }
    await expectCounted(front, 'refused_total', refused, {
      'malformed frame': floods,
      'bad signature': floods,
      'bad-magic': floods,
    });
    const before = await readMetric(front.url, 'turned_away_total');
    const droppedBefore = await dropped();
    const beat = { version: { epoch: 1, version: 1 }, load: LOAD };
    for (let i = 0; i < floods; i++)
      voice.socket.emit('envelope', ...signed(voice, bytesOf(outsider, front, BEAT, beat), outsider));
    await expectCounted(front, 'turned_away_total', before, { 'of no member': floods });
    expect(await dropped(), 'there was room for all').to.equal(droppedBefore);
    await asking;
    expect(answered).to.equal(20);
    await expectUnharmed();
  });

  it('and nobody was lost; the journals replay to equal outboxes', async () => {
    expect(lost).to.deep.equal([]);
    for (const { url } of federation.nodes)
      expect(await readMetric(url, 'boots_total')).to.deep.equal({ '': 1 });
    await federation.stop();
    expectReplays(federation);
  });
});
