import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import fc from 'fast-check';
import { readArchive, writeArchive, type PodArchive } from '../../live/portability/archive.ts';
import { FORM_NAMES } from '../../live/portability/forms.ts';
import { quadsOf } from '../../live/portability/n-quads.ts';
import { consentedIn } from '../../live/portability/owner-documents.ts';
import { POD_ROOT } from '../../live/portability/resource-path.ts';
import { accessOf, type AccessLanguage } from '../../live/portability/solid-access.ts';
import {
  findAccess,
  putOnSolidServer,
  readFromSolidServer,
  SolidFault,
  type SolidPlace,
} from '../../live/portability/solid-server.ts';
import { createTree, hashOfTree, type ResourceTree } from '../../live/portability/tree.ts';
import { drawnTrees, graphAt, Owners, POD_NUMBER, podOfAnn, treeOf } from '../live/portability/some-pods.ts';
import { as, isInstalled, SolidServer } from './solid-servers.ts';

const ANN = 'https://ann.example/profile/card#me';
const BOB = 'https://bob.example/profile/card#me';
const EVE = 'https://eve.example/profile/card#me';
const CLI = fileURLToPath(new URL('../../cli/watershed.js', import.meta.url));
const NOW_MS = Date.UTC(2026, 1, 1);

// Not a dependency of the package: npm ci --prefix test/interop brings it.
if (!isInstalled)
  describe('a pod on a Community Solid Server', () => {
    it('is asked for where one is installed', function () {
      this.skip();
    });
  });

const LANGUAGES: readonly AccessLanguage[] = isInstalled ? ['wac', 'acp'] : [];
for (const language of LANGUAGES)
  describe(`a pod on a Community Solid Server with ${language.toUpperCase()}`, function () {
    this.timeout(180_000);
    const owners = new Owners();
    const [ann, bob] = [owners.of('ann'), owners.of('bob')];
    let server: SolidServer;
    let pods = 0;

    before(async () => {
      server = await SolidServer.start(language);
    });
    after(async () => {
      await server?.stop();
      owners.close();
    });

    const newPlace = (webId: string | null = ANN): SolidPlace => ({
      url: `${server.url}pod-${++pods}/`,
      headers: as(webId),
    });
    const owner = owners.ids.peerOf(ann.id);
    const consented = consentedIn(owners.documents(ann), owners.ids, owner, POD_NUMBER);
    const access = accessOf(consented, ANN, new Map([[bob.id, BOB]]), NOW_MS);

    /** Carries a tree to a place of its own. */
    async function carry(tree: ResourceTree, changes: Partial<PodArchive> = {}) {
      const archive = owners.archive(ann, tree, changes);
      const packed = await writeArchive(archive, ann, owners.ids);
      const place = newPlace();
      await putOnSolidServer(packed, archive, place, access);
      return { archive, packed, place };
    }

    it('R6.2-3: serves in each form, triple for triple, what the archive has', async () => {
      const tree = await podOfAnn();
      const { place } = await carry(tree);
      for (const form of FORM_NAMES) {
        const { tree: served } = await readFromSolidServer(place, form, owners.ids);
        expect(served, form).to.deep.equal(tree);
        expect(hashOfTree(served)).to.equal(hashOfTree(tree));
      }
      // Its own client that follows a link finds it there: nothing names the place that is none.
      const card = await (
        await fetch(`${place.url}profile/card`, {
          headers: { ...place.headers, accept: 'application/n-quads' },
        })
      ).text();
      expect(card).to.include(`<${place.url}profile/card#me>`).and.not.include(POD_ROOT);
      expect(quadsOf(card)).to.have.length(17);
    });

    for (const form of FORM_NAMES)
      it(`R6.2-3: gives the archive back, byte for byte, that went there in ${form}`, async () => {
        const { packed, place, archive } = await carry(await podOfAnn(), { form });
        const found = await readFromSolidServer(place, 'turtle', owners.ids);
        expect(Buffer.from(found.packed!).equals(packed)).to.equal(true);
        expect(await readArchive(found.packed!, owners.ids)).to.deep.equal(archive);
      });

    it('R6.2-3: whatever the tree, comes back equal', async () => {
      await fc.assert(
        fc.asyncProperty(drawnTrees, fc.constantFrom(...FORM_NAMES), async (drawn, form) => {
          const tree = await treeOf(drawn);
          const { packed, place } = await carry(tree);
          const found = await readFromSolidServer(place, form, owners.ids);
          expect(found.tree).to.deep.equal(tree);
          expect(Buffer.from(found.packed!).equals(packed)).to.equal(true);
        }),
        { seed: 604, numRuns: 12 },
      );
    });

    it('R6.2-3: lets its owner and whom the owner consented to read, and nobody else', async () => {
      const { place } = await carry(await podOfAnn());
      const ask = async (webId: string | null, path: string, method = 'GET'): Promise<number> => {
        const body = method === 'GET' ? {} : { body: 'x' };
        const headers = { ...as(webId), ...(method === 'GET' ? {} : { 'content-type': 'text/plain' }) };
        return (await fetch(place.url + path, { method, headers, ...body })).status;
      };
      for (const path of ['', 'profile/card', 'memory/2026/%C3%BCber%20alles.txt', 'frames/drafts/']) {
        expect(await ask(ANN, path), `Ann reads ${path}`).to.equal(200);
        expect(await ask(BOB, path), `Bob reads ${path}`).to.equal(200);
        expect(await ask(EVE, path), `Eve reads ${path}`).to.equal(403);
        expect(await ask(null, path), `anybody reads ${path}`).to.equal(401);
      }
      expect(await ask(BOB, 'memory/nothing.bin', 'PUT')).to.equal(403);
      expect(await ask(ANN, 'memory/another', 'PUT')).to.equal(201);
      // What the owner has signed, and who has read, is the owner's own.
      expect(await ask(ANN, 'watershed/manifest.json')).to.equal(200);
      expect(await ask(BOB, 'watershed/manifest.json')).to.equal(403);
      const { url } = await findAccess(place, '');
      expect((await fetch(url, { headers: as(BOB) })).status).to.equal(403);
    });

    it('R6.2-3: is not told of a consent that has run out, nor of a key without a WebID', async () => {
      const archive = owners.archive(ann, await podOfAnn());
      const late = accessOf(consented, ANN, new Map([[bob.id, BOB]]), 5e12);
      expect(late.readers).to.deep.equal([]);
      expect(late.notCarried).to.deep.equal([
        { id: bob.id, reason: 'the consent ran out on 2027-01-01T00:00:00.000Z' },
      ]);
      const unknown = accessOf(consented, ANN, new Map(), NOW_MS);
      expect(unknown.notCarried).to.deep.equal([{ id: bob.id, reason: 'no WebID is known of this key' }]);
      const place = newPlace();
      await putOnSolidServer(await writeArchive(archive, ann, owners.ids), archive, place, unknown);
      expect((await fetch(place.url, { headers: as(BOB) })).status).to.equal(403);
    });

    it('R6.2-3: what was changed there is read, and is no longer the archive that was signed', async () => {
      const { place } = await carry(await podOfAnn());
      const headers = { ...place.headers, 'content-type': 'text/turtle' };
      const said = '<> <https://schema.org/name> "changed" .';
      await fetch(`${place.url}frames/water`, { method: 'PUT', headers, body: said });
      const { tree, packed } = await readFromSolidServer(place, 'json-ld', owners.ids);
      expect(packed).to.equal(null);
      expect(tree.resources.find(({ path }) => path === 'frames/water')).to.deep.equal(
        await graphAt('frames/water', said),
      );
      const signedAnew = await writeArchive(owners.archive(ann, tree), ann, owners.ids);
      expect((await readArchive(signedAnew, owners.ids)).contents).to.deep.equal({ kind: 'tree', tree });
    });

    it('R6.2-3: at the terminal: an archive is carried there, and fetched from there as the same bytes', async () => {
      const archive = join(owners.folder, `${language}.pod.zip`);
      const packed = await writeArchive(owners.archive(ann, await podOfAnn()), ann, owners.ids);
      writeFileSync(archive, packed);
      const { url } = newPlace();
      const run = (...words: string[]): string[] => {
        const asAnn = ['--owner', join(owners.folder, 'ann'), '--header', `Authorization: WebID ${ANN}`];
        const { stdout, stderr } = spawnSync(process.execPath, [CLI, 'pod', ...words, ...asAnn], {
          encoding: 'utf8',
        });
        expect(stderr.replace(/^watershed: building once …\n/, '')).to.equal('');
        return stdout.trimEnd().split('\n');
      };
      const carried = run('carry', archive, url, '--web-id', ANN, '--reader', `${bob.id}=${BOB}`);
      expect(carried.slice(0, 2)).to.deep.equal(['9 resources in Turtle, carried to', url]);
      expect(carried[2]).to.match(/^[0-9a-f]{12}… reads; its end, 2027-01-01, no server heeds$/);
      const back = join(owners.folder, `${language}-back.pod.zip`);
      const fetched = run('fetch', url, back);
      expect(fetched.at(-1)).to.match(/, the archive that was carried there$/);
      expect(readFileSync(back).equals(packed)).to.equal(true);
      for (const line of [...carried.filter((said) => said !== url), ...fetched.slice(0, -1)])
        expect(line.length, line).to.be.at.most(80);
    });

    it('R6.2-3: replaces nothing that lies there', async () => {
      const { archive, packed, place } = await carry(createTree([]));
      const again = await putOnSolidServer(packed, archive, place, access).catch((error: unknown) => error);
      expect(again).to.be.instanceOf(SolidFault);
      expect((again as Error).message).to.equal(
        `${place.url}: something lies there already, and is not replaced`,
      );
    });
  });
