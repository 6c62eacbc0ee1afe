import { expect } from 'chai';
import fc from 'fast-check';
import { editDistance, nearestSpelling } from '../../sim/scenario/spelling.ts';
import {
  BANDWIDTH,
  DURATION,
  formatDuration,
  parseDuration,
  parseGap,
  parseQuantity,
  SHARE,
  SIZE,
  suggestQuantity,
} from '../../sim/scenario/units.ts';

describe('quantities of the scenario language', () => {
  it('reads each unit exactly', () => {
    const read = [
      ...['7us', '250ms', '30s', '18.5min', '2h', '1d', '0s', '0.000001s'].map(parseDuration),
      ...['1.5%', '0.0001%', '100%', '0%'].map((text) => parseQuantity(SHARE, text)),
      ...['1B', '1kB', '24GB', '1.5TB', '4MiB'].map((text) => parseQuantity(SIZE, text)),
      ...['1Gb/s', '100MB/s'].map((text) => parseQuantity(BANDWIDTH, text)),
      ...['40/min', '2/s', '600/h', '7/min', '0.5/s'].map(parseGap),
    ];
    expect(read).to.deep.equal([
      ...[7, 250_000, 30e6, 1_110e6, 7_200e6, 86_400e6, 0, 1],
      ...[15_000, 1, 1_000_000, 0],
      ...[1, 1_000, 24e9, 1.5e12, 4_194_304],
      ...[1e9, 8e8],
      ...[1_500_000, 500_000, 6_000_000, 8_571_429, 2_000_000],
    ]);
  });

  it('takes no number without its unit, no other unit, and nothing that does not come out whole', () => {
    for (const text of [
      '250',
      '250 ms',
      '250 minutes',
      '-5s',
      '+5s',
      '1e3s',
      '1,5s',
      '.5s',
      '5.s',
      's',
      '',
      '5m',
    ])
      expect(parseDuration(text), text).to.equal(null);
    expect(parseDuration('0.0000005s')).to.equal(null);
    expect(parseDuration('999999999999999d'), 'more than can be counted').to.equal(null);
    for (const text of ['1.5', '0.00001%', '%']) expect(parseQuantity(SHARE, text), text).to.equal(null);
    for (const text of ['24', '24gb', '0.5B', '24 GB'])
      expect(parseQuantity(SIZE, text), text).to.equal(null);
    for (const text of ['0/min', '40', '40/minute', 'min']) expect(parseGap(text), text).to.equal(null);
  });

  it('reads back every duration that it writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e13 }), (us) => {
        expect(parseDuration(formatDuration(us))).to.equal(us);
      }),
      { seed: 54 },
    );
  });

  it('guesses what was meant from other spellings of a unit, and from a number alone', () => {
    expect(suggestQuantity(DURATION, '250 minutes')).to.deep.equal(['250min']);
    expect(suggestQuantity(DURATION, '-8min')).to.deep.equal(['8min']);
    expect(suggestQuantity(DURATION, '250')).to.deep.equal(['250ms', '250s', '250min']);
    expect(suggestQuantity(SHARE, '1.5')).to.deep.equal(['1.5%']);
    expect(['0.99', '.5', '0.015', '0'].map((text) => suggestQuantity(SHARE, text))).to.deep.equal([
      ...[['99%'], [], ['1.5%'], ['0%']],
    ]);
    expect(suggestQuantity(SHARE, '1')).to.deep.equal(['100%', '1%']);
    expect(suggestQuantity(SIZE, '24 gb')).to.deep.equal(['24GB']);
    expect(suggestQuantity(DURATION, 'soon')).to.deep.equal([]);
  });
});

describe('the nearest right spelling', () => {
  it('counts letters put in, taken out, replaced, and swapped with their neighbour', () => {
    expect(editDistance('kitten', 'sitting')).to.equal(3);
    expect(editDistance('eu/rf', 'eu/fr')).to.equal(1);
    expect(editDistance('', 'abc')).to.equal(3);
    expect(editDistance('same', 'same')).to.equal(0);
  });

  it('is symmetric, and never more than the longer word', () => {
    const word = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(word, word, (left, right) => {
        const distance = editDistance(left, right);
        expect(distance).to.equal(editDistance(right, left));
        expect(distance).to.be.at.most(Math.max(left.length, right.length));
        expect(distance === 0).to.equal(left === right);
      }),
      { seed: 55 },
    );
  });

  it('finds what was meant and keeps silent where nothing is near', () => {
    expect(nearestSpelling('durration', ['seed', 'duration'])).to.equal('duration');
    expect(nearestSpelling('gpu_memory', ['gpuMemory', 'memory'])).to.equal('gpuMemory');
    expect(nearestSpelling('asia', ['eu', 'asia-pac', 'asia-pac/japan'])).to.equal('asia-pac');
    expect(nearestSpelling('us', ['us-east', 'us-west'])).to.equal(null);
    expect(nearestSpelling('zebra', ['duration', 'seed'])).to.equal(null);
  });
});
