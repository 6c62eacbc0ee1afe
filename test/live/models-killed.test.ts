import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Caller } from '../../live/caller.ts';
import { openIdentity } from '../../live/identity.ts';
import { NodeChild } from '../../live/node-child.ts';
import { CHUNK_BYTES, described, MODEL, ModelTown, townNode, writeModel } from './model-town.ts';
import { askUntil, expectReplays, pilotNode, readMetric, sleep, until } from './pilot.ts';

const KILLS = 22;
const SIZE_BYTES = 44 * 1024 * 1024;

/** Seeded, so that a failure comes again; the machine’s own pace is chance enough besides. */
function createDraw(seed: number): (below: number) => number {
  let word = seed;
  return (below) => {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((word / 2 ** 32) * below);
  };
}

/** A node that pulls a model of 44 MiB from two others, and is killed again and again while it does. */
describe('R7.2-1: a pull that is killed', function () {
  this.timeout(300_000);
  let town: ModelTown;
  let child: NodeChild | null = null;

  before(async () => {
    const puller = { ...townNode('france/puller'), wantedModels: [MODEL] };
    const nodes = [
      pilotNode('france/front', 'eu/fr', ['gateway', 'index']),
      townNode('france/one'),
      townNode('france/two'),
      puller,
    ];
    town = await ModelTown.open(nodes, [], undefined, ['france/puller']);
  });

  after(async () => {
    await child?.stop();
    await town?.close();
  });

  const served = (): number =>
    ['one', 'two'].reduce((sum, name) => sum + town.node(name).live.transport.carrier.servedBytes, 0);

  async function boot(): Promise<{ child: NodeChild; url: string }> {
    const [{ config, folder }] = town.apart as [(typeof town.apart)[0]];
    const started = new NodeChild(config.name, folder, () => undefined);
    const { port } = await started.waitFor('listening');
    started.send({ type: 'start', addresses: town.addresses });
    return { child: started, url: `http://127.0.0.1:${port}` };
  }

  it(`loses at most a chunk each time, of ${KILLS}; in the end the file is equal, and runs`, async () => {
    const path = town.path('model.onnx');
    writeModel(path, SIZE_BYTES);
    const bytes = readFileSync(path);
    const release = await town.publish('one', path, described(1), null);
    expect(release.chunks.length).to.be.greaterThan(2 * 16);
    expect(
      await until(() => town.node('two').live.driver.node.models!.registry.entries.size === 1, 10_000),
    ).to.equal(true);
    await town.node('two').models.pullModel(MODEL);
    const before = served();
    const draw = createDraw(7);
    for (let kills = 0; kills < KILLS; kills++) {
      const from = served();
      ({ child } = await boot());
      const chunks = 1 + (draw(3) === 0 ? 1 : 0);
      const isUnderWay = (): boolean => served() - from > (chunks - 1) * CHUNK_BYTES;
      // Looked at often: a chunk takes a few milliseconds.
      for (const endMs = performance.now() + 60_000; !isUnderWay() && performance.now() < endMs;)
        await sleep(1);
      expect(isUnderWay(), `after ${kills} kills`).to.equal(true);
      await sleep(draw(25));
      await child.kill();
    }
    const last = await boot();
    child = last.child;
    const [member] = town.apart as [(typeof town.apart)[0]];
    const caller = await Caller.open(last.url, openIdentity(town.path('nobody')));
    const held = async (): Promise<number> => {
      const response = await fetch(`${last.url}/v1/models`);
      const { models } = (await response.json()) as { models?: { versions: { held: number }[] }[] };
      return models?.[0]?.versions[0]?.held ?? 0;
    };
    for (let i = 0; i < 600 && (await held()) < release.chunks.length; i++) await sleep(100);
    caller.close();
    expect(await held()).to.equal(release.chunks.length);
    const fetched = served() - before;
    expect(fetched).to.be.at.least(bytes.length - CHUNK_BYTES);
    expect(fetched).to.be.at.most(bytes.length + KILLS * CHUNK_BYTES);
    const pulled = release.chunks.map(({ hash }) => readFileSync(join(member.folder, 'contents', hash)));
    expect(Buffer.concat(pulled).equals(bytes)).to.equal(true);
    // What the last life fetched is less than the whole: it went on where the one before had stopped.
    const { '': fetchedLast } = await readMetric(last.url, 'content_fetched_bytes_total');
    expect(fetchedLast).to.be.lessThan(bytes.length);

    // It runs: of the three that have it, the one that is asked is drawn, so it is asked until it was this one.
    const question = { model: MODEL, text: 'Where does the water go?' };
    const reply = await askUntil(
      town.node('front').url,
      question,
      ({ body }) => body['servedBy'] === 'france/puller',
      30_000,
    );
    expect(reply.body['servedBy']).to.equal('france/puller');
    await child.stop();
    expectReplays({ nodes: [{ ...member, url: last.url } as never] });
  });
});
