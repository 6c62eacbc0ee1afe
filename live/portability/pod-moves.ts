/** An owner takes a pod from hosts of one federation and brings it to those of another (R6.2-3). The key stays with the owner. */
import type { PodPolicy } from '../../core/policy/pod-terms.ts';
import { joinBooks, isEmptyBook, pruneBook } from '../../core/policy/consent-book.ts';
import { EMPTY_BOOK, type Pattern } from '../../core/policy/consent-documents.ts';
import { withHome } from '../../core/policy/location-policy.ts';
import { deletionHash } from '../../core/policy/pod-documents.ts';
import { signHash } from '../identity.ts';
import { PodRefused, type PodContents, type PodOwner } from '../pod-owner.ts';
import type { PodArchive } from './archive.ts';
import type { FormName } from './forms.ts';
import { contentOfTree, treeOfContent } from './pod-content.ts';

export interface ExportOptions {
  readonly form: FormName;
  /** By the owner's clock. */
  readonly nowMs: number;
  /** Of several that were written without knowledge of each other, the one whose hash begins so. */
  readonly version?: string;
  /** What the owner has allowed beforehand and given to readers: hosts hear of it when it is used. */
  readonly patterns?: readonly Pattern[];
}

/** What a pod holds now, to be written as an archive; of a deleted pod its deletion. Throws PodRefused or ArchiveFault. */
export async function exportPod(
  owner: PodOwner,
  number: number,
  options: ExportOptions,
): Promise<PodArchive> {
  const common = {
    ownerId: owner.id,
    number,
    madeAt: new Date(options.nowMs).toISOString(),
    form: options.form,
  };
  if ((await owner.where(number)).some(({ isDeleted }) => isDeleted)) {
    const signature = signHash(owner.identity, deletionHash(owner.ids, owner.peer, number));
    const deletion = { owner: owner.peer, number, signature };
    return {
      ...common,
      contents: { kind: 'none' },
      documents: { policy: null, deletion, consent: EMPTY_BOOK, receipts: [] },
    } as PodArchive;
  }
  const found = await owner.read(number);
  const { book, receipts } = await owner.say(number, {});
  const given = { ...EMPTY_BOOK, patterns: [...(options.patterns ?? [])] };
  const consent = joinBooks(owner.ids, owner.peer, book, given);
  const { bytes } = chooseVersion(found, options.version ?? '');
  const tree = await treeOfContent(bytes);
  const contents = tree === null ? ({ kind: 'bytes', bytes } as const) : ({ kind: 'tree', tree } as const);
  const documents = { policy: found.policy, deletion: null, consent, receipts } as PodArchive['documents'];
  return { ...common, contents, documents };
}

export interface Imported {
  /** Under which it lies there. */
  readonly policy: PodPolicy;
  readonly vector: PodContents['vector'];
  /** The same was there before, and nothing was written. */
  readonly wasThere: boolean;
  readonly isFragile: boolean;
}

/**
 * Brings what an archive holds to the hosts that `owner` speaks with. There, the policy is the archive's, or, with another home, one that
 * the owner signs to follow it; consent is what it was, and what was taken back stays so. Throws PodRefused if the pod was deleted
 * there, or holds something else that this would replace.
 */
export async function importPod(
  owner: PodOwner,
  { ownerId, number, contents, documents }: PodArchive,
  { nowMs, homeRegion = null }: { readonly nowMs: number; readonly homeRegion?: string | null },
): Promise<Imported | 'deleted'> {
  if (ownerId !== owner.id)
    throw PodRefused.definitely('NOT_YOURS', `the archive is of the pod of ${ownerId}`);
  if (contents.kind === 'none') {
    await owner.remove(number);
    return 'deleted';
  }
  const places = await owner.where(number);
  if (places.some(({ isDeleted }) => isDeleted))
    throw PodRefused.definitely('DELETED', 'the pod was deleted there, which cannot be taken back');
  const known = Math.max(0, ...places.map(({ policyVersion }) => policyVersion));
  const there = places.some(({ sizes }) => sizes.length > 0) ? await owner.read(number) : null;
  const bytes = contents.kind === 'tree' ? await contentOfTree(contents.tree) : contents.bytes;
  // By the bytes, since hosts may hold them sealed.
  const others = there?.versions.filter(({ bytes: held }) => !Buffer.from(held).equals(bytes)) ?? [];
  if (others.length > 0) {
    const detail = `the pod holds something else there: ${others.map(({ content }) => content.hash.slice(0, 12)).join(', ')}`;
    throw PodRefused.definitely('NOT_EMPTY', detail);
  }
  const policy = policyThere(owner, documents.policy!, there?.policy ?? null, known, homeRegion);
  if (policy !== there?.policy) await owner.setPolicy(policy);
  const written =
    there === null ? await owner.write(policy, bytes) : { vector: there.vector, isFragile: false };
  const consent = pruneBook(documents.consent, nowMs * 1_000);
  if (!isEmptyBook(consent)) await owner.say(number, consent);
  return { policy, vector: written.vector, wasThere: there !== null, isFragile: written.isFragile };
}

/** The archive's own, unless the pod is to have another home, or hosts there know of a later one. */
function policyThere(
  owner: PodOwner,
  carried: PodPolicy,
  there: PodPolicy | null,
  known: number,
  homeRegion: string | null,
): PodPolicy {
  const { terms } = carried;
  const home = homeRegion ?? terms.homeRegion;
  if (there !== null && there.terms.version >= terms.version && home === there.terms.homeRegion) return there;
  if (home === terms.homeRegion && known < terms.version) return carried;
  const version = Math.max(known, terms.version) + 1;
  const { policy } = terms;
  const allowedRegions = policy.crossBorderAllowed
    ? [...withHome(home, policy.allowedRegions)]
    : policy.allowedRegions;
  return owner.signPolicy(terms.number, version, home, { ...policy, allowedRegions }, terms.sinceWallUs);
}

function chooseVersion({ versions }: PodContents, beginning: string): PodContents['versions'][number] {
  const chosen = versions.filter(({ content }) => content.hash.startsWith(beginning));
  if (chosen.length === 1) return chosen[0]!;
  const hashes = versions.map(({ content }) => content.hash.slice(0, 12)).join(', ');
  throw PodRefused.definitely(
    'SEVERAL_VERSIONS',
    `${chosen.length} versions are meant; choose with --version: ${hashes}`,
  );
}
