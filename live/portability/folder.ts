/** A folder of files as the tree of a pod: how people make one who have no program for it. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ArchiveFault } from './fault.ts';
import { FORMS, textOf } from './forms.ts';
import { MAX_RESOURCE_BYTES, MAX_RESOURCES } from './limits.ts';
import { iriOfPath } from './resource-path.ts';
import { createTree, type Resource, type ResourceTree } from './tree.ts';

/** By the ending of a file's name: https://www.iana.org/assignments/media-types */
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  css: 'text/css',
  csv: 'text/csv',
  gif: 'image/gif',
  html: 'text/html',
  ics: 'text/calendar',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  json: 'application/json',
  md: 'text/markdown',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  webp: 'image/webp',
};
const ANY_BYTES = 'application/octet-stream';

/**
 * Reads a folder: files whose names end as those of the three forms do are graphs, IRIs relative to them, `card$.ttl` being the resource `card`.
 * Throws ArchiveFault, naming the file.
 */
export async function readFolder(folder: string): Promise<ResourceTree> {
  const resources: Resource[] = [];
  const containers: string[] = [];
  const walk = async (below: string, path: string): Promise<void> => {
    const entries = readdirSync(join(folder, below), { withFileTypes: true });
    if (resources.length + entries.length > MAX_RESOURCES)
      throw new ArchiveFault(join(folder, below), `a pod has at most ${MAX_RESOURCES} resources`);
    for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
      const file = join(below, entry.name);
      const at = path + encodeURIComponent(entry.name);
      if (entry.isDirectory()) {
        containers.push(`${at}/`);
        await walk(file, `${at}/`);
      } else if (entry.isFile()) resources.push(await readFile(join(folder, file), path, entry.name));
      else throw new ArchiveFault(join(folder, file), 'is neither a file nor a folder');
    }
  };
  await walk('', '');
  return createTree(resources, containers);
}

async function readFile(file: string, container: string, name: string): Promise<Resource> {
  if (statSync(file).size > MAX_RESOURCE_BYTES)
    throw new ArchiveFault(file, `has more than ${MAX_RESOURCE_BYTES} bytes`);
  const bytes = readFileSync(file);
  const form = Object.values(FORMS).find(({ ending }) => name.endsWith(ending));
  if (form === undefined) {
    const ending = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase() ?? '';
    const mediaType = MEDIA_TYPES[ending] ?? ANY_BYTES;
    return { kind: 'bytes', path: container + encodeURIComponent(name), mediaType, bytes };
  }
  const bare = name.endsWith(`$${form.ending}`) ? name.slice(0, -form.ending.length - 1) : name;
  const path = container + encodeURIComponent(bare);
  return { kind: 'graph', path, canonical: await form.read(textOf(bytes, file), iriOfPath(path), file) };
}
