import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { embedReference, hashFnv1a32, hashNgrams } from '../../live/embedding-model.ts';
import { startFederation, type Federation } from '../../live/federation.ts';
import { replayJournal } from '../../live/replay.ts';
import type { RequestStory } from '../../sim/frame.ts';
import {
  ask,
  askUntil,
  isAlive,
  type Json,
  journalsOf,
  makeFolder,
  metricsWhen,
  pilotNode,
  pilotOf,
  removeFolder,
  threeClusters,
  until,
} from './pilot.ts';

describe('a live federation: a process a node, on this machine', function () {
  this.timeout(60_000);
  let folder: string;

  beforeEach(() => {
    folder = makeFolder();
  });

  afterEach(() => removeFolder(folder));

  it('answers over sockets in two processes, and both journals replay to equal outboxes', async () => {
    const federation = await startFederation(pairOfNodes(), { folder });
    const question = { model: 'near', text: 'Where does the water go?' };
    try {
      const { body } = await askUntil(federation.gatewayUrls[0]!, question, ({ status }) => status === 200);
      expect(body['servedBy']).to.equal('france/compute');
      expect(body['stage']).to.equal('cluster');
      expect(body['provider']).to.equal('cpu');
      expect(body['answer'].embedding).to.have.length(64);
      expect(body['tokens']).to.deep.equal({ context: question.text.length, generated: 0 });
    } finally {
      await federation.stop();
    }
    for (const node of federation.nodes) {
      const [journal] = journalsOf(node);
      const { verdict, isSealed, inputs } = replayJournal(journal!);
      expect(verdict, node.name).to.equal('equal');
      expect(isSealed).to.equal(true);
      expect(inputs).to.be.greaterThan(4);
      for (const bytes of envelopesOf(journal!)) expect(bytes.includes(question.text)).to.equal(false);
    }
  });

  it('keeps its identity over restarts, and refuses a folder that is in use', async () => {
    const scenario = pairOfNodes();
    const federation = await startFederation(scenario, { folder });
    const idOf = async ({ url }: { url: string }): Promise<string> =>
      ((await (await fetch(`${url}/v1/node`)).json()) as { manifest: { id: string } }).manifest.id;
    const [gateway, compute] = federation.nodes;
    try {
      const id = await idOf(compute!);
      expect(statSync(join(compute!.folder, 'key.pem')).mode & 0o777).to.equal(0o600);
      await federation.kill('france/compute');
      await federation.restart('france/compute');
      expect(await idOf(compute!)).to.equal(id);
      expect(await idOf(gateway!)).not.to.equal(id);
      const second = await startFederation(scenario, { folder }).then(
        () => 'it started',
        (error: Error) => error.message,
      );
      expect(second).to.equal(`${folder} is in use by process ${process.pid}`);
    } finally {
      await federation.stop();
    }
    const [before, after] = journalsOf(compute!).map(replayJournal);
    expect(before!.verdict).to.equal('equal');
    expect(before!.isSealed, 'it was killed').to.equal(false);
    expect(after!.verdict).to.equal('equal');
    expect(after!.isSealed).to.equal(true);
  });

  it('tells when a process is lost, and tells who still waits when it stops that nobody knows the outcome', async () => {
    const lost: string[] = [];
    const federation = await startFederation(pairOfNodes(), {
      folder,
      onLost: (name, reason) => lost.push(`${name}: ${reason}`),
    });
    try {
      const [url] = federation.gatewayUrls;
      await askUntil(url!, { model: 'near', text: 'x' }, ({ status }) => status === 200);
      process.kill(federation.nodes[1]!.pid, 'SIGKILL');
      const pending = ask(url!, { model: 'near', text: 'x' });
      expect(await until(() => lost.length > 0, 5_000)).to.equal(true);
      expect(lost).to.deep.equal(['france/compute: its process ended']);
      await federation.stop();
      const { status, body } = await pending;
      expect(status).to.equal(504);
      expect(body).to.include({ code: 'UNKNOWN_OUTCOME', definite: false, retryable: true });
    } finally {
      await federation.stop();
    }
  });

  it('does not start without the provider that was asked for, and says which node lacks it', async () => {
    const pids: number[] = [];
    const reason = await startFederation(pairOfNodes(), { folder, provider: 'cuda' }).then(
      async (federation) => {
        pids.push(...federation.nodes.map(({ pid }) => pid));
        await federation.stop();
        return 'it started';
      },
      (error: Error) => error.message,
    );
    expect(reason).to.match(/^france\/compute did not start: .*cuda/i);
  });

  it('does not start on a port that is taken, nor with a model file that is not there', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const messageOf = (options: object): Promise<string> =>
      startFederation(pairOfNodes(), { folder, ...options }).then(
        async (federation) => federation.stop().then(() => 'it started'),
        (error: Error) => error.message,
      );
    try {
      expect(await messageOf({ basePort: port })).to.match(
        new RegExp(`^france/gateway did not start: .*EADDRINUSE.*${port}`),
      );
      expect(await messageOf({ modelFiles: { near: '/no/such.onnx' } })).to.equal(
        'model near: there is no file /no/such.onnx',
      );
      expect(await messageOf({ modelFiles: { fare: '/no/such.onnx' } })).to.equal(
        'model fare: the scenario has no such model',
      );
    } finally {
      taken.close();
    }
  });
});

describe('a live pilot of three clusters in nine processes', function () {
  this.timeout(60_000);
  const folder = makeFolder();
  const lost: string[] = [];
  let federation: Federation;
  let gateway: string;
  const NEAR = 'watershed/hashed-ngrams-v1';
  const FAR = 'watershed/hashed-ngrams-b-v1';
  const far = {
    model: FAR,
    text: 'What is asked for here is computed elsewhere.',
    regions: ['eu', 'americas'],
  };

  before(async () => {
    federation = await startFederation(threeClusters(), { folder, onLost: (name) => lost.push(name) });
    gateway = federation.gatewayUrls[0]!;
  });

  after(async () => {
    await federation?.stop();
    removeFolder(folder);
  });

  it('R5.1-1: nine that start at the same time find their clusters, and every directory holds its own', async () => {
    const seen = await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 3, 10_000);
    expect(seen.map(({ alive }) => alive)).to.deep.equal(Array(9).fill(3));
    const indexes = federation.nodes.filter(({ types }) => types.includes('index'));
    const sizes = await metricsWhen(indexes, 'directory_size', (size) => size[''] === 3, 10_000);
    expect(sizes.map((size) => size[''])).to.deep.equal([3, 3, 3]);
  });

  it('R5.3-1: a model of another cluster is reached through the bridges, and the story tells how', async () => {
    const { status, body } = await askUntil(gateway, far, (reply) => reply.status === 200);
    expect(status).to.equal(200);
    expect(body['servedBy']).to.equal('us-east/compute-1');
    expect(body['cluster']).to.equal('us-east');
    expect(body['region']).to.equal('americas/us-east');
    expect(body['stage']).to.equal('federation');
    // The answer is what that model says, with its own weights.
    const expected = embedReference(hashNgrams(far.text), hashFnv1a32(FAR));
    body['answer'].embedding.forEach((value: number, i: number) =>
      expect(value).to.be.closeTo(expected[i]!, 1e-6),
    );
    expect(await until(() => findStory(federation, body['requestId']) !== undefined, 5_000)).to.equal(true);
    const story = findStory(federation, body['requestId'])!;
    expect(story.server).to.equal(body['servedBy']);
    expect(story.gateway).to.equal('france/gateway-1');
    const notedBy = story.steps.map(({ node, what }) => `${node} ${what}`);
    expect(notedBy).to.include('france/gateway-1 opened');
    expect(notedBy).to.include('france/coordinator-1 asked');
    expect(notedBy).to.include('france/gateway-1 outcome');
  });

  it('R5.3-4: without leave the prompt stays in the region of its gateway, and the refusal says so', async () => {
    const { status, body } = await ask(gateway, { model: FAR, text: 'private' });
    expect(status).to.equal(403);
    expect(body['code']).to.equal('NO_ELIGIBLE_NODE');
    expect(body['detail']).to.match(/^no node that could answer is where the request may go: eu\/fr$/);
    expect(body['definite']).to.equal(true);
    expect(body['retryable']).to.equal(false);
    expect(body['struck']).to.deep.include({
      node: 'us-east/coordinator-1',
      cluster: 'us-east',
      reason: 'region not allowed',
    });
  });

  it('R4-4: trust that is claimed and not attested does not count', async () => {
    const { status, body } = await ask(gateway, { ...far, minTrust: 'verified' });
    expect(status).to.equal(403);
    expect(body['code']).to.equal('TRUST_TOO_LOW');
    const struck = { node: 'us-east/compute-1', cluster: 'us-east', reason: 'trust too low' };
    expect(body['struck']).to.deep.include(struck);
    expect((await ask(gateway, { ...far, minTrust: 'community' })).status).to.equal(200);
  });

  it('R5.3-2: under one Idempotency-Key there is one run, and one outcome', async () => {
    const key = { 'idempotency-key': 'the same' };
    const question = { model: NEAR, text: 'once' };
    const replies = await Promise.all([1, 2, 3].map(() => ask(gateway, question, key)));
    replies.push(await ask(gateway, question, key));
    expect(new Set(replies.map(({ body }) => body['requestId'])).size).to.equal(1);
    expect(new Set(replies.map(({ body }) => JSON.stringify(body['answer']))).size).to.equal(1);
    const other = await ask(gateway, { model: NEAR, text: 'twice' }, key);
    expect([other.status, other.body['code']]).to.deep.equal([409, 'KEY_REUSED']);
  });

  it('says what is wrong with a question, and never shows its text', async () => {
    const cases: [unknown, number, string][] = [
      ['{"model": ', 400, 'no JSON'],
      ['[]', 400, 'a JSON object is expected'],
      [{ text: 'x' }, 400, 'model: the name of a model is expected, found nothing'],
      [{ model: 'é'.repeat(100), text: 'x' }, 400, 'model: the name'],
      [{ model: 'a\ud800', text: 'x' }, 400, 'model: the name'],
      [{ model: NEAR }, 400, 'text: a text of 1 to'],
      [{ model: NEAR, text: '' }, 400, 'found one of 0'],
      [{ model: NEAR, text: 7 }, 400, 'found a value of type number'],
      [{ model: NEAR, txt: 'x' }, 400, 'did you mean "text"?'],
      [{ model: NEAR, text: 'x', minTrust: 5 }, 400, 'minTrust: 1 to 4'],
      [{ model: NEAR, text: 'x', regions: [] }, 400, 'regions: a list'],
      [{ model: NEAR, text: 'x', regions: ['EU'] }, 400, 'found "EU"'],
      [{ model: NEAR, text: 'x', deadlineMs: 1e9 }, 400, 'deadlineMs: a whole number of 10 to 60000'],
      [{ model: NEAR, text: 'x'.repeat(100_001) }, 400, 'found one of 100001'],
      [{ model: NEAR, text: 'x'.repeat(600_000) }, 413, 'at most'],
      [{ model: 'unheard-of', text: 'x' }, 404, 'unheard-of'],
    ];
    for (const [body, status, part] of cases) {
      const reply = await ask(gateway, body);
      expect(reply.status, JSON.stringify(body).slice(0, 60)).to.equal(status);
      expect(reply.body['detail']).to.contain(part);
    }
    const noGateway = federation.nodes.find(({ name }) => name === 'france/coordinator-1')!.url;
    expect((await ask(noGateway, far)).body['detail']).to.equal('this node is no gateway');
    expect((await fetch(`${gateway}/v1/ask`)).status).to.equal(405);
    const elsewhere = await ask(gateway, far, { origin: 'https://example.org' });
    expect([elsewhere.status, elsewhere.body['code']]).to.deep.equal([403, 'OTHER_SITE']);
  });

  it('shows how a node is, and what it counts', async () => {
    expect(await (await fetch(`${gateway}/v1/health`)).json()).to.deep.equal({
      name: 'france/gateway-1',
      phase: 'ready',
    });
    const compute = federation.nodes.find(({ name }) => name === 'france/compute-1')!.url;
    const node = (await (await fetch(`${compute}/v1/node`)).json()) as Json;
    expect(node['trust']).to.equal('verified');
    expect(node['manifest'].types).to.deep.equal(['compute']);
    expect(node['load'].slots).to.equal(2);
    const metrics = await (await fetch(`${compute}/metrics`)).text();
    expect(metrics).to.match(/^watershed_phase 4$/m);
    const asked = await (await fetch(`${gateway}/metrics`)).text();
    expect(asked).to.match(/^watershed_questions_total\{outcome="OK"\} [1-9]/m);
    expect(asked).to.match(/^watershed_questions_total\{outcome="TRUST_TOO_LOW"\} 1$/m);
    expect(asked).to.match(/^watershed_question_seconds_count [1-9]/m);
    expect(Number(/^watershed_received_total (\d+)$/m.exec(metrics)![1])).to.be.greaterThan(0);
  });

  it('frames show every node up, what passes between clusters, and what came of the requests', async () => {
    const { source } = federation;
    const sent = (from: number, to: number): boolean =>
      source.frames.some(({ traffic }) =>
        traffic.some(([f, t, count]) => f === from && t === to && count > 0),
      );
    expect(await until(() => sent(0, 1) && sent(1, 0), 5_000)).to.equal(true);
    expect(source.frames.at(-1)!.states).to.deep.equal(Array(9).fill('up'));
    // Frames come once a second: what ended since the last one is in the next.
    const federated = (): number => source.frames.reduce((sum, { servedBy }) => sum + servedBy.federation, 0);
    expect(await until(() => federated() > 0, 5_000)).to.equal(true);
    expect(source.header.source).to.equal('live');
  });

  it('R3-1: the node that served is killed: another serves, or the refusal names the reason', async () => {
    const near = { model: NEAR, text: 'whoever can', regions: ['eu', 'asia-pac'] };
    const { body } = await ask(gateway, near);
    expect(body['servedBy']).to.equal('france/compute-1');
    await federation.kill('france/compute-1');
    const next = await ask(gateway, near);
    if (next.status === 200) expect(next.body['servedBy']).to.equal('japan/compute-1');
    else {
      expect(next.status).to.be.oneOf([503, 504]);
      expect(next.body['struck'].map(({ node }: { node: string }) => node)).to.include('france/compute-1');
    }
    const later = await askUntil(gateway, near, ({ status }) => status === 200);
    expect(later.body['servedBy']).to.equal('japan/compute-1');
    expect(federation.source.frames.at(-1)!.states[2]).to.equal('down');
    await federation.restart('france/compute-1');
    const again = await askUntil(gateway, near, (reply) => reply.body['stage'] === 'cluster', 15_000);
    expect(again.body['servedBy']).to.equal('france/compute-1');
    expect(lost, 'it was killed on purpose').to.deep.equal([]);
  });

  it('stops every process, and each journal, hundreds of inputs long, replays to equal outboxes', async () => {
    for (let i = 0; i < 8; i++) {
      const replies = await Promise.all(
        Array.from({ length: 16 }, (_, j) => ask(gateway, { ...far, text: `question ${i} ${j}` })),
      );
      for (const { status } of replies) expect(status).to.equal(200);
    }
    const pids = federation.nodes.map(({ pid }) => pid);
    const startMs = performance.now();
    await federation.stop();
    expect(performance.now() - startMs).to.be.lessThan(5_000);
    expect(pids.filter(isAlive)).to.deep.equal([]);
    const inputs: Record<string, number> = {};
    for (const node of federation.nodes) {
      for (const journal of journalsOf(node)) {
        const result = replayJournal(journal);
        expect(result.verdict, journal).to.equal('equal');
        inputs[node.name] = Math.max(inputs[node.name] ?? 0, result.inputs);
      }
    }
    expect(inputs['france/gateway-1']).to.be.greaterThan(500);
    expect(inputs['france/coordinator-1']).to.be.greaterThan(500);
  });
});

/** Every envelope in a journal, as bytes. */
function envelopesOf(journal: string): Buffer[] {
  const entries = readFileSync(journal, 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line) as { input?: string | null; outputs?: string[] });
  const texts = entries.flatMap(({ input, outputs }) => [input ?? '', ...(outputs ?? [])]);
  expect(texts.length).to.be.greaterThan(10);
  return texts.map((text) => Buffer.from(text, 'base64'));
}

function pairOfNodes() {
  return pilotOf([
    pilotNode('france/gateway', 'eu/fr', ['gateway', 'index']),
    pilotNode('france/compute', 'eu/fr', ['compute'], ['near']),
  ]);
}

function findStory(federation: Federation, id: string): RequestStory | undefined {
  return federation.source.stories.find((story) => story.id === id);
}
