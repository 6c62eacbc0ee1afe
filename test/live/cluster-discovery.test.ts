import { expect } from 'chai';
import { join } from 'node:path';
import { io, type Socket } from 'socket.io-client';
import type { Approve, Pending } from '../../core/cluster/affiliation/affiliation-bodies.ts';
import { Encoder } from '../../core/machine/codec.ts';
import { Envelope } from '../../core/machine/envelope.ts';
import { APPROVE } from '../../core/machine/kinds.ts';
import { READY } from '../../core/machine/node-state.ts';
import { discoveryOf, LiveConsole } from '../../live/cluster-discovery.ts';
import type { LiveConfig } from '../../live/config.ts';
import { layOut } from '../../live/federation.ts';
import { joinContents, readNonce, Speaker } from '../../live/frames.ts';
import { LiveIds, openIdentity, signFrame, signHash } from '../../live/identity.ts';
import { LiveNode } from '../../live/live-node.ts';
import { manifestFor } from '../../sim/cluster-discovery.ts';
import { testClusterDiscovery, type DiscoveryStage } from '../conformance/cluster-discovery.ts';
import { makeFolder, pilotNode, pilotOf, removeFolder, until } from './pilot.ts';

const NAMES = ['front', 'newcomer'] as const;

interface Town {
  readonly folder: string;
  readonly nodes: readonly LiveNode[];
  readonly consoles: readonly LiveConsole[];
  readonly urls: readonly string[];
  close(): Promise<void>;
}

/** Two nodes of this process. Each knows of itself, and the newcomer of an address in DNS; neither of the other's key. */
async function openTown(): Promise<Town> {
  const folder = makeFolder();
  const scenario = pilotOf([
    pilotNode('france/front', 'eu/fr', ['gateway', 'index', 'bridge']),
    { ...pilotNode('france/newcomer', 'eu/fr', ['gateway']), isAdmitted: false },
  ]);
  const members = layOut(scenario, folder, { folder }, new Map());
  const failed: Error[] = [];
  const events = { onNoted: () => undefined, onFailed: (error: Error) => void failed.push(error) };
  const nodes: LiveNode[] = [];
  for (const { folder: own, config, id } of members) {
    const roster = config.roster.filter(({ id: one, name }) => one === id || !name.includes('/'));
    const port = nodes[0]?.port;
    const seeds = port === undefined ? [] : [{ peer: null, address: `localhost:${port}` }];
    const node = { ...(config.node as object), seeds };
    nodes.push(await LiveNode.open(own, { ...config, roster, node } satisfies LiveConfig, events));
  }
  const consoles = nodes.map((node) => new LiveConsole(node));
  for (const node of nodes) node.start({});
  expect(await until(() => nodes.every(({ driver }) => driver.node.phase === READY), 5_000)).to.equal(true);
  return {
    folder,
    nodes,
    consoles,
    urls: nodes.map(({ port }) => `http://127.0.0.1:${port}`),
    close: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
      removeFolder(folder);
      expect(failed).to.deep.equal([]);
    },
  };
}

/** An operator's console: a program that listens nowhere, and speaks the protocol with a key of its own. */
function approveFrom(socket: Socket, speaker: Speaker, { folder, nodes }: Town, { ticket }: Pending): void {
  const operator = openIdentity(join(folder, 'operators', 'france', '1'));
  const ids = new LiveIds([]);
  const envelope = new Envelope();
  const body: Approve = { ticket, signature: signHash(operator, ticket) };
  const from = ids.peerOf(operator.id);
  const to = ids.peerOf(nodes[0]!.identity.id);
  Object.assign(envelope, { kind: APPROVE, from, to, origin: from, n: 1, body });
  const bytes = new Encoder(ids).envelope(envelope);
  const place = speaker.nextPlace();
  socket.emit(
    'envelope',
    operator.publicKey,
    place.n,
    bytes,
    signFrame(operator, place, bytes),
    ...joinContents([]),
  );
}

async function setUp(): Promise<DiscoveryStage> {
  const town = await openTown();
  const { nodes, consoles, urls } = town;
  const socket = io(urls[0]!, { transports: ['websocket'], forceNew: true });
  const nonce = await new Promise<unknown>((resolve) => socket.once('nonce', resolve));
  const speaker = new Speaker(readNonce(nonce)!);
  const placeOf = (name: (typeof NAMES)[number]): number => NAMES.indexOf(name);
  return {
    discoveryOf: (name, options) => discoveryOf(consoles[placeOf(name)]!, options),
    manifestOf: (name) => {
      const { driver, identity } = nodes[placeOf(name)]!;
      return manifestFor(driver.node.config.manifest, identity.id);
    },
    approve: (pending) => approveFrom(socket, speaker, town, pending),
    members: () => {
      const { driver, ids } = nodes[0]!;
      const { table } = driver.node.membership!;
      return Array.from({ length: table.count }, (_, row) => row)
        .filter((row) => table.isLiveAt(row))
        .map((row) => NAMES[nodes.findIndex(({ identity }) => identity.id === ids.idOf(table.peerAt(row)))]!)
        .sort((left, right) => (left < right ? -1 : 1));
    },
    settle: (promise) => promise,
    until: (isSo) => until(isSo, 10_000),
    close: async () => {
      socket.disconnect();
      await town.close();
    },
  };
}

testClusterDiscovery('live', setUp);
