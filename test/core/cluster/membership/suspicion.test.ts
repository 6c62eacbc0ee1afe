import { expect } from 'chai';
import {
  confirmationsNeeded,
  suspicionLastsUs,
  suspicionTimeoutUs,
} from '../../../../core/cluster/membership/suspicion.ts';

const SECOND_US = 1_000_000;

describe('suspicion', () => {
  it('R5.2-2: lasts at least mult × max(1, log10 N) × the interval of probes', () => {
    // As memberlist's TestSuspicionTimeout has it, a third of each.
    const golden: readonly (readonly [number, number])[] = [
      [1, 1_000_000],
      [5, 1_000_000],
      [10, 1_000_000],
      [50, 1_698_000],
      [100, 2_000_000],
      [500, 2_698_000],
      [1_000, 3_000_000],
    ];
    for (const [members, third] of golden) {
      expect(suspicionTimeoutUs(3, members, SECOND_US) / 3, `${members}`).to.equal(third);
      expect(suspicionTimeoutUs(4, members, SECOND_US) / 4, `${members}`).to.equal(third);
    }
  });

  it('R5.2-2: needs mult − 2 independent confirmations, and none where there are not so many others', () => {
    expect([2, 3, 4, 5, 100].map((members) => confirmationsNeeded(4, members))).to.deep.equal([
      0, 0, 2, 2, 2,
    ]);
    expect([0, 1, 2, 3, 6].map((mult) => confirmationsNeeded(mult, 50))).to.deep.equal([0, 0, 0, 1, 4]);
  });

  it('R5.2-2: shrinks logarithmically with confirmations', () => {
    // memberlist's suspicion_test.go: confirmations, elapsed, what is left; 3 needed, from 2 s to 30 s.
    const golden: readonly (readonly [number, number, number])[] = [
      [0, 0, 30_000],
      [1, 2_000, 14_000],
      [2, 3_000, 4_810],
      [3, 4_000, -2_000],
      [4, 5_000, -3_000],
      [5, 10_000, -8_000],
    ];
    for (const [confirmations, elapsedMs, leftMs] of golden) {
      const lastsUs = suspicionLastsUs(confirmations, 3, 2 * SECOND_US, 30 * SECOND_US);
      expect(lastsUs / 1_000 - elapsedMs, `${confirmations}`).to.equal(leftMs);
    }
  });

  it('R5.2-2: lasts the shortest time where no confirmation can come', () => {
    expect(suspicionLastsUs(0, 0, 4 * SECOND_US, 24 * SECOND_US)).to.equal(4 * SECOND_US);
  });
});
