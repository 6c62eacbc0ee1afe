import { hasType, type Manifest } from './manifest.ts';

/** What is wrong with a manifest by R4-2, or null. Sizes below zero cannot be written, so they need no check. */
export function findFault(manifest: Manifest): string | null {
  if (hasType(manifest, 'pod-host') && manifest.podStorage === null)
    return 'a pod host must declare capabilities.podStorage';
  if (hasType(manifest, 'compute') && manifest.compute === null)
    return 'a compute node must declare capabilities.compute';
  if (manifest.region === '') return 'a node must name its region';
  if (manifest.cluster === '') return 'a node must name its cluster';
  if (manifest.types.length === 0) return 'a node must have at least one type';
  return null;
}
