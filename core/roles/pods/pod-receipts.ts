import type { Peer, Pure } from '../../base/peers.ts';
import { compareTexts } from '../../policy/consent-book.ts';
import type { Limit } from '../../policy/use-of-pods.ts';
import { MAX_OPEN_RECEIPTS, MAX_SPENT, type PodCopy, type Receipt, type SpentAtHost } from './pod-records.ts';
import { compareDots, countOf, joinVectors, nextDotOf, type Dot, type Vector } from './pod-version.ts';

/**
 * Receipts of uses (R6.2-1, R6.2-4). They are numbered as versions are, so that what two holders have of them is a join, and so that
 * an owner who says up to where it has taken them over can be told no less than it has seen.
 */

type Accounts = Pick<PodCopy, 'receipts' | 'taken' | 'spent'>;
type Order = Pick<Pure, 'rank'>;

/** What is left of the records of two copies: all receipts that the owner has not taken over. A join. */
export function joinAccounts(pure: Order, left: Accounts | null, right: Accounts): Accounts {
  const taken = joinVectors(pure, left?.taken ?? [], right.taken);
  const receipts: Receipt[] = [];
  for (const receipt of [...(left?.receipts ?? []), ...right.receipts]) {
    const isKnown = receipts.some(({ dot }) => compareDots(pure, dot, receipt.dot) === 0);
    if (!isKnown && countOf(taken, receipt.dot) < receipt.dot.n) receipts.push(receipt);
  }
  receipts.sort((one, other) => compareDots(pure, one.dot, other.dot));
  return { receipts, taken, spent: joinSpent(pure, left?.spent ?? [], right.spent) } as Accounts;
}

function joinSpent(pure: Order, left: readonly SpentAtHost[], right: readonly SpentAtHost[]): SpentAtHost[] {
  const joined = [...left];
  for (const one of right) {
    const at = joined.findIndex((other) => isSameAccount(one, other));
    if (at < 0) joined.push(one);
    else if (joined[at].uses < one.uses) joined[at] = one;
  }
  return joined.sort(
    (one, other) =>
      compareTexts(one.under, other.under) ||
      pure.rank(one.host) - pure.rank(other.host) ||
      one.epoch - other.epoch,
  );
}

function isSameAccount(one: SpentAtHost, other: SpentAtHost): boolean {
  return one.under === other.under && one.host === other.host && one.epoch === other.epoch;
}

/** The next receipt of a host: unlike every one that it has written. */
export function nextReceiptDot({ receipts, taken }: Accounts, host: Peer, epoch: number): Dot {
  return nextDotOf(
    taken,
    receipts.map(({ dot }) => dot),
    host,
    epoch,
  );
}

/** The accounts with one more use. */
export function addUse(
  pure: Order,
  accounts: Accounts,
  receipt: Receipt,
  limits: readonly Limit[],
): Accounts {
  const { host, epoch } = receipt.dot;
  const spent = limits.map(({ under }) => {
    const none = { under, host, epoch, uses: 0 };
    const known = accounts.spent.find((one) => isSameAccount(one, none)) ?? none;
    return { ...known, uses: known.uses + 1 };
  });
  return joinAccounts(pure, accounts, { receipts: [receipt], taken: [], spent } as unknown as Accounts);
}

/**
 * How many of so many uses a host may give out. They are shared evenly among the hosts that are first to hold the pod, without a word
 * between them: with one of them gone there are fewer uses, never more.
 */
export function shareOf(most: number, holders: readonly Peer[], host: Peer): number {
  const place = holders.indexOf(host);
  if (place < 0) return 0;
  return Math.floor(most / holders.length) + (place < most % holders.length ? 1 : 0);
}

/** How often a host has given it out, in all its epochs. */
export function spentAt(spent: readonly SpentAtHost[], of: string, at: Peer): number {
  return spent.reduce((sum, { under, host, uses }) => (under === of && host === at ? sum + uses : sum), 0);
}

/** Whether there is room for one more: without a receipt there is no use. */
export function hasRoom({ receipts, spent }: Accounts, limits: readonly Limit[]): boolean {
  return receipts.length < MAX_OPEN_RECEIPTS && spent.length + limits.length <= MAX_SPENT;
}

/** Up to where an owner who has seen these can take them over: without gaps. */
export function takenWith(pure: Order, taken: Vector, receipts: readonly Receipt[]): Dot[] {
  let all = [...taken];
  for (const { dot } of [...receipts].sort((one, other) => compareDots(pure, one.dot, other.dot)))
    if (dot.n === countOf(all, dot) + 1) all = joinVectors(pure, all, [dot]);
  return all;
}
