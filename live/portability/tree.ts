/**
 * What a pod holds: a tree of resources as in a Solid pod (https://solidproject.org/TR/protocol), each of which is a graph of triples or bytes
 * of a media type. A graph has no form here: it is kept as canonical text, and written in whichever form is asked for.
 */
import { createHash } from 'node:crypto';
import { ArchiveFault } from './fault.ts';
import { checkMediaType } from './forms.ts';
import { MAX_CONTAINERS, MAX_RESOURCE_BYTES, MAX_RESOURCES } from './limits.ts';
import { checkContainer, checkPath, containersAbove, POD_CONTAINERS } from './resource-path.ts';

export interface GraphResource {
  readonly kind: 'graph';
  readonly path: string;
  /** Canonical N-Quads, IRIs of the pod beginning with POD_ROOT (`graph.ts`). */
  readonly canonical: string;
}

export interface ByteResource {
  readonly kind: 'bytes';
  readonly path: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export type Resource = GraphResource | ByteResource;

/** Both lists are sorted, and each container on the way to a resource is listed: there is one value for each tree. */
export interface ResourceTree {
  readonly containers: readonly string[];
  readonly resources: readonly Resource[];
}

/**
 * Makes a tree of resources, and of containers that may be empty.
 * Throws ArchiveFault where two lie at one path, or one lies where it cannot.
 */
export function createTree(resources: readonly Resource[], containers: readonly string[] = []): ResourceTree {
  if (resources.length > MAX_RESOURCES)
    throw new ArchiveFault('tree', `has ${resources.length} resources, and may have ${MAX_RESOURCES}`);
  const all = new Set<string>(POD_CONTAINERS);
  const take = (path: string): void => {
    for (const container of containersAbove(path)) all.add(container);
  };
  for (const container of containers) {
    checkContainer(container);
    take(container);
    all.add(container);
  }
  const paths = new Set<string>();
  for (const resource of resources) {
    checkPath(resource.path);
    if (paths.has(resource.path)) throw new ArchiveFault(resource.path, 'is there twice');
    paths.add(resource.path);
    take(resource.path);
    if (resource.kind === 'bytes') checkBytes(resource);
  }
  for (const container of all)
    if (paths.has(container.slice(0, -1)))
      throw new ArchiveFault(container, 'is a container, and a resource has the same name');
  if (all.size > MAX_CONTAINERS)
    throw new ArchiveFault('tree', `has ${all.size} containers, and may have ${MAX_CONTAINERS}`);
  return {
    containers: [...all].sort(inOrder),
    resources: [...resources].sort((left, right) => inOrder(left.path, right.path)),
  };
}

/** Equal for equal trees, in whatever form they were written: SHA-256, hexadecimal. */
export function hashOfTree({ containers, resources }: ResourceTree): string {
  const lines = resources.map((resource) =>
    resource.kind === 'graph'
      ? ['graph', resource.path, hashOf(resource.canonical)]
      : [resource.mediaType, resource.path, hashOf(resource.bytes)],
  );
  return hashOf(JSON.stringify({ containers, resources: lines }));
}

export function hashOf(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function checkBytes({ path, mediaType, bytes }: ByteResource): void {
  checkMediaType(mediaType, path);
  if (bytes.length > MAX_RESOURCE_BYTES)
    throw new ArchiveFault(path, `has ${bytes.length} bytes, and may have ${MAX_RESOURCE_BYTES}`);
}

/** By code units: the same on every machine. */
function inOrder(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
