/**
 * Files in one: a ZIP that any desktop opens, in which nothing is compressed, so that it unpacks to no more than it is.
 *
 * There is one way to write given files, and only that is read. Whatever else a ZIP could say (comments, dates, a second entry of one
 * name, bytes that no entry owns) is refused without looking for it: what was read is packed again, and must give the same bytes.
 */
import { unzipSync, zipSync, type Zippable } from 'fflate';
import { ArchiveFault } from './fault.ts';
import { MAX_ARCHIVE_BYTES, MAX_RESOURCES } from './limits.ts';

export type Files = ReadonlyMap<string, Uint8Array>;

/** Where faults of the whole are. */
export const WHOLE = 'archive';
/** Besides the resources: what lists them, and its signature. */
const MAX_FILES = MAX_RESOURCES + 2;
/** Local time, as ZIP counts it; so these are the same bytes wherever they are written. */
const EPOCH = new Date(1980, 0, 1, 12);
const FILE_NAME = /^[A-Za-z0-9%._~!*'()$-]+(\/[A-Za-z0-9%._~!*'()$-]+)*$/;

export function packFiles(files: Files): Uint8Array {
  const zippable: Zippable = {};
  for (const [name, bytes] of files) zippable[name] = [bytes, { level: 0, mtime: EPOCH }];
  const packed = zipSync(zippable);
  if (packed.length > MAX_ARCHIVE_BYTES) throw tooLarge(packed.length);
  return packed;
}

/** In their order. Throws ArchiveFault. */
export function unpackFiles(packed: Uint8Array): Files {
  if (packed.length > MAX_ARCHIVE_BYTES) throw tooLarge(packed.length);
  const names: string[] = [];
  let bytes = 0;
  const filter = ({ name, size, originalSize, compression }: FileEntry): boolean => {
    checkName(name);
    if (names.includes(name)) throw new ArchiveFault(name, 'is there twice');
    if (names.push(name) > MAX_FILES) throw new ArchiveFault(WHOLE, `has more than ${MAX_FILES} files`);
    if (compression !== 0) throw new ArchiveFault(name, 'is compressed; nothing in an archive of a pod is');
    bytes += Math.max(size, originalSize);
    if (bytes > packed.length) throw new ArchiveFault(name, 'claims more bytes than the archive has');
    return true;
  };
  let found: Record<string, Uint8Array>;
  try {
    found = unzipSync(packed, { filter });
  } catch (error) {
    throw error instanceof ArchiveFault
      ? error
      : new ArchiveFault(WHOLE, `is no ZIP: ${(error as Error).message}`);
  }
  const files = new Map(names.map((name) => [name, found[name]!]));
  if (!Buffer.from(packFiles(files)).equals(packed))
    throw new ArchiveFault(WHOLE, 'has bytes that do not belong to its files, or were changed');
  return files;
}

interface FileEntry {
  readonly name: string;
  readonly size: number;
  readonly originalSize: number;
  readonly compression: number;
}

function checkName(name: string): void {
  const climbs = name.split('/').some((segment) => segment === '.' || segment === '..');
  if (name.length > 1_024 || climbs || !FILE_NAME.test(name))
    throw new ArchiveFault(JSON.stringify(name.slice(0, 40)), 'is no name of a file in an archive of a pod');
}

function tooLarge(bytes: number): ArchiveFault {
  return new ArchiveFault(WHOLE, `has ${bytes} bytes, and may have ${MAX_ARCHIVE_BYTES}`);
}
