import { expect } from 'chai';
import { ACCELERATOR, DISK, KEYS, NETWORK, NOBODY, OBSERVER, rankOfId } from '../../../core/base/peers.ts';
import { assert, AssertionFailure } from '../../../core/base/assert.ts';

describe('peers', () => {
  it('rank by the first 52 bits of their id', () => {
    expect(rankOfId('f'.repeat(64))).to.equal(2 ** 52 - 1);
    expect(rankOfId(`${'0'.repeat(12)}1${'f'.repeat(51)}`)).to.equal(1);
    expect(rankOfId(`8${'0'.repeat(63)}`)).to.equal(2 ** 51);
  });

  it('have devices at the fixed numbers of the contract', () => {
    expect([DISK, ACCELERATOR, OBSERVER, KEYS, NETWORK, NOBODY]).to.deep.equal([-1, -2, -3, -4, -5, -9]);
  });
});

describe('assert', () => {
  it('throws a failure of its own kind, with what was promised', () => {
    expect(() => assert(false, 'water flows down')).to.throw(AssertionFailure, 'water flows down');
    expect(() => assert(1, 'anything true')).not.to.throw();
  });
});
