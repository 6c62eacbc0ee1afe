/**
 * The bytes that a pod's content is: to the core one content with versions, to whoever reads it a tree of resources.
 *
 * Equal trees are equal bytes, so pods of equal trees have one hash in every federation. Bytes that are no tree are somebody's own, and are
 * carried as they are.
 */
import { z } from 'zod';
import { ArchiveFault } from './fault.ts';
import { FORMS } from './forms.ts';
import { packFiles, unpackFiles } from './packing.ts';
import { readTreeFiles, writeTreeFiles } from './tree-files.ts';
import type { ResourceTree } from './tree.ts';

const LIST = 'tree.json';
const FORMAT = 'watershed pod tree';
/** Of a ZIP whose first file is the list. */
const BEGINNING = Buffer.from('PK\u0003\u0004', 'latin1');

export const listedSchema = z.array(
  z.strictObject({
    path: z.string(),
    mediaType: z.string(),
    file: z.string(),
    bytes: z.int().nonnegative(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  }),
);
const listSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(1),
  containers: z.array(z.string()),
  resources: listedSchema,
});

export async function contentOfTree(tree: ResourceTree): Promise<Uint8Array> {
  const { files, listed } = await writeTreeFiles(tree, FORMS['n-quads']);
  const list = { format: FORMAT, version: 1, containers: tree.containers, resources: listed };
  return packFiles(new Map([[LIST, bytesOfJson(list)], ...files]));
}

/** Null: the bytes are no tree. Throws ArchiveFault if they are a broken one. */
export async function treeOfContent(content: Uint8Array): Promise<ResourceTree | null> {
  if (!isTree(content)) return null;
  const files = unpackFiles(content);
  const list = readJson(files.get(LIST)!, LIST, listSchema);
  return readTreeFiles(files, list.resources, list.containers, FORMS['n-quads']);
}

/** By the name of the first file in it, as it stands in its header: 30 bytes after the beginning (APPNOTE.TXT 4.3.7). */
function isTree(content: Uint8Array): boolean {
  const start = Buffer.from(content.subarray(0, 30 + LIST.length));
  return start.subarray(0, 4).equals(BEGINNING) && start.subarray(30).toString('latin1') === LIST;
}

export function bytesOfJson(value: object): Uint8Array {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}

/** JSON in the one way in which it is written here. Throws ArchiveFault. */
export function readJson<T>(bytes: Uint8Array, where: string, schema: z.ZodType<T>): T {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ArchiveFault(where, `is no JSON: ${(error as Error).message}`);
  }
  const read = schema.safeParse(json);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new ArchiveFault([where, ...issue!.path].join('.'), issue!.message);
  }
  if (!Buffer.from(bytesOfJson(read.data as object)).equals(bytes))
    throw new ArchiveFault(where, 'is not written as it would be here');
  return read.data;
}
