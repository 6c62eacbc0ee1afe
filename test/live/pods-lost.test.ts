import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { DataLocationPolicy } from '../../core/policy/location-policy.ts';
import { startFederation, type Federation, type RunningNode } from '../../live/federation.ts';
import { hashBytes, openIdentity } from '../../live/identity.ts';
import { PodOwner, PodRefused, type PodPlace } from '../../live/pod-owner.ts';
import {
  expectReplays,
  makeFolder,
  metricsWhen,
  pilotNode,
  pilotOf,
  readMetric,
  removeFolder,
  sleep,
} from './pilot.ts';

/** So that a test need not wait for what takes longer where machines are far apart. */
const QUICK = {
  probeUs: 400_000,
  probeTimeoutUs: 200_000,
  suspicionMaxMult: 3,
  podLeaseUs: 2_000_000,
  podRenewUs: 500_000,
  podWarmUs: 1_000_000,
  podRepairUs: 1_000_000,
  podSilenceUs: 700_000,
};
const FRENCH = ['union/paris', 'union/lyon', 'union/nantes'];
const BERLIN = 'union/berlin';
const AT_HOME: DataLocationPolicy = {
  allowedRegions: [],
  requiredRegion: null,
  crossBorderAllowed: false,
  encryptionRequired: false,
  retention: { maxDays: null, legalHold: false },
};
const IN_EUROPE = { ...AT_HOME, allowedRegions: ['eu'], crossBorderAllowed: true };
const WRITES = 2;

describe('live pods whose hosts are lost', function () {
  this.timeout(90_000);
  const folder = makeFolder();
  let federation: Federation;
  let ann: PodOwner;
  let isOver = false;

  before(async () => {
    const pilot = pilotOf([
      pilotNode(BERLIN, 'eu/de', ['gateway', 'pod-host', 'index']),
      ...FRENCH.map((name) => pilotNode(name, 'eu/fr', ['gateway', 'pod-host', 'index'])),
    ]);
    const scenario = { ...pilot, parameters: { ...pilot.parameters, ...QUICK } };
    federation = await startFederation(scenario, { folder });
    await allThere();
    const urls = [...FRENCH, BERLIN].map((name) => nodeOf(name).url);
    ann = new PodOwner(openIdentity(join(folder, 'people', 'ann')), urls);
  });

  after(async () => {
    await federation?.stop();
    removeFolder(folder);
  });

  /** So that one test that fails does not take the next with it. */
  afterEach(async () => {
    for (const { name, isRunning } of federation.nodes)
      if (!isRunning && !isOver) await federation.restart(name);
  });

  function nodeOf(name: string): RunningNode {
    return federation.nodes.find((node) => node.name === name)!;
  }

  async function allThere(): Promise<void> {
    const seen = await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 4, 20_000);
    expect(seen.map(({ alive }) => alive)).to.deep.equal([4, 4, 4, 4]);
  }

  /** Asks the hosts what they have until it is as hoped for, or the time is over. */
  async function placesWhen(
    number: number,
    isHopedFor: (holders: string[], places: PodPlace[]) => boolean,
    withinMs = 20_000,
  ): Promise<string[]> {
    const endMs = performance.now() + withinMs;
    for (;;) {
      const places = await ann.where(number);
      const holders = places.filter(({ sizes }) => sizes.length > 0).map(({ host }) => host);
      if (isHopedFor(holders, places) || performance.now() > endMs) return holders.sort();
      await sleep(200);
    }
  }

  async function readTexts(number: number): Promise<string[]> {
    const { versions } = await ann.read(number);
    return versions.map(({ bytes }) => Buffer.from(bytes).toString()).sort();
  }

  /** Names of the nodes in whose folders these bytes lie in some file, as they are or in base64. */
  function nodesWith(text: string): string[] {
    const forms = [text, ...[0, 1, 2].map((skip) => toBase64Inside(text, skip))].map((form) =>
      Buffer.from(form),
    );
    return federation.nodes
      .filter(({ folder: own }) => filesBelow(own).some((path) => holdsAny(readFileSync(path), forms)))
      .map(({ name }) => name)
      .sort();
  }

  it('R6.1-6: survive kill -9 and restart of a host, to the byte', async () => {
    const text = 'A host may go, the words stay: 5f3c.';
    const policy = ann.signPolicy(1, 1, 'eu/fr', AT_HOME);
    await ann.write(policy, Buffer.from(text));
    expect(await placesWhen(1, (holders) => holders.length === 3)).to.deep.equal([...FRENCH].sort());
    await federation.kill('union/lyon');
    expect(await readTexts(1)).to.deep.equal([text]);
    await federation.restart('union/lyon');
    expect(await placesWhen(1, (holders) => holders.length === 3)).to.deep.equal([...FRENCH].sort());
    for (const name of FRENCH) {
      const path = join(nodeOf(name).folder, 'contents', hashBytes(text));
      expect(readFileSync(path, 'utf8'), name).to.equal(text);
    }
    expect(nodesWith(text), 'R6.1-2: in no file of who may not have it').to.deep.equal([...FRENCH].sort());
  });

  it('R6.1-6: what was acknowledged survives kill -9 of the primary right then', async () => {
    const policy = ann.signPolicy(2, 1, 'eu/fr', AT_HOME);
    await allThere();
    const texts: string[] = [];
    for (let i = 0; i < WRITES; i++) {
      const text = `The ${i}th thing that was acknowledged.`;
      let { primary, isFragile } = await ann.write(policy, Buffer.from(text), [], text);
      // On a busy machine hosts are suspected for a moment; what only one has nobody promises to survive it.
      for (let again = 0; isFragile && again < 5; again++) {
        await placesWhen(2, (holders) => holders.length === FRENCH.length);
        ({ primary, isFragile } = await ann.write(policy, Buffer.from(text), [], text));
      }
      expect(isFragile).to.equal(false);
      await federation.kill(primary);
      texts.push(text);
      expect(await readTexts(2), `without ${primary}`).to.deep.equal(texts);
      await federation.restart(primary);
      await allThere();
    }
  });

  it('R5.3-2: a gateway that is killed in the midst of a write is passed over, and it is written once', async () => {
    const policy = ann.signPolicy(6, 1, 'eu/fr', AT_HOME);
    await ann.setPolicy(policy);
    const writing = ann.write(policy, Buffer.alloc(1_000_000, 'long'));
    await sleep(5);
    await federation.kill(FRENCH[0]!);
    await writing;
    expect((await ann.look(6)).versions).to.have.length(1);
    await federation.restart(FRENCH[0]!);
    await allThere();
  });

  it('R6.2-2: a backup of a host that is put back after a deletion brings nothing back for good', async () => {
    const text = 'What was backed up and then forgotten: 4c1e.';
    const policy = ann.signPolicy(17, 1, 'eu/fr', AT_HOME);
    await ann.write(policy, Buffer.from(text));
    await placesWhen(17, (holders) => holders.length === 3);
    const home = nodeOf('union/lyon').folder;
    const backup = join(folder, 'lyon.backup');
    cpSync(home, backup, { recursive: true, filter: (source) => !source.endsWith('/keys') });
    expect((await ann.remove(17, 20_000)).isCertified).to.equal(true);
    expect(nodesWith(text)).to.deep.equal([]);
    await federation.kill('union/lyon');
    rmSync(home, { recursive: true });
    renameSync(backup, home);
    expect(nodesWith(text), 'it is back on the disk').to.deep.equal(['union/lyon']);
    await federation.restart('union/lyon');
    await allThere();
    const endMs = performance.now() + 20_000;
    while (nodesWith(text).length > 0 && performance.now() < endMs) await sleep(200);
    expect(nodesWith(text)).to.deep.equal([]);
    expect((await refusalOf(ann.read(17))).message).to.match(/deleted/);
    expect(readFileSync(join(home, 'node.log'), 'utf8')).to.include('a backup was put back');
    // It takes part again: what is written now lies there, too.
    await ann.write(ann.signPolicy(18, 1, 'eu/fr', AT_HOME), Buffer.from('Afterwards.'));
    expect(await placesWhen(18, (holders) => holders.length === 3)).to.deep.equal([...FRENCH].sort());
  });

  it('R6.2-2: a deletion names who is missing until that one is back, and nothing returns', async () => {
    const text = 'What is to be forgotten: 91aa.';
    const policy = ann.signPolicy(3, 1, 'eu/fr', AT_HOME);
    await ann.write(policy, Buffer.from(text));
    await placesWhen(3, (holders) => holders.length === 3);
    expect(nodesWith(text)).to.deep.equal([...FRENCH].sort());
    await federation.kill('union/nantes');
    const pending = await ann.remove(3, 3_000);
    expect([pending.isCertified, pending.missing]).to.deep.equal([false, ['union/nantes']]);
    expect(nodesWith(text), 'only the disk that is out of reach still has it').to.deep.equal([
      'union/nantes',
    ]);
    const waiting = await Promise.all(
      federation.nodes.filter(({ isRunning }) => isRunning).map(({ url }) => readMetric(url, 'pods_missing')),
    );
    const saying = waiting.filter((values) => values['union/nantes'] === 1);
    expect(saying.length, 'whoever was asked says so').to.be.at.least(1);
    await federation.restart('union/nantes');
    const done = await ann.remove(3, 20_000);
    expect([done.isCertified, done.missing]).to.deep.equal([true, []]);
    expect(nodesWith(text)).to.deep.equal([]);
    await federation.kill('union/paris');
    await federation.restart('union/paris');
    await allThere();
    const gone = await refusalOf(ann.read(3));
    expect(gone).to.include({ code: 'NO_ELIGIBLE_NODE', definite: true });
    expect(gone.message).to.match(/deleted/);
    expect(await placesWhen(3, (_, places) => places.every(({ isDeleted }) => isDeleted))).to.deep.equal([]);
    expect(nodesWith(text), 'nothing returns').to.deep.equal([]);
  });

  it('R6.1-4: what is to be sealed lies open in no file of any node, survives a crash, and its key goes with it', async () => {
    const text = 'What nobody else is to read: 04c6.';
    const policy = ann.signPolicy(7, 1, 'eu/fr', { ...AT_HOME, encryptionRequired: true });
    await ann.write(policy, Buffer.from(text));
    await placesWhen(7, (holders) => holders.length === FRENCH.length);
    await federation.kill('union/lyon');
    expect(await readTexts(7)).to.deep.equal([text]);
    await federation.restart('union/lyon');
    await allThere();
    expect(nodesWith(text)).to.deep.equal([]);
    const keys = (): string[] =>
      federation.nodes
        .flatMap(({ folder: own }) => filesBelow(own))
        .filter((path) => path.includes(ann.podId(7)));
    expect(keys().length).to.be.at.least(2);
    expect((await ann.remove(7, 20_000)).isCertified).to.equal(true);
    expect(keys()).to.deep.equal([]);
    expect(await refusalOf(ann.read(7))).to.include({ definite: true });
  });

  it('R6.1-1: what may only lie elsewhere is refused, and the refusal says why', async () => {
    const policy = ann.signPolicy(4, 1, 'asia-pac/japan', AT_HOME);
    const begun = await refusalOf(ann.setPolicy(policy));
    expect(begun.message).to.match(/no pod host of this cluster lies where the policy allows it/);
    const written = await refusalOf(ann.write(policy, Buffer.from('kept at home')));
    expect(written.message).to.match(/lies in eu\/(fr|de), where the policy of the pod allows nothing/);
    expect(written.definite).to.equal(true);
    expect(nodesWith('kept at home')).to.deep.equal([]);
  });

  it('R6.1-6: a policy that is tightened moves the copies, and no byte stays behind (R6.1-2)', async () => {
    const text = 'What is German from now on: 77e2.';
    const policy = ann.signPolicy(5, 1, 'eu/fr', IN_EUROPE);
    await ann.write(policy, Buffer.from(text));
    await placesWhen(5, (holders) => holders.length === 3);
    await ann.setPolicy(ann.signPolicy(5, 2, 'eu/de', AT_HOME, policy.terms.sinceWallUs));
    const isHome = (holders: string[]): boolean => holders.length === 1 && holders[0] === BERLIN;
    expect(await placesWhen(5, isHome)).to.deep.equal([BERLIN]);
    expect(nodesWith(text)).to.deep.equal([BERLIN]);
    expect(
      await readMetric(nodeOf(BERLIN).url, 'pods_short'),
      'one host may hold it, and says so',
    ).to.include({
      '': 1,
    });
    const stale = await refusalOf(ann.write(policy, Buffer.from('under the old one')));
    expect(stale.message).to.match(/newer policy/);
  });

  it('and the journals of every boot replay to equal outboxes', async () => {
    isOver = true;
    await federation.stop();
    expectReplays(federation);
  });
});

async function refusalOf(asked: Promise<unknown>): Promise<PodRefused> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof PodRefused) return error;
    throw error;
  }
  return expect.fail('it was not refused');
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

function holdsAny(bytes: Buffer, forms: readonly Buffer[]): boolean {
  return forms.some((form) => bytes.includes(form));
}

/** How a text looks somewhere inside base64, where so many bytes of its first letters belong to another group of three. */
function toBase64Inside(text: string, skip: number): string {
  const inside = Buffer.from(text).subarray(skip);
  return inside.subarray(0, inside.length - (inside.length % 3)).toString('base64');
}
