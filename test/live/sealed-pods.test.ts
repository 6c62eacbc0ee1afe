import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { DataLocationPolicy } from '../../core/policy/location-policy.ts';
import { startFederation, type Federation } from '../../live/federation.ts';
import { openIdentity } from '../../live/identity.ts';
import { PodOwner, PodRefused } from '../../live/pod-owner.ts';
import { expectReplays, makeFolder, metricsWhen, pilotNode, pilotOf, removeFolder } from './pilot.ts';

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
    ]);
    federation = await startFederation(pilot, { folder });
    await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 4, 20_000);
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
