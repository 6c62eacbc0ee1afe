import { expect } from 'chai';
import { decodeEnvelope, Encoder, MAX_ENVELOPE_BYTES, WIRE_VERSION } from '../../core/machine/codec.ts';
import { Envelope } from '../../core/machine/envelope.ts';
import { AGENT, BEAT, FIND, INFERRED, REFUSED, RUN, type Refused } from '../../core/machine/kinds.ts';
import type { Ref } from '../../core/machine/shape.ts';
import { NOT_ADMITTED } from '../../core/routing/outcomes.ts';
import type { Carried } from '../../live/content-carrier.ts';
import { startFederation, type Federation } from '../../live/federation.ts';
import { hashBytes, LiveIds, openIdentity, type Identity } from '../../live/identity.ts';
import { replayJournal } from '../../live/replay.ts';
import {
  ask,
  askUntil,
  journalsOf,
  makeFolder,
  metricsWhen,
  pilotNode,
  pilotOf,
  removeFolder,
  until,
} from './pilot.ts';
import { openVoice, signed, type Voice } from './voice.ts';

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
  let voice: Voice;

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
    // Before they know one another a heartbeat is turned away.
    await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 2, 20_000);
    voice = await openVoice(federation.nodes[1]!.url);
  });

  after(async () => {
    voice?.socket.disconnect();
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
      pods: [],
      timeLeftUs: 1_000_000,
      notAfterWallUs: (Date.now() + 1_000) * 1_000,
    });
  }

  /** Sends a frame as the gateway would, and returns which counts of the node rose. */
  async function send(...frame: unknown[]): Promise<Record<string, number>> {
    const before = await readCounts();
    voice.socket.emit('envelope', ...frame);
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

  const prompt = Buffer.from('what the gateway was told');
  const reference = (): Ref => ({ hash: hashBytes(prompt), sizeBytes: prompt.length, keyId: 0 });

  it('takes a frame that its sender signed', async () => {
    const receivedOf = async (): Promise<number> => {
      const text = await (await fetch(`${federation.nodes[1]!.url}/metrics`)).text();
      const counted = /^watershed_turned_away_total\{reason="not for this node"\} (\d+)$/m.exec(text);
      return Number(counted![1]);
    };
    const before = await receivedOf();
    voice.socket.emit('envelope', ...signed(voice, beat(), gateway));
    let after = before;
    for (let i = 0; i < 50 && after === before; i++) after = await receivedOf();
    expect(after, 'a compute node takes a heartbeat in, and ignores it').to.equal(before + 1);
  });

  it('hears nodes that nobody has told it of, as themselves, and answers over their connection', async () => {
    const stranger = openIdentity(`${folder}/stranger`);
    const from = ids.peerOf(stranger.id);
    const answers: unknown[][] = [];
    const own = await openVoice(federation.nodes[0]!.url);
    own.socket.on('envelope', (...frame: unknown[]) => answers.push(frame));
    const find = { model: 'near', withBridges: false, minTrust: 1, allowedRegions: [] };
    const asked = envelopeOf(FIND, find, { from, origin: from, to: ids.peerOf(gateway.id) });
    own.socket.emit('envelope', ...signed(own, asked, stranger));
    const isAnswered = await until(() => answers.length > 0, 5_000);
    own.socket.disconnect();
    expect(isAnswered).to.equal(true);
    const [publicKey, n, bytes, signature] = answers[0] as [string, number, Uint8Array, Uint8Array];
    expect(publicKey).to.equal(gateway.publicKey);
    expect(ids.verifyFrame(publicKey, own.hearer.placeOf(n), bytes, signature)).to.equal(true);
    const answer = new Envelope();
    expect(decodeEnvelope(bytes, ids, answer)).to.equal(null);
    expect([answer.kind, answer.to]).to.deep.equal([REFUSED, from]);
    expect((answer.body as Refused).code, 'it is no member').to.equal(NOT_ADMITTED);
  });

  it('refuses frames that are not what they say, each with its reason', async () => {
    const stranger = openIdentity(`${folder}/stranger`);
    const foreign = ids.peerOf(hashBytes('somebody else'));
    const changed = (at: number, value: number): Uint8Array =>
      Uint8Array.from(beat()).fill(value, at, at + 1);
    const sign = (bytes: Uint8Array, signer: Identity, contents?: Carried[]): unknown[] =>
      signed(voice, bytes, signer, contents);
    const forged = sign(beat(), stranger)[3];
    const cases: [string, unknown[]][] = [
      ['malformed frame', []],
      ['malformed frame', sign(beat(), gateway).with(1, -1)],
      ['malformed frame', sign(beat(), gateway).with(1, 'first')],
      ['malformed frame', sign(beat(), gateway).with(2, 'text')],
      ['malformed frame', sign(beat(), gateway).with(4, 'no list')],
      ['malformed frame', sign(beat(), gateway).with(5, 'no bytes')],
      ['malformed frame', sign(beat(), gateway).with(4, [1])],
      ['malformed frame', sign(run(reference()), gateway, [prompt]).with(4, [-1, prompt.length + 1])],
      ['malformed frame', sign(run(reference()), gateway, [prompt]).with(4, [prompt.length - 1])],
      ['wrong sender', sign(beat(), stranger)],
      ['bad signature', sign(beat(), gateway).with(0, 'no key')],
      ['bad signature', sign(beat(), gateway).with(3, forged)],
      ['bad signature', sign(beat(), gateway).with(3, Buffer.alloc(3))],
      ['bad signature', sign(beat(), gateway).with(2, beat({ n: 2 }))],
      ['bad signature', sign(beat(), gateway).with(1, 1_000_000)],
      ['bad-magic', sign(changed(0, 0), gateway)],
      ['bad-version', sign(changed(1, WIRE_VERSION + 1), gateway)],
      ['unknown-operation', sign(changed(2, 31), gateway)],
      ['too-large', sign(new Uint8Array(MAX_ENVELOPE_BYTES + 1), gateway)],
      ['truncated', sign(beat().slice(0, 60), gateway)],
      ['wrong sender', sign(beat(), compute)],
      ['wrong sender', sign(beat({ from: -2 }), gateway)],
      ['wrong receiver', sign(beat({ to: foreign }), gateway)],
      ['wrong origin', sign(beat({ origin: -1 }), gateway)],
      ['device envelope', sign(inferred(), gateway)],
      ['content missing', sign(run(reference()), gateway)],
      ['content missing', sign(beat(), gateway, [prompt])],
      ['other content', sign(run(reference()), gateway, [Buffer.from('something else, as long')])],
      ['other content', sign(run({ ...reference(), sizeBytes: 1 }), gateway, [prompt])],
      ['malformed frame', sign(run(reference()), gateway, ['text'])],
    ];
    for (const [reason, frame] of cases) expect(await send(...frame), reason).to.deep.equal({ [reason]: 1 });
  });

  it('takes more contents with one envelope than socket.io takes pieces, and looks at each', async () => {
    const texts = Array.from({ length: 20 }, (_, i) => Buffer.from(`what step ${i} is given`));
    const refs = texts.map((text) => ({ hash: hashBytes(text), sizeBytes: text.length, keyId: 0 }));
    const [proposal, ...prompts] = refs;
    const step = { model: 'near', contextTokens: 1, maxTokens: 0, pods: [] };
    const plan = { proposal, steps: prompts.map((given) => ({ ...step, prompt: given })), minTrust: 1 };
    const limits = { allowedRegions: ['eu'], budgetTokens: 1, budgetUs: 1, untilWallUs: 1 };
    const asked = { plan: { ...plan, ...limits }, consent: null, permissions: [], beginByWallUs: 1 };
    const swapped = texts.with(19, Buffer.from('what step 91 is given'));
    const frame = signed(voice, envelopeOf(AGENT, asked), gateway, swapped);
    expect(await send(...frame)).to.deep.equal({ 'other content': 1 });
  });

  it('refuses what was said before, over this connection or another', async () => {
    const said = signed(voice, beat(), gateway);
    voice.socket.emit('envelope', ...said);
    expect(await send(...said)).to.deep.equal({ 'said before': 1 });
    const earlier = signed(voice, beat(), gateway);
    expect(await send(...signed(voice, Uint8Array.from(beat()).fill(31, 2, 3), gateway))).to.deep.equal({
      'unknown-operation': 1,
    });
    expect(await send(...earlier), 'overtaken').to.deep.equal({ 'said before': 1 });
    const other = await openVoice(federation.nodes[1]!.url);
    other.speaker.nextPlace();
    const overheard = signed(other, beat(), gateway);
    expect(await send(...overheard)).to.deep.equal({ 'bad signature': 1 });
    other.socket.disconnect();
  });

  it('ends a connection over which too much comes at once, and counts it', async () => {
    const other = await openVoice(federation.nodes[1]!.url);
    const ended = new Promise((resolve) => other.socket.once('disconnect', resolve));
    const before = await readCounts();
    other.socket.emit('envelope', ...signed(other, beat(), gateway, [new Uint8Array(32 * 1024 * 1024)]));
    await ended;
    other.socket.disconnect();
    const count = async (): Promise<number> =>
      ((await readCounts())['frame too large'] ?? 0) - (before['frame too large'] ?? 0);
    expect(await count()).to.equal(1);
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
