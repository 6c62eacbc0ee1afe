import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { decodeEnvelope } from '../../core/machine/codec.ts';
import { Envelope } from '../../core/machine/envelope.ts';
import { RUN, STEP_RESULT } from '../../core/machine/kinds.ts';
import type { StepResult } from '../../core/roles/agents/agent-plan.ts';
import { readRoster } from '../../live/config.ts';
import { embedReference, hashFnv1a32, hashNgrams } from '../../live/embedding-model.ts';
import { startFederation, type Federation, type RunningNode } from '../../live/federation.ts';
import { LiveIds } from '../../live/identity.ts';
import {
  ask,
  askUntil,
  expectReplays,
  type Json,
  journalsOf,
  makeFolder,
  metricsWhen,
  pilotNode,
  pilotOf,
  readMetric,
  removeFolder,
  sleep,
} from './pilot.ts';
import { writeSlowModel } from './slow-model.ts';

/** So that a step takes some hundred milliseconds. */
const PRODUCTS = 30;
const SLOW_STEPS = 6;
const LOCKS = { understood: true, authorise: 'execute' };
const SHORT = { proposal: 'Embeds a text, because I want to know where it lies.', ...LOCKS };

describe('agents that act over HTTP for whoever runs a gateway', function () {
  this.timeout(60_000);
  const folder = makeFolder();
  let federation: Federation;
  let url: string;

  before(async () => {
    const slow = join(folder, 'slow.onnx');
    writeSlowModel(slow, PRODUCTS);
    const pilot = pilotOf([
      pilotNode('france/front', 'eu/fr', ['gateway', 'index']),
      pilotNode('france/compute-1', 'eu/fr', ['compute'], ['near', 'slow']),
      pilotNode('france/compute-2', 'eu/fr', ['compute'], ['near']),
    ]);
    federation = await startFederation(pilot, { folder, modelFiles: { slow } });
    url = federation.gatewayUrls[0]!;
    await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 3, 20_000);
    await askUntil(url, { model: 'slow', text: 'Is it there?' }, ({ status }) => status === 200);
  });

  after(async () => {
    await federation?.stop();
    removeFolder(folder);
  });

  async function call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: Json }> {
    const response = await fetch(`${url}/v1/agents${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Json };
  }

  function slowAgent(): object {
    const steps = Array.from({ length: SLOW_STEPS }, (_, i) => ({ model: 'slow', text: `step ${i + 1}` }));
    return { ...SHORT, steps };
  }

  /** Looks at an agent until it is as hoped for, or the time is over. */
  async function agentWhen(agent: string, isHopedFor: (body: Json) => boolean): Promise<Json> {
    const endMs = performance.now() + 20_000;
    for (;;) {
      const { status, body } = await call('GET', `/${agent}`);
      if ((status === 200 && isHopedFor(body)) || performance.now() > endMs) return body;
      await sleep(50);
    }
  }

  function nodeOf(name: string): RunningNode {
    return federation.nodes.find((node) => node.name === name)!;
  }

  it('R6.2-4: does nothing unless both locks are opened, and says what is wrong with what was asked', async () => {
    const steps = [{ model: 'near', text: 'x' }];
    const cases: [object, number, RegExp][] = [
      [{ ...SHORT, steps, understood: false }, 403, /"understood": true/],
      [{ ...SHORT, steps, understood: 'yes' }, 403, /"understood": true/],
      [{ ...SHORT, steps, authorise: undefined }, 403, /"authorise": "execute"/],
      [{ ...SHORT, steps, authorise: 'modify' }, 403, /"authorise": "execute"/],
      [{ ...SHORT, steps: [] }, 400, /steps: a list of 1 to 32/],
      [{ ...SHORT, steps: [{ model: 'near' }] }, 400, /steps\[0\].text: the first step/],
      [{ ...SHORT, steps: [{ model: 'near', txt: 'x' }] }, 400, /did you mean "text"/],
      [{ ...SHORT, steps, proposal: '' }, 400, /proposal: what will happen and why/],
      [{ ...SHORT, steps, budgetMs: 0 }, 400, /budgetMs/],
      [{ ...SHORT, steps, regions: 'eu' }, 400, /regions/],
      [[], 400, /a JSON object is expected/],
    ];
    for (const [body, status, detail] of cases) {
      const reply = await call('POST', '', body);
      expect(reply.status, JSON.stringify(body)).to.equal(status);
      expect(reply.body['detail']).to.match(detail);
      expect(reply.body['code']).to.equal(status === 403 ? 'CONSENT_REQUIRED' : 'BAD_REQUEST');
    }
    const unknown = await call('POST', '', { ...SHORT, steps: [{ model: 'unheard-of', text: 'x' }] });
    expect([unknown.status, unknown.body['code']]).to.deep.equal([404, 'UNKNOWN_MODEL']);
    const elsewhere = await call('POST', '', { ...SHORT, steps, regions: ['americas'] });
    expect([elsewhere.status, elsewhere.body['code']]).to.deep.equal([403, 'NO_ELIGIBLE_NODE']);
    expect((await call('GET', '')).body['agents']).to.deep.equal([]);
    expect((await call('GET', '/7-7')).status).to.equal(404);
    expect((await call('DELETE', '/x')).status).to.equal(404);
    expect((await call('PUT', '')).status).to.equal(405);
    const noGateway = await fetch(`${nodeOf('france/compute-1').url}/v1/agents`);
    expect(((await noGateway.json()) as Json)['detail']).to.equal('this node is no gateway');
  });

  it('R4-6: does its steps one after the other, and shows what each has made', async () => {
    const steps = [{ model: 'near', text: 'Where?' }, { model: 'near' }];
    const begun = await call('POST', '', { ...SHORT, steps, budgetTokens: 5_000 });
    expect(begun.status).to.equal(201);
    expect(begun.body).to.include({ steps: 2, agent: `1-${String(begun.body['agent']).split('-')[1]}` });
    const done = await agentWhen(begun.body['agent'], ({ state }) => state !== 'begun');
    expect(done).to.include({ state: 'done', step: 2, spentTokens: 6 + 2_048 });
    const [first, second] = done['results'].map(({ embedding }: Json) => embedding as number[]);
    embedReference(hashNgrams('Where?'), hashFnv1a32('near')).forEach((value, i) =>
      expect(first[i]).to.be.closeTo(value, 1e-6),
    );
    const handedOn = JSON.stringify(done['results'][0]);
    embedReference(hashNgrams(handedOn), hashFnv1a32('near')).forEach((value, i) =>
      expect(second[i]).to.be.closeTo(value, 1e-6),
    );
    const all = (await call('GET', '')).body;
    expect(all['agents'].map(({ agent }: Json) => agent as string)).to.deep.equal([begun.body['agent']]);
    expect(all['asked'].toSorted()).to.deep.equal(['france/compute-1', 'france/compute-2']);
    expect(all['silent']).to.deep.equal([]);
    const key = statSync(join(nodeOf('france/front').folder, 'user', 'key.pem'));
    expect(key.mode & 0o777, 'what its owner signs with').to.equal(0o600);
  });

  it('R5.3-2: under one Idempotency-Key one agent is begun, also when it has ended', async () => {
    const key = { 'idempotency-key': 'the same' };
    const wanted = { ...SHORT, steps: [{ model: 'near', text: 'once' }] };
    const begun = await Promise.all([1, 2].map(() => call('POST', '', wanted, key)));
    const agent = begun[0]!.body['agent'] as string;
    await agentWhen(agent, ({ state }) => state === 'done');
    begun.push(await call('POST', '', wanted, key));
    expect(begun.map(({ status, body }) => [status, body['agent']])).to.deep.equal(
      Array(3).fill([201, agent]),
    );
    const all = (await call('GET', '')).body['agents'] as Json[];
    expect(all.filter(({ steps }) => steps === 1)).to.have.length(1);
    const other = await call('POST', '', { ...wanted, proposal: 'Something else.' }, key);
    expect([other.status, other.body['code']]).to.deep.equal([409, 'KEY_REUSED']);
    expect((await ask(url, { model: 'near', text: 'once' }, key)).status).to.equal(409);
  });

  it('R4-6: one that would cost more than its budget ends before', async () => {
    const steps = [{ model: 'near', text: 'Where?' }, { model: 'near' }];
    const { body } = await call('POST', '', { ...SHORT, steps, budgetTokens: 6 });
    expect(await agentWhen(body['agent'], ({ state }) => state !== 'begun')).to.include({
      state: 'exhausted',
      step: 1,
      spentTokens: 6,
    });
  });

  for (const [query, state] of [
    ['', 'stopped'],
    ['?revoke=true', 'revoked'],
  ] as const) {
    it(`R4-6: one that is ${state} in the midst of its work begins no further step`, async () => {
      const { body } = await call('POST', '', slowAgent());
      const agent = body['agent'] as string;
      expect(await agentWhen(agent, ({ step }) => step >= 1)).to.include({ state: 'begun' });
      expect((await call('DELETE', `/${agent}?revoke=perhaps`)).status).to.equal(400);
      const stopped = await call('DELETE', `/${agent}${query}`);
      expect(stopped.status).to.equal(200);
      expect(stopped.body).to.include({ state, host: 'france/compute-1' });
      expect(stopped.body['step']).to.be.within(1, SLOW_STEPS - 1);
      // What was at work when it was stopped is dropped; the host is free for others when that is over.
      expect((await ask(url, { model: 'slow', text: 'Who is next?' })).status).to.equal(200);
      const later = await agentWhen(agent, () => true);
      expect(later).to.include({ state, step: stopped.body['step'] });
      expect(later['results']).to.have.length(stopped.body['step']);
      expect((await call('DELETE', `/${agent}${query}`)).body, 'again').to.include({ state });
    });
  }

  it('R4-6: goes on at its checkpoint when its host was killed, and no step is made twice', async () => {
    const { body } = await call('POST', '', slowAgent());
    const agent = body['agent'] as string;
    const before = await agentWhen(agent, ({ step }) => step >= 2);
    expect(before['step']).to.be.within(2, SLOW_STEPS - 1);
    await federation.kill('france/compute-1');
    const meanwhile = await call('GET', '');
    expect(meanwhile.body['silent'], 'who has not answered').to.deep.equal(['france/compute-1']);
    expect((await call('GET', `/${agent}`)).body).to.include({ code: 'UNKNOWN_OUTCOME', definite: false });
    await federation.restart('france/compute-1');
    const done = await agentWhen(agent, ({ state }) => state !== 'begun');
    expect(done).to.include({ state: 'done', step: SLOW_STEPS });
    const echoes = done['results'] as { embedding: number[] }[];
    echoes.forEach(({ embedding }, i) =>
      hashNgrams(`step ${i + 1}`).forEach((value, k) => expect(embedding[k]).to.be.closeTo(value, 1e-3)),
    );
    const came = await readMetric(url, 'agent_results_total');
    expect(came['first']).to.be.at.least(SLOW_STEPS);
    expect(came['other'], 'a result that is not the one that came before').to.equal(0);
    expect(await readMetric(nodeOf('france/compute-1').url, 'agents')).to.include({ begun: 0 });

    const [first, second] = journalsOf(nodeOf('france/compute-1'));
    const resumed = sentOf(agent, second!, RUN);
    expect(resumed.length, 'steps after the checkpoint').to.be.within(1, SLOW_STEPS - before['step']);
    const released = new Map<number, string>();
    for (const journal of [first!, second!])
      for (const { body: result } of sentOf(agent, journal, STEP_RESULT)) {
        const { step, answer } = result as StepResult;
        expect(released.get(step) ?? answer.hash, `step ${step + 1}`).to.equal(answer.hash);
        released.set(step, answer.hash);
      }
  });

  it('R4-6: its owner finds its agents again when the gateway has been killed', async () => {
    // The host may have been thought dead, and is then found again within a moment.
    const endMs = performance.now() + 10_000;
    let begun = await call('POST', '', slowAgent());
    while (begun.status !== 201 && begun.body['definite'] === true && performance.now() < endMs) {
      await sleep(100);
      begun = await call('POST', '', slowAgent());
    }
    expect(begun.status, JSON.stringify(begun.body)).to.equal(201);
    await federation.kill('france/front');
    await federation.restart('france/front');
    await metricsWhen([nodeOf('france/front')], 'members', ({ alive }) => alive === 3, 10_000);
    const done = await agentWhen(begun.body['agent'], ({ state }) => state !== 'begun');
    expect(done, JSON.stringify(done)).to.include({ state: 'done', step: SLOW_STEPS });
    expect(done['results']).to.have.length(SLOW_STEPS);
  });

  it('and the journals of every boot replay to equal outboxes', async () => {
    await federation.stop();
    expectReplays(federation);
  });
});

/** What a journal says was sent of an agent, of one kind. */
function sentOf(agent: string, journal: string, kind: number): Envelope[] {
  const n = Number(agent.split('-')[1]);
  const [head, ...lines] = readFileSync(journal, 'utf8').split('\n').filter(Boolean);
  const ids = new LiveIds(readRoster((JSON.parse(head!) as { roster: unknown }).roster));
  const sent: Envelope[] = [];
  for (const line of lines) {
    // The last line of a node that was killed may be torn.
    if (!line.endsWith('}')) continue;
    for (const bytes of (JSON.parse(line) as { outputs?: string[] }).outputs ?? []) {
      const envelope = new Envelope();
      const refusal = decodeEnvelope(Buffer.from(bytes, 'base64'), ids, envelope);
      if (refusal === null && envelope.kind === kind && envelope.n === n) sent.push(envelope);
    }
  }
  return sent;
}
