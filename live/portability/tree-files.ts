/** A tree as files: one a resource, at its path below `tree/`, so that whoever opens an archive finds what they look for. */
import { ArchiveFault } from './fault.ts';
import { FORM_NAMES, FORMS, textOf, type Form } from './forms.ts';
import { iriOfPath } from './resource-path.ts';
import { createTree, hashOf, type Resource, type ResourceTree } from './tree.ts';
import type { Files } from './packing.ts';

/** A resource as the list of an archive names it. */
export interface Listed {
  readonly path: string;
  /** Of the file; a graph's is that of the form. */
  readonly mediaType: string;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

const TREE = 'tree/';

/** Throws ArchiveFault if a graph does not come back from its own file as it was: then the form cannot say it. */
export async function writeTreeFiles(
  { resources }: ResourceTree,
  form: Form,
): Promise<{ files: Map<string, Uint8Array>; listed: Listed[] }> {
  const files = new Map<string, Uint8Array>();
  const listed: Listed[] = [];
  for (const resource of resources) {
    const file = fileOf(resource, form);
    const bytes = resource.kind === 'bytes' ? resource.bytes : await writeGraph(resource, form, file);
    files.set(file, bytes);
    const mediaType = resource.kind === 'bytes' ? resource.mediaType : form.mediaType;
    listed.push({ path: resource.path, mediaType, file, bytes: bytes.length, sha256: hashOf(bytes) });
  }
  return { files, listed };
}

/** Reads what the list names, and nothing else may be there. Throws ArchiveFault. */
export async function readTreeFiles(
  files: Files,
  listed: readonly Listed[],
  containers: readonly string[],
  form: Form,
): Promise<ResourceTree> {
  const resources: Resource[] = [];
  for (const entry of listed) {
    const bytes = files.get(entry.file);
    if (bytes === undefined) throw new ArchiveFault(entry.file, 'is listed, and is not there');
    if (bytes.length !== entry.bytes)
      throw new ArchiveFault(entry.file, `has ${bytes.length} bytes, not ${entry.bytes}`);
    if (hashOf(bytes) !== entry.sha256) throw new ArchiveFault(entry.file, 'is not what its checksum says');
    const resource = await readResource(entry, bytes, form);
    if (fileOf(resource, form) !== entry.file)
      throw new ArchiveFault(entry.file, `is where ${entry.path} does not lie`);
    resources.push(resource);
  }
  const names = new Set(listed.map(({ file }) => file));
  for (const name of files.keys())
    if (name.startsWith(TREE) && !names.has(name))
      throw new ArchiveFault(name, 'is there, and is not listed');
  return createTree(resources, containers);
}

async function readResource(
  { path, mediaType, file }: Listed,
  bytes: Uint8Array,
  form: Form,
): Promise<Resource> {
  if (mediaType === form.mediaType) {
    const canonical = await form.read(textOf(bytes, file), iriOfPath(path), file);
    return { kind: 'graph', path, canonical };
  }
  if (FORM_NAMES.some((name) => FORMS[name].mediaType === mediaType))
    throw new ArchiveFault(file, `is ${mediaType} in an archive of ${form.mediaType}`);
  return { kind: 'bytes', path, mediaType, bytes };
}

async function writeGraph(
  { path, canonical }: { path: string; canonical: string },
  form: Form,
  file: string,
): Promise<Uint8Array> {
  const iri = iriOfPath(path);
  const text = await form.write(canonical, iri);
  if ((await form.read(text, iri, file)) !== canonical)
    throw new ArchiveFault(path, `cannot be said in ${form.name} without loss`);
  return Buffer.from(text);
}

/** As file systems under Solid servers name them: `card$.ttl` is the resource `card`, in Turtle. */
function fileOf({ kind, path }: Resource, { ending }: Form): string {
  return TREE + path + (kind === 'graph' && !path.endsWith(ending) ? `$${ending}` : '');
}
