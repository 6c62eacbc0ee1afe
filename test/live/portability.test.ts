import { join } from 'node:path';
import { expect } from 'chai';
import { patternShape, type Pattern } from '../../core/policy/consent-documents.ts';
import { patternHash } from '../../core/policy/consent-hashes.ts';
import type { DataLocationPolicy } from '../../core/policy/location-policy.ts';
import { startFederation, type Federation } from '../../live/federation.ts';
import { openIdentity } from '../../live/identity.ts';
import { PodOwner, PodRefused } from '../../live/pod-owner.ts';
import { readArchive, writeArchive } from '../../live/portability/archive.ts';
import { FORM_NAMES } from '../../live/portability/forms.ts';
import { contentOfTree } from '../../live/portability/pod-content.ts';
import { exportPod, importPod } from '../../live/portability/pod-moves.ts';
import { podOfAnn } from './portability/some-pods.ts';
import { makeFolder, metricsWhen, pilotNode, pilotOf, removeFolder } from './pilot.ts';

const AT_HOME: DataLocationPolicy = {
  allowedRegions: [],
  requiredRegion: null,
  crossBorderAllowed: false,
  encryptionRequired: false,
  retention: { maxDays: null, legalHold: false },
};

describe('a pod that its owner carries from one federation to another', function () {
  this.timeout(120_000);
  const folders = { france: makeFolder(), japan: makeFolder() };
  const federations: Federation[] = [];
  const urls = { france: [] as string[], japan: [] as string[] };
  const NOW_MS = Date.now();
  const TO_JAPAN = { nowMs: NOW_MS, homeRegion: 'asia-pac/japan' };

  before(async () => {
    for (const [cluster, region] of [
      ['france', 'eu/fr'],
      ['japan', 'asia-pac/japan'],
    ] as const) {
      const names = ['one', 'two'].map((name) => `${cluster}/${name}`);
      const pilot = pilotOf(names.map((name) => pilotNode(name, region, ['gateway', 'pod-host', 'index'])));
      const federation = await startFederation(pilot, { folder: folders[cluster] });
      federations.push(federation);
      await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 2, 30_000);
      urls[cluster].push(...federation.nodes.map(({ url }) => url));
    }
  });

  after(async () => {
    for (const federation of federations) await federation.stop();
    Object.values(folders).forEach(removeFolder);
  });

  const ownerAt = (name: string, cluster: 'france' | 'japan'): PodOwner =>
    new PodOwner(openIdentity(join(folders.france, 'people', name)), urls[cluster]);

  for (const [i, form] of FORM_NAMES.entries())
    it(`R6.2-3: has equal content there, through ${form}`, async () => {
      const [here, there] = [ownerAt('ann', 'france'), ownerAt('ann', 'japan')];
      const content = await contentOfTree(await podOfAnn());
      const number = i + 1;
      const policy = here.signPolicy(number, 1, 'eu/fr', AT_HOME);
      await here.setPolicy(policy);
      await here.write(policy, content);
      const exported = await exportPod(here, number, { form, nowMs: NOW_MS });
      const packed = await writeArchive(exported, here.identity, here.ids);
      const archive = await readArchive(packed, there.ids);
      const imported = await importPod(there, archive, TO_JAPAN);
      expect(imported).to.include({ wasThere: false, isFragile: false });
      const [old, fresh] = [await here.read(number), await there.read(number)];
      expect(fresh.versions.map(({ content: of }) => of.hash)).to.deep.equal(
        old.versions.map(({ content: of }) => of.hash),
      );
      expect(Buffer.from(fresh.versions[0]!.bytes).equals(content)).to.equal(true);
      expect(fresh.policy.terms).to.include({ version: 2, homeRegion: 'asia-pac/japan', number });
      expect(await importPod(there, archive, TO_JAPAN), 'a second time').to.deep.include({ wasThere: true });
      const again = await exportPod(there, number, { form, nowMs: NOW_MS });
      expect(again.contents).to.deep.equal(archive.contents);
    });

  it('R6.2-3: is read there by whom its owner lets read it, and by nobody from whom that was taken back', async () => {
    const [here, there] = [ownerAt('dan', 'france'), ownerAt('dan', 'japan')];
    const [eve, fay] = [ownerAt('eve', 'japan'), ownerAt('fay', 'japan')];
    const policy = here.signPolicy(1, 1, 'eu/fr', AT_HOME);
    await here.setPolicy(policy);
    await here.write(policy, Buffer.from('What I wrote by the river.'));
    const untilUs = (NOW_MS + 3_600_000) * 1_000;
    const [toEve, toFay] = [eve, fay].map(({ id }) => here.consentTo(1, id, 'to read it', untilUs));
    await here.say(1, { patterns: [toFay!] });
    await here.withdraw(1, patternHash(here.ids, toFay!.terms));
    const exported = await exportPod(here, 1, { form: 'turtle', nowMs: NOW_MS, patterns: [toEve!] });
    const packed = await writeArchive(exported, here.identity, here.ids);
    await importPod(there, await readArchive(packed, there.ids), TO_JAPAN);
    const readAs = async (reader: PodOwner, pattern: Pattern): Promise<string> => {
      const given = reader.fromJson(patternShape, here.toJson(patternShape, pattern), 'grant') as Pattern;
      const { versions } = await reader.read(1, here.id, reader.readingUnder(given, ['asia-pac/japan']));
      return Buffer.from(versions[0]!.bytes).toString();
    };
    expect(await readAs(eve, toEve!)).to.equal('What I wrote by the river.');
    const refused = await readAs(fay, toFay!).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(PodRefused).and.include({ code: 'CONSENT_REQUIRED' });
    const { receipts } = await there.look(1);
    expect(receipts.map(({ reader }) => there.ids.idOf(reader))).to.deep.equal([eve.id]);
    const later = await exportPod(there, 1, { form: 'turtle', nowMs: NOW_MS });
    const { documents } = await readArchive(await writeArchive(later, there.identity, there.ids), there.ids);
    expect(documents.receipts, 'goes along').to.deep.equal(receipts);
    expect(documents.consent.withdrawals, 'stays taken back').to.have.length(1);
  });

  it('R6.2-3: is sealed there if it was sealed here, and the same when it is opened', async () => {
    const [here, there] = [ownerAt('gus', 'france'), ownerAt('gus', 'japan')];
    const policy = here.signPolicy(1, 1, 'eu/fr', { ...AT_HOME, encryptionRequired: true });
    const content = await contentOfTree(await podOfAnn());
    await here.setPolicy(policy);
    await here.write(policy, content);
    const exported = await exportPod(here, 1, { form: 'turtle', nowMs: NOW_MS });
    expect(exported.contents.kind, 'its owner takes it along open').to.equal('tree');
    const archive = await readArchive(await writeArchive(exported, here.identity, here.ids), there.ids);
    expect(await importPod(there, archive, TO_JAPAN)).to.deep.include({ wasThere: false });
    expect(await importPod(there, archive, TO_JAPAN)).to.deep.include({ wasThere: true });
    const { policy: ruled, versions } = await there.read(1);
    expect(ruled.terms.policy.encryptionRequired).to.equal(true);
    expect(versions.map(({ bytes }) => Buffer.from(bytes).equals(content))).to.deep.equal([true]);
  });

  it('R6.2-3: does not replace what is there, nor bring back what was deleted', async () => {
    const [here, there] = [ownerAt('ben', 'france'), ownerAt('ben', 'japan')];
    const policy = here.signPolicy(1, 1, 'eu/fr', AT_HOME);
    await here.setPolicy(policy);
    await here.write(policy, Buffer.from('What I wrote by the river.'));
    const archive = await exportPod(here, 1, { form: 'turtle', nowMs: NOW_MS });
    expect(archive.contents.kind).to.equal('bytes');
    const other = there.signPolicy(1, 1, 'asia-pac/japan', AT_HOME);
    await there.setPolicy(other);
    await there.write(other, Buffer.from('What I wrote by the sea.'));
    const occupied = await importPod(there, archive, TO_JAPAN).catch((error: unknown) => error);
    expect(occupied).to.be.instanceOf(PodRefused).and.include({ code: 'NOT_EMPTY' });
    await there.remove(1);
    const deleted = await importPod(there, archive, TO_JAPAN).catch((error: unknown) => error);
    expect(deleted).to.be.instanceOf(PodRefused).and.include({ code: 'DELETED' });
    const gone = await exportPod(there, 1, { form: 'turtle', nowMs: NOW_MS });
    const packed = await writeArchive(gone, there.identity, there.ids);
    expect(await importPod(here, await readArchive(packed, here.ids), { nowMs: NOW_MS })).to.equal('deleted');
    expect((await here.where(1)).every(({ isDeleted }) => isDeleted)).to.equal(true);
  });
});
