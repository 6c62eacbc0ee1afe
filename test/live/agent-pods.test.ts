import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runPodVerb } from '../../cli/pod.ts';
import type { DataLocationPolicy } from '../../core/policy/location-policy.ts';
import { locksOf } from '../../core/roles/agents/agent-proposal.ts';
import type { Receipt } from '../../core/roles/pods/pod-records.ts';
import { hashNgrams } from '../../live/embedding-model.ts';
import { startFederation, type Federation, type RunningNode } from '../../live/federation.ts';
import { openIdentity, signHash } from '../../live/identity.ts';
import { PodAgents, type AgentBegun, type AgentLook } from '../../live/pod-agents.ts';
import { PodOwner, PodRefused } from '../../live/pod-owner.ts';
import {
  askUntil,
  expectReplays,
  type Json,
  makeFolder,
  metricsWhen,
  pilotNode,
  pilotOf,
  readMetric,
  removeFolder,
  sleep,
  until,
} from './pilot.ts';
import { writeSlowModel } from './slow-model.ts';

/** So that a step takes a second or so, and nobody waits long for a lease. */
const PRODUCTS = 70;
const QUICK = { podLeaseUs: 1_500_000, podRenewUs: 400_000, podWarmUs: 1_000_000, podSilenceUs: 700_000 };
const HOSTS = ['france/paris', 'france/lyon'];
const WORKER = 'france/worker';
const OPEN: DataLocationPolicy = {
  allowedRegions: [],
  requiredRegion: null,
  crossBorderAllowed: false,
  encryptionRequired: false,
  retention: { maxDays: null, legalHold: false },
};
const [DIARY, LETTERS, SEALED, UNKNOWN] = [1, 2, 3, 99];
/** More steps than are done until somebody has withdrawn something. */
const MANY = 30;
const LOCKS = { understood: true, authorise: 'execute' };
const PROPOSAL = 'Reads my diary, to find out what I think of rivers.';
const WITHDRAWN = 'the second lock is shut: the owner has withdrawn it';

async function refusalOf(asked: Promise<unknown>): Promise<PodRefused> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof PodRefused) return error;
    throw error;
  }
  return expect.fail('it was not refused');
}

describe('agents over HTTP that are given pods of whom they act for', function () {
  this.timeout(90_000);
  const folder = makeFolder();
  const diary = 'What I wrote by the river, and showed to nobody.';
  let federation: Federation;
  let ann: PodOwner;
  let agents: PodAgents;
  let questions = 0;
  /** How many results the worker had kept when a test began. */
  let kept = 0;

  before(async () => {
    const slow = join(folder, 'slow.onnx');
    writeSlowModel(slow, PRODUCTS);
    const pilot = pilotOf([
      pilotNode('france/front', 'eu/fr', ['gateway', 'index']),
      ...HOSTS.map((name) => pilotNode(name, 'eu/fr', ['gateway', 'pod-host'])),
      pilotNode(WORKER, 'eu/fr', ['compute'], ['near', 'slow']),
    ]);
    const scenario = { ...pilot, parameters: { ...pilot.parameters, ...QUICK } };
    federation = await startFederation(scenario, { folder, modelFiles: { slow } });
    await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 4, 20_000);
    const { url } = nodeOf('france/front');
    await askUntil(url, { model: 'near', text: 'Is it there?' }, ({ status }) => status === 200);
    ann = ownerCalled('ann');
    agents = new PodAgents(ann, [url]);
    for (const number of [DIARY, LETTERS])
      await ann.write(ann.signPolicy(number, 1, 'eu/fr', OPEN), textOf(number));
  });

  beforeEach(() => {
    kept = resultsKept().length;
  });

  after(async () => {
    await federation?.stop();
    removeFolder(folder);
  });

  function textOf(number: number): Buffer {
    return Buffer.from(number === DIARY ? diary : `Letter ${number}: ${diary}`);
  }

  function ownerCalled(name: string): PodOwner {
    return new PodOwner(openIdentity(join(folder, 'people', name)), [nodeOf('france/front').url]);
  }

  function nodeOf(name: string): RunningNode {
    return federation.nodes.find((node) => node.name === name)!;
  }

  function orderOf(pods: number[], model = 'near', steps = 1): Json {
    // No two steps make the same.
    const texts = Array.from({ length: steps }, () => `Question ${++questions}?`);
    return { proposal: PROPOSAL, steps: texts.map((text) => ({ model, text, pods })), ...LOCKS };
  }

  /** Signed by somebody whose plan names the diary, which is not theirs. */
  async function withPodOf({ ids, identity, peer }: PodOwner, by: PodAgents): ReturnType<PodAgents['sign']> {
    const { plan: own, texts } = await by.sign(orderOf([]));
    const pods = [{ owner: ids.peerOf(ann.id), number: DIARY }];
    const plan = { ...own.plan, steps: own.plan.steps.map((step) => ({ ...step, pods })) };
    const { terms, understanding, authorisation } = locksOf(ids, plan, peer);
    const understood = signHash(identity, understanding);
    const consent = { ...terms, understood, authorised: signHash(identity, authorisation) };
    return { plan: { ...own, plan, consent }, texts };
  }

  /** Looks at an agent until it is as hoped for, or the time is over. Its host may be away for a while. */
  async function lookWhen(agent: string, isHopedFor: (look: AgentLook) => boolean): Promise<AgentLook> {
    const endMs = performance.now() + 40_000;
    for (;;) {
      try {
        const look = await agents.look(agent);
        if (isHopedFor(look) || performance.now() > endMs) return look;
      } catch (error) {
        if (!(error instanceof PodRefused) || performance.now() > endMs) throw error;
      }
      await sleep(50);
    }
  }

  /** Of what the agent was given: of other agents there are receipts, too. */
  async function receiptsOf({ consent }: AgentBegun, number = DIARY): Promise<Receipt[]> {
    return (await ann.look(number)).receipts.filter(({ proposal }) => proposal === consent);
  }

  /** Begins one whose steps are slow, and waits until one of them, not the first, is at work with the diary. */
  async function atWork(): Promise<AgentBegun> {
    const begun = await agents.begin(orderOf([DIARY], 'slow', MANY));
    const { step } = await lookWhen(begun.agent, (look) => look.step >= 1);
    const endMs = performance.now() + 10_000;
    while ((await receiptsOf(begun)).length <= step && performance.now() < endMs) await sleep(20);
    // A receipt lies there before what it is of is given.
    const isRunning = async (): Promise<boolean> =>
      (await readMetric(nodeOf(WORKER).url, 'jobs_running'))[''] === 1;
    while (!(await isRunning()) && performance.now() < endMs) await sleep(20);
    return begun;
  }

  /** Files of a node that hold some text, as it is or as a journal would write it. */
  function filesWith(name: string, wanted: string): string[] {
    const { folder: own } = nodeOf(name);
    // The middle of a text in base64, wherever it begins in it.
    const coded = [0, 1, 2].map((skip) => Buffer.from(wanted).subarray(skip).toString('base64').slice(4, -8));
    return (readdirSync(own, { recursive: true }) as string[])
      .map((file) => join(own, file))
      .filter((file) => existsSync(file) && statSync(file).isFile())
      .filter((file) => [wanted, ...coded].some((text) => readFileSync(file).includes(text)));
  }

  /** No byte of the diary lies where the agent ran, nor anything that a step has made that was not taken over. */
  async function expectNothingLeft(stepsKept: number): Promise<void> {
    expect(filesWith(HOSTS[0]!, diary), 'it is looked for as it is found').not.to.deep.equal([]);
    expect(filesWith(WORKER, diary)).to.deep.equal([]);
    // What is told is on disk; what it has replaced goes a moment later.
    await until(() => resultsKept().length === kept + stepsKept, 5_000);
    expect(resultsKept(), 'results that were kept').to.have.length(kept + stepsKept);
  }

  function resultsKept(): string[] {
    const contents = join(nodeOf(WORKER).folder, 'contents');
    if (!existsSync(contents)) return [];
    return readdirSync(contents).filter((file) => readIfThere(join(contents, file)).includes('"embedding"'));
  }

  it('R4-6, R6.2-4: each step is given what the plan names, under a consent that its receipt names', async () => {
    const order = orderOf([DIARY, LETTERS], 'slow', 2);
    const begun = await agents.begin(order);
    expect(begun).to.include({ state: 'begun', steps: 2, host: WORKER });
    const done = await lookWhen(begun.agent, ({ state }) => state !== 'begun');
    expect(done).to.include({ state: 'done', step: 2 });
    const used = [1, 2].flatMap((step) =>
      [DIARY, LETTERS].map((number) => ({ step, pod: { owner: ann.id, number }, consent: begun.consent })),
    );
    expect(done.used).to.deep.equal(used);
    (done.results as { embedding: number[] }[]).forEach(({ embedding }, i) => {
      const given = [textOf(DIARY), textOf(LETTERS), order['steps'][i].text].join('\n');
      hashNgrams(given).forEach((value, k) => expect(embedding[k], given).to.be.closeTo(value, 1e-3));
    });
    for (const number of [DIARY, LETTERS]) {
      const receipts = await receiptsOf(begun, number);
      expect(receipts).to.have.length(2);
      const { names } = await ann.look(number);
      for (const { reader, asker, purpose } of receipts) {
        expect([ann.ids.idOf(reader), names[ann.ids.idOf(asker)]]).to.deep.equal([ann.id, WORKER]);
        expect(purpose).to.equal(PROPOSAL);
      }
    }
    const { agents: all, silent } = await agents.list();
    expect([all.map(({ agent }) => agent), silent]).to.deep.equal([[begun.agent], []]);
    await expectNothingLeft(2);
  });

  it('R6.2-4: what cannot be given is refused before anything begins, with the reason', async () => {
    const { url } = nodeOf('france/front');
    const unsigned = await fetch(`${url}/v1/agents`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(orderOf([DIARY])),
    });
    expect([unsigned.status, ((await unsigned.json()) as Json)['code']]).to.deep.equal([401, 'NOT_SIGNED']);
    await ann.write(
      ann.signPolicy(SEALED, 1, 'eu/fr', { ...OPEN, encryptionRequired: true }),
      textOf(SEALED),
    );
    const ben = ownerCalled('ben');
    const bens = new PodAgents(ben, [url]);
    const { plan, texts } = await agents.sign(orderOf([DIARY]));
    const [given] = plan.permissions;
    const unread = { ...given!, permission: { ...given!.permission, understood: null } };
    const cases: [() => Promise<unknown>, string, RegExp][] = [
      [() => agents.begin(orderOf([UNKNOWN])), 'NO_CAPABLE_NODE', /^pod 99 of yours: nothing is known of/],
      [() => agents.begin(orderOf([SEALED])), 'NO_ELIGIBLE_NODE', /^pod 3 of yours: the data are sealed/],
      [() => bens.begin(orderOf([DIARY])), 'NO_CAPABLE_NODE', /^pod 1 of yours: nothing is known/],
      [
        async () => bens.send(await withPodOf(ben, bens)),
        'CONSENT_REQUIRED',
        /^pod 1 of [0-9a-f]{64}: .* not asked/,
      ],
      [() => agents.send({ plan: { ...plan, permissions: [] }, texts }), 'CONSENT_REQUIRED', /was not asked/],
      [
        () => agents.send({ plan: { ...plan, permissions: [unread] }, texts }),
        'CONSENT_REQUIRED',
        /first lock/,
      ],
      [() => agents.send({ plan: { ...plan, consent: null }, texts }), 'CONSENT_REQUIRED', /the owner/],
      [() => agents.send({ plan, texts: [] }), 'BAD_REQUEST', /texts: the plan names one that was not/],
      [
        () => agents.begin({ ...orderOf([DIARY]), understood: false }),
        'CONSENT_REQUIRED',
        /"understood": true/,
      ],
      [() => agents.begin(orderOf([DIARY, DIARY])), 'BAD_REQUEST', /steps\[0\].pods/],
    ];
    for (const [asked, code, detail] of cases) {
      const refused = await refusalOf(asked());
      expect([refused.code, refused.definite], detail.source).to.deep.equal([code, true]);
      expect(refused.message).to.match(detail);
    }
    expect((await bens.list()).agents).to.deep.equal([]);
    const { agents: all } = await agents.list();
    expect(all).to.have.length(1);
    expect((await refusalOf(bens.look(all[0]!.agent))).code).to.equal('NOT_FOUND');
  });

  it('R5.3-2: under one Idempotency-Key one agent is begun, and nothing else', async () => {
    const signed = await agents.sign(orderOf([DIARY]));
    const both = await Promise.all([agents.send(signed, 'once'), agents.send(signed, 'once')]);
    expect(both[0].agent).to.equal(both[1].agent);
    await lookWhen(both[0].agent, ({ state }) => state === 'done');
    expect((await agents.send(signed, 'once')).agent).to.equal(both[0].agent);
    expect((await refusalOf(agents.begin(orderOf([LETTERS]), 'once'))).code).to.equal('KEY_REUSED');
    expect(await receiptsOf(both[0])).to.have.length(1);
    await expectNothingLeft(1);
  });

  it('at a terminal: an order with names of pods, how it does, what it was given, and its stop', async () => {
    const owner = join(folder, 'people', 'ann');
    const type = async (verb: string, ...words: unknown[]): Promise<[number, string[]]> => {
      const said: string[] = [];
      const { log, error } = console;
      console.log = console.error = (line: string) => void said.push(line);
      try {
        return [await runPodVerb(verb, { at: nodeOf('france/front').url, owner }, words), said];
      } finally {
        Object.assign(console, { log, error });
      }
    };
    const file = (name: string, text: string | object): string => {
      const path = join(folder, name);
      writeFileSync(path, typeof text === 'string' ? text : JSON.stringify(text));
      return path;
    };
    expect((await type('create', 'notes', { home: 'eu/fr' }))[0]).to.equal(0);
    expect((await type('write', 'notes', file('notes.txt', diary)))[0]).to.equal(0);
    const order = orderOf([]);
    const named = { ...order, steps: [{ ...order['steps'][0], pods: ['notes'] }] };
    const [begun, [first, second]] = await type('agent', file('order.json', named), undefined);
    expect(begun, first).to.equal(0);
    expect(first).to.match(/^\d+-\d+ {2}begun, 0 of 1 steps, at france\/worker$/);
    expect(second).to.match(/^given your pods under [0-9a-f]{64}$/);
    const agent = first!.split(' ')[0]!;
    await lookWhen(agent, ({ state }) => state === 'done');
    const [, shown] = await type('agents', agent);
    expect(shown.slice(0, 2)).to.deep.equal([
      `${agent}  done, 1 of 1 steps, at ${WORKER}`,
      `  step 1 was given notes under ${second!.split(' ').at(-1)}`,
    ]);
    expect(shown[2]).to.match(/^\{"model":"near","embedding":/);
    expect((await type('agents', undefined))[1]).to.include(shown[0]);
    expect(await type('stop', agent, true)).to.deep.equal([0, [shown[0]]]);
    const wrong = { ...named, steps: [{ ...named.steps[0], pods: ['letters'] }] };
    const [code, [why]] = await type('agent', file('wrong.json', wrong), undefined);
    expect([code, why]).to.deep.equal([1, 'UNKNOWN_POD: no pod is called letters; there are notes']);
    expect((await type('agent', file('text.json', 'Read it.'), undefined))[0]).to.equal(64);
    await expectNothingLeft(1);
  });

  it('R4-6, R6.2-4: revoked in the midst of a step: nothing of the step is taken over, and its receipt says that it was given', async () => {
    const begun = await atWork();
    const { state: told, step } = await agents.stop(begun.agent, true);
    expect(told).to.equal('revoked');
    const receipts = await receiptsOf(begun);
    expect(receipts, 'of what is done, and of what was at work').to.have.length(step + 1);
    // The step at work comes to its end meanwhile.
    await agents
      .begin(orderOf([], 'slow'))
      .then(({ agent }) => lookWhen(agent, ({ state }) => state === 'done'));
    const later = await agents.look(begun.agent);
    expect(later).to.include({ state: 'revoked', step });
    expect([later.results.length, later.used.length]).to.deep.equal([step, step]);
    expect(await receiptsOf(begun)).to.deep.equal(receipts);
    await expectNothingLeft(step + 1);
  });

  it('R6.2-4: withdrawn at the pod in the midst of a step: the next one is refused with the reason, and so is every later agent', async () => {
    const order = await agents.sign(orderOf([DIARY], 'slow', MANY));
    const begun = await agents.send(order);
    await lookWhen(begun.agent, ({ step }) => step >= 1);
    await ann.withdraw(DIARY, begun.consent!);
    const receipts = await receiptsOf(begun);
    const ended = await lookWhen(begun.agent, ({ state }) => state !== 'begun');
    expect(ended).to.include({ state: 'revoked', code: 'CONSENT_REQUIRED', detail: WITHDRAWN });
    // What was given before is worked on to the end; a receipt may lie there of what was not given any more.
    expect(receipts.length - ended.step).to.be.within(0, 1);
    expect(ended.step).to.be.within(1, MANY - 1);
    expect(ended.used).to.have.length(ended.step);
    expect(await receiptsOf(begun), 'no use after that').to.deep.equal(receipts);
    const again = await refusalOf(agents.send(order));
    expect(again).to.include({ code: 'CONSENT_REQUIRED', definite: true });
    expect(again.message).to.equal(`pod 1 of yours: ${WITHDRAWN}`);
    await expectNothingLeft(ended.step);
  });

  /** The owner withdraws while the host of an agent is away. */
  async function withdrawWithout(leave: () => unknown, comeBack: () => unknown): Promise<void> {
    const begun = await atWork();
    await leave();
    await ann.withdraw(DIARY, begun.consent!);
    const receipts = await receiptsOf(begun);
    await comeBack();
    const ended = await lookWhen(begun.agent, ({ state }) => state !== 'begun');
    expect(ended).to.include({ state: 'revoked', code: 'CONSENT_REQUIRED', detail: WITHDRAWN });
    // The step at work comes to its end or is lost, and another may have been about to begin.
    expect(receipts.length - ended.step).to.be.within(0, 1);
    expect([ended.results.length, ended.used.length]).to.deep.equal([ended.step, ended.step]);
    expect(await receiptsOf(begun)).to.deep.equal(receipts);
    await expectNothingLeft(ended.step);
  }

  it('R6.2-4: withdrawn while the host of the agent is paused: it is in force without it, and the host learns the reason', async () => {
    await withdrawWithout(
      () => signal('SIGSTOP'),
      () => signal('SIGCONT'),
    );
  });

  it('R6.2-4: withdrawn while the host of the agent is killed: it is in force without it, and the host learns the reason', async () => {
    // What a crash has cut short is not begun again.
    await withdrawWithout(
      () => federation.kill(WORKER),
      () => federation.restart(WORKER),
    );
  });

  function signal(name: NodeJS.Signals): void {
    process.kill(nodeOf(WORKER).pid, name);
  }

  it('and the journals of every boot replay to equal outboxes', async () => {
    await federation.stop();
    expectReplays(federation);
  });
});

function readIfThere(path: string): Buffer {
  return existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
}
