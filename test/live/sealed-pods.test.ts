import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ANSWER, ASK, type Answer } from '../../core/machine/kinds.ts';
import { COMPUTE_USE } from '../../core/policy/consent-documents.ts';
import type { DataLocationPolicy } from '../../core/policy/location-policy.ts';
import { podIdOf } from '../../core/policy/pod-documents.ts';
import { Caller } from '../../live/caller.ts';
import { startFederation, type Federation } from '../../live/federation.ts';
import { hashBytes, openIdentity, signHash, type LiveIds } from '../../live/identity.ts';
import { PodOwner, PodRefused } from '../../live/pod-owner.ts';
import { permit, signProposal, type Notary } from '../../sim/consent-papers.ts';
import { expectReplays, makeFolder, metricsWhen, pilotNode, pilotOf, removeFolder } from './pilot.ts';

const MODEL = 'watershed/hashed-ngrams-v1';
const HOSTS = ['france/paris', 'france/lyon', 'france/nantes'];
const SEALED: DataLocationPolicy = {
  allowedRegions: [],
  requiredRegion: null,
  crossBorderAllowed: false,
  encryptionRequired: true,
  retention: { maxDays: null, legalHold: false },
};

describe('sealed pods at live hosts', function () {
  this.timeout(60_000);
  const folder = makeFolder();
  let federation: Federation;
  let ann: PodOwner;
  const bytes = Buffer.from('What I would not even tell the river.');

  before(async () => {
    const pilot = pilotOf([
      pilotNode('france/front', 'eu/fr', ['gateway']),
      ...HOSTS.map((name) => pilotNode(name, 'eu/fr', ['gateway', 'pod-host', 'index'])),
      pilotNode('france/thinker', 'eu/fr', ['compute'], [MODEL]),
    ]);
    federation = await startFederation(pilot, { folder });
    await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 5, 20_000);
    ann = ownerAt('france/front');
  });

  after(async () => {
    await federation?.stop();
    removeFolder(folder);
  });

  function ownerAt(...gateways: string[]): PodOwner {
    const urls = gateways.map((name) => federation.nodes.find((node) => node.name === name)!.url);
    return new PodOwner(openIdentity(join(folder, 'people', 'ann')), urls);
  }

  /** Files below the folder of the federation that hold some bytes. */
  function filesWith(wanted: Uint8Array): string[] {
    return (readdirSync(folder, { recursive: true }) as string[])
      .filter((name) => !name.startsWith('people') && existsSync(join(folder, name)))
      .filter(
        (name) =>
          statSync(join(folder, name)).isFile() &&
          readFileSync(join(folder, name)).includes(Buffer.from(wanted)),
      );
  }

  const keyFiles = (): string[] =>
    (readdirSync(folder, { recursive: true }) as string[]).filter((name) => /keys\/[0-9a-f]{64}-/.test(name));

  it('R6.1-4: are written and read through any gateway that their owner lets, and lie sealed on every disk', async () => {
    const policy = ann.signPolicy(1, 1, 'eu/fr', SEALED);
    await ann.setPolicy(policy);
    const written = await ann.write(policy, bytes);
    expect(written.isFragile).to.equal(false);
    for (const gateway of ['france/front', HOSTS[1]]) {
      const { versions } = await ownerAt(gateway).read(1);
      expect(versions.map((version) => Buffer.from(version.bytes).toString())).to.deep.equal([
        bytes.toString(),
      ]);
    }
    expect(filesWith(bytes)).to.deep.equal([]);
    const names = keyFiles();
    expect(names.length).to.be.at.least(2);
    expect(names.join()).not.to.match(/france.front/);
    for (const name of names) expect(statSync(join(folder, name)).mode & 0o777).to.equal(0o600);
  });

  /** Somebody asks a model, which may be given Ann's pod; says what it makes of that, by its hash. */
  async function think(person: string, text: string, plan: string | null): Promise<string> {
    const { url } = federation.nodes[0]!;
    const caller = await Caller.open(url, openIdentity(join(folder, 'people', person)));
    const { ids } = caller;
    const keys = new Map(
      ['ann', person].map((name) => {
        const key = openIdentity(join(folder, 'people', name));
        return [ids.peerOf(key.id), key];
      }),
    );
    const notary: Notary = Object.assign(Object.create(ids) as LiveIds, {
      mint: (signer: number, hash: string) => signHash(keys.get(signer)!, hash),
    });
    const [owner, proposer] = keys.keys() as Iterable<number> as [number, number];
    const pod = podIdOf(ids, owner, 1);
    const untilWallUs = (Date.now() + 60_000) * 1_000;
    const terms = {
      proposer,
      number: 1,
      round: 1,
      use: COMPUTE_USE,
      purpose: 'care',
      pods: [pod],
      answer: '',
    };
    const places = { writtenByWallUs: untilWallUs, regions: ['eu/fr'], untilWallUs, uses: 0 };
    const prompt = Buffer.from(text);
    const content = { hash: hashBytes(prompt), sizeBytes: prompt.length, keyId: 0 };
    const proposal = signProposal(notary, { ...terms, ...places, plan: plan ?? '' });
    const permission = permit(notary, owner, pod, proposal, Date.now() * 1_000);
    const want = {
      ...{
        model: MODEL,
        prompt: content,
        contextTokens: 8,
        maxTokens: 0,
        minTrust: 1,
        allowedRegions: ['eu'],
      },
      pods: plan === null ? [] : [{ owner, number: 1, plan, permission }],
      ...{ timeLeftUs: 20_000_000, notAfterWallUs: (Date.now() + 20_000) * 1_000 },
    };
    try {
      const { answer } = await caller.ask<Answer>(ASK, want, ANSWER, [prompt], 20_000);
      return answer.hash;
    } finally {
      caller.close();
    }
  }

  it('R6.1-4, R6.2-4: are given to a model by the consent of their owner, and lie open in no file', async () => {
    const given = await think('ben', 'What should I do?', MODEL);
    // The same model makes the same of the same text, wherever it comes from.
    expect(given).to.equal(await think('eve', `${bytes.toString()}\nWhat should I do?`, null));
    expect(given).not.to.equal(await think('ida', 'What should I do?', null));
    const refused = await think('tom', 'What should I do?', 'another/model').catch(
      (error: Error) => error.message,
    );
    expect(refused).to.match(/^CONSENT_REQUIRED/);
    expect(filesWith(bytes)).to.deep.equal([]);
    expect(keyFiles().join()).not.to.match(/france.thinker/);
    const { receipts } = await ann.say(1, {});
    expect(receipts.map(({ use }) => use)).to.deep.equal([COMPUTE_USE]);
  });

  it('R6.2-2: after a certified deletion no key is left, and nothing is read', async () => {
    const keys = keyFiles().map((name) => readFileSync(join(folder, name)));
    let state = await ann.remove(1);
    for (let i = 0; i < 5 && !state.isCertified; i++) state = await ann.remove(1);
    expect(state.isCertified, state.missing.join()).to.equal(true);
    expect(keyFiles()).to.deep.equal([]);
    for (const key of keys) expect(filesWith(key)).to.deep.equal([]);
    const error = await ann.read(1).then(
      () => null,
      (refused: unknown) => refused,
    );
    expect(error).to.be.instanceOf(PodRefused);
  });

  it('journals of nodes that seal and open replay to equal outboxes', async () => {
    await federation.stop();
    expectReplays(federation);
  });
});
