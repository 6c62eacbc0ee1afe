import { readFileSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { expect } from 'chai';
import { signUpload } from '../../live/content-upload.ts';
import { PUBLISHER_FOLDER } from '../../live/federation.ts';
import { hashBytes, openIdentity } from '../../live/identity.ts';
import {
  CHUNK_BYTES,
  described,
  MODEL,
  ModelTown,
  townNode,
  writeModel,
  writeWrongModel,
} from './model-town.ts';
import { ask, pilotNode, sleep, until } from './pilot.ts';

const FRONT = pilotNode('france/front', 'eu/fr', ['gateway', 'index']);
const QUESTION = { model: MODEL, text: 'Where does the water go?' };

async function untilSo(isSo: () => Promise<boolean>, withinMs = 30_000): Promise<boolean> {
  const endMs = performance.now() + withinMs;
  while (performance.now() < endMs) {
    if (await isSo()) return true;
    await sleep(100);
  }
  return false;
}

const servedBy = (town: ModelTown, name: string): number =>
  town.node(name).live.transport.carrier.servedBytes;

/** The model lies on some nodes, and another is told to have it. */
async function spread(town: ModelTown, holders: readonly string[], layers = 12): Promise<Buffer> {
  const path = town.path('model.onnx');
  writeModel(path, layers * 1024 * 1024);
  await town.publish(holders[0]!, path, described(1), null);
  for (const name of [...holders, 'puller'])
    expect(
      await untilSo(async () => (await town.node(name).models.checkVersion(MODEL)).latestVersion === 1),
    ).to.equal(true);
  for (const name of holders) await town.node(name).models.pullModel(MODEL);
  return readFileSync(path);
}

function pulledBytes(town: ModelTown, name: string): Buffer {
  const { live } = town.node(name);
  const { models } = live.driver.node;
  const held = models!.held.get(models!.currents.get(MODEL)!.id)!;
  const hashes = held.pages.flatMap((page) => page!.hashes.hashes);
  return Buffer.concat(
    hashes.map((hash) => readFileSync(join(town.folder, 'nodes', `france.${name}`, 'contents', hash))),
  );
}

describe('models that move between live nodes', function () {
  this.timeout(120_000);

  it('R7.2-1: a chunk is fetched once, in turn from all that have it; the file is equal, and answers', async () => {
    const holders = ['one', 'two', 'three'];
    const town = await ModelTown.open([
      FRONT,
      ...[...holders, 'puller'].map((name) => townNode(`france/${name}`)),
    ]);
    try {
      const bytes = await spread(town, holders);
      // Whoever has just handed out much is asked after the others.
      const isIdle = (name: string): boolean => town.node(name).live.driver.node.models!.handed === 0;
      expect(await untilSo(() => Promise.resolve(holders.every(isIdle)))).to.equal(true);
      const before = holders.map((name) => servedBy(town, name));
      await town.node('puller').models.pullModel(MODEL);
      const given = holders.map((name, i) => servedBy(town, name) - before[i]!);
      // The last chunk is small, and goes with its envelope.
      const large = Math.floor(bytes.length / CHUNK_BYTES) * CHUNK_BYTES;
      expect(given.reduce((sum, one) => sum + one, 0)).to.be.within(large, bytes.length);
      for (const one of given) expect(one).to.be.at.least(2 * CHUNK_BYTES);
      expect(pulledBytes(town, 'puller').equals(bytes)).to.equal(true);
      const isAnswered = async (): Promise<boolean> =>
        (await ask(town.node('front').url, QUESTION)).body['servedBy'] === 'france/puller';
      expect(await untilSo(isAnswered)).to.equal(true);
    } finally {
      await town.close();
    }
  });

  it('R7.2-1, R8.1-3: who hands out other bytes is found out by their hash, counted, and asked no more', async () => {
    let lies = 0;
    let askedOfLiar = 0;
    // A program that speaks the protocol, and falsifies what it hands out.
    const wrap = (name: string, listener: RequestListener): RequestListener => {
      if (name !== 'france/two') return listener;
      return (request, response) => {
        if (request.method === 'GET' && request.url!.startsWith('/v1/contents/') && ++askedOfLiar > 0) {
          const end = response.end.bind(response) as (part: Uint8Array) => typeof response;
          response.end = ((part: Uint8Array) => {
            const false1 = Uint8Array.from(part);
            false1[false1.length >> 1]! ^= 1;
            lies++;
            return end(false1);
          }) as typeof response.end;
        }
        listener(request, response);
      };
    };
    const town = await ModelTown.open(
      [FRONT, ...['one', 'two', 'three', 'puller'].map((name) => townNode(`france/${name}`))],
      [],
      wrap,
    );
    try {
      const bytes = await spread(town, ['one', 'two', 'three']);
      [lies, askedOfLiar] = [0, 0];
      town.lies.length = 0;
      await town.node('puller').models.pullModel(MODEL);
      expect(pulledBytes(town, 'puller').equals(bytes)).to.equal(true);
      expect([lies, askedOfLiar]).to.deep.equal([1, 1]);
      expect(town.lies).to.deep.equal(['france/two']);
      const { live } = town.node('puller');
      expect([...live.lies]).to.deep.equal([['france/two', 1]]);
      expect(live.transport.refused.get('other content')).to.equal(1);
      // Nor for the next version, of which it is the first to have a copy.
      const path = town.path('second.onnx');
      writeModel(path, 8 * 1024 * 1024, 2);
      const sequence = { sequence: 1, id: live.driver.node.models!.currents.get(MODEL)!.id };
      await town.publish('two', path, described(2), sequence);
      await town.publish('one', path, described(2), null, false);
      expect(await untilSo(async () => (await town.versionAt('puller')) === 2)).to.equal(true);
      expect([...live.lies]).to.deep.equal([['france/two', 1]]);
    } finally {
      await town.close();
    }
  });

  it('R7.2-1: what breaks off is gone on with by ranges: no byte comes twice', async () => {
    let broken = 0;
    const wrap = (name: string, listener: RequestListener): RequestListener => {
      if (name === 'france/puller') return listener;
      return (request, response) => {
        if (request.method === 'GET' && request.url!.startsWith('/v1/contents/') && broken < 3) {
          response.end = ((part: Uint8Array) => {
            broken++;
            // Half of what was asked for, and then the line is dead.
            response.write(part.subarray(0, part.length >> 1), () => response.destroy());
            return response;
          }) as typeof response.end;
        }
        listener(request, response);
      };
    };
    const town = await ModelTown.open(
      [FRONT, ...['one', 'two', 'puller'].map((name) => townNode(`france/${name}`))],
      [],
      wrap,
    );
    try {
      broken = 3;
      const bytes = await spread(town, ['one', 'two'], 8);
      broken = 0;
      const { carrier } = town.node('puller').live.transport;
      const before = carrier.fetchedBytes;
      await town.node('puller').models.pullModel(MODEL);
      expect(broken).to.equal(3);
      expect(pulledBytes(town, 'puller').equals(bytes)).to.equal(true);
      expect(carrier.fetchedBytes - before).to.be.at.most(bytes.length);
      expect(town.lies).to.deep.equal([]);
    } finally {
      await town.close();
    }
  });

  it('contents are handed out to whoever was sent an envelope that names them, and brought by publishers only', async () => {
    const town = await ModelTown.open([FRONT, townNode('france/one')]);
    try {
      const { live, url } = town.node('one');
      const bytes = Buffer.alloc(CHUNK_BYTES, 7);
      const hash = hashBytes(bytes);
      const publisher = openIdentity(town.path(PUBLISHER_FOLDER));
      const put = async (by: string, body: Buffer): Promise<number> =>
        (await fetch(`${url}/v1/contents/${hash}`, { method: 'PUT', headers: { authorization: by }, body }))
          .status;
      const signed = signUpload(publisher, live.identity.id, hash, Date.now());
      const wrong = [
        '',
        signUpload(openIdentity(town.path('stranger')), live.identity.id, hash, Date.now()),
        signUpload(publisher, town.node('front').live.identity.id, hash, Date.now()),
        signUpload(publisher, live.identity.id, hashBytes('another'), Date.now()),
        signUpload(publisher, live.identity.id, hash, Date.now() - 3_600_000),
      ];
      for (const by of wrong) expect(await put(by, bytes), by).to.equal(401);
      expect(await put(signed, Buffer.alloc(CHUNK_BYTES, 8))).to.equal(400);
      expect(await put(signed, Buffer.alloc(5 * 1024 * 1024))).to.equal(413);
      expect(live.contents.has({ hash, sizeBytes: bytes.length, keyId: 0 })).to.equal(false);
      expect(await put(signed, bytes)).to.equal(204);
      expect(live.contents.has({ hash, sizeBytes: bytes.length, keyId: 0 })).to.equal(true);

      const content = { hash, sizeBytes: bytes.length, keyId: 0 };
      const token = live.transport.carrier.grants.give(content);
      const other = live.transport.carrier.grants.give({ ...content, hash: hashBytes('another') });
      const get = (by: string, range?: string): Promise<Response> =>
        fetch(`${url}/v1/contents/${hash}`, {
          headers: { authorization: `Bearer ${by}`, ...(range === undefined ? {} : { range }) },
        });
      for (const by of ['', 'x', other]) expect((await get(by)).status).to.equal(401);
      expect((await get(token)).status).to.equal(200);
      const part = await get(token, 'bytes=1000-1999');
      expect([part.status, part.headers.get('content-range')]).to.deep.equal([
        206,
        `bytes 1000-1999/${CHUNK_BYTES}`,
      ]);
      expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(1_000, 2_000))).to.equal(true);
      expect((await get(token, `bytes=${CHUNK_BYTES}-`)).status).to.equal(416);
      expect((await get(token, 'bytes=0-9,20-29')).status).to.equal(416);
    } finally {
      await town.close();
    }
  });

  it('R7.2-1, R7.2-3: one node tries a new version; one that cannot be loaded or answers wrongly is rolled back, and runs nowhere else', async () => {
    const names = ['one', 'two', 'three'];
    // Room for one version only, besides what stays free.
    const node = (name: string) => ({
      ...townNode(`france/${name}`),
      wantedModels: [MODEL],
      compute: { gpuMemoryBytes: 1.8e9, supportedModels: [] },
    });
    const town = await ModelTown.open([FRONT, ...names.map(node)]);
    let isOpen = true;
    let asking: Promise<void> = Promise.resolve();
    try {
      const files = ['v1', 'v2', 'v3', 'v4'].map((name) => town.path(`${name}.onnx`));
      writeModel(files[0]!, 3e6, 1);
      writeWrongModel(files[1]!);
      writeFileSync(files[2]!, Buffer.alloc(2e6, 'no model at all'));
      writeModel(files[3]!, 3e6, 4);
      let before: { sequence: number; id: string } | null = null;
      const publish = async (version: number): Promise<string> => {
        const { id } = await town.publish('one', files[version - 1]!, described(version), before);
        before = { sequence: version, id };
        return id;
      };
      const versions = (): Promise<number[]> => Promise.all(names.map((name) => town.versionAt(name)));
      const isAt = async (version: number): Promise<boolean> =>
        (await versions()).every((one) => one === version);
      await publish(1);
      expect(await untilSo(() => isAt(1))).to.equal(true);
      const outcomes: number[] = [];
      asking = (async () => {
        while (isOpen) {
          outcomes.push((await ask(town.node('front').url, QUESTION)).status);
          await sleep(20);
        }
      })();
      let most = 0;
      for (const version of [2, 3]) {
        const id = await publish(version);
        const pointedMs = performance.now();
        const isBad = (name: string): boolean =>
          town.node(name).live.driver.node.models!.registry.verdicts.get(id)?.isGood === false;
        const isKnown = (): boolean => {
          const running = names.filter((name) => {
            const { models } = town.node(name).live.driver.node;
            return models!.currents.get(MODEL)!.id === id;
          });
          most = Math.max(most, running.length);
          return names.every(isBad);
        };
        expect(await until(isKnown, 40_000), `version ${version}`).to.equal(true);
        expect(await untilSo(() => isAt(1)), `version ${version}`).to.equal(true);
        expect(performance.now() - pointedMs).to.be.lessThan(40_000);
      }
      expect(most).to.equal(1);
      await publish(4);
      expect(await untilSo(() => isAt(4), 60_000)).to.equal(true);
      for (const name of names) {
        const { models } = town.node(name).live.driver.node;
        const reserved = models!.loads.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
        expect(reserved, name).to.be.at.most(1.8e9);
      }
      isOpen = false;
      await asking;
      const good = outcomes.filter((status) => status === 200).length;
      expect(good, String(outcomes)).to.be.greaterThan(0.7 * outcomes.length);
    } finally {
      isOpen = false;
      await asking;
      await town.close();
    }
  });
});
