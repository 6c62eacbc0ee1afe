import { expect } from 'chai';
import fc from 'fast-check';
import { Digest } from '../../core/base/digest.ts';
import type { Peer } from '../../core/base/peers.ts';
import { DEFAULT_PARAMETERS } from '../../core/machine/parameters.ts';
import { foldValue } from '../../core/machine/snapshot.ts';
import {
  backingIn,
  createStandingBook,
  joinTestimony,
  observe,
  standingBookShape,
  standingIn,
  type StandingBook,
} from '../../core/trust/standing-book.ts';
import type { Testimony } from '../../core/trust/standing-documents.ts';
import { Cast } from '../cast.ts';
import { attest } from '../rig.ts';
import { vouchFor } from '../vouches.ts';
import { law } from './law.ts';

const VOUCHERS = ['steward-1', 'steward-2', 'steward-3', 'steward-4'];
const SUBJECTS = ['newcomer-1', 'newcomer-2', 'newcomer-3', 'newcomer-4', 'newcomer-5', 'newcomer-6'];
const cast = new Cast(['attestor', ...VOUCHERS, ...SUBJECTS]);
const WALL_US = 1_000;

/** What a steward once said of somebody; what an attestor says of the steward comes along. */
const sayings = fc.record({
  voucher: fc.constantFrom(...VOUCHERS),
  subject: fc.constantFrom(...SUBJECTS),
  version: fc.integer({ min: 1, max: 3 }),
  level: fc.integer({ min: 0, max: 3 }),
  untilWallUs: fc.constantFrom(500, 2_000, 3_000),
});
type Saying = typeof sayings extends fc.Arbitrary<infer T> ? T : never;

function testimonyOf({ voucher, ...terms }: Saying): Testimony {
  const speaker = cast.peer(voucher);
  const attestation = attest(cast, speaker, cast.peer('attestor'), {
    level: 3,
    untilWallUs: 1e6,
    runBy: voucher < 'steward-3' ? 'north' : 'south',
  });
  const vouch = vouchFor(cast, speaker, { fromWallUs: 0, ...terms });
  return { speaker, attestations: [attestation], vouches: [vouch], audits: [] };
}

function listen(book: StandingBook, sayings: readonly Saying[]): StandingBook {
  for (const saying of sayings)
    joinTestimony(cast, book, testimonyOf(saying), DEFAULT_PARAMETERS.maxSpeakers);
  return book;
}

function hashOf(book: StandingBook): string {
  const digest = new Digest();
  foldValue(standingBookShape, book, digest, (peer) => cast.rank(peer));
  return digest.hex();
}

/** What each newcomer has earned, if it was there all the time. */
function levelsOf(book: StandingBook): number[] {
  const innocent = (): boolean => false;
  const backing = backingIn(book, innocent, WALL_US);
  const { riseCommunityUs } = DEFAULT_PARAMETERS;
  return SUBJECTS.map((name) => {
    const peer: Peer = cast.peer(name);
    book.conduct.delete(peer);
    observe(book, peer, riseCommunityUs, true, 4 * riseCommunityUs);
    return standingIn(book, peer, [], backing.get(peer) ?? [], innocent, WALL_US, DEFAULT_PARAMETERS).level;
  });
}

const many = fc.array(sayings, { minLength: 4, maxLength: 30 });
const shuffled = many.chain((said) =>
  fc.tuple(fc.constant(said), fc.shuffledSubarray([...said, ...said], { minLength: said.length })),
);

describe('laws of earned trust', () => {
  law(
    'what is held depends on what was heard, not on the order, nor on how often (R8.1-3)',
    shuffled,
    ([said, again]) => {
      const book = listen(createStandingBook(0), said);
      const other = listen(createStandingBook(0), [...again, ...said].reverse());
      expect(hashOf(other)).to.equal(hashOf(book));
      expect(levelsOf(other)).to.deep.equal(levelsOf(book));
      return book.speakers.size > 1;
    },
    { seed: 81, runs: 200 },
  );

  law(
    'nothing that was said before raises anybody when it is said again (R8.1-3)',
    shuffled,
    ([said, again]) => {
      const book = listen(createStandingBook(0), said);
      const before = levelsOf(book);
      for (const saying of again) {
        expect(joinTestimony(cast, book, testimonyOf(saying), 256)).to.equal(false);
        expect(levelsOf(book)).to.deep.equal(before);
      }
      return before.some((level) => level > 1);
    },
    { seed: 82, runs: 120 },
  );

  law(
    'k captured vouchers raise at most 5k nodes to peer, and none to community without two organisations (R8.1-3)',
    fc.tuple(many, fc.subarray(VOUCHERS, { minLength: 1 })),
    ([said, captured]) => {
      const book = listen(
        createStandingBook(0),
        said.filter(({ voucher }) => captured.includes(voucher)),
      );
      const levels = levelsOf(book);
      expect(levels.filter((level) => level >= 2).length).to.be.at.most(5 * captured.length);
      const organisations = new Set(captured.map((name) => (name < 'steward-3' ? 'north' : 'south')));
      if (captured.length < 3 || organisations.size < 2) expect(Math.max(...levels)).to.be.at.most(2);
      return levels.some((level) => level > 1);
    },
    { seed: 83, runs: 200 },
  );
});
