import { expect } from 'chai';
import {
  flag,
  integer,
  list,
  mayHoldRefs,
  optional,
  own,
  peer,
  record,
  ref,
  shared,
  table,
  text,
  visitRefs,
  type Shape,
} from '../../../core/machine/shape.ts';
import { Deadlines } from '../../../core/base/deadlines.ts';

const refOf = (hash: string) => ({ hash, sizeBytes: 1, keyId: 0 });

describe('shapes', () => {
  it('find every reference, wherever it lies, and call for each once', () => {
    const shape = record({
      one: ref,
      maybe: optional(ref),
      none: optional(ref),
      many: list(record({ of: ref, count: integer }), 4),
      byKey: table(integer, ref),
      kept: shared(ref),
      plain: list(integer, 4),
      name: text(8),
    }) as Shape;
    const value = {
      one: refOf('1'),
      maybe: refOf('2'),
      none: null,
      many: [
        { of: refOf('3'), count: 0 },
        { of: refOf('4'), count: 0 },
      ],
      byKey: new Map([[1, refOf('5')]]),
      kept: refOf('6'),
      plain: [1, 2],
      name: 'x',
    };
    const found: string[] = [];
    visitRefs(shape, value, ({ hash }) => found.push(hash));
    expect(found).to.deep.equal(['1', '2', '3', '4', '5', '6']);
  });

  it('know whether they can hold references', () => {
    const withRefs = [
      ref,
      optional(ref),
      list(ref, 1),
      record({ a: integer, b: ref }),
      table(integer, ref),
      shared(ref),
    ];
    for (const shape of withRefs) expect(mayHoldRefs(shape as Shape), shape.tag).to.equal(true);
    const without = [
      integer,
      flag,
      peer,
      text(1),
      list(integer, 1),
      record({ a: integer }),
      record({}),
      own(() => new Deadlines()),
    ];
    for (const shape of without) expect(mayHoldRefs(shape as Shape), shape.tag).to.equal(false);
  });
});
