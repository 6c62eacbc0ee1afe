import { expect } from 'chai';
import { Digest, hexWord } from '../../../core/base/digest.ts';

const of = (absorb: (digest: Digest) => void): string => {
  const digest = new Digest();
  absorb(digest);
  return digest.hex();
};

describe('a digest', () => {
  it('never changes: these are pinned', () => {
    expect(of(() => undefined)).to.equal('6a09e6673c6ef372');
    expect(of((digest) => digest.word(1))).to.equal('206b4b907650164d');
    expect(of((digest) => digest.integer(2 ** 40 + 5).text('wasser'))).to.equal('c63ca869ded565da');
  });

  it('depends on the order, and on where one text ends and the next begins', () => {
    expect(of((digest) => digest.word(1).word(2))).not.to.equal(of((digest) => digest.word(2).word(1)));
    expect(of((digest) => digest.text('ab').text('c'))).not.to.equal(
      of((digest) => digest.text('a').text('bc')),
    );
    expect(of((digest) => digest.text(''))).not.to.equal(of(() => undefined));
  });

  it('tells integers apart that share their lower 32 bits', () => {
    const folds = [5, 2 ** 32 + 5, -(2 ** 32) + 5, 2 ** 52 + 5].map((value) =>
      of((digest) => digest.integer(value)),
    );
    expect(new Set(folds).size).to.equal(4);
  });

  it('does not take an integer of two words for two integers', () => {
    const large = 2 ** 32 * 7 + 5;
    expect(of((digest) => digest.integer(large))).not.to.equal(of((digest) => digest.integer(5).integer(7)));
  });

  it('tells texts apart, those with the same letters in another order too', () => {
    const letters = ['a', 'b', 'c', 'd', 'e', '/', '1', 'é'];
    let texts = [''];
    for (let length = 0; length < 5; length++)
      texts = texts.flatMap((text) => letters.map((letter) => text + letter));
    const folds = new Set(texts.map((text) => of((digest) => digest.text(text))));
    expect(folds.size).to.equal(8 ** 5);
  });

  it('adds chains as numbers of 64 bits, in any order, with the carry', () => {
    const terms = [
      [0x7fffffff, 0xffffffff],
      [1, 0xffffffff],
      [0x80000000, 2],
    ];
    const sum = (order: readonly number[]): string =>
      of((digest) => order.forEach((i) => digest.add(terms[i][0], terms[i][1])));
    expect(sum([0, 1, 2])).to.equal(sum([2, 0, 1]));
    const start = 0x6a09e6673c6ef372n;
    const expected = terms.reduce((total, [high, low]) => total + (BigInt(high) << 32n) + BigInt(low), start);
    expect(sum([0, 1, 2])).to.equal(BigInt.asUintN(64, expected).toString(16).padStart(16, '0'));
  });

  it('starts anew when cleared', () => {
    const digest = new Digest().text('before');
    expect(digest.clear().text('x').hex()).to.equal(of((fresh) => fresh.text('x')));
  });

  it('writes words with all their digits', () => {
    expect(hexWord(-1)).to.equal('ffffffff');
    expect(hexWord(10)).to.equal('0000000a');
  });
});
