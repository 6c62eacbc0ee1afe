/** A tester's way to a live node: keys of its own, envelopes over sockets, and nothing that the node does not tell anybody. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Encoder } from '../core/machine/codec.ts';
import { Envelope } from '../core/machine/envelope.ts';
import type { Ref } from '../core/machine/shape.ts';
import type { Heard, Mouth, Operator, Wire } from '../sim/conform/wire.ts';
import { Contents } from './contents.ts';
import { FEATURE_COUNT, INPUT_NAME } from './embedding-model.ts';
import { LiveIds, openIdentity, readIdentity, signHash, type Identity } from './identity.ts';
import { dial } from './link.ts';
import { encodeModel } from './onnx-writer.ts';
import { Transport } from './transport.ts';

export interface ConformTarget {
  /** Where the node under test listens: `host:port`, or a URL. */
  readonly address: string;
  /** Under which name or address of this machine the node can call back. */
  readonly host: string;
  /** Folders with the keys of operators who take part, and of a publisher whom the node knows. */
  readonly operators: readonly string[];
  readonly publisher: string | null;
}

/** An answer may be there at once. */
const LOOK_US = 10_000;
/** What is said over one connection is heard in the order in which it was said. */
const HEARD_US = 100_000;

/** It cannot even be spoken with. */
export class ConformError extends Error {
  override readonly name = 'ConformError';
}

export interface LiveWire extends Wire {
  close(): Promise<void>;
}

/** @throws ConformError if nobody proves to listen there, or a port cannot be had */
export async function openLiveWire(target: ConformTarget): Promise<LiveWire> {
  const { address, host } = target;
  // A folder without a key is told before anybody is asked.
  const operatorKeys = target.operators.map(readIdentity);
  const publisher = target.publisher === null ? null : readIdentity(target.publisher);
  const ids = new LiveIds([]);
  const found = await dial(address, null, ids);
  if (found.url === null) throw new ConformError(found.detail);
  const { id, url } = found;
  const folder = mkdtempSync(join(tmpdir(), 'watershed-tester-'));
  const contents = new Contents();
  const open = async (identity: Identity, listensAt: string | null): Promise<LiveMouth> => {
    const mouth = await LiveMouth.open(identity, ids, contents, listensAt);
    mouth.transport.route(id, url);
    return mouth;
  };
  const mouths = {
    node: await open(openIdentity(join(folder, 'node')), host),
    person: await open(openIdentity(join(folder, 'person')), null),
    operators: await Promise.all(operatorKeys.map((key) => open(key, null))),
  };
  const peer = ids.peerOf(id);
  return {
    driver: 'live',
    pure: ids,
    target: peer,
    name: url,
    node: mouths.node,
    person: mouths.person,
    operators: mouths.operators.map((mouth): Operator => operatorOver(mouth, peer)),
    publisher:
      publisher === null
        ? null
        : { peer: ids.peerOf(publisher.id), sign: (hash) => signHash(publisher, hash) },
    wallUs: () => Date.now() * 1_000,
    lookUs: LOOK_US,
    heardUs: HEARD_US,
    pass: (us) => new Promise((resolve) => setTimeout(resolve, us / 1_000)),
    makeContent: (sizeBytes, seed) => put(contents, makeText(sizeBytes, seed)),
    makeModel: (version, sizeBytes, chunkBytes) => {
      const model = makeModel(version, sizeBytes);
      return Array.from({ length: Math.ceil(sizeBytes / chunkBytes) }, (_, i) =>
        put(contents, model.subarray(i * chunkBytes, (i + 1) * chunkBytes)),
      );
    },
    metrics: async () => await (await fetch(new URL('/metrics', url))).text(),
    close: async () => {
      await Promise.all([mouths.node, mouths.person, ...mouths.operators].map((mouth) => mouth.close()));
      rmSync(folder, { recursive: true });
    },
  };
}

/** Readable, and other for each seed. */
function makeText(sizeBytes: number, seed: number): Buffer {
  return Buffer.from(`conformance ${seed} `.padEnd(sizeBytes, 'water ').slice(0, sizeBytes));
}

/** The least graph that an accelerator loads, made so long by what it says of itself. */
function makeModel(version: number, sizeBytes: number): Uint8Array {
  const shape = ['batch', FEATURE_COUNT];
  const encode = (description: string): Uint8Array =>
    encodeModel({
      name: 'conformance',
      description,
      inputs: [{ name: INPUT_NAME, shape }],
      outputs: [{ name: 'output', shape }],
      initializers: [],
      nodes: [{ name: 'squash', operator: 'Tanh', inputs: [INPUT_NAME], outputs: ['output'] }],
    });
  const text = makeText(sizeBytes, version).toString();
  // All else takes as many bytes whatever the text is, but for how its length is written.
  const rest = encode(text).length - sizeBytes;
  return encode(text.slice(0, sizeBytes - rest));
}

function put(contents: Contents, bytes: Uint8Array): Ref {
  const content = contents.put(bytes);
  if (content === null) throw new ConformError('the tester has no room for another content');
  return content;
}

function operatorOver(mouth: LiveMouth, target: number): Operator {
  const hears = new Map<number, (kind: number, body: unknown) => void>();
  let nextN = Date.now();
  mouth.onHear = ({ n, kind, body }) => hears.get(n)?.(kind, body);
  return {
    peer: mouth.peer,
    sign: (hash) => mouth.sign(hash),
    order: (kind, body, hear) => {
      const n = nextN++;
      hears.set(n, hear);
      mouth.send(target, { kind, origin: mouth.peer, originBoot: 1, n, attempt: 0, body });
    },
  };
}

/** Who speaks with the key of an identity; with `host` it can be called back, too. */
class LiveMouth implements Mouth {
  readonly peer: number;
  readonly address: string;
  readonly transport: Transport;
  onHear: ((heard: Heard) => void) | null = null;
  private readonly identity: Identity;
  private readonly ids: LiveIds;
  private readonly http: Server;

  static async open(
    identity: Identity,
    ids: LiveIds,
    contents: Contents,
    host: string | null,
  ): Promise<LiveMouth> {
    const http = createServer((_request, response) => response.writeHead(404).end());
    if (host === null) return new LiveMouth(identity, ids, contents, http, '');
    await new Promise<void>((resolve, reject) => {
      http.once('error', (error) => reject(new ConformError(`${host}: ${error.message}`)));
      http.listen(0, host, resolve);
    });
    const { port } = http.address() as AddressInfo;
    return new LiveMouth(identity, ids, contents, http, `http://${host}:${port}`);
  }

  private constructor(identity: Identity, ids: LiveIds, contents: Contents, http: Server, address: string) {
    this.identity = identity;
    this.ids = ids;
    this.http = http;
    this.address = address;
    this.peer = ids.peerOf(identity.id);
    this.transport = new Transport({
      ...{ http, identity, ids, contents, address },
      addressOf: () => '',
      deliver: ({ kind, from, origin, originBoot, n, attempt, body }) => {
        this.onHear?.({ kind, from, origin, originBoot, n, attempt, body });
        return null;
      },
    });
  }

  sign(hash: string): string {
    return signHash(this.identity, hash);
  }

  send(to: number, said: Omit<Heard, 'from'>): void {
    const envelope = Object.assign(new Envelope(), said);
    envelope.from = this.peer;
    envelope.to = to;
    this.transport.send(envelope, new Encoder(this.ids).envelope(envelope));
  }

  async close(): Promise<void> {
    this.http.closeAllConnections();
    await this.transport.close();
  }
}
