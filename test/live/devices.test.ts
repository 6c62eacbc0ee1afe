import { generateKeyPairSync } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { Encoder } from '../../core/machine/codec.ts';
import { DISK_FINE } from '../../core/machine/disk-conditions.ts';
import { recordOf, type DiskWrite } from '../../core/machine/disk-records.ts';
import { Envelope } from '../../core/machine/envelope.ts';
import {
  BEAT,
  INFER,
  INFERRED,
  LOAD,
  SIGN,
  STORE,
  STORED,
  type Inferred,
  type Loaded,
  type Signed,
} from '../../core/machine/kinds.ts';
import { rankOfId } from '../../core/base/peers.ts';
import { Accelerator } from '../../live/accelerator.ts';
import { AcceleratorDevice } from '../../live/accelerator-device.ts';
import { ContentFiles } from '../../live/content-files.ts';
import { Contents, isContentOf } from '../../live/contents.ts';
import type { Device } from '../../live/device.ts';
import { Disk, takeBootCount } from '../../live/disk.ts';
import { writeEmbeddingModel } from '../../live/embedding-model.ts';
import {
  hashBytes,
  KeyFault,
  LiveIds,
  MAX_PEERS,
  openIdentity,
  PeerTableFull,
  readIdentity,
  signFrame,
  signHash,
} from '../../live/identity.ts';
import { Keys } from '../../live/keys.ts';
import { Transport } from '../../live/transport.ts';
import { makeFolder, removeFolder, sleep, until } from './pilot.ts';

/** Asks a device and resolves to what it answers. */
function askDevice(device: Device, kind: number, body: unknown): Promise<{ kind: number; body: unknown }> {
  const asked = new Envelope();
  asked.kind = kind;
  asked.body = body;
  return new Promise((resolve) =>
    device.handle(asked, (answered, answer) => resolve({ kind: answered, body: answer })),
  );
}

describe('the devices of a live node', function () {
  let folder: string;

  beforeEach(() => {
    folder = makeFolder();
  });

  afterEach(() => removeFolder(folder));

  describe('DISK', () => {
    const ids = new LiveIds([]);
    const path = (): string => join(folder, 'records.log');
    let putBack: number;
    const open = (): Disk =>
      new Disk(
        folder,
        ids,
        new Contents(),
        (error) => expect.fail(error.message),
        () => void putBack++,
      );

    beforeEach(() => {
      putBack = 0;
    });

    const write = (key: string, version: number | null): DiskWrite => ({
      key,
      record: version === null ? null : recordOf({ node: { epoch: 7, manifestVersion: version } }),
    });
    const store = async (disk: Disk, ...writes: DiskWrite[]): Promise<void> => {
      const stored = await askDevice(disk, STORE, { writes });
      expect(stored).to.deep.equal({ kind: STORED, body: { condition: DISK_FINE } });
    };
    const load = async (disk: Disk, after = ''): Promise<Loaded> =>
      (await askDevice(disk, LOAD, { after })).body as Loaded;
    const versions = ({ entries }: Loaded): unknown =>
      entries.map(({ key, record }) => `${key} ${record.node?.manifestVersion}`);

    it('what was stored is loaded, by another process too; nothing stored is no fault', async () => {
      const disk = open();
      expect(await load(disk)).to.deep.equal({ entries: [], corrupt: [], next: '', condition: DISK_FINE });
      await store(disk, write('node', 1), write('b', 1));
      await store(disk, write('node', 2), write('a', 1), write('b', null));
      for (const again of [disk, open()])
        expect(versions(await load(again))).to.deep.equal(['a 1', 'node 2']);
    });

    it('brings more than a page holds in pages, in the order of keys', async () => {
      const disk = open();
      const keys = Array.from({ length: 100 }, (_, i) => `k${String(i).padStart(3, '0')}`);
      for (const key of keys.toReversed()) await store(disk, write(key, 1));
      const first = await load(disk);
      expect([first.entries.length, first.next]).to.deep.equal([64, 'k063']);
      const second = await load(disk, first.next);
      expect([second.entries.length, second.next]).to.deep.equal([36, '']);
      expect([...first.entries, ...second.entries].map(({ key }) => key)).to.deep.equal(keys);
    });

    it('a last line that a crash cut short was never acknowledged: what was before it holds', async () => {
      await store(open(), write('node', 1));
      const whole = readFileSync(path(), 'latin1');
      await store(open(), write('node', 2), write('a', 2));
      const both = readFileSync(path(), 'latin1');
      for (let length = whole.length; length < both.length; length++) {
        writeFileSync(path(), both.slice(0, length));
        const disk = open();
        expect(await load(disk), `cut after ${length}`).to.deep.include({ corrupt: [] });
        expect(versions(await load(disk))).to.deep.equal(['node 1']);
      }
      const disk = open();
      await store(disk, write('a', 3));
      expect(versions(await load(open()))).to.deep.equal(['a 3', 'node 1']);
    });

    it('what a damaged line may have replaced is corrupt until it is written again, never taken for what it was', async () => {
      const disk = open();
      for (const version of [1, 2, 3]) await store(disk, write(version === 3 ? 'a' : 'node', version));
      const lines = readFileSync(path(), 'latin1').split('\n');
      lines[2] = lines[2].replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
      writeFileSync(path(), lines.join('\n'));
      const damaged = open();
      const loaded = await load(damaged);
      expect([versions(loaded), loaded.corrupt]).to.deep.equal([['a 3'], ['node']]);
      await store(damaged, write('node', 9));
      for (const again of [damaged, open()]) {
        const after = await load(again);
        expect([versions(after), after.corrupt]).to.deep.equal([['a 3', 'node 9'], []]);
      }
    });

    it('a file that is none of its own is corrupt', async () => {
      for (const content of ['{"format":1}\n', 'null', '\0\0\0']) {
        writeFileSync(path(), content);
        expect(await load(open())).to.deep.include({ entries: [], corrupt: ['unreadable'] });
      }
    });

    it('R4-3: knows a backup that was put back, and does not go on from what it has said of itself', async () => {
      const membership = {
        key: 'membership',
        record: recordOf({ membership: { incarnation: 3, known: [] } }),
      };
      await store(open(), write('node', 7), membership);
      expect(putBack).to.equal(0);
      const backup = join(folder, 'records.backup');
      copyFileSync(path(), backup);
      await store(open(), write('node', 8));
      expect(versions(await load(open()))).to.include('node 8');
      expect(putBack).to.equal(0);
      renameSync(backup, path());
      const again = await load(open());
      expect([again.corrupt, again.entries.map(({ key }) => key)]).to.deep.equal([[], ['membership']]);
      expect(putBack).to.equal(1);
      await store(open(), write('node', 1));
      expect(versions(await load(open()))).to.include('node 1');
      expect(putBack).to.equal(1);
    });

    it('leaves out what has been replaced before the file grows without bound', async () => {
      const disk = open();
      const many = Array.from({ length: 16 }, (_, i) => write(`record-${i}-${'x'.repeat(100)}`, i));
      for (let i = 0; i < 200; i++) await store(disk, ...many);
      expect(statSync(path()).size).to.be.lessThan(200_000);
      expect((await load(open())).entries).to.have.length(16);
    });

    it('keeps contents that records name, once each, and erases what none names any more', () => {
      const contents = new Contents();
      const files = new ContentFiles(join(folder, 'contents'));
      contents.files = files;
      const content = contents.put(Buffer.from('what somebody asked'))!;
      files.write(content, contents.get(content)!);
      const later = new Contents();
      later.files = new ContentFiles(join(folder, 'contents'));
      expect(Buffer.from(later.get(content)!).toString()).to.equal('what somebody asked');
      writeFileSync(join(folder, 'contents', content.hash), 'something else');
      expect(later.get(content), 'what is not what its name says is nothing').to.equal(undefined);
      files.sweep();
      expect(readdirSync(join(folder, 'contents'))).to.deep.equal([]);
      expect(later.get({ ...content, hash: '../key.pem' })).to.equal(undefined);
    });

    it('what cannot be read or written at all ends the node', () => {
      const failed: string[] = [];
      const fail = (error: Error): void => void failed.push(error.message);
      const store = Object.assign(new Envelope(), { kind: STORE, body: { writes: [write('node', 1)] } });
      new Disk(join(folder, 'no', 'such'), ids, new Contents(), fail).handle(store, () =>
        expect.fail('it answered'),
      );
      mkdirSync(path());
      const load = Object.assign(new Envelope(), { kind: LOAD, body: { after: '' } });
      new Disk(folder, ids, new Contents(), fail).handle(load, () => expect.fail('it answered'));
      expect(failed).to.have.length(2);
      expect(failed[0]).to.match(/ENOENT/);
    });
  });

  it('counts boots, durably', () => {
    expect([1, 2, 3].map(() => takeBootCount(folder))).to.deep.equal([1, 2, 3]);
    // An old count was put back; the journals are still there.
    writeFileSync(join(folder, 'journal-7.jsonl'), '');
    expect(takeBootCount(folder)).to.equal(8);
    writeFileSync(join(folder, 'boot-count.json'), '{"bootCount":"9"}');
    expect(() => takeBootCount(folder)).to.throw('a whole number is expected');
  });

  it('a key that is to be there is not made; what is none is named, in our words', () => {
    const nowhere = join(folder, 'nowhere');
    expect(() => readIdentity(nowhere)).to.throw(KeyFault, `${nowhere}: there is no key.pem in this folder`);
    expect(existsSync(nowhere)).to.equal(false);
    const { id } = openIdentity(join(folder, 'mine'));
    expect(readIdentity(join(folder, 'mine')).id).to.equal(id);
    const path = join(folder, 'mine', 'key.pem');
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    for (const pem of ['garbage', curve.export({ type: 'pkcs8', format: 'pem' })]) {
      writeFileSync(path, pem);
      expect(() => readIdentity(join(folder, 'mine'))).to.throw(
        KeyFault,
        `${path}: a private Ed25519 key is expected, as PEM, without a passphrase`,
      );
    }
  });

  it('R4-3: an id is the SHA-256 of the public key; documents and frames are signed apart', async () => {
    const identity = openIdentity(join(folder, 'node'));
    expect(openIdentity(join(folder, 'node')).id).to.equal(identity.id);
    expect(identity.id).to.equal(hashBytes(Buffer.from(identity.publicKey, 'base64url')));
    const entry = { id: identity.id, name: 'node', cluster: 'c', publicKey: identity.publicKey };
    const ids = new LiveIds([entry]);
    const self = ids.peerOf(identity.id);
    const document = hashBytes('a document');
    const keys = new Keys(folder, identity, new Contents(), (error) => expect.fail(error.message));
    const { body } = await askDevice(keys, SIGN, { hash: document });
    const { signature } = body as Signed;
    expect(ids.verify(self, document, signature)).to.equal(true);
    expect(ids.verify(self, hashBytes('another'), signature)).to.equal(false);
    expect(ids.verify(ids.peerOf(hashBytes('stranger')), document, signature)).to.equal(false);
    expect(ids.verify(-1, document, signature)).to.equal(false);
    expect(ids.verify(self, document, 'no signature')).to.equal(false);
    expect(new LiveIds([]).verify(0, document, signature), 'of an id that is not that of the key').to.equal(
      false,
    );
    const frame = Buffer.from(document);
    const place = { nonce: Buffer.alloc(32), n: 1 };
    const { publicKey } = identity;
    expect(ids.verifyFrame(publicKey, place, frame, Buffer.from(signature, 'base64'))).to.equal(false);
    const sealed = signFrame(identity, place, frame);
    expect(ids.verifyFrame(publicKey, place, frame, sealed)).to.equal(true);
    expect(ids.verifyFrame(publicKey, { ...place, n: 2 }, frame, sealed), 'elsewhere').to.equal(false);
    expect(ids.verifyFrame(publicKey, { ...place, nonce: Buffer.alloc(32, 1) }, frame, sealed)).to.equal(
      false,
    );
    expect(signHash(identity, document)).to.equal(signature);
    expect(ids.rank(self)).to.equal(rankOfId(identity.id));
    const other = openIdentity(join(folder, 'other'));
    const strangers = new LiveIds([]);
    const stranger = strangers.peerOf(identity.id);
    expect(strangers.verify(stranger, document, signature), 'by the key in the signature').to.equal(true);
    const asOther = signature.replace(identity.publicKey, other.publicKey);
    expect(strangers.verify(strangers.peerOf(other.id), document, asOther)).to.equal(false);
    expect(strangers.verify(strangers.peerOf(other.id), document, signature)).to.equal(false);
    expect(() => new LiveIds([{ ...entry, publicKey: other.publicKey }])).to.throw(
      'node: its id is not that',
    );
    expect(readFileSync(join(folder, 'node', 'key.pem'), 'utf8')).to.contain('PRIVATE KEY');
  });

  it('gives numbers to a bounded number of ids', () => {
    const ids = new LiveIds([]);
    for (let i = 0; i < MAX_PEERS; i++) ids.peerOf(String(i));
    expect(() => ids.peerOf('one more')).to.throw(PeerTableFull);
    expect(ids.peerOf('5')).to.equal(5);
    expect(ids.idOf(5)).to.equal('5');
  });

  it('contents are held by hash, up to a bound', () => {
    const contents = new Contents(10);
    const six = contents.put(Buffer.from('sixsix'))!;
    expect(six).to.deep.equal({ hash: hashBytes('sixsix'), sizeBytes: 6, keyId: 0 });
    expect(contents.put(Buffer.from('sixsix')), 'the same again needs no room').to.deep.equal(six);
    expect(contents.put(Buffer.from('five5'))).to.equal(null);
    expect(contents.totalBytes).to.equal(6);
    expect(contents.get({ ...six, sizeBytes: 5 })).to.equal(undefined);
    expect(Buffer.from(contents.get(six)!).toString()).to.equal('sixsix');
    expect(isContentOf(six, Buffer.from('sixsix'))).to.equal(true);
    expect(isContentOf(six, Buffer.from('sixsiy'))).to.equal(false);
    expect(isContentOf({ ...six, sizeBytes: 7 }, Buffer.from('sixsix'))).to.equal(false);
  });

  it('ACCELERATOR: a prompt becomes an answer; what goes wrong is an answer too', async () => {
    const path = join(folder, 'model.onnx');
    await writeEmbeddingModel(path);
    const accelerator = await Accelerator.create({ provider: 'cpu', models: [{ name: 'near', path }] });
    const contents = new Contents();
    const device = new AcceleratorDevice(accelerator, contents, join(folder, 'loaded'));
    const prompt = contents.put(Buffer.from('water'))!;
    const infer = async (body: object): Promise<Inferred> => {
      const answer = await askDevice(device, INFER, {
        model: 'near',
        version: '',
        prompt,
        contexts: [],
        contextTokens: 5,
        maxTokens: 0,
        ...body,
      });
      expect(answer.kind).to.equal(INFERRED);
      return answer.body as Inferred;
    };
    try {
      const { answer, provider, error, computedUs } = await infer({});
      expect([provider, error]).to.deep.equal(['cpu', '']);
      expect(Number.isSafeInteger(computedUs)).to.equal(true);
      const said = JSON.parse(Buffer.from(contents.get(answer!)!).toString()) as { model: string };
      expect(said.model).to.equal('near');
      const gone = await infer({ prompt: { ...prompt, hash: hashBytes('gone') } });
      expect([gone.answer, gone.error]).to.deep.equal([
        null,
        'the prompt, or what goes with it, is no longer held',
      ]);
      const unknown = await infer({ model: 'ünknown'.repeat(60) });
      expect(unknown.answer).to.equal(null);
      expect(Buffer.byteLength(`accelerator: ${unknown.error}`)).to.be.at.most(256);
    } finally {
      await accelerator.close();
    }
    expect((await infer({})).error).to.contain('closed');
  });
});

describe('the transport when a peer is out of reach', function () {
  it('keeps the newest of what waits, within a bound, and counts what it drops', async () => {
    const folder = makeFolder();
    const [here, there] = ['here', 'there'].map((name) => openIdentity(join(folder, name)));
    const roster = [here!, there!].map(({ id, publicKey }) => ({ id, name: id, cluster: 'c', publicKey }));
    const ids = new LiveIds(roster);
    const received: number[] = [];
    const contents = new Contents();
    const deliver = ({ n }: Envelope): null => {
      received.push(n);
      return null;
    };
    const sender = new Transport({
      http: createServer(),
      identity: here!,
      ids,
      contents,
      address: '',
      addressOf: () => '',
      onFalse: () => undefined,
      deliver,
    });
    const http = createServer();
    const receiver = new Transport({
      http,
      identity: there!,
      ids,
      contents,
      address: '',
      addressOf: () => '',
      onFalse: () => undefined,
      deliver,
    });
    // A port that is free now, and where the peer will listen later.
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const { port } = http.address() as AddressInfo;
    await new Promise((resolve) => http.close(resolve));
    sender.route(there!.id, `http://127.0.0.1:${port}`);
    const encoder = new Encoder(ids);
    const beat = (n: number): void => {
      const envelope = new Envelope();
      const load = { running: 0, queued: 0, slots: 0, room: 0, serviceUs: 0, freeMemoryBytes: 0 };
      const models = { installedModels: [], loadedModels: [], draining: false };
      envelope.kind = BEAT;
      envelope.from = envelope.origin = ids.peerOf(here!.id);
      envelope.to = ids.peerOf(there!.id);
      envelope.n = n;
      envelope.body = { version: { epoch: 1, version: 1 }, load: { ...load, ...models } };
      sender.send(envelope, encoder.envelope(envelope));
    };
    try {
      for (let n = 1; n <= 300; n++) beat(n);
      await sleep(50);
      expect(sender.unsent.get('peer out of reach')).to.equal(44);
      expect(sender.sentTo.get(there!.id)).to.deep.equal({ sent: 300, dropped: 44 });
      await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
      expect(await until(() => received.length >= 256, 5_000)).to.equal(true);
      expect(received).to.deep.equal(Array.from({ length: 256 }, (_, i) => 45 + i));
    } finally {
      await Promise.all([sender.close(), receiver.close()]);
      removeFolder(folder);
    }
  });
});
