// The five suites of §9 over real sockets, against nodes in processes of their own and against programs that break one of them.
import { expect } from 'chai';
import { join } from 'node:path';
import { Encoder } from '../../core/machine/codec.ts';
import { READY } from '../../core/machine/node-state.ts';
import { ConformError, openLiveWire, type LiveWire } from '../../live/conform-wire.ts';
import { writeEmbeddingModel } from '../../live/embedding-model.ts';
import { layOut } from '../../live/federation.ts';
import { createHttp } from '../../live/http.ts';
import { LiveNode } from '../../live/live-node.ts';
import { examine } from '../../sim/conform/conform.ts';
import { tellReport, type ConformanceReport } from '../../sim/conform/report.ts';
import type { Guise } from '../../sim/malice/malice.ts';
import { ended, VILLAINS } from '../conformance/villains.ts';
import { makeFolder, pilotNode, pilotOf, removeFolder, until } from './pilot.ts';

const TYPES = ['gateway', 'index', 'bridge', 'compute', 'pod-host'];
const MODEL = 'watershed/hashed-ngrams-v1';

/** A cluster of two in this process, of which the first may be in disguise. */
async function openTown(guise: Guise | null): Promise<{
  target: LiveNode;
  folder: string;
  close(): Promise<void>;
}> {
  const folder = makeFolder();
  const scenario = pilotOf(
    ['france/one', 'france/other'].map((name) => pilotNode(name, 'eu/fr', TYPES, [MODEL])),
  );
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
  if (guise !== null) disguise(nodes[0]!, guise);
  const addresses = Object.fromEntries(
    nodes.map(({ identity, port }) => [identity.id, `http://127.0.0.1:${port}`]),
  );
  for (const node of nodes) node.start(addresses);
  const knowEachOther = (): boolean =>
    nodes.every(({ driver: { node } }) => node.phase === READY && node.membership?.table.liveCount === 2);
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
function disguise({ driver, transport, ids }: LiveNode, guise: Guise): void {
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

describe('R9-1: five suites run against any node, live', function () {
  this.timeout(90_000);

  async function testNode(guise: Guise | null, withOperator = true): Promise<ConformanceReport> {
    const { target, folder, close } = await openTown(guise);
    let wire: LiveWire | null = null;
    try {
      const operators = withOperator ? [join(folder, 'operators', 'france', '1')] : [];
      const address = `127.0.0.1:${target.port}`;
      wire = await openLiveWire({ address, host: '127.0.0.1', operators, publisher: null });
      return await examine(wire);
    } finally {
      await wire?.close();
      await close();
    }
  }

  it('R9-1: a node that plays all roles fails nothing, and says what of it was not tested', async () => {
    const report = await testNode(null);
    const told = tellReport(report).join('\n');
    expect(ended(report, 'failed'), told).to.deep.equal([]);
    expect(ended(report, 'passed'), told).to.deep.equal([
      'discover-and-join',
      'data-in-region',
      'trust-honoured',
      'heartbeat-and-metrics',
    ]);
    expect(report.verdict).to.equal('not fully tested');
  });

  it('R9-1: where no operator takes part the test node is not admitted, and that is told', async () => {
    const report = await testNode(null, false);
    const told = tellReport(report).join('\n');
    expect(ended(report, 'failed'), told).to.deep.equal([]);
    expect(told).to.include('1 of its operators would have to sign, and 0 of them take part');
    expect(told).to.include('not tested, because the test node has not been admitted');
  });

  for (const [suite, what, create] of VILLAINS) {
    // What moves models live has no holder yet that a tester could hear.
    if (suite === 'pull-update-roll-back') continue;
    it(`R9-1: one that ${what} fails ${suite}, and that alone`, async () => {
      const report = await testNode(create('eu/fr'));
      expect(ended(report, 'failed'), tellReport(report).join('\n')).to.deep.equal([suite]);
    });
  }

  it('where nobody listens there is nothing to be tested', async () => {
    const target = { address: '127.0.0.1:9', host: '127.0.0.1', operators: [], publisher: null };
    const failure = await openLiveWire(target).then(
      () => null,
      (error: unknown) => error,
    );
    expect(failure).to.be.instanceOf(ConformError);
  });
});
