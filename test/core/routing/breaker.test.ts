import { expect } from 'chai';
import fc from 'fast-check';
import { DEFAULT_PARAMETERS } from '../../../core/machine/parameters.ts';
import {
  ejectionUs,
  findEjected,
  isEjected,
  noteAsked,
  noteFailure,
  noteRoundTrip,
  noteSuccess,
  type Targets,
} from '../../../core/routing/breaker.ts';

const PARAMETERS = DEFAULT_PARAMETERS;
const { breakerFailures, breakerLeastUs, breakerMostUs, silenceUs } = PARAMETERS;
const ONE = 7;

/** Asks a peer and is let down, so often. */
function fail(targets: Targets, peer: number, times: number, monoUs: number): void {
  for (let i = 0; i < times; i++) {
    noteAsked(targets, peer, monoUs, PARAMETERS);
    noteFailure(targets, peer, monoUs, PARAMETERS);
  }
}

describe('breakers', () => {
  const isOut = (targets: Targets, monoUs: number): boolean => isEjected(targets.get(ONE), monoUs);

  it('eject whoever fails so often in a row, and nobody who succeeds in between', () => {
    const targets: Targets = new Map();
    fail(targets, ONE, breakerFailures - 1, 5);
    noteSuccess(targets, ONE);
    fail(targets, ONE, breakerFailures - 1, 5);
    expect(isOut(targets, 5)).to.equal(false);
    fail(targets, ONE, 1, 5);
    expect([5, 4 + breakerLeastUs, 5 + breakerLeastUs].map((us) => isOut(targets, us))).to.deep.equal([
      true,
      true,
      false,
    ]);
  });

  it('try one request when the time is over: a success lets all in, a failure ejects for twice as long', () => {
    const targets: Targets = new Map();
    fail(targets, ONE, breakerFailures, 0);
    const backUs = breakerLeastUs;
    noteAsked(targets, ONE, backUs, PARAMETERS);
    expect(isOut(targets, backUs), 'one trial at a time').to.equal(true);
    noteFailure(targets, ONE, backUs + 1, PARAMETERS);
    expect(isOut(targets, backUs + 2 * breakerLeastUs)).to.equal(true);
    const againUs = backUs + 1 + 2 * breakerLeastUs;
    expect(isOut(targets, againUs)).to.equal(false);
    noteAsked(targets, ONE, againUs, PARAMETERS);
    noteSuccess(targets, ONE);
    expect(isOut(targets, againUs)).to.equal(false);
    fail(targets, ONE, breakerFailures, againUs);
    expect(isOut(targets, againUs + breakerLeastUs), 'it begins anew').to.equal(false);
  });

  it('let a trial of which nothing is heard end by itself', () => {
    const targets: Targets = new Map();
    fail(targets, ONE, breakerFailures, 0);
    noteAsked(targets, ONE, breakerLeastUs, PARAMETERS);
    expect(isOut(targets, breakerLeastUs + silenceUs - 1)).to.equal(true);
    expect(isOut(targets, breakerLeastUs + silenceUs)).to.equal(false);
  });

  it('count what fails together once: what was asked before says nothing new', () => {
    const targets: Targets = new Map();
    for (let i = 0; i < 40; i++) noteAsked(targets, ONE, 0, PARAMETERS);
    for (let i = 0; i < 40; i++) noteFailure(targets, ONE, 1, PARAMETERS);
    expect(isOut(targets, 1 + breakerLeastUs)).to.equal(false);
  });

  it('eject for a time that doubles up to a bound', () => {
    const times = Array.from({ length: 12 }, (_, i) => ejectionUs(i, PARAMETERS));
    expect(times.slice(0, 3)).to.deep.equal([breakerLeastUs, 2 * breakerLeastUs, 4 * breakerLeastUs]);
    expect(times.at(-1)).to.equal(breakerMostUs);
  });

  it('measure round trips, smoothed', () => {
    const targets: Targets = new Map();
    noteAsked(targets, ONE, 0, PARAMETERS);
    noteRoundTrip(targets, ONE, 80_000);
    noteRoundTrip(targets, ONE, 160_000);
    expect(targets.get(ONE)!.rttUs).to.equal(90_000);
  });

  it('know no more peers than they may: who was not asked for long makes room, else nobody does', () => {
    const few = { ...PARAMETERS, maxTargets: 2 };
    const targets: Targets = new Map();
    noteAsked(targets, 1, 0, few);
    noteAsked(targets, 2, 5, few);
    noteAsked(targets, 3, 6, few);
    noteFailure(targets, 3, 6, few);
    expect([...targets.keys()]).to.deep.equal([1, 2]);
    noteAsked(targets, 3, few.targetForgetUs, few);
    expect([...targets.keys()]).to.deep.equal([2, 3]);
  });

  describe('of a pool', () => {
    /** A pool of so many, of whom the first are ejected, each for a moment longer than the one before. */
    function ejectedOf(size: number, ejected: number): number[] {
      const pool = Array.from({ length: size }, (_, i) => ({ peer: i + 1 }));
      const targets: Targets = new Map();
      for (const { peer } of pool.slice(0, ejected)) fail(targets, peer, breakerFailures, peer);
      return findEjected(pool, targets, 100, PARAMETERS).map(({ peer }) => peer);
    }

    for (const [size, failing, ejected] of [
      [1, 1, 0],
      [2, 1, 1],
      [2, 2, 0],
      [3, 2, 1],
      [9, 3, 3],
      [9, 8, 4],
      [9, 9, 0],
      [10, 9, 9],
      [10, 10, 0],
      [30, 29, 29],
    ]) {
      it(`of ${size} of whom ${failing} fail they eject ${ejected}`, () =>
        expect(ejectedOf(size, failing)).to.have.length(ejected));
    }

    it('those stay out that come back last', () => expect(ejectedOf(5, 4)).to.deep.equal([4, 3]));

    it('somebody is always left, whoever fails, and of a small pool half', () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 40 }), (size, failing) => {
          const { length } = ejectedOf(size, Math.min(size, failing));
          expect(length).to.be.below(size);
          if (size < 10) expect(length).to.be.at.most(size / 2);
          expect(length).to.be.at.most(failing);
        }),
        { seed: 1 },
      );
    });
  });
});
