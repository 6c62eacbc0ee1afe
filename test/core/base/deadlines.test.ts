import { expect } from 'chai';
import fc from 'fast-check';
import { AssertionFailure } from '../../../core/base/assert.ts';
import { Deadlines } from '../../../core/base/deadlines.ts';
import { Digest } from '../../../core/base/digest.ts';
import { NEVER_US } from '../../../core/base/time.ts';

/** The same by the plainest means. */
class Model {
  readonly dues = new Map<number, number>();

  first(): [number, number] | null {
    const all = [...this.dues].sort(
      ([leftKey, left], [rightKey, right]) => left - right || leftKey - rightKey,
    );
    return all[0] ?? null;
  }
}

type Operation = { set: number; dueUs: number } | { delete: number } | { takeFirst: true };

const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ set: fc.nat(12), dueUs: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ delete: fc.nat(12) }) },
    { weight: 1, arbitrary: fc.constant({ takeFirst: true } as const) },
  ),
  { maxLength: 60 },
);

function foldOf(deadlines: Deadlines): string {
  const digest = new Digest();
  deadlines.fold(digest);
  return digest.hex();
}

function expectSame(deadlines: Deadlines, model: Model): void {
  const first = model.first();
  expect(deadlines.size).to.equal(model.dues.size);
  expect(deadlines.nextUs).to.equal(first === null ? NEVER_US : first[1]);
  if (first !== null) expect(deadlines.firstKey).to.equal(first[0]);
}

function drain(deadlines: Deadlines): number[] {
  const keys: number[] = [];
  while (deadlines.size > 0) {
    keys.push(deadlines.firstKey);
    deadlines.delete(deadlines.firstKey);
  }
  return keys;
}

describe('deadlines', () => {
  it('behave like a sorted list under any operations', () => {
    fc.assert(
      fc.property(operations, (script) => {
        const [deadlines, model] = [new Deadlines(), new Model()];
        for (const operation of script) {
          if ('set' in operation) {
            deadlines.set(operation.set, operation.dueUs);
            model.dues.set(operation.set, operation.dueUs);
          } else if ('delete' in operation) {
            deadlines.delete(operation.delete);
            model.dues.delete(operation.delete);
          } else if (model.dues.size > 0) {
            model.dues.delete(deadlines.firstKey);
            deadlines.delete(deadlines.firstKey);
          }
          expectSame(deadlines, model);
        }
        const sorted = [...model.dues]
          .sort(([k, left], [l, right]) => left - right || k - l)
          .map(([key]) => key);
        const copy = deadlines.clone();
        expect(drain(deadlines)).to.deep.equal(sorted);
        expect(drain(copy), 'the clone has its own heap').to.deep.equal(sorted);
      }),
      { seed: 31, numRuns: 1_000 },
    );
  });

  it('fold to the same whatever the history of the heap', () => {
    const [left, right] = [new Deadlines(), new Deadlines()];
    for (const key of [5, 1, 4, 2, 3]) left.set(key, 100 - key);
    for (const key of [1, 2, 3, 4, 5, 6]) right.set(key, 7);
    right.delete(6);
    expect(foldOf(left)).not.to.equal(foldOf(right));
    for (const key of [1, 2, 3, 4, 5]) right.set(key, 100 - key);
    expect(foldOf(left)).to.equal(foldOf(right));
  });

  it('have no first one when there are none', () => {
    const deadlines = new Deadlines();
    expect(deadlines.nextUs).to.equal(NEVER_US);
    expect(() => deadlines.firstKey).to.throw(AssertionFailure, 'the first of no deadlines');
    deadlines.delete(1);
    expect(deadlines.size).to.equal(0);
  });
});
