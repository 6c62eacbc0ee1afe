import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Pending } from '../../core/cluster/affiliation/affiliation-bodies.ts';
import { hashManifest } from '../../core/cluster/presence.ts';
import {
  APPROVE,
  JOIN,
  JOINED,
  LEAVE,
  LEFT,
  PENDING,
  REFUSED,
  type Refused,
} from '../../core/machine/kinds.ts';
import { readNodeConfig, readRoster, type LiveConfig } from '../../live/config.ts';
import { startFederation, type Federation, type RunningNode } from '../../live/federation.ts';
import { LiveIds, openIdentity, signHash, type Identity } from '../../live/identity.ts';
import {
  ask,
  askUntil,
  expectReplays,
  type Json,
  makeFolder,
  metricsWhen,
  pilotNode,
  pilotOf,
  readMetric,
  removeFolder,
  type Reply,
} from './pilot.ts';
import { Caller } from './voice.ts';

const QUESTION = { model: 'near', text: 'Where does the water go?' };
const ORDER = { application: null, certificate: null, seeds: [] };

/** Processes that are told over the network, by the operator of their cluster, to come and to go. */
describe('live nodes that join a cluster and leave it', function () {
  this.timeout(60_000);
  const folder = makeFolder();
  const callers: Caller[] = [];
  let federation: Federation;
  let front: RunningNode;
  let first: RunningNode;
  let newcomer: RunningNode;
  let ids: LiveIds;
  let operator: Identity;

  before(async () => {
    const pilot = pilotOf([
      pilotNode('france/front', 'eu/fr', ['gateway', 'index']),
      pilotNode('france/first', 'eu/fr', ['compute'], ['near']),
      { ...pilotNode('france/newcomer', 'eu/fr', ['compute'], ['near']), isAdmitted: false },
    ]);
    federation = await startFederation(pilot, { folder });
    [front, first, newcomer] = federation.nodes as [RunningNode, RunningNode, RunningNode];
    ids = new LiveIds(readRoster(fileOf(front).roster));
    operator = openIdentity(join(folder, 'operators', 'france', '1'));
    await metricsWhen([front, first], 'members', ({ alive }) => alive === 2, 20_000);
    await askUntil(front.url, QUESTION, ({ status }) => status === 200);
  });

  after(async () => {
    for (const caller of callers) caller.close();
    await federation?.stop();
    removeFolder(folder);
  });

  function fileOf(node: RunningNode): LiveConfig {
    return JSON.parse(readFileSync(join(node.folder, 'config.json'), 'utf8')) as LiveConfig;
  }

  async function call(node: RunningNode, as: Identity): Promise<Caller> {
    const caller = await Caller.open(node.url, openIdentity(node.folder).id, as, ids);
    callers.push(caller);
    return caller;
  }

  function detailOf(heard: { kind: number; body: unknown } | null): string {
    expect(heard?.kind).to.equal(REFUSED);
    return (heard!.body as Refused).detail;
  }

  it('R5.1-2: an applicant that is not reached where it says is turned down, whoever lends it a signature', async () => {
    const outsider = openIdentity(join(folder, 'outsider'));
    const self = ids.peerOf(outsider.id);
    const { manifest: example } = readNodeConfig(fileOf(first).node, ids);
    const manifest = { ...example, id: self };
    const version = { epoch: 1, version: 1 };
    const signature = signHash(outsider, hashManifest({ pure: ids } as never, manifest, version));
    const caller = await call(front, outsider);
    const apply = async (address: string, signedWith = signature): Promise<string> => {
      const application = { manifest, version, signature: signedWith, address };
      const n = caller.say(JOIN, { application, certificate: null, seeds: [] });
      return detailOf(await caller.hear(n, PENDING));
    };
    expect(await apply(first.url)).to.match(/not reached at the address that it gives: another node/);
    expect(await apply('http://127.0.0.1:9')).to.match(/nobody listens/);
    expect(await apply('')).to.match(/no address/);
    expect(await apply(first.url, signHash(operator, 'x'))).to.match(/not signed by it/);
    const strange = await call(newcomer, outsider);
    expect(detailOf(await strange.hear(strange.say(JOIN, ORDER), JOINED))).to.match(/whoever runs this node/);
    expect(detailOf(await strange.hear(strange.say(LEAVE, {}), LEFT))).to.match(/whoever runs this node/);
    expect(await readMetric(front.url, 'members')).to.include({ alive: 2 });
    expect(await readMetric(front.url, 'turned_away_total'), 'each with its reason').to.include({
      'not reached': 3,
      forged: 1,
    });
    expect(await readMetric(newcomer.url, 'turned_away_total')).to.include({ 'not admitted': 2 });
  });

  it('R5.1-2: a newcomer is called back, waits for its operators, and is a member when they have signed', async () => {
    const order = await call(newcomer, operator);
    const n = order.say(JOIN, ORDER);
    const pending = (await order.hear(n, PENDING))!.body as Pending;
    expect(ids.idOf(pending.terms.subject)).to.equal(openIdentity(newcomer.folder).id);
    expect([pending.signed, pending.needed]).to.deep.equal([0, 1]);
    const sponsor = federation.nodes.find(
      ({ folder: own }) => openIdentity(own).id === ids.idOf(pending.sponsor),
    )!;
    const desk = await call(sponsor, operator);
    const { ticket } = pending;
    const wrong = desk.say(APPROVE, { ticket, signature: signHash(operator, 'another ticket') });
    expect(detailOf(await desk.hear(wrong, JOINED))).to.match(/not of this ticket/);
    desk.say(APPROVE, { ticket, signature: signHash(operator, ticket) });
    expect((await order.hear(n, JOINED))?.kind).to.equal(JOINED);
    const seen = await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 3, 10_000);
    expect(seen.map(({ alive }) => alive)).to.deep.equal([3, 3, 3]);
    const [directory] = await metricsWhen([front], 'directory_size', (size) => size[''] === 3, 10_000);
    expect(directory).to.deep.equal({ '': 3 });
    expect((await order.hear(order.say(JOIN, ORDER), JOINED))?.kind, 'a second time').to.equal(JOINED);
  });

  it('R5.1-3: one that leaves costs nobody an answer, and is not suspected', async () => {
    // Whoever is to take over what the one that leaves did must have said how busy it is.
    const isOfNewcomer = ({ body }: Reply): boolean => body['servedBy'] === 'france/newcomer';
    expect(isOfNewcomer(await askUntil(front.url, QUESTION, isOfNewcomer))).to.equal(true);
    let isLeaving = true;
    const refused: Json[] = [];
    const asking = (async () => {
      while (isLeaving) {
        const { status, body } = await ask(front.url, QUESTION);
        if (status !== 200) refused.push(body);
      }
    })();
    const order = await call(first, operator);
    const left = await order.hear(order.say(LEAVE, {}), LEFT);
    isLeaving = false;
    await asking;
    expect(left?.kind).to.equal(LEFT);
    expect(refused).to.deep.equal([]);
    const seen = await metricsWhen([front, newcomer], 'members', (counts) => counts['left'] === 1, 10_000);
    for (const counts of seen) expect(counts).to.include({ alive: 2, suspect: 0, dead: 0, left: 1 });
    expect((await ask(front.url, QUESTION)).body['servedBy']).to.equal('france/newcomer');
    expect((await order.hear(order.say(LEAVE, {}), LEFT))?.kind, 'a second time').to.equal(LEFT);
  });

  it('R5.1-2, R5.1-3: after a crash the one is a member without asking, and the other has still left', async () => {
    await Promise.all([newcomer, first].map(({ name }) => federation.kill(name)));
    await Promise.all([newcomer, first].map(({ name }) => federation.restart(name)));
    const [, , there] = federation.nodes;
    const [seen] = await metricsWhen([there!], 'members', ({ alive }) => alive === 2, 10_000);
    expect(seen).to.include({ alive: 2 });
    expect((await askUntil(front.url, QUESTION, ({ status }) => status === 200)).body['servedBy']).to.equal(
      'france/newcomer',
    );
    expect(await readMetric(federation.nodes[1]!.url, 'members')).to.include({ alive: 0 });
    const order = await call(federation.nodes[1]!, operator);
    expect((await order.hear(order.say(JOIN, ORDER), JOINED))?.kind, 'and comes again').to.equal(JOINED);
    const again = await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 3, 10_000);
    expect(again.map(({ alive }) => alive)).to.deep.equal([3, 3, 3]);
  });

  it('and the journals of every boot replay to equal outboxes', async () => {
    await federation.stop();
    expectReplays(federation);
  });
});
