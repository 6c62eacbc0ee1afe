import { expect } from 'chai';
import { deflateRawSync } from 'node:zlib';
import { zipSync, type Zippable } from 'fflate';
import { MANIFEST, readArchive, SIGNATURE, writeArchive } from '../../../live/portability/archive.ts';
import { ArchiveFault } from '../../../live/portability/fault.ts';
import { FORMS, type FormName } from '../../../live/portability/forms.ts';
import { MAX_ARCHIVE_BYTES, MAX_IRI, MAX_TRIPLES_OF_RESOURCE } from '../../../live/portability/limits.ts';
import { packFiles, unpackFiles, type Files } from '../../../live/portability/packing.ts';
import { bytesOfJson, contentOfTree, treeOfContent } from '../../../live/portability/pod-content.ts';
import { iriOfPath } from '../../../live/portability/resource-path.ts';
import { createTree, type Resource } from '../../../live/portability/tree.ts';
import { hashBytes, signHash, type Identity } from '../../../live/identity.ts';
import { consentedIn } from '../../../live/portability/owner-documents.ts';
import type { Consented } from '../../../live/portability/solid-access.ts';
import type { ConsentBook } from '../../../core/policy/consent-documents.ts';
import { patternHash } from '../../../core/policy/consent-hashes.ts';
import { graphAt, Owners, POD_NUMBER, podOfAnn } from './some-pods.ts';

/** The fault that something is refused for. */
async function faultOf(tried: Promise<unknown> | (() => unknown)): Promise<ArchiveFault> {
  try {
    await (typeof tried === 'function' ? tried() : tried);
  } catch (error) {
    if (error instanceof ArchiveFault) return error;
    throw error;
  }
  return expect.fail('it was not refused');
}

const textFile = (path: string, mediaType = 'text/plain'): Resource => ({
  kind: 'bytes',
  path,
  mediaType,
  bytes: Buffer.from('x'),
});

describe('archives that are not as they should be', function () {
  this.timeout(60_000);
  const owners = new Owners();
  const [ann, eve] = [owners.of('ann'), owners.of('eve')];
  let files: Map<string, Uint8Array>;
  let bytes: Uint8Array;
  before(async () => {
    bytes = await writeArchive(owners.archive(ann, await podOfAnn()), ann, owners.ids);
    files = new Map(unpackFiles(bytes));
  });
  after(() => owners.close());

  const refusal = (changed: Files): Promise<ArchiveFault> =>
    faultOf(() => readArchive(packFiles(changed), owners.ids));

  /** What somebody could make who has a key: files and manifest changed, all checksums right, and signed anew. */
  function forge(
    change: (manifest: Record<string, unknown>, of: Map<string, Uint8Array>) => void,
    by: Identity = ann,
  ) {
    const changed = new Map(files);
    const manifest = JSON.parse(Buffer.from(files.get(MANIFEST)!).toString()) as Record<string, unknown>;
    change(manifest, changed);
    const signed = bytesOfJson(manifest);
    const hash = hashBytes(Buffer.concat([Buffer.from('watershed pod archive\0'), signed]));
    changed.set(MANIFEST, signed);
    changed.set(SIGNATURE, Buffer.from(`${signHash(by, hash)}\n`));
    return changed;
  }

  it('R6.2-3: names the file that was changed, is missing, or does not belong', async () => {
    const card = 'tree/profile/card$.ttl';
    const changed = await refusal(new Map(files).set(card, Buffer.from('<a> <b> <c> .')));
    expect(changed.message).to.match(/^tree\/profile\/card\$\.ttl: has 13 bytes, not \d+$/);
    const same = Buffer.from(files.get(card)!).fill(0x20);
    expect((await refusal(new Map(files).set(card, same))).message).to.equal(
      `${card}: is not what its checksum says`,
    );
    const without = new Map(files);
    without.delete(card);
    expect((await refusal(without)).message).to.equal(
      'tree/profile/portrait.png: is not where the list has it',
    );
    expect((await refusal(new Map(files).set('tree/more', same))).message).to.equal(
      'tree/more: is not where the list has it',
    );
  });

  it('R6.2-3: is taken from nobody but the owner', async () => {
    const message = `${SIGNATURE}: the owner has not signed this manifest`;
    expect((await refusal(forge(() => {}, eve))).message).to.equal(message);
    expect((await refusal(forge((manifest) => (manifest['owner'] = eve.id)))).message).to.equal(message);
    const asEve = forge((manifest) => (manifest['owner'] = eve.id), eve);
    expect((await refusal(asEve)).message).to.equal(
      `${MANIFEST}.pod: is not the pod of its owner and number`,
    );
    const tree = createTree([]);
    const byEve = await faultOf(writeArchive(owners.archive(ann, tree), eve, owners.ids));
    expect(byEve.message).to.equal(`${SIGNATURE}: only its owner signs the archive of a pod`);
    // The same signature, written otherwise: base64 leaves bits over.
    const text = Buffer.from(files.get(SIGNATURE)!).toString();
    for (const other of [
      text.replace('==.', '.'),
      text.replace('\n', ' \n'),
      `${text}\n`,
      text.replace('.', '..'),
    ])
      expect((await refusal(new Map(files).set(SIGNATURE, Buffer.from(other)))).message).to.equal(message);
  });

  it('R6.2-3: is of one pod: policy, deletion and contents', async () => {
    const other = { ...owners.policy(eve) };
    const foreign = await writeArchive(
      owners.archive(ann, createTree([]), { documents: { ...owners.documents(ann), policy: other } }),
      ann,
      owners.ids,
    );
    expect((await faultOf(readArchive(foreign, owners.ids))).message).to.equal(
      `${MANIFEST}.documents.policy: is of another pod`,
    );
    const { policy } = owners.documents(ann);
    const changed = { ...policy!, terms: { ...policy!.terms, homeRegion: 'us' } };
    const moved = await writeArchive(
      owners.archive(ann, createTree([]), { documents: { ...owners.documents(ann), policy: changed } }),
      ann,
      owners.ids,
    );
    expect((await faultOf(readArchive(moved, owners.ids))).message).to.match(
      /documents\.policy: the owner has not signed/,
    );
    const deleted = owners.archive(ann, await podOfAnn(), { documents: owners.deleted(ann) });
    expect(
      (
        await faultOf(
          writeArchive(deleted, ann, owners.ids).then((packed) => readArchive(packed, owners.ids)),
        )
      ).message,
    ).to.equal(`${MANIFEST}.contents: a pod that is deleted has no contents, and no other has none`);
  });

  it('R6.2-3: has consent of its owner only, and what was taken back stays so', async () => {
    const documents = owners.documents(ann);
    const who = (changes: Partial<ConsentBook>): Consented[] => {
      const consent = { ...documents.consent, ...changes };
      return consentedIn({ ...documents, consent }, owners.ids, owners.ids.peerOf(ann.id), POD_NUMBER);
    };
    const bob = owners.of('bob').id;
    expect(who({})).to.deep.equal([{ id: bob, untilWallUs: Date.UTC(2027, 0, 1) * 1_000, limit: null }]);
    const [pattern] = documents.consent.patterns;
    const one = { withdrawals: [owners.withdrawal(ann, patternHash(owners.ids, pattern!.terms))] };
    const all = { all: owners.withdrawal(ann, '') };
    expect([who(one), who(all)]).to.deep.equal([[], []]);
    for (const taken of [one, all]) {
      const consent = { ...documents.consent, ...taken };
      const archive = owners.archive(ann, createTree([]), { documents: { ...documents, consent } });
      expect(await readArchive(await writeArchive(archive, ann, owners.ids), owners.ids)).to.deep.equal(
        archive,
      );
    }
    const forged = { ...documents.consent, patterns: [owners.pattern(eve, eve)] };
    const archive = owners.archive(ann, createTree([]), { documents: { ...documents, consent: forged } });
    const fault = await faultOf(
      writeArchive(archive, ann, owners.ids).then((packed) => readArchive(packed, owners.ids)),
    );
    expect(fault.message).to.equal(
      `${MANIFEST}.documents.consent: not all of it is signed by whom it is of, for this pod`,
    );
  });

  it('R6.2-3: a deletion goes with the archive of what is left of a pod, which is nothing', async () => {
    const archive = owners.archive(ann, createTree([]), {
      contents: { kind: 'none' },
      documents: owners.deleted(ann),
    });
    const back = await readArchive(await writeArchive(archive, ann, owners.ids), owners.ids);
    expect(back).to.deep.equal(archive);
  });

  it('R6.2-3: bytes that are no tree are carried as they are', async () => {
    const contents = { kind: 'bytes', bytes: Buffer.from('What I wrote by the river.') } as const;
    const archive = owners.archive(ann, createTree([]), { contents });
    const back = await readArchive(await writeArchive(archive, ann, owners.ids), owners.ids);
    expect(back.contents.kind === 'bytes' && Buffer.from(back.contents.bytes).toString()).to.equal(
      'What I wrote by the river.',
    );
    expect(await treeOfContent(contents.bytes)).to.equal(null);
    expect(await treeOfContent(new Uint8Array(0))).to.equal(null);
    const content = await contentOfTree(await podOfAnn());
    const broken = await faultOf(treeOfContent(content.with(content.length - 1, 1)));
    expect(broken.where).to.equal('archive');
  });

  it('R6.2-3: says which field of its manifest is wrong', async () => {
    const wrong: [(manifest: Record<string, unknown>) => unknown, RegExp][] = [
      [(manifest) => (manifest['version'] = 2), /^manifest\.json\.version: /],
      [(manifest) => (manifest['form'] = 'rdf-xml'), /^manifest\.json\.form: /],
      [(manifest) => (manifest['madeAt'] = 'yesterday'), /^manifest\.json\.madeAt: /],
      [(manifest) => (manifest['more'] = 1), /^manifest\.json: .*more/],
      [(manifest) => (manifest['treeHash'] = '0'.repeat(64)), /^manifest\.json\.treeHash: /],
      [(manifest) => (manifest['containers'] = ['a/']), /^manifest\.json\.containers: /],
      [(manifest) => (manifest['documents'] = {}), /^manifest\.json\.documents: /],
      [
        (manifest) => (manifest['form'] = 'json-ld'),
        /: is text\/turtle in an archive of application\/ld\+json$/,
      ],
    ];
    for (const [change, expected] of wrong) expect((await refusal(forge(change))).message).to.match(expected);
    const spaced = Buffer.from(JSON.stringify(JSON.parse(Buffer.from(files.get(MANIFEST)!).toString())));
    expect((await refusal(new Map(files).set(MANIFEST, spaced))).message).to.equal(
      `${MANIFEST}: is not written as it would be here`,
    );
  });

  it('R6.2-3: leads nowhere but into its own tree', async () => {
    const zip = (names: Zippable): Uint8Array =>
      zipSync(names, { level: 0, mtime: new Date(1980, 0, 1, 12) });
    for (const name of [
      '../x',
      'tree/../../x',
      '/etc/passwd',
      'tree//x',
      'C:\\x',
      'tree/./x',
      'tree/é',
      'x'.repeat(1_025),
    ]) {
      const fault = await faultOf(() => unpackFiles(zip({ [name]: Buffer.from('x') })));
      expect(fault.message, name).to.match(/is no name of a file in an archive of a pod$/);
    }
    for (const path of [
      '../x',
      'a/../b',
      '.',
      '/a',
      'a//b',
      'a/',
      '%2e%2e/x',
      'a%2Fb',
      'a%5Cb',
      'a%00',
      '%ff',
      'a$',
      'a b',
      '%c3%bc',
      'watershed/x',
      'watershed',
      'a.acl',
      '.meta',
      'x/.acr',
    ])
      expect((await faultOf(() => createTree([textFile(path)]))).where, path).to.equal(JSON.stringify(path));
    const listed = await refusal(
      forge((manifest) => {
        (manifest['resources'] as { path: string }[])[0]!.path = '../../x';
      }),
    );
    expect(listed.message).to.match(/climb|does not lie/);
  });

  it('R6.2-3: has nothing twice, and no resource where a container is', async () => {
    expect((await faultOf(() => createTree([textFile('a'), textFile('a')]))).message).to.equal(
      'a: is there twice',
    );
    const both = await faultOf(() => createTree([textFile('a'), textFile('a/b')]));
    expect(both.message).to.equal('a/: is a container, and a resource has the same name');
    expect((await faultOf(() => createTree([textFile('memory')]))).message).to.match(
      /^memory\/: is a container/,
    );
    // A ZIP may say a name twice, of which one reader takes the first and another the last.
    const once = zipSync(
      { 'tree/a': Buffer.from('x'), 'tree/b': Buffer.from('x') },
      { level: 0, mtime: new Date(1980, 0, 1, 12) },
    );
    const twice = Buffer.from(Buffer.from(once).toString('latin1').replaceAll('tree/b', 'tree/a'), 'latin1');
    expect((await faultOf(() => unpackFiles(twice))).message).to.equal('tree/a: is there twice');
  });

  it('R6.2-3: unpacks to no more than it is', async () => {
    const bomb = zipSync({ 'tree/a': new Uint8Array(10_000_000) }, { level: 9 });
    expect(bomb.length).to.be.below(20_000);
    expect((await faultOf(() => unpackFiles(bomb))).message).to.equal(
      'tree/a: is compressed; nothing in an archive of a pod is',
    );
    // Sizes that are claimed: the central directory has them at 20 and 24 bytes after its mark.
    const packed = Buffer.from(packFiles(new Map([['tree/a', deflateRawSync('x')]])));
    const directory = packed.indexOf('PK\u0001\u0002', 0, 'latin1');
    packed.writeUInt32LE(0x7fff_ffff, directory + 20);
    packed.writeUInt32LE(0x7fff_ffff, directory + 24);
    expect((await faultOf(() => unpackFiles(packed))).message).to.equal(
      'tree/a: claims more bytes than the archive has',
    );
    const tooLarge = await faultOf(() => unpackFiles(new Uint8Array(MAX_ARCHIVE_BYTES + 1)));
    expect(tooLarge.message).to.match(/and may have 67108864$/);
  });

  it('R6.2-3: has no byte that belongs to no file', async () => {
    const owned = 'archive: has bytes that do not belong to its files, or were changed';
    const withComment = zipSync(
      { 'tree/a': [Buffer.from('x'), { comment: 'y' }] },
      { level: 0, mtime: new Date(1980, 0, 1, 12) },
    );
    const withDate = zipSync({ 'tree/a': Buffer.from('x') }, { level: 0, mtime: new Date(2026, 0, 1) });
    const withPrefix = Uint8Array.of(...Buffer.from('#!/bin/sh\n'), ...bytes);
    for (const other of [withComment, withDate])
      expect((await faultOf(() => unpackFiles(other))).message).to.equal(owned);
    expect(await faultOf(() => unpackFiles(withPrefix))).to.be.instanceOf(ArchiveFault);
  });
});

describe('graphs that are not as they should be', function () {
  this.timeout(60_000);
  const path = 'profile/card';
  const read = (form: FormName, text: string): Promise<string> =>
    FORMS[form].read(text, iriOfPath(path), path);

  const wrong: [FormName, string, RegExp][] = [
    ['turtle', '<a> <b> .', /^profile\/card: .*line 1/],
    ['turtle', '<a> <b> <c> .\n<d> <e> "x" ', /line 2/],
    ['turtle', '<a> <b> "x"@en--ltr .', /direction/],
    ['turtle', '<a> <b> "x"@verylongtag .', /language tag/],
    ['turtle', '<< <a> <b> <c> >> <d> <e> .', /a \w+ cannot be a Quad/],
    ['turtle', '<a> <b> <<( <a> <b> <c> )>> .', /a object cannot be a Quad/],
    ['turtle', `<a> <b> <x:${'y'.repeat(MAX_IRI)}> .`, /an IRI has at most/],
    ['json-ld', '{', /is no JSON/],
    ['json-ld', '{"@context": "https://example.org/c", "a": 1}', /would have to be loaded/],
    ['json-ld', '{"a": 1}', /Invalid predicate IRI: a/],
    ['json-ld', '{"http://a/b": {"@id": "c d"}}', /Invalid resource IRI/],
    ['json-ld', `${'['.repeat(65)}${']'.repeat(65)}`, /nests deeper than 64/],
    ['json-ld', '{"@id": "x:a", "@graph": [{"@id": "x:b", "x:c": 1}]}', /says its own graph, and not x:a/],
    ['json-ld', '{"@id": "x:a", "x:b": "half \\ud800"}', /half a character/],
    ['n-quads', '<a> <b> <c> .', /Invalid IRI/],
    ['n-quads', '<x:a> <x:b> <x:c> <x:d> .', /says its own graph, and not x:d/],
    ['n-quads', '<x:a> <x:b> <x:c> _:d .', /says its own graph, and not _:/],
    ['n-quads', '<x:a> _:b <x:c> .', /line 1/],
  ];
  for (const [form, text, expected] of wrong) {
    it(`R6.2-3: in ${form}: ${text.slice(0, 60).replaceAll('\n', ' ')}`, async () => {
      expect((await faultOf(read(form, text))).message).to.match(expected);
    });
  }

  it('R6.2-3: too many triples, at once or under short names for long ones', async () => {
    const triples = Array.from({ length: MAX_TRIPLES_OF_RESOURCE + 1 }, (_, i) => `<x:a> <x:b> ${i}.`).join(
      '\n',
    );
    expect((await faultOf(read('turtle', triples))).message).to.match(/at most 100000 triples/);
    const short = `@prefix p: <x:${'y'.repeat(2_000)}>. ${Array.from({ length: 10_000 }, (_, i) => `p:a p:b p:c${i} .`).join('')}`;
    expect((await faultOf(read('turtle', short))).message).to.match(
      /written out it has more than 16777216 bytes/,
    );
  });

  it('R6.2-3: blank nodes that nobody can tell apart in reasonable time', async () => {
    const nodes = Array.from({ length: 12 }, (_, i) => `_:n${i}`);
    const clique = nodes.flatMap((from) =>
      nodes.filter((to) => to !== from).map((to) => `${from} <x:p> ${to}.`),
    );
    expect((await faultOf(read('turtle', clique.join('\n')))).message).to.match(
      /too much alike to tell apart/,
    );
    const ring = nodes.map((from, i) => `${from} <x:p> ${nodes[(i + 1) % nodes.length]}.`).join('\n');
    expect((await read('turtle', ring)).split('\n')).to.have.length(13);
  });

  it('R6.2-3: equal graphs have one text, whatever their blank nodes are called and whatever is said twice', async () => {
    const texts = [
      ['_:a', '_:b'],
      ['_:c14n1', '_:c14n0'],
      ['_:c14n0', '_:c14n1'],
    ].map(([one, two]) => `<x:s> <x:p> ${one}. ${one} <x:p> ${two}, ${two}. <x:s> <x:p> ${one}.`);
    const read2 = await Promise.all(texts.map((text) => read('turtle', text)));
    expect(new Set(read2).size).to.equal(1);
    expect(read2[0]!.match(/\n/g)).to.have.length(2);
  });

  it('R6.2-3: what is relative is relative to the resource, in the pod', async () => {
    const { canonical } = (await graphAt(
      'a/b/c',
      '<> <../d#e> <#f>, </g>, <//h/i>, <?j>, <../../../../k> .',
    )) as { canonical: string };
    const iris = [...canonical.matchAll(/ <([^>]*)> \.$/gm)].map(([, iri]) => iri);
    expect(iris).to.deep.equal([
      'https://h/i',
      'https://pod.invalid/a/b/c#f',
      'https://pod.invalid/a/b/c?j',
      'https://pod.invalid/g',
      'https://pod.invalid/k',
    ]);
  });

  it('R6.2-3: bytes of no known type, or that are triples after all', async () => {
    for (const mediaType of [
      '',
      'text',
      'text/',
      'Text/plain',
      'text/plain; charset=utf-8',
      'x-nothing/x',
      'text/tur tle',
    ])
      expect((await faultOf(() => createTree([textFile('a', mediaType)]))).message, mediaType).to.match(
        /is no known media type/,
      );
    for (const mediaType of ['text/turtle', 'application/ld+json', 'application/n-quads'])
      expect((await faultOf(() => createTree([textFile('a', mediaType)]))).message).to.match(
        /is read as triples/,
      );
    for (const mediaType of ['application/rdf+xml', 'text/n3', 'application/trig'])
      expect((await faultOf(() => createTree([textFile('a', mediaType)]))).message).to.match(
        /RDF in a form that is not read here/,
      );
  });
});
