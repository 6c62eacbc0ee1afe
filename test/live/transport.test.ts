import { expect } from 'chai';
import { io, type Socket } from 'socket.io-client';
import { decodeEnvelope, Encoder } from '../../core/machine/codec.ts';
import { Envelope } from '../../core/machine/envelope.ts';
import { BEAT, FIND, INFERRED, REFUSED, RUN, type Refused } from '../../core/machine/kinds.ts';
import type { Ref } from '../../core/machine/shape.ts';
import { NOT_ADMITTED } from '../../core/routing/outcomes.ts';
import { startFederation, type Federation } from '../../live/federation.ts';
import { hashBytes, LiveIds, openIdentity, signFrame, type Identity } from '../../live/identity.ts';
import { replayJournal } from '../../live/replay.ts';
import { ask, askUntil, journalsOf, makeFolder, pilotNode, pilotOf, removeFolder, until } from './pilot.ts';

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

describe('the transport between live nodes', function () {
  this.timeout(30_000);
  const folder = makeFolder();
  let federation: Federation;
  let gateway: Identity;
  let compute: Identity;
  let ids: LiveIds;
  let encoder: Encoder;
  let socket: Socket;

  before(async () => {
    federation = await startFederation(
      pilotOf([
        pilotNode('france/gateway', 'eu/fr', ['gateway', 'index']),
        pilotNode('france/compute', 'eu/fr', ['compute'], ['near']),
      ]),
      { folder },
    );
    [gateway, compute] = federation.nodes.map((node) => openIdentity(node.folder)) as [Identity, Identity];
    const roster = [gateway, compute].map(({ id, publicKey }) => ({
      id,
      name: id,
      cluster: 'france',
      publicKey,
    }));
    ids = new LiveIds(roster);
    encoder = new Encoder(ids);
    socket = io(federation.nodes[1]!.url, { transports: ['websocket'], forceNew: true });
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  });

  after(async () => {
    socket?.disconnect();
    await federation?.stop();
    removeFolder(folder);
  });

  function envelopeOf(kind: number, body: unknown, changes: Partial<Envelope> = {}): Uint8Array {
    const envelope = new Envelope();
    Object.assign(envelope, { kind, body, n: 1, originBoot: 1 });
    envelope.from = ids.peerOf(gateway.id);
    envelope.to = ids.peerOf(compute.id);
    envelope.origin = ids.peerOf(gateway.id);
    return encoder.envelope(Object.assign(envelope, changes));
  }

  function beat(changes: Partial<Envelope> = {}): Uint8Array {
    return envelopeOf(BEAT, { version: { epoch: 1, version: 1 }, load: LOAD }, changes);
  }

  function run(prompt: Ref): Uint8Array {
    return envelopeOf(RUN, {
      model: 'near',
      prompt,
      contextTokens: 1,
      maxTokens: 0,
      minTrust: 1,
      allowedRegions: ['eu'],
      timeLeftUs: 1_000_000,
      notAfterWallUs: (Date.now() + 1_000) * 1_000,
    });
  }

  /** Sends a frame as the gateway would, and returns which counts of the node rose. */
  async function send(...frame: unknown[]): Promise<Record<string, number>> {
    const before = await readCounts();
    socket.emit('envelope', ...frame);
    let risen: Record<string, number> = {};
    const endMs = performance.now() + 5_000;
    while (Object.keys(risen).length === 0 && performance.now() < endMs) {
      const now = await readCounts();
      const changed = Object.entries(now).filter(([reason, count]) => count > (before[reason] ?? 0));
      risen = Object.fromEntries(changed.map(([reason, count]) => [reason, count - (before[reason] ?? 0)]));
    }
    return risen;
  }

  async function readCounts(): Promise<Record<string, number>> {
    const text = await (await fetch(`${federation.nodes[1]!.url}/metrics`)).text();
    const counts: Record<string, number> = {};
    for (const [, reason, count] of text.matchAll(/^watershed_refused_total\{reason="([^"]+)"\} (\d+)$/gm))
      counts[reason!] = Number(count);
    return counts;
  }

  const signed = (bytes: Uint8Array, signer: Identity, contents: unknown = []): unknown[] => [
    signer.publicKey,
    bytes,
    signFrame(signer, bytes),
    contents,
  ];
  const prompt = Buffer.from('what the gateway was told');
  const reference = (): Ref => ({ hash: hashBytes(prompt), sizeBytes: prompt.length, keyId: 0 });

  it('takes a frame that its sender signed', async () => {
    const receivedOf = async (): Promise<number> => {
      const text = await (await fetch(`${federation.nodes[1]!.url}/metrics`)).text();
      return Number(/^watershed_ignored_total (\d+)$/m.exec(text)![1]);
    };
    const before = await receivedOf();
    socket.emit('envelope', ...signed(beat(), gateway));
    let after = before;
    for (let i = 0; i < 50 && after === before; i++) after = await receivedOf();
    expect(after, 'a compute node takes a heartbeat in, and ignores it').to.equal(before + 1);
  });

  it('hears nodes that nobody has told it of, as themselves, and answers over their connection', async () => {
    const stranger = openIdentity(`${folder}/stranger`);
    const from = ids.peerOf(stranger.id);
    const answers: unknown[][] = [];
    const own = io(federation.nodes[0]!.url, { transports: ['websocket'], forceNew: true });
    own.on('envelope', (...frame: unknown[]) => answers.push(frame));
    const find = { model: 'near', withBridges: false, minTrust: 1, allowedRegions: [] };
    const asked = envelopeOf(FIND, find, { from, origin: from, to: ids.peerOf(gateway.id) });
    own.emit('envelope', ...signed(asked, stranger));
    expect(await until(() => answers.length > 0, 5_000)).to.equal(true);
    const [publicKey, bytes, signature] = answers[0] as [string, Uint8Array, Uint8Array];
    expect(publicKey).to.equal(gateway.publicKey);
    expect(ids.verifyFrame(publicKey, bytes, signature)).to.equal(true);
    const answer = new Envelope();
    expect(decodeEnvelope(bytes, ids, answer)).to.equal(null);
    expect([answer.kind, answer.to]).to.deep.equal([REFUSED, from]);
    expect((answer.body as Refused).code, 'it is no member').to.equal(NOT_ADMITTED);
    own.disconnect();
  });

  it('refuses frames that are not what they say, each with its reason', async () => {
    const stranger = openIdentity(`${folder}/stranger`);
    const forged = signFrame(stranger, beat());
    const foreign = ids.peerOf(hashBytes('somebody else'));
    const wrong = Uint8Array.from(beat());
    wrong[0] = 0;
    const cases: [string, unknown[]][] = [
      ['malformed frame', []],
      ['malformed frame', [gateway.publicKey, 'text', forged, []]],
      ['malformed frame', [gateway.publicKey, beat(), forged, 'no list']],
      ['wrong sender', signed(beat(), stranger)],
      ['bad signature', ['no key', beat(), signFrame(gateway, beat()), []]],
      ['bad signature', [gateway.publicKey, beat(), forged, []]],
      ['bad signature', [gateway.publicKey, beat(), Buffer.alloc(3), []]],
      ['bad signature', [gateway.publicKey, beat({ n: 2 }), signFrame(gateway, beat()), []]],
      ['bad-magic', signed(wrong, gateway)],
      ['truncated', signed(beat().slice(0, 60), gateway)],
      ['wrong sender', signed(beat(), compute)],
      ['wrong sender', signed(beat({ from: -2 }), gateway)],
      ['wrong receiver', signed(beat({ to: foreign }), gateway)],
      ['wrong origin', signed(beat({ origin: -1 }), gateway)],
      ['device envelope', signed(inferred(), gateway)],
      ['content missing', signed(run(reference()), gateway)],
      ['content missing', signed(beat(), gateway, [prompt])],
      ['other content', signed(run(reference()), gateway, [Buffer.from('something else, as long')])],
      ['other content', signed(run({ ...reference(), sizeBytes: 1 }), gateway, [prompt])],
      ['malformed frame', signed(run(reference()), gateway, ['text'])],
    ];
    for (const [reason, frame] of cases) expect(await send(...frame), reason).to.deep.equal({ [reason]: 1 });
  });

  it('serves on after all of that, and none of it reached the node', async () => {
    const question = { model: 'near', text: 'still there?' };
    const { status } = await askUntil(federation.gatewayUrls[0]!, question, (reply) => reply.status === 200);
    expect(status).to.equal(200);
    expect((await ask(federation.gatewayUrls[0]!, question)).body['servedBy']).to.equal('france/compute');
    await federation.stop();
    const [journal] = journalsOf(federation.nodes[1]!);
    expect(replayJournal(journal!).verdict).to.equal('equal');
    expect(await until(() => federation.nodes.every(({ isRunning }) => !isRunning), 1_000)).to.equal(true);
  });

  function inferred(): Uint8Array {
    return envelopeOf(INFERRED, {
      answer: null,
      generatedTokens: 0,
      provider: '',
      computedUs: 0,
      error: 'x',
    });
  }
});
