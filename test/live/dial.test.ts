import { expect } from 'chai';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Server as SocketServer } from 'socket.io';
import { io } from 'socket.io-client';
import { Contents } from '../../live/contents.ts';
import { LiveIds, openIdentity, signHello, type Identity } from '../../live/identity.ts';
import { dial } from '../../live/link.ts';
import { Transport } from '../../live/transport.ts';
import { makeFolder, removeFolder } from './pilot.ts';

async function listen(http: Server): Promise<string> {
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

describe('dialling', function () {
  const folder = makeFolder();
  const [here, there] = ['here', 'there'].map((name) => openIdentity(join(folder, name))) as [
    Identity,
    Identity,
  ];
  const ids = new LiveIds([]);
  const closed: (() => Promise<unknown>)[] = [];

  /** A transport that listens and calls `address` its own; '' stands for where it really listens. */
  async function station(identity: Identity, address = ''): Promise<string> {
    const http = createServer();
    const url = await listen(http);
    const contents = new Contents();
    const options = {
      http,
      identity,
      ids,
      contents,
      deliver: () => null,
      address: address || url,
      addressOf: () => '',
      onFalse: () => undefined,
    };
    const transport = new Transport(options);
    closed.push(() => transport.close());
    return url;
  }

  /** A program that speaks the protocol and answers a challenge as it likes. */
  async function impostor(answer: (challenge: Uint8Array) => Promise<unknown[]>): Promise<string> {
    const http = createServer();
    const url = await listen(http);
    const server = new SocketServer(http, { transports: ['websocket'] });
    server.on('connection', (socket) => {
      socket.on('hello', (challenge: Uint8Array, respond: (...words: unknown[]) => void) => {
        void answer(challenge).then((words) => respond(...words));
      });
    });
    closed.push(() => server.close());
    return url;
  }

  after(async () => {
    await Promise.all(closed.map((close) => close()));
    removeFolder(folder);
  });

  it('R5.1-2: finds whoever holds the key of an id at its address, and tells who is where', async () => {
    const url = await station(there);
    expect(await dial(url, there.id, ids)).to.deep.include({ id: there.id, detail: '' });
    const { id, url: found } = await dial(url.replace('http://127.0.0.1', 'localhost'), null, ids);
    expect([id, found], 'a name is resolved').to.deep.equal([there.id, `${url}/`]);
  });

  it('R5.1-2: is not taken in by another node, by one that passes the question on, or by a bad proof', async () => {
    const url = await station(there);
    const other = await dial(url, here.id, ids);
    expect(other).to.deep.include({ id: there.id, url: null });
    expect(other.detail).to.match(/another node/);

    const relay = await impostor(async (challenge) => {
      const socket = io(url, { transports: ['websocket'], forceNew: true });
      const words = await new Promise<unknown[]>((resolve) =>
        socket.emit('hello', challenge, (...proof: unknown[]) => resolve(proof)),
      );
      socket.disconnect();
      return words;
    });
    expect((await dial(relay, there.id, ids)).detail).to.match(/is not its address/);

    const liars: [string, (challenge: Uint8Array, own: string) => unknown[]][] = [
      ['with another key', (challenge, own) => [there.publicKey, own, signHello(here, challenge, own)]],
      ['of another challenge', (_, own) => [there.publicKey, own, signHello(there, Buffer.alloc(32), own)]],
      ['of another address', (challenge, own) => [there.publicKey, own, signHello(there, challenge, 'x')]],
      ['that is none', () => []],
      ['of odd types', () => [1, {}, 'text']],
    ];
    for (const [what, answer] of liars) {
      let own = '';
      own = await impostor((challenge) => Promise.resolve(answer(challenge, own)));
      const result = await dial(own, there.id, ids);
      expect(result.url, what).to.equal(null);
      expect(result.detail, what).to.match(/does not prove/);
    }
  });

  it('says why nobody was found, in time: nobody listens, nobody answers, no address', async () => {
    const http = createServer();
    const url = await listen(http);
    await new Promise((resolve) => http.close(resolve));
    expect((await dial(url, there.id, ids)).detail).to.match(/nobody listens/);
    expect((await dial('no such host.invalid:1', null, ids)).url).to.equal(null);
    expect((await dial('ftp://127.0.0.1:1', there.id, ids)).detail).to.match(/http or https/);
    const silent = await impostor(() => new Promise(() => undefined));
    const beganMs = performance.now();
    expect((await dial(silent, there.id, ids)).detail).to.match(/nobody answers/);
    expect(performance.now() - beganMs).to.be.lessThan(5_000);
  });
});
