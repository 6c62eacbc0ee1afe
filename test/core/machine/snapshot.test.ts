import { expect } from 'chai';
import { Deadlines } from '../../../core/base/deadlines.ts';
import { Digest } from '../../../core/base/digest.ts';
import { DISK, NOBODY } from '../../../core/base/peers.ts';
import {
  integer,
  list,
  optional,
  own,
  peer,
  record,
  ref,
  shared,
  table,
  text,
} from '../../../core/machine/shape.ts';
import { cloneValue, diffValues, foldValue, rankOrDevice } from '../../../core/machine/snapshot.ts';

const shape = record({
  count: integer,
  name: text(16),
  content: optional(ref),
  items: list(record({ at: integer }), 8),
  byPeer: table(peer, record({ seen: integer })),
  deadlines: own(() => new Deadlines()),
  kept: shared(list(integer, 8)),
});

function sample() {
  const deadlines = new Deadlines();
  deadlines.set(1, 10);
  return {
    count: 1,
    name: 'x',
    content: { hash: 'h', sizeBytes: 1, keyId: 0 },
    items: [{ at: 1 }],
    byPeer: new Map([[4, { seen: 1 }]]),
    deadlines,
    kept: [1],
  };
}

const foldOf = (value: ReturnType<typeof sample>): string => {
  const digest = new Digest();
  foldValue(shape, value, digest, (who) => who);
  return digest.hex();
};

describe('a snapshot', () => {
  it('copies what can change and shares what cannot', () => {
    const value = sample();
    const copy = cloneValue(shape, value);
    copy.items[0].at = 2;
    copy.byPeer.get(4)!.seen = 2;
    copy.deadlines.set(1, 11);
    expect(foldOf(value)).to.equal(foldOf(sample()));
    expect(copy.kept).to.equal(value.kept);
  });

  it('names each difference with its path', () => {
    const [left, right] = [sample(), sample()];
    right.count = 2;
    right.name = 'y';
    right.content = { hash: 'h', sizeBytes: 2, keyId: 3 };
    right.items.push({ at: 9 });
    right.items[0].at = 5;
    right.byPeer = new Map([
      [4, { seen: 7 }],
      [5, { seen: 1 }],
    ]);
    right.deadlines.set(1, 12);
    const lines = diffValues(shape, left, right);
    expect(lines.slice(0, -1)).to.deep.equal([
      'count: 1 ≠ 2',
      'name: "x" ≠ "y"',
      'content.sizeBytes: 1 ≠ 2',
      'content.keyId: 0 ≠ 3',
      'items.length: 1 ≠ 2',
      'items[0].at: 1 ≠ 5',
      'byPeer{4}.seen: 1 ≠ 7',
      'byPeer{5}: only on the right',
    ]);
    expect(lines.at(-1)).to.match(/^deadlines: "[0-9a-f]{16}" ≠ "[0-9a-f]{16}"$/);
    expect(diffValues(shape, left, right, 2)).to.have.length(2);
    expect(diffValues(shape, right, left)).to.include('byPeer{5}: only on the left');
    const gone = { ...sample(), content: null } as never;
    expect(diffValues(shape, left, gone)).to.deep.equal([
      'content: {"hash":"h","sizeBytes":1,"keyId":0} ≠ null',
    ]);
  });

  it('tells nothing from nothing-much: absent, empty and zero fold differently', () => {
    const absent = { ...sample(), content: null } as never;
    const empty = { ...sample(), items: [] };
    expect(new Set([foldOf(sample()), foldOf(absent), foldOf(empty)]).size).to.equal(3);
  });

  it('gives devices and nobody their own numbers, and everyone else a rank', () => {
    const rank = (who: number): number => who + 1_000;
    expect([DISK, NOBODY, 0, 7].map((who) => rankOrDevice(who, rank))).to.deep.equal([-1, -9, 1_000, 1_007]);
  });
});
