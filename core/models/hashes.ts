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
function hasherOf<T>(sort: string, shape: Shape): (pure: Pure, terms: T) => string {
  const signed = record({ sort: text(16), terms: shape });
  return (pure, terms) => hashDocument(pure, signed, { sort, terms });
}

/** What a version is called by, and its publisher signs. */
export const idOfEntry = hasherOf<EntryTerms>('entry', entryTermsShape);
export const channelHash = hasherOf<ChannelTerms>('channel', channelTermsShape);
export const withdrawalHash = hasherOf<RevocationTerms>('withdrawal', revocationTermsShape);
export const verdictHash = hasherOf<VerdictTerms>('verdict', verdictTermsShape);
export const hashOfPage = hasherOf<Page>('page', pageShape);

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
