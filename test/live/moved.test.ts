import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Pending } from '../../core/cluster/affiliation/affiliation-bodies.ts';
import { APPROVE, JOIN, JOINED, PENDING } from '../../core/machine/kinds.ts';
import { layOut, type Member } from '../../live/federation.ts';
import { LiveIds, openIdentity, signHash } from '../../live/identity.ts';
import { LiveNode } from '../../live/live-node.ts';
import type { ResolvedNode } from '../../sim/scenario/resolved.ts';
import { makeFolder, pilotNode, pilotOf, removeFolder, until } from './pilot.ts';
import { Caller } from './voice.ts';

/** Tables are compared often, so that who is lost is soon looked for. */
const QUICK = { syncUs: 400_000, joinUs: 200_000, joinWaitUs: 1_000_000 };
const WITHIN_MS = 15_000;

/** Nodes of this process that stop, and start again elsewhere. */
class Town {
  readonly folder = makeFolder();
  readonly members: readonly Member[];
  readonly failed: Error[] = [];
  private readonly running = new Map<string, LiveNode>();

  constructor(nodes: ResolvedNode[], peerings: [string, string][] = []) {
    const pilot = pilotOf(nodes, peerings);
    const scenario = { ...pilot, parameters: { ...pilot.parameters, ...QUICK } };
    this.members = layOut(scenario, this.folder, { folder: this.folder }, new Map());
  }

  /** Starts a node, told of addresses by name; `fields` are changes of its configuration. */
  async start(
    name: string,
    told: Readonly<Record<string, string>> = {},
    port = 0,
    fields: object = {},
  ): Promise<string> {
    const { folder, config } = this.find(name);
    const node = { ...(config.node as object), ...fields };
    const live = await LiveNode.open(
      folder,
      { ...config, port, node },
      { onNoted: () => undefined, onFailed: (error) => void this.failed.push(error) },
    );
    this.running.set(name, live);
    live.start(Object.fromEntries(Object.entries(told).map(([who, url]) => [this.find(who).id, url])));
    return `http://127.0.0.1:${live.port}`;
  }

  async stop(...names: string[]): Promise<void> {
    await Promise.all(names.map((name) => this.node(name).stop()));
    names.forEach((name) => this.running.delete(name));
  }

  async close(): Promise<void> {
    await this.stop(...this.running.keys());
    removeFolder(this.folder);
    expect(this.failed).to.deep.equal([]);
  }

  find(name: string): Member {
    return this.members.find(({ spec }) => spec.name === `france/${name}` || spec.name === name)!;
  }

  node(name: string): LiveNode {
    return this.running.get(name)!;
  }

  /** Whether each of them knows so many live members, and will again after a restart. */
  knowOneAnother(names: readonly string[]): Promise<boolean> {
    return until(
      () =>
        names.every((name) => {
          const { membership, known, self } = this.node(name).driver.node;
          if (membership === null || membership.table.liveCount !== names.length) return false;
          return names.every((other) => {
            const peer = this.node(name).ids.peerOf(this.find(other).id);
            const url = `http://127.0.0.1:${this.node(other).port}`;
            return peer === self || known.some((one) => one.peer === peer && one.address === url);
          });
        }),
      WITHIN_MS,
    );
  }
}

describe('live nodes that come back at another address', function () {
  this.timeout(60_000);
  let town: Town;

  afterEach(() => town.close());

  it('R5.1-1: all at once, each where another was: one that they are told of brings them together', async () => {
    const names = ['front', 'left', 'right'];
    town = new Town(names.map((name) => pilotNode(`france/${name}`, 'eu/fr', ['index'])));
    const first = await town.start('front');
    for (const name of ['left', 'right']) await town.start(name, { front: first });
    expect(await town.knowOneAnother(names)).to.equal(true);
    const [front, left, right] = names.map((name) => town.node(name).port);
    await town.stop(...names);
    const moved = await town.start('front', {}, left);
    await town.start('left', { front: moved }, right);
    await town.start('right', { front: moved }, front);
    expect(await town.knowOneAnother(names)).to.equal(true);
  });

  it('R5.1-1: one after the other: what one remembers finds the one that it is told a former address of', async () => {
    const names = ['front', 'left'];
    town = new Town(names.map((name) => pilotNode(`france/${name}`, 'eu/fr', ['index'])));
    const former = await town.start('front');
    await town.start('left', { front: former });
    expect(await town.knowOneAnother(names)).to.equal(true);
    await town.stop('front');
    await town.start('front');
    expect(await town.knowOneAnother(names), 'it was told nothing').to.equal(true);
    await town.stop('left');
    // Somebody else listens there by now.
    const stranger = createServer((_request, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => stranger.listen(Number(new URL(former).port), '127.0.0.1', resolve));
    try {
      await town.start('left', { front: former });
      expect(await town.knowOneAnother(names)).to.equal(true);
    } finally {
      stranger.closeAllConnections();
      await new Promise((resolve) => stranger.close(resolve));
    }
  });

  it('R5.1-1: a newcomer finds its sponsor where the order says, whatever it was told before', async () => {
    town = new Town([
      pilotNode('france/front', 'eu/fr', ['index']),
      { ...pilotNode('france/newcomer', 'eu/fr', ['index']), isAdmitted: false },
    ]);
    const sponsor = town.find('front').id;
    const seed = (address: string): object => ({ peer: sponsor, address });
    const now = await town.start('front');
    const former = `http://127.0.0.1:${await freePort()}`;
    await town.start('newcomer', { front: former }, 0, { seeds: [seed(former)] });
    const newcomer = town.node('newcomer');
    const operator = openIdentity(join(town.folder, 'operators', 'france', '1'));
    const ids = new LiveIds(town.find('front').config.roster);
    const order = await Caller.open(`http://127.0.0.1:${newcomer.port}`, newcomer.identity.id, operator, ids);
    const desk = await Caller.open(now, sponsor, operator, ids);
    try {
      const seeds = [{ peer: ids.peerOf(sponsor), address: now }];
      const n = order.say(JOIN, { application: null, certificate: null, seeds });
      const { ticket } = (await order.hear(n, PENDING))!.body as Pending;
      desk.say(APPROVE, { ticket, signature: signHash(operator, ticket) });
      expect((await order.hear(n, JOINED))?.kind).to.equal(JOINED);
      expect(await town.knowOneAnother(['front', 'newcomer'])).to.equal(true);
    } finally {
      order.close();
      desk.close();
    }
  });

  it('R5.2-4: a bridge of another cluster is answered over the connection by which it speaks', async () => {
    const names = ['france/door', 'japan/gate'] as const;
    const [door, gate] = names;
    town = new Town(
      [pilotNode(door, 'eu/fr', ['bridge', 'index']), pilotNode(gate, 'asia/jp', ['bridge', 'index'])],
      [['france', 'japan']],
    );
    const there = await freePort();
    const url = await town.start(door, { [gate]: `http://127.0.0.1:${there}` });
    await town.start(gate, { [door]: url }, there);
    const areUp = (): Promise<boolean> =>
      until(
        () =>
          names.every((name) => {
            const sessions = town.node(name).driver.node.bridge?.sessions.sessions ?? [];
            return sessions.length === 1 && sessions[0]!.isUp;
          }),
        WITHIN_MS,
      );
    expect(await areUp()).to.equal(true);
    await town.stop(gate);
    await town.start(gate, { [door]: url });
    expect(town.node(gate).port).to.not.equal(there);
    expect(await areUp()).to.equal(true);
  });
});

/** A port at which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
