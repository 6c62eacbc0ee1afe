// The five suites of §9 over real sockets, against nodes in processes of their own and against programs that break one of them.
import { expect } from 'chai';
import { join } from 'node:path';
import { Encoder } from '../../core/machine/codec.ts';
import type { Ref } from '../../core/machine/shape.ts';
import { READY } from '../../core/machine/node-state.ts';
import { ConformError, openLiveWire, type LiveWire } from '../../live/conform-wire.ts';
import { writeEmbeddingModel } from '../../live/embedding-model.ts';
import { layOut, PUBLISHER_FOLDER } from '../../live/federation.ts';
import { createHttp } from '../../live/http.ts';
import { LiveNode } from '../../live/live-node.ts';
import { examine } from '../../sim/conform/conform.ts';
import { tellReport, type ConformanceReport } from '../../sim/conform/report.ts';
import type { Guise } from '../../sim/malice/malice.ts';
import { ended, VILLAINS, type Lair } from '../conformance/villains.ts';
import { makeFolder, pilotNode, pilotOf, removeFolder, until } from './pilot.ts';

const TYPES = ['gateway', 'index', 'bridge', 'compute', 'pod-host'];
const MODEL = 'watershed/hashed-ngrams-v1';
/** An update has proven itself soon, so that a test need not wait for more. */
const TRIAL_US = 1_000_000;

type Disguise = (lair: Lair) => Guise;

interface Town {
  readonly target: LiveNode;
  readonly folder: string;
  close(): Promise<void>;
}

/** A cluster in this process, of which the first may be in disguise. */
async function openTown(names: readonly string[], create: Disguise | null): Promise<Town> {
  const folder = makeFolder();
  const pilot = pilotOf(names.map((name) => pilotNode(name, 'eu/fr', TYPES, [MODEL])));
  const scenario = { ...pilot, parameters: { ...pilot.parameters, trialUs: TRIAL_US } };
  const path = join(folder, 'model.onnx');
  await writeEmbeddingModel(path, 1);
  const models = new Map([[MODEL, path]]);
  const nodes: LiveNode[] = [];
  for (const { folder: own, config } of layOut(scenario, folder, { folder }, models)) {
    const failed = (error: unknown): never => {
      throw error;
    };
    const node = await LiveNode.open(own, config, { onNoted: () => undefined, onFailed: failed });
    node.handler = createHttp(node, null, null, failed);
    nodes.push(node);
  }
  if (create !== null) disguise(nodes[0]!, create);
  const addresses = Object.fromEntries(
    nodes.map(({ identity, port }) => [identity.id, `http://127.0.0.1:${port}`]),
  );
  for (const node of nodes) node.start(addresses);
  const knowEachOther = (): boolean =>
    nodes.every(
      ({ driver: { node } }) => node.phase === READY && node.membership?.table.liveCount === names.length,
    );
  expect(await until(knowEachOther, 20_000)).to.equal(true);
  return {
    target: nodes[0]!,
    folder,
    close: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
      removeFolder(folder);
    },
  };
}

/** Puts somebody between a node and its sockets. */
function disguise({ driver, transport, ids, contents }: LiveNode, create: Disguise): void {
  const falsify = ({ hash, sizeBytes }: Ref): Ref =>
    contents.put(Buffer.from(`not ${hash} `.padEnd(sizeBytes).slice(0, sizeBytes)))!;
  const guise = create({ region: 'eu/fr', falsify });
  const send = transport.send.bind(transport);
  transport.send = (envelope, bytes) => {
    const { kind, body } = envelope;
    if (!guise.letsOut(envelope)) return;
    const isChanged = envelope.kind !== kind || envelope.body !== body;
    send(envelope, isChanged ? new Encoder(ids).envelope(envelope) : bytes);
  };
  const deliver = driver.deliver.bind(driver);
  driver.deliver = (envelope, bytes) => {
    const { kind, body } = envelope;
    if (!guise.letsIn(envelope)) return null;
    const isChanged = envelope.kind !== kind || envelope.body !== body;
    return deliver(envelope, isChanged ? new Encoder(ids).envelope(envelope) : bytes);
  };
}

/** Who lends the tester a hand: folders of keys, in that of the federation. */
interface Hands {
  readonly operators: readonly string[];
  readonly publisher: string | null;
}

const ALL: Hands = { operators: [join('operators', 'france', '1')], publisher: PUBLISHER_FOLDER };

/** Whoever tests it a second time is to find what it found at first. */
async function examineTwice(town: Town, hands: Hands): Promise<ConformanceReport> {
  const first = await examineAt({ ...town, close: () => Promise.resolve() }, hands);
  if (first.verdict === 'conforms') return await examineAt(town, hands);
  await town.close();
  return first;
}

async function examineAt({ target, folder, close }: Town, hands: Hands): Promise<ConformanceReport> {
  let wire: LiveWire | null = null;
  try {
    wire = await openLiveWire({
      address: `127.0.0.1:${target.port}`,
      host: '127.0.0.1',
      operators: hands.operators.map((one) => join(folder, one)),
      publisher: hands.publisher === null ? null : join(folder, hands.publisher),
    });
    return await examine(wire);
  } finally {
    await wire?.close();
    await close();
  }
}

describe('R9-1: five suites run against any node, live', function () {
  this.timeout(90_000);
  const exams = new Map<string, Promise<ConformanceReport>>();

  /** They wait for answers most of the time: so all are begun at once, and a test takes the report of its own. */
  async function begin(
    name: string,
    hands: Hands,
    names: string[],
    create: Disguise | null,
    put = examineAt,
  ): Promise<void> {
    const exam = put(await openTown(names, create), hands);
    // Whoever waits for it is told.
    exam.catch(() => undefined);
    exams.set(name, exam);
  }

  before(async () => {
    for (const [, what, create] of VILLAINS) await begin(what, ALL, ['france/one'], create);
    await begin('honest', ALL, ['france/one', 'france/other'], null, examineTwice);
    await begin('no publisher', { ...ALL, publisher: null }, ['france/one'], null);
    await begin(
      'unknown publisher',
      { ...ALL, publisher: join('attestors', 'france') },
      ['france/one'],
      null,
    );
    await begin('no operator', { ...ALL, operators: [] }, ['france/one'], null);
  });

  after(() => Promise.allSettled(exams.values()));

  it('R9-1: a node that plays all roles conforms where an operator and a publisher take part, and does so again', async () => {
    const report = await exams.get('honest')!;
    expect(report.verdict, tellReport(report).join('\n')).to.equal('conforms');
  });

  it('R9-1: where no publisher takes part models are not tested, and how to lend its key is told', async () => {
    const report = await exams.get('no publisher')!;
    const told = tellReport(report).join('\n');
    expect(ended(report, 'failed'), told).to.deep.equal([]);
    expect(ended(report, 'not tested'), told).to.deep.equal(['pull-update-roll-back']);
    expect(report.verdict).to.equal('not fully tested');
    expect(told).to.include(
      'pulls a model that it is told to have (R7.2-1): not tested, because the tester has no key of a publisher whom the node knows: --publisher names its folder, which is publishers/1 where',
    );
  });

  it('R9-1: a key that is none of a publisher there tests no models, and accuses nobody', async () => {
    const report = await exams.get('unknown publisher')!;
    const told = tellReport(report).join('\n');
    expect(ended(report, 'failed'), told).to.deep.equal([]);
    expect(ended(report, 'not tested'), told).to.deep.equal(['pull-update-roll-back']);
    expect(told).to.include('is it one whom the node knows?');
  });

  it('R9-1: where no operator takes part the test node is not admitted, and that is told', async () => {
    const report = await exams.get('no operator')!;
    const told = tellReport(report).join('\n');
    expect(ended(report, 'failed'), told).to.deep.equal([]);
    expect(told).to.include('1 of its operators would have to sign, and 0 of them take part');
    expect(told).to.include('not tested, because the test node has not been admitted');
  });

  for (const [suite, what] of VILLAINS)
    it(`R9-1: one that ${what} fails ${suite}, and that alone`, async () => {
      const report = await exams.get(what)!;
      expect(ended(report, 'failed'), tellReport(report).join('\n')).to.deep.equal([suite]);
    });

  it('where nobody listens there is nothing to be tested', async () => {
    const target = { address: '127.0.0.1:9', host: '127.0.0.1', operators: [], publisher: null };
    const failure = await openLiveWire(target).then(
      () => null,
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(ConformError);
  });
});
