/** `watershed pod` verbs that carry pods: as a file, to other hosts here, to Solid servers and back. */
import type { Pattern } from '../core/policy/consent-documents.ts';
import type { BookedPod, PodBook } from '../live/pod-book.ts';
import { PodRefused, type PodOwner } from '../live/pod-owner.ts';
import { readArchive, writeArchive, type PodArchive } from '../live/portability/archive.ts';
import { ArchiveFault } from '../live/portability/fault.ts';
import { readFolder } from '../live/portability/folder.ts';
import type { FormName } from '../live/portability/forms.ts';
import { consentedIn } from '../live/portability/owner-documents.ts';
import { contentOfTree } from '../live/portability/pod-content.ts';
import { exportPod, importPod } from '../live/portability/pod-moves.ts';
import { accessOf } from '../live/portability/solid-access.ts';
import {
  putOnSolidServer,
  readFromSolidServer,
  SolidFault,
  type SolidPlace,
} from '../live/portability/solid-server.ts';
import type { ResourceTree } from '../live/portability/tree.ts';
import { checkOutput, readInput, writeOutput } from './pod-files.ts';
import { USAGE } from './usage.ts';

export interface SolidOptions {
  readonly webId?: string;
  readonly reader?: readonly string[];
  readonly header?: readonly string[];
  readonly force?: boolean;
}

const FORM_TITLES: Readonly<Record<FormName, string>> = {
  turtle: 'Turtle',
  'json-ld': 'JSON-LD',
  'n-quads': 'N-Quads',
};
const EXPECTED = 'expected: an address that ends with “/”, --web-id URL, headers "Name: value"';
const ENDING = '.pod.zip';
const COLUMNS = 80;
const HASH_DIGITS = 12;
const REFUSED = 1;

/** Says what is wrong with what is carried; throws on what is wrong otherwise. */
export async function refusing(act: () => Promise<number>): Promise<number> {
  try {
    return await act();
  } catch (error) {
    const isOurs = error instanceof ArchiveFault || error instanceof SolidFault;
    if (!isOurs) throw error;
    console.error((error as Error).message);
    return REFUSED;
  }
}

export async function exportArchive(
  owner: PodOwner,
  book: PodBook,
  name: string,
  file: string | undefined,
  {
    form,
    version = '',
    patterns,
    force,
  }: {
    readonly form: FormName;
    readonly version?: string;
    readonly patterns: readonly Pattern[];
    readonly force?: boolean;
  },
): Promise<number> {
  const to = file ?? `${name.replaceAll(/[^\p{L}\p{N}._-]/gu, '-')}${ENDING}`;
  checkOutput(to, force);
  const options = { form, version, patterns, nowMs: Date.now() };
  const archive = await exportPod(owner, book.find(name).number, options);
  const bytes = await writeArchive(archive, owner.identity, owner.ids);
  writeOutput(to, bytes, force, 0o600);
  console.log(`${name}: ${contentsOf(archive)}`);
  console.log(`${to}: ${count(bytes.length, 'byte')}, signed by you`);
  if (archive.documents.policy?.terms.policy.encryptionRequired)
    console.log('It is open: hosts have this pod sealed, and the archive is yours to keep.');
  return 0;
}

export async function importArchive(
  owner: PodOwner,
  book: PodBook,
  name: string,
  file: string,
  { home }: { readonly home?: string },
): Promise<number> {
  const archive = await readArchive(readInput(file), owner.ids);
  const known = book.pods.find(({ number }) => number === archive.number);
  if (known !== undefined && known.name !== name)
    throw PodRefused.definitely('NAME_TAKEN', `your book calls this pod ${known.name}`);
  if (known === undefined && book.pods.some((pod) => pod.name === name && pod.goneWallUs === 0))
    throw PodRefused.definitely('NAME_TAKEN', `another pod is called ${name} already`);
  const imported = await importPod(owner, archive, { nowMs: Date.now(), homeRegion: home ?? null });
  if (imported === 'deleted') {
    console.log(`${name} is deleted there, too: the archive has its deletion`);
    return 0;
  }
  const { policy, vector, wasThere, isFragile } = imported;
  const pod = known ?? book.add(name, policy);
  book.update(pod.number, { policy: policy as BookedPod['policy'], vector: [...vector], isBegun: true });
  console.log(`${name}: ${contentsOf(archive)}, ${wasThere ? 'was there already' : 'written'}`);
  console.log(`policy ${policy.terms.version}: at home in ${policy.terms.homeRegion}`);
  if (isFragile) console.log('Fragile: one host has it, and its policy lets no second one have it now.');
  return 0;
}

/** Checks an archive, and tells what is in it: nobody need be asked. */
export async function showArchive(owner: PodOwner, file: string): Promise<number> {
  const archive = await readArchive(readInput(file), owner.ids);
  const { ownerId, number, madeAt, contents, documents } = archive;
  console.log(
    `pod ${number} of ${ownerId === owner.id ? 'yours' : shorten(ownerId, HASH_DIGITS + 1)}: ${contentsOf(archive)}`,
  );
  console.log(`made ${madeAt.slice(0, 19).replace('T', ' ')}, all checksums and its owner's signature hold`);
  if (documents.policy !== null)
    console.log(`policy ${documents.policy.terms.version}: at home in ${documents.policy.terms.homeRegion}`);
  if (contents.kind === 'tree') showTree(contents.tree);
  return 0;
}

export async function packFolder(
  folder: string,
  file: string | undefined,
  isForced?: boolean,
): Promise<number> {
  if (file !== undefined) checkOutput(file, isForced);
  const tree = await readFolder(folder);
  const bytes = await contentOfTree(tree);
  if (file === undefined) {
    process.stdout.write(bytes);
    return 0;
  }
  writeOutput(file, bytes, isForced);
  showTree(tree);
  console.log(`${file}: ${count(bytes.length, 'byte')}, for watershed pod write`);
  return 0;
}

/** To a Solid server, where nothing is yet. */
export async function carryArchive(
  owner: PodOwner,
  file: string,
  url: string,
  options: SolidOptions,
): Promise<number> {
  const place = placeOf(url, options);
  if (options.webId === undefined || place === null) {
    console.error(EXPECTED);
    return USAGE;
  }
  const packed = readInput(file);
  const archive = await readArchive(packed, owner.ids);
  const webIds = new Map((options.reader ?? []).map((pair) => pair.split(/=(.*)/s, 2) as [string, string]));
  const consented = consentedIn(
    archive.documents,
    owner.ids,
    owner.ids.peerOf(archive.ownerId),
    archive.number,
  );
  const access = accessOf(consented, options.webId, webIds, Date.now());
  await putOnSolidServer(packed, archive, place, access);
  console.log(`${contentsOf(archive)}, carried to`);
  console.log(place.url);
  for (const { id, until } of access.readers)
    console.log(`${shorten(id, HASH_DIGITS + 1)} reads; its end, ${until.slice(0, 10)}, no server heeds`);
  for (const { id, reason } of access.notCarried)
    console.log(`${shorten(id, HASH_DIGITS + 1)} does not read: ${reason}`);
  return 0;
}

/** From a Solid server: the archive that went there, or, if something was changed since, its resources to be written. */
export async function fetchArchive(
  owner: PodOwner,
  url: string,
  file: string,
  options: SolidOptions,
): Promise<number> {
  const place = placeOf(url, options);
  if (place === null) {
    console.error(EXPECTED);
    return USAGE;
  }
  checkOutput(file, options.force);
  const { tree, packed } = await readFromSolidServer(place, 'turtle', owner.ids);
  const bytes = packed ?? (await contentOfTree(tree));
  writeOutput(file, bytes, options.force, 0o600);
  showTree(tree);
  console.log(
    packed === null
      ? `${file}: ${count(bytes.length, 'byte')}, not signed: watershed pod write takes it`
      : `${file}: ${count(bytes.length, 'byte')}, the archive that was carried there`,
  );
  return 0;
}

function placeOf(url: string, { header = [] }: SolidOptions): SolidPlace | null {
  const headers = header.map((line) => /^([\w-]+):\s*(.*)$/.exec(line));
  if (!/^https?:\/\/.*\/$/.test(url) || headers.includes(null)) return null;
  return {
    url: new URL(url).href,
    headers: Object.fromEntries(headers.map((parts) => [parts![1]!, parts![2]!])),
  };
}

function showTree({ resources }: ResourceTree): void {
  for (const resource of resources) {
    const isGraph = resource.kind === 'graph';
    const size = isGraph
      ? count(resource.canonical.split('\n').length - 1, 'triple')
      : count(resource.bytes.length, 'byte');
    const line = `  ${size.padStart(15)}  ${resource.path}`;
    console.log(shorten(line, COLUMNS));
  }
}

function contentsOf({ contents, form }: PodArchive): string {
  if (contents.kind === 'none') return 'deleted, and nothing left';
  if (contents.kind === 'bytes') return `${count(contents.bytes.length, 'byte')} that are no tree`;
  return `${count(contents.tree.resources.length, 'resource')} in ${FORM_TITLES[form]}`;
}

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

function count(n: number, what: string): string {
  return `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;
}
