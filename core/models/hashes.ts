import type { Pure } from '../base/peers.ts';
import { hashDocument } from '../machine/codec.ts';
import { record, text, type Shape } from '../machine/shape.ts';
import {
  channelTermsShape,
  countChunks,
  entryTermsShape,
  MAX_PAGE,
  pageShape,
  revocationTermsShape,
  verdictTermsShape,
  type ChannelTerms,
  type EntryTerms,
  type Page,
  type RevocationTerms,
  type VerdictTerms,
} from './documents.ts';

/** A document says what it is before what it says: no signature can be taken for one under another sort. */
function hashOf(pure: Pure, sort: string, shape: Shape, terms: unknown): string {
  return hashDocument(pure, record({ sort: text(16), terms: shape }), { sort, terms });
}

/** What a version is called by, and its publisher signs. */
export function idOfEntry(pure: Pure, terms: EntryTerms): string {
  return hashOf(pure, 'entry', entryTermsShape, terms);
}

export function channelHash(pure: Pure, terms: ChannelTerms): string {
  return hashOf(pure, 'channel', channelTermsShape, terms);
}

export function withdrawalHash(pure: Pure, terms: RevocationTerms): string {
  return hashOf(pure, 'withdrawal', revocationTermsShape, terms);
}

export function verdictHash(pure: Pure, terms: VerdictTerms): string {
  return hashOf(pure, 'verdict', verdictTermsShape, terms);
}

export function hashOfPage(pure: Pure, page: Page): string {
  return hashOf(pure, 'page', pageShape, page);
}

/** The lists of a version's chunk hashes. */
export function pagesOf(hashes: readonly string[]): Page[] {
  const pages: Page[] = [];
  for (let from = 0; from < hashes.length; from += MAX_PAGE)
    pages.push({ hashes: hashes.slice(from, from + MAX_PAGE) });
  return pages;
}

/** What is wrong with the terms of an entry, or null. */
export function findEntryFault(terms: EntryTerms): string | null {
  const { name, sizeBytes, chunkBytes, pages, regions } = terms;
  if (name === '') return 'a model must have a name';
  if (sizeBytes === 0 || chunkBytes === 0) return 'a model and its chunks have a size';
  if (pages.length !== Math.ceil(countChunks(terms) / MAX_PAGE))
    return 'it has as many lists as its chunks fill';
  if (regions.length === 0) return 'it may be nowhere: name the regions where copies may be';
  return null;
}
