import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { DataLocationPolicy } from '../../core/policy/location-policy.ts';
import { startFederation, type Federation } from '../../live/federation.ts';
import { openIdentity } from '../../live/identity.ts';
import { PodOwner } from '../../live/pod-owner.ts';
import { loadScenario } from '../../sim/scenario/load.ts';
import { expectReplays, makeFolder, metricsWhen, removeFolder } from './pilot.ts';

const AT_HOME: DataLocationPolicy = {
  allowedRegions: [],
  requiredRegion: null,
  crossBorderAllowed: false,
  encryptionRequired: false,
  retention: { maxDays: null, legalHold: false },
};

/** Each start takes ports that are free then: nobody listens where the nodes remember one another. */
describe('a live federation that is started again in the same folder', function () {
  this.timeout(120_000);
  const scenario = loadScenario(fileURLToPath(new URL('../../scenarios/pods-at-home.yaml', import.meta.url)));
  const folder = makeFolder();
  let federation: Federation;

  after(async () => {
    await federation?.stop();
    removeFolder(folder);
  });

  async function start(): Promise<void> {
    federation = await startFederation(scenario, { folder });
    const { nodes } = federation;
    const members = await metricsWhen(nodes, 'members', ({ alive }) => alive === 3, 15_000);
    expect(members.map(({ alive }) => alive)).to.deep.equal([3, 3, 3]);
    const directories = await metricsWhen(nodes, 'directory_size', (size) => size[''] === 3, 15_000);
    expect(directories.map((size) => size[''])).to.deep.equal([3, 3, 3]);
  }

  const ann = (): PodOwner =>
    new PodOwner(openIdentity(join(folder, 'people', 'ann')), federation.gatewayUrls);

  async function write(version: number, text: string): Promise<void> {
    const owner = ann();
    const policy = owner.signPolicy(1, version, 'eu/fr', AT_HOME);
    await owner.setPolicy(policy);
    const seen = version === 1 ? undefined : (await owner.look(1)).vector;
    await owner.write(policy, Buffer.from(text), seen);
  }

  async function read(): Promise<string[]> {
    const { versions } = await ann().read(1);
    return versions.map(({ bytes }) => Buffer.from(bytes).toString());
  }

  it('R5.1-1: comes together after it was stopped in order, and pods are what they were', async () => {
    await start();
    await write(1, 'By the river.');
    await federation.stop();
    await start();
    expect(await read()).to.deep.equal(['By the river.']);
  });

  it('R5.1-1: comes together after all were killed, and pods are what they were', async () => {
    await write(2, 'By the sea.');
    await Promise.all(federation.nodes.map(({ name }) => federation.kill(name)));
    await federation.stop();
    await start();
    expect(await read()).to.deep.equal(['By the sea.']);
    await federation.stop();
    expectReplays(federation);
  });
});
