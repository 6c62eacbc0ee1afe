/**
 * A pod in one file that its owner can carry away (R6.2-3): the tree of its resources in a form of the owner's choice, what the owner
 * has said of it, and a list of all that with checksums, signed with the owner's key.
 *
 * Equal input is equal bytes. Reading believes nothing: of two archives that differ in one bit at least one is refused.
 */
import { z } from 'zod';
import { podIdOf } from '../../core/policy/pod-documents.ts';
import { hashBytes, signHash, type Identity, type LiveIds } from '../identity.ts';
import { ArchiveFault } from './fault.ts';
import { FORM_NAMES, FORMS, type FormName } from './forms.ts';
import { MAX_MANIFEST_BYTES } from './limits.ts';
import { documentsFromJson, documentsToJson, type OwnerDocuments } from './owner-documents.ts';
import { packFiles, unpackFiles, WHOLE, type Files } from './packing.ts';
import { bytesOfJson, listedSchema, readJson } from './pod-content.ts';
import { POD_ROOT } from './resource-path.ts';
import { readTreeFiles, writeTreeFiles, type Listed } from './tree-files.ts';
import { createTree, hashOfTree, type ResourceTree } from './tree.ts';

/** What a pod holds: a tree, bytes of its owner's own, or nothing any more. */
export type PodContents =
  | { readonly kind: 'tree'; readonly tree: ResourceTree }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'none' };

export interface PodArchive {
  /** Of the owner's key. */
  readonly ownerId: string;
  /** Which of the owner's pods. */
  readonly number: number;
  /** When it was made by its owner's clock: UTC, as `2026-01-31T12:00:00.000Z`. */
  readonly madeAt: string;
  /** Of its graphs. */
  readonly form: FormName;
  readonly contents: PodContents;
  readonly documents: OwnerDocuments;
}

export const MANIFEST = 'manifest.json';
export const SIGNATURE = 'manifest.sig';
const FORMAT = 'watershed pod archive';
/** What is signed begins with it, so that no signature on another document can stand for one on an archive. */
const SIGNED_DOMAIN = `${FORMAT}\0`;
/** Where bytes that are no tree lie in one. */
const OWN_BYTES = 'content';
const OWN_TYPE = 'application/octet-stream';

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'a hash of 64 hexadecimal digits is expected');
const manifestSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(1),
  owner: hash,
  number: z.int().nonnegative(),
  pod: z.string(),
  madeAt: z.iso.datetime({ precision: 3 }),
  form: z.enum(FORM_NAMES),
  /** What IRIs of the pod begin with. */
  root: z.literal(POD_ROOT),
  contents: z.enum(['tree', 'bytes', 'none']),
  /** The same in every form. */
  treeHash: hash,
  documents: z.unknown(),
  containers: z.array(z.string()),
  resources: listedSchema,
});
type Manifest = z.infer<typeof manifestSchema>;

/** @throws ArchiveFault when the pod is more than an archive may hold, or the form cannot say it */
export async function writeArchive(archive: PodArchive, owner: Identity, ids: LiveIds): Promise<Uint8Array> {
  const { ownerId, number, madeAt, form, contents, documents } = archive;
  if (owner.id !== ownerId) throw new ArchiveFault(SIGNATURE, 'only its owner signs the archive of a pod');
  const tree = treeOf(contents);
  const { files, listed } = await writeTreeFiles(tree, FORMS[form]);
  const manifest: Manifest = {
    format: FORMAT,
    version: 1,
    owner: ownerId,
    number,
    pod: podIdOf(ids, ids.peerOf(ownerId), number),
    madeAt,
    form,
    root: POD_ROOT,
    contents: contents.kind,
    treeHash: hashOfTree(tree),
    documents: documentsToJson(documents, ids),
    containers: [...tree.containers],
    resources: listed,
  };
  return packSigned(bytesOfJson(manifest), signHash(owner, signedHash(bytesOfJson(manifest))), files);
}

/** Puts an archive together whose manifest was signed before. */
export function packSigned(manifest: Uint8Array, signature: string, files: Files): Uint8Array {
  return packFiles(new Map([[MANIFEST, manifest], [SIGNATURE, Buffer.from(`${signature}\n`)], ...files]));
}

/** In which form a manifest says that the resources are. */
export function formOf(manifest: Uint8Array): FormName {
  return readJson(manifest, MANIFEST, manifestSchema).form;
}

/** Checks all of it. Throws ArchiveFault, which says where and what is wrong. */
export async function readArchive(bytes: Uint8Array, ids: LiveIds): Promise<PodArchive> {
  const files = unpackFiles(bytes);
  const names = [...files.keys()];
  if (names[0] !== MANIFEST || names[1] !== SIGNATURE)
    throw new ArchiveFault(WHOLE, `begins with ${MANIFEST} and ${SIGNATURE}`);
  const signed = files.get(MANIFEST)!;
  if (signed.length > MAX_MANIFEST_BYTES)
    throw new ArchiveFault(MANIFEST, `has more than ${MAX_MANIFEST_BYTES} bytes`);
  const manifest = readJson(signed, MANIFEST, manifestSchema);
  const owner = ids.peerOf(manifest.owner);
  checkSignature(signed, files.get(SIGNATURE)!, owner, ids);
  if (manifest.pod !== podIdOf(ids, owner, manifest.number))
    throw new ArchiveFault(`${MANIFEST}.pod`, 'is not the pod of its owner and number');
  const where = `${MANIFEST}.documents`;
  const documents = documentsFromJson(manifest.documents, ids, owner, manifest.number, where);
  const tree = await readTree(files, manifest, names);
  const { number, madeAt, form } = manifest;
  const contents = contentsOf(manifest, tree, documents);
  return { ownerId: manifest.owner, number, madeAt, form, contents, documents };
}

async function readTree(files: Files, { form, resources, containers, treeHash }: Manifest, names: string[]) {
  const listed: readonly Listed[] = resources;
  const expected = [MANIFEST, SIGNATURE, ...listed.map(({ file }) => file)];
  const stray = names.findIndex((name, i) => name !== expected[i]);
  if (stray >= 0) throw new ArchiveFault(names[stray]!, 'is not where the list has it');
  const tree = await readTreeFiles(files, listed, containers, FORMS[form]);
  if (tree.containers.join() !== containers.join())
    throw new ArchiveFault(`${MANIFEST}.containers`, 'are not those of the tree, in order');
  if (hashOfTree(tree) !== treeHash)
    throw new ArchiveFault(
      `${MANIFEST}.treeHash`,
      'is not that of the tree: its triples were read otherwise than written',
    );
  return tree;
}

/** The signature, in the one way in which its bytes can be written. */
function checkSignature(signed: Uint8Array, file: Uint8Array, owner: number, ids: LiveIds): void {
  const text = Buffer.from(file).toString('latin1');
  const [, signature, publicKey] = /^([^.]+)\.([^.\n]+)\n$/.exec(text) ?? [];
  const isOneWay =
    signature !== undefined &&
    publicKey !== undefined &&
    Buffer.from(signature, 'base64').toString('base64') === signature &&
    Buffer.from(publicKey, 'base64url').toString('base64url') === publicKey;
  if (!isOneWay || !ids.verify(owner, signedHash(signed), text.trimEnd()))
    throw new ArchiveFault(SIGNATURE, 'the owner has not signed this manifest');
}

function signedHash(manifest: Uint8Array): string {
  return hashBytes(Buffer.concat([Buffer.from(SIGNED_DOMAIN), manifest]));
}

function treeOf(contents: PodContents): ResourceTree {
  if (contents.kind === 'tree') return contents.tree;
  if (contents.kind === 'none') return createTree([]);
  return createTree([{ kind: 'bytes', path: OWN_BYTES, mediaType: OWN_TYPE, bytes: contents.bytes }]);
}

function contentsOf({ contents }: Manifest, tree: ResourceTree, { deletion }: OwnerDocuments): PodContents {
  const where = `${MANIFEST}.contents`;
  if ((contents === 'none') !== (deletion !== null))
    throw new ArchiveFault(where, 'a pod that is deleted has no contents, and no other has none');
  if (contents === 'tree') return { kind: 'tree', tree };
  const [resource, more] = tree.resources;
  if (contents === 'none') {
    if (resource !== undefined) throw new ArchiveFault(where, 'there are resources of a deleted pod');
    return { kind: 'none' };
  }
  if (more !== undefined || resource?.kind !== 'bytes' || resource.path !== OWN_BYTES)
    throw new ArchiveFault(where, `bytes that are no tree lie at ${OWN_BYTES}, and nothing beside them`);
  return { kind: 'bytes', bytes: resource.bytes };
}
