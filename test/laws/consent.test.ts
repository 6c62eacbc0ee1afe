import { expect } from 'chai';
import fc from 'fast-check';
import { joinBooks, pruneBook } from '../../core/policy/consent-book.ts';
import {
  EMPTY_BOOK,
  type ConsentBook,
  DELEGATED,
  FIRST_LOCK,
  SECOND_LOCK,
  type Proposal,
  type Word,
} from '../../core/policy/consent-documents.ts';
import { patternHash, proposedHash } from '../../core/policy/consent-hashes.ts';
import { podIdOf } from '../../core/policy/pod-documents.ts';
import { decideUse } from '../../core/policy/use-of-pods.ts';
import { joinAccounts, nextReceiptDot, takenWith } from '../../core/roles/pods/pod-receipts.ts';
import type { PodCopy, Receipt } from '../../core/roles/pods/pod-records.ts';
import { permit, signPattern, signWithdrawal, signWord } from '../../sim/consent-papers.ts';
import { Cast } from '../cast.ts';
import { asking, patternOf, propose } from '../pods.ts';
import { WALL_START_US as NOW } from '../rig.ts';
import { law } from './law.ts';

const cast = new Cast(['ann', 'ben', 'doctor']);
const [ann, ben, doctor] = [0, 1, 2];
const pod = podIdOf(cast, ann, 1);
const PROPOSALS: readonly Proposal[] = [
  propose(cast, ben, [pod]),
  propose(cast, ben, [pod], { round: 2, purpose: 'less' }),
  propose(cast, ben, [pod], { number: 2 }),
  propose(cast, ben, [pod], { number: 2, purpose: 'two faces' }),
];
const PATTERN = signPattern(cast, patternOf(ann, ben, [pod], { authorisation: DELEGATED, delegate: doctor }));
const TARGETS = [
  ...PROPOSALS.map(({ terms }) => proposedHash(cast, terms)),
  patternHash(cast, PATTERN.terms),
];

type Matters = ConsentBook['matters'];
const word = (lock: 1 | 2, of: number): fc.Arbitrary<Word | null> =>
  fc.option(
    fc
      .record({
        said: fc.nat(lock === FIRST_LOCK ? 2 : 3),
        version: fc.integer({ min: 1, max: 3 }),
        isOwn: fc.boolean(),
      })
      .map(({ said, version, isOwn }) => {
        const authorisation = isOwn ? 0 : DELEGATED;
        const by = isOwn ? ann : doctor;
        return signWord(cast, lock, pod, PROPOSALS[of]!, by, { said, version, authorisation, wallUs: NOW });
      }),
    { freq: 4 },
  );
/** A book that holds one document, or a matter with its words. */
const saying: fc.Arbitrary<ConsentBook> = fc.oneof(
  fc.nat(PROPOSALS.length - 1).chain((of) =>
    fc.record({ understood: word(FIRST_LOCK, of), decided: word(SECOND_LOCK, of) }).map((words) => ({
      ...EMPTY_BOOK,
      matters: [{ proposal: PROPOSALS[of]!, ...words }] as Matters,
    })),
  ),
  fc.constant({ ...EMPTY_BOOK, patterns: [PATTERN] } as ConsentBook),
  fc.record({ target: fc.constantFrom(...TARGETS), at: fc.nat(3) }).map(({ target, at }) => ({
    ...EMPTY_BOOK,
    withdrawals: [signWithdrawal(cast, ann, pod, target, NOW + at)],
  })),
  fc.nat(3).map((at) => ({ ...EMPTY_BOOK, all: signWithdrawal(cast, ann, pod, '', NOW - 2 + at) })),
);
const sayings = fc.array(saying, { minLength: 1, maxLength: 8 });
const join = (left: ConsentBook, right: ConsentBook): ConsentBook => joinBooks(cast, ann, left, right);
const all = (books: readonly ConsentBook[]): ConsentBook => books.reduce(join, EMPTY_BOOK);

const permissions = PROPOSALS.flatMap((proposal) => [
  permit(cast, ann, pod, proposal, NOW),
  asking(proposal, {
    pattern: PATTERN,
    decided: signWord(cast, SECOND_LOCK, pod, proposal, doctor, { authorisation: DELEGATED, wallUs: NOW }),
  }),
]);
const use = { pod, owner: ann, reader: ben, use: 0, plan: '', region: 'eu/fr' };
const isGranted = (i: number, book: ConsentBook): boolean =>
  decideUse(cast, { wallUs: NOW + 10, emergencyUs: 1 }, use, permissions[i]!, book).shut === 0;

describe('laws of consent', () => {
  law(
    'R6.2-4: what was said of consent is joined alike in whatever order it is heard, and however often',
    fc.tuple(sayings, sayings, sayings),
    ([one, two, three]) => {
      const [a, b, c] = [all(one), all(two), all(three)];
      expect(join(a, b)).to.deep.equal(join(b, a));
      expect(join(join(a, b), c)).to.deep.equal(join(a, join(b, c)));
      expect(join(a, a)).to.equal(a);
      expect(join(join(a, b), b)).to.deep.equal(join(a, b));
      return one.length + two.length > 3;
    },
    { seed: 71, runs: 300 },
  );

  law(
    'R6.2-4: no decision changes by replaying, reordering or doubling what was said',
    fc.tuple(sayings, fc.infiniteStream(fc.nat(1_000)), fc.nat(permissions.length - 1)),
    ([said, order, i]) => {
      const shuffled = said
        .flatMap((book) => [book, book])
        .map((book) => ({ book, at: order.next().value as number }))
        .sort((left, right) => left.at - right.at)
        .map(({ book }) => book);
      expect(isGranted(i, all(shuffled))).to.equal(isGranted(i, all(said)));
      return true;
    },
    { seed: 72, runs: 300 },
  );

  law(
    'R6.2-4: what was refused is allowed by nothing but a later word of the owner’s or of the delegate’s',
    fc.tuple(sayings, saying, fc.nat(permissions.length - 1)),
    ([said, more, i]) => {
      const before = isGranted(i, all(said));
      const after = isGranted(i, all([...said, more]));
      const words = more.matters.flatMap(({ understood, decided }) => [understood, decided]);
      if (!before && after) expect(words.some((word) => word?.said === 0)).to.equal(true);
      return !before || !after;
    },
    { seed: 73, runs: 400 },
  );

  law(
    'R6.2-4: whoever wants it changed never authorises what was proposed before, whatever was said earlier',
    fc.tuple(sayings, fc.integer({ min: 1, max: 3 }), fc.nat(PROPOSALS.length - 1)),
    ([said, version, of]) => {
      const proposal = PROPOSALS[of]!;
      const decided = signWord(cast, SECOND_LOCK, pod, proposal, ann, { said: 2, version, wallUs: NOW });
      const earlier = said.map((book) => ({
        ...book,
        matters: book.matters.filter(({ decided: word }) => (word?.version ?? 0) <= version) as Matters,
      }));
      const modified = { ...EMPTY_BOOK, matters: [{ proposal, understood: null, decided }] as Matters };
      const book = all([...earlier, modified]);
      for (const i of [2 * of, 2 * of + 1]) expect(isGranted(i, book)).to.equal(false);
      return true;
    },
    { seed: 74, runs: 200 },
  );

  law(
    'R6.2-4: what is withdrawn stays withdrawn, and what is forgotten has run out',
    fc.tuple(sayings, fc.nat(PROPOSALS.length - 1), fc.nat(400)),
    ([said, of, days]) => {
      const withdrawal = signWithdrawal(cast, ann, pod, TARGETS[of]!, NOW + 5);
      const book = all([...said, { ...EMPTY_BOOK, withdrawals: [withdrawal] }]);
      const wallUs = NOW + days * 86_400_000_000;
      const pruned = pruneBook(book, wallUs);
      const today = { wallUs, emergencyUs: 1 };
      for (const i of [2 * of, 2 * of + 1])
        expect(decideUse(cast, today, use, permissions[i]!, pruned).shut).to.be.above(0);
      expect(pruneBook(pruned, wallUs)).to.equal(pruned);
      return true;
    },
    { seed: 75, runs: 200 },
  );

  const NOTHING: PodCopy = { versions: [], recent: [], receipts: [], taken: [], spent: [] };
  const moves = fc.array(fc.record({ host: fc.nat(2), other: fc.nat(2), isTaken: fc.boolean() }), {
    minLength: 3,
    maxLength: 24,
  });

  law(
    'R6.2-1: no receipt is lost that its owner has not taken over, whichever holders meet in whatever order',
    moves,
    (script) => {
      const held = [NOTHING, NOTHING, NOTHING];
      const written: string[] = [];
      const seen = new Set<string>();
      const nameOf = ({ dot }: Receipt): string => `${dot.host}.${dot.n}`;
      for (const { host, other, isTaken } of script) {
        if (isTaken) {
          const { receipts, taken } = held[host]!;
          for (const receipt of receipts) seen.add(nameOf(receipt));
          const more = { ...NOTHING, taken: takenWith(cast, taken, receipts) };
          held[host] = { ...held[host]!, ...joinAccounts(cast, held[host]!, more as PodCopy) };
        } else if (host !== other)
          held[host] = { ...held[host]!, ...joinAccounts(cast, held[host]!, held[other]!) };
        else {
          const receipt = { dot: nextReceiptDot(held[host]!, host, 1) } as Receipt;
          written.push(nameOf(receipt));
          const one = { ...NOTHING, receipts: [receipt] } as PodCopy;
          held[host] = { ...held[host]!, ...joinAccounts(cast, held[host]!, one) };
        }
      }
      expect(new Set(written).size, 'each has a name of its own').to.equal(written.length);
      const left = new Set(held.flatMap(({ receipts }) => receipts.map(nameOf)));
      for (const name of written) expect(seen.has(name) || left.has(name), name).to.equal(true);
      const joined = joinAccounts(cast, joinAccounts(cast, held[0]!, held[1]!), held[2]!);
      expect(joinAccounts(cast, held[2]!, joinAccounts(cast, held[1]!, held[0]!))).to.deep.equal(joined);
      return written.length > 0;
    },
    { seed: 76, runs: 300 },
  );
});
