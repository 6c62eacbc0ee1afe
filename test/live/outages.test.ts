import { expect } from 'chai';
import { startFederation, type Federation, type RunningNode } from '../../live/federation.ts';
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
} from './pilot.ts';

/** Members notice quickly, so that the tests need not wait for more. */
const PROBE_MS = 400;
const SUSPICION_MAX_MULT = 3;
/** R5.2-2: of five members: a round of probes, then the longest time of a suspicion; and a machine that is busy. */
const DEATH_MS = 5 * PROBE_MS + 4 * PROBE_MS * SUSPICION_MAX_MULT + 6_000;
const QUESTION = { model: 'near', text: 'Where does the water go?' };

describe('a live cluster that loses nodes', function () {
  this.timeout(60_000);
  const folder = makeFolder();
  const lost: string[] = [];
  let federation: Federation;
  let url: string;

  before(async () => {
    const pilot = pilotOf([
      pilotNode('france/gateway', 'eu/fr', ['gateway']),
      pilotNode('france/index-1', 'eu/fr', ['index']),
      pilotNode('france/index-2', 'eu/fr', ['index']),
      pilotNode('france/compute-1', 'eu/fr', ['compute'], ['near']),
      pilotNode('france/compute-2', 'eu/fr', ['compute'], ['near']),
    ]);
    const quick = {
      probeUs: PROBE_MS * 1_000,
      probeTimeoutUs: 200_000,
      suspicionMaxMult: SUSPICION_MAX_MULT,
      silenceUs: 1_000_000,
    };
    const scenario = { ...pilot, parameters: { ...pilot.parameters, ...quick } };
    federation = await startFederation(scenario, { folder, onLost: (name) => lost.push(name) });
    url = federation.gatewayUrls[0]!;
  });

  after(async () => {
    // What is paused would not hear that it is to stop.
    for (const { pid, isRunning } of federation?.nodes ?? []) if (isRunning) process.kill(pid, 'SIGCONT');
    await federation?.stop();
    removeFolder(folder);
  });

  function nodeOf(name: string): RunningNode {
    return federation.nodes.find((node) => node.name === name)!;
  }

  function others(...names: string[]): RunningNode[] {
    return federation.nodes.filter(({ name }) => !names.includes(name));
  }

  /** Asks so many times, one after the other, and counts the answers. */
  async function countAnswers(questions: number): Promise<number> {
    let answered = 0;
    for (let i = 0; i < questions; i++) if ((await ask(url, QUESTION)).status === 200) answered++;
    return answered;
  }

  async function expectAlive(count: number, nodes: readonly RunningNode[]): Promise<void> {
    const seen = await metricsWhen(nodes, 'members', ({ alive }) => alive === count, DEATH_MS);
    expect(seen.map(({ alive }) => alive)).to.deep.equal(nodes.map(() => count));
  }

  async function expectDirectories(size: number): Promise<void> {
    const indexes = ['france/index-1', 'france/index-2'].map(nodeOf);
    const sizes = await metricsWhen(indexes, 'directory_size', (values) => values[''] === size, 10_000);
    expect(sizes.map((values) => values[''])).to.deep.equal([size, size]);
  }

  it('R5.1-1: five that start at the same time know one another, and both directories hold all', async () => {
    await expectAlive(5, federation.nodes);
    await expectDirectories(5);
    expect((await askUntil(url, QUESTION, ({ status }) => status === 200)).status).to.equal(200);
  });

  it('R5.2-2: one that is paused until it is suspected denies it, and serves on', async () => {
    const paused = nodeOf('france/compute-1');
    process.kill(paused.pid, 'SIGSTOP');
    const seers = others(paused.name);
    const suspected = await metricsWhen(
      [nodeOf('france/gateway')],
      'members',
      ({ suspect }) => suspect === 1,
      DEATH_MS,
    );
    process.kill(paused.pid, 'SIGCONT');
    expect(suspected[0]).to.include({ suspect: 1, dead: 0 });
    await expectAlive(5, federation.nodes);
    for (const { url: seer } of seers) expect(await readMetric(seer, 'members')).to.include({ dead: 0 });
    expect(await readMetric(paused.url, 'boots_total')).to.deep.equal({ '': 1 });
  });

  it('R5.2-2: one that is paused until it is thought dead is not dead for good: it serves again', async () => {
    const paused = nodeOf('france/compute-1');
    process.kill(paused.pid, 'SIGSTOP');
    const seers = others(paused.name);
    const seen = await metricsWhen(seers, 'members', ({ dead }) => dead === 1, DEATH_MS);
    expect(seen.map(({ dead }) => dead)).to.deep.equal(seers.map(() => 1));
    expect(await countAnswers(20), 'the other computes meanwhile').to.equal(20);
    process.kill(paused.pid, 'SIGCONT');
    await expectAlive(5, federation.nodes);
    await expectDirectories(5);
    await federation.kill('france/compute-2');
    const { body } = await askUntil(url, QUESTION, ({ status }) => status === 200);
    expect(body['servedBy']).to.equal('france/compute-1');
  });

  it('R5.2-2, R3-2: one that crashed is dead to all within the bound, and leaves the directories', async () => {
    const left = others('france/compute-2');
    const seen = await metricsWhen(left, 'members', ({ dead }) => dead === 1, DEATH_MS);
    expect(seen.map(({ alive, dead }) => [alive, dead])).to.deep.equal(left.map(() => [4, 1]));
    await expectDirectories(4);
    expect(await countAnswers(20)).to.equal(20);
    await federation.restart('france/compute-2');
    await expectAlive(5, federation.nodes);
    await expectDirectories(5);
  });

  it('R3-2: a cluster that has lost its index nodes serves on; when they are back they know all', async () => {
    await Promise.all(['france/index-1', 'france/index-2'].map((name) => federation.kill(name)));
    const left = others('france/index-1', 'france/index-2');
    const seen = await metricsWhen(left, 'members', ({ dead }) => dead === 2, DEATH_MS);
    expect(seen.map(({ dead }) => dead)).to.deep.equal(left.map(() => 2));
    expect(await countAnswers(100)).to.be.at.least(99);
    await Promise.all(['france/index-1', 'france/index-2'].map((name) => federation.restart(name)));
    await expectAlive(5, federation.nodes);
    await expectDirectories(5);
    expect(await countAnswers(20)).to.equal(20);
  });

  it('and the journals of every boot replay to equal outboxes', async () => {
    expect(lost, 'nobody else was lost').to.deep.equal([]);
    await federation.stop();
    expectReplays(federation);
  });
});
