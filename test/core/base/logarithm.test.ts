import { expect } from 'chai';
import {
  lnBillionths,
  log10Ceiling,
  log10Milli,
  log2Ceiling,
  MOST_LN,
} from '../../../core/base/logarithm.ts';

describe('logarithms as integers', () => {
  it('⌈log2 n⌉ and ⌈log10 n⌉ are exact at powers and beside them', () => {
    for (let exponent = 1; exponent <= 20; exponent++) {
      const power = 2 ** exponent;
      expect(log2Ceiling(power), `log2 ${power}`).to.equal(exponent);
      expect(log2Ceiling(power + 1), `log2 ${power + 1}`).to.equal(exponent + 1);
    }
    for (let exponent = 1; exponent <= 9; exponent++) {
      const power = 10 ** exponent;
      expect(log10Ceiling(power), `log10 ${power}`).to.equal(exponent);
      expect(log10Ceiling(power + 1), `log10 ${power + 1}`).to.equal(exponent + 1);
    }
    expect([log2Ceiling(1), log10Ceiling(1)]).to.deep.equal([0, 0]);
  });

  it('⌊1,000 · log10 n⌋ is what the engine’s own logarithm gives, wherever that is clear', () => {
    for (const n of [1, 10, 100, 1_000, 10_000, 1_000_000])
      expect(log10Milli(n)).to.equal(1_000 * Math.log10(n));
    for (let n = 2; n < 5_000; n++) {
      const exact = 1_000 * Math.log10(n);
      if (Math.abs(exact - Math.round(exact)) > 1e-6)
        expect(log10Milli(n), `${n}`).to.equal(Math.floor(exact));
    }
  });

  it('10^9 · ln n is what the engine’s own logarithm rounds to', () => {
    for (let n = 1; n <= MOST_LN; n++) expect(lnBillionths(n)).to.equal(Math.round(1e9 * Math.log(n)));
  });
});
