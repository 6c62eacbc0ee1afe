import { expect } from 'chai';
import fc from 'fast-check';
import { checkLaw } from './law.ts';

describe('the measure of a law', () => {
  const cases = fc.integer({ min: 0, max: 9 });

  it('passes when the law holds and its premise mostly does', () => {
    checkLaw(cases, (value) => value < 8, { seed: 1, runs: 200 });
  });

  it('fails when the premise held in fewer than half of the cases', () => {
    expect(() => checkLaw(cases, (value) => value === 3, { seed: 1, runs: 200 })).to.throw(
      /hardly been tested/,
    );
  });

  it('fails when the law does not hold, and names the smallest case', () => {
    const check = (value: number): boolean => {
      if (value >= 5) throw new Error('too large');
      return true;
    };
    expect(() => checkLaw(cases, check, { seed: 1, runs: 200 })).to.throw(/Counterexample: \[5\]/);
  });
});
