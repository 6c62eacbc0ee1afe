import type { Term } from '@rdfjs/types';
import { expect } from 'chai';
import fc from 'fast-check';
import { DataFactory } from 'n3';
import { canonize } from 'rdf-canonize';
import { readArchive, writeArchive, type PodArchive } from '../../../live/portability/archive.ts';
import { ArchiveFault } from '../../../live/portability/fault.ts';
import { FORM_NAMES } from '../../../live/portability/forms.ts';
import { quadsOf } from '../../../live/portability/n-quads.ts';
import { contentOfTree, treeOfContent } from '../../../live/portability/pod-content.ts';
import { iriOfPath } from '../../../live/portability/resource-path.ts';
import { hashOf, hashOfTree, type ResourceTree } from '../../../live/portability/tree.ts';
import { drawnTrees, Owners, podOfAnn, treeOf, type DrawnTree } from './some-pods.ts';

/** The hash of a pod as one data set, a graph a resource, told apart from hashOfTree: blank nodes of all resources at once. */
async function hashOfDataset({ resources }: ResourceTree): Promise<string> {
  const all: object[] = [];
  for (const [i, resource] of resources.entries()) {
    if (resource.kind !== 'graph') continue;
    const own = (term: Term): Term =>
      term.termType === 'BlankNode' ? DataFactory.blankNode(`r${i}-${term.value}`) : term;
    const graph = DataFactory.namedNode(iriOfPath(resource.path));
    for (const { subject, predicate, object } of quadsOf(resource.canonical))
      all.push({ subject: own(subject), predicate, object: own(object), graph });
  }
  return hashOf(
    await canonize(all, { algorithm: 'RDFC-1.0', format: 'application/n-quads', maxDeepIterations: 1e6 }),
  );
}

describe('laws of archives', function () {
  this.timeout(120_000);
  const owners = new Owners();
  const ann = owners.of('ann');
  after(() => owners.close());

  const trees = fc.oneof({ weight: 9, arbitrary: drawnTrees }, { weight: 1, arbitrary: fc.constant(null) });
  const make = (drawn: DrawnTree | null): Promise<ResourceTree> =>
    drawn === null ? podOfAnn() : treeOf(drawn);
  const read = (bytes: Uint8Array): Promise<PodArchive> => readArchive(bytes, owners.ids);
  const treeIn = ({ contents }: PodArchive): ResourceTree => {
    if (contents.kind !== 'tree') throw new Error('a tree is expected');
    return contents.tree;
  };

  for (const form of FORM_NAMES)
    it(`R6.2-3: what is exported in ${form} is imported as it was`, async () => {
      await fc.assert(
        fc.asyncProperty(trees, async (drawn) => {
          const tree = await make(drawn);
          const archive = owners.archive(ann, tree, { form });
          const bytes = await writeArchive(archive, ann, owners.ids);
          const back = await read(bytes);
          expect(back).to.deep.equal(archive);
          expect(await hashOfDataset(treeIn(back))).to.equal(await hashOfDataset(tree));
          expect(
            Buffer.from(await writeArchive(back, ann, owners.ids)).equals(bytes),
            'the same bytes',
          ).to.equal(true);
        }),
        { seed: 601, numRuns: 60 },
      );
    });

  it('R6.2-3: a pod goes from form to form and comes back as it was', async () => {
    const routes = fc.array(fc.constantFrom(...FORM_NAMES), { minLength: 2, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(trees, routes, async (drawn, route) => {
        const tree = await make(drawn);
        const content = await contentOfTree(tree);
        let at = tree;
        for (const form of route)
          at = treeIn(await read(await writeArchive(owners.archive(ann, at, { form }), ann, owners.ids)));
        expect(hashOfTree(at)).to.equal(hashOfTree(tree));
        expect(await hashOfDataset(at)).to.equal(await hashOfDataset(tree));
        expect(Buffer.from(await contentOfTree(at)).equals(content), 'one content').to.equal(true);
        expect(await treeOfContent(content)).to.deep.equal(tree);
      }),
      { seed: 602, numRuns: 30 },
    );
  });

  it('R6.2-3: whichever byte of an archive changes, it is refused', async () => {
    const archives = await Promise.all(
      FORM_NAMES.map(async (form) =>
        writeArchive(owners.archive(ann, await podOfAnn(), { form }), ann, owners.ids),
      ),
    );
    const changes = fc.record({ which: fc.nat(), at: fc.nat(), by: fc.integer({ min: 1, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(changes, async ({ which, at, by }) => {
        const bytes = archives[which % archives.length]!;
        const place = at % bytes.length;
        const fault = await read(bytes.with(place, bytes[place]! ^ by)).catch((error: unknown) => error);
        expect(fault, `byte ${place}`).to.be.instanceOf(ArchiveFault);
      }),
      { seed: 603, numRuns: 600 },
    );
  });

  it('R6.2-3: cut, doubled or longer, it is refused', async () => {
    const bytes = await writeArchive(owners.archive(ann, await podOfAnn()), ann, owners.ids);
    const others = [
      new Uint8Array(0),
      ...[1, 22, 100, bytes.length - 1].map((end) => bytes.slice(0, end)),
      Uint8Array.of(...bytes, 0),
      Uint8Array.of(0, ...bytes),
      Uint8Array.of(...bytes, ...bytes),
    ];
    for (const other of others)
      expect(await read(other).catch((error: unknown) => error)).to.be.instanceOf(ArchiveFault);
  });
});
