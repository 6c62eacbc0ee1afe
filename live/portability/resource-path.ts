/**
 * Where a resource lies in the tree of a pod: a relative path, as in a URL.
 *
 * Segments are percent-encoded as `encodeURIComponent` does, so there is one way to write each, and all of it is ASCII.
 */
import { ArchiveFault } from './fault.ts';
import { MAX_PATH, MAX_PATH_SEGMENTS } from './limits.ts';

/**
 * What the IRIs of a pod begin with while it lies nowhere: a name that never resolves (RFC 2606), so that no link of a pod depends on where
 * the pod has been. Whoever hosts it puts the pod's address there instead.
 */
export const POD_ROOT = 'https://pod.invalid/';

/** The containers that every pod has (Solid: a container is a path that ends with `/`). */
export const POD_CONTAINERS = ['actions/', 'agents/', 'consent/', 'frames/', 'memory/', 'profile/'] as const;

/** Where a Solid server keeps what of an archive is no resource of its pod: `solid-server.ts`. */
export const RESERVED_CONTAINER = 'watershed/';

export function iriOfPath(path: string): string {
  return POD_ROOT + path;
}

/** Throws ArchiveFault when no resource can lie there. */
export function checkPath(path: string): void {
  const fault = findPathFault(path);
  if (fault !== null) throw new ArchiveFault(JSON.stringify(path), fault);
}

/** Throws ArchiveFault when no container can lie there. */
export function checkContainer(path: string): void {
  const fault = path.endsWith('/') ? findPathFault(path.slice(0, -1)) : 'a container ends with “/”';
  if (fault !== null) throw new ArchiveFault(JSON.stringify(path), fault);
}

/** The containers on the way to a path, the outermost first. */
export function containersAbove(path: string): string[] {
  const segments = path.replace(/\/$/, '').split('/');
  return segments.slice(1).map((_, i) => `${segments.slice(0, i + 1).join('/')}/`);
}

function findPathFault(path: string): string | null {
  if (path.length > MAX_PATH) return `a path has at most ${MAX_PATH} characters`;
  const segments = path.split('/');
  if (segments.length > MAX_PATH_SEGMENTS) return `a path has at most ${MAX_PATH_SEGMENTS} segments`;
  for (const segment of segments) {
    const fault = findSegmentFault(segment);
    if (fault !== null) return fault;
  }
  return `${segments[0]!}/` === RESERVED_CONTAINER
    ? `${RESERVED_CONTAINER} is kept for the archive’s own`
    : null;
}

function findSegmentFault(segment: string): string | null {
  if (segment === '') return 'a path neither begins with “/” nor has an empty segment';
  let name: string;
  try {
    name = decodeURIComponent(segment);
  } catch {
    return 'what is percent-encoded is not UTF-8';
  }
  if (name === '.' || name === '..') return 'a path does not climb';
  // “$” tells, in file names, a path from the ending that its form adds.
  if (/[\u0000-\u001f\u007f/\\$]/.test(name))
    return 'a segment has no “/”, “\\”, “$” and no control character';
  if (encodeURIComponent(name) !== segment)
    return `a segment is written as in a URL: ${encodeURIComponent(name)}`;
  if (/\.(acl|acr|meta)$/i.test(name)) return 'so a Solid server names what it keeps beside a resource';
  return null;
}
