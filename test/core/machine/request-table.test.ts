import { expect } from 'chai';
import { AssertionFailure } from '../../../core/base/assert.ts';
import { Digest } from '../../../core/base/digest.ts';
import { NEVER_US } from '../../../core/base/time.ts';
import { RequestTable } from '../../../core/machine/request-table.ts';
import { integer, list, peer, record, type Of } from '../../../core/machine/shape.ts';

const entryShape = record({
  key: integer,
  origin: peer,
  originBoot: integer,
  n: integer,
  tried: list(peer, 4),
});
type Entry = Of<typeof entryShape>;

function open(
  table: RequestTable<Entry>,
  origin: number,
  originBoot: number,
  n: number,
  dueUs: number,
): Entry {
  const entry = { key: table.takeKey(), origin, originBoot, n, tried: [] };
  table.add(entry, dueUs);
  return entry;
}

function foldOf(table: RequestTable<Entry>, rank = (who: number): number => who): string {
  const digest = new Digest();
  table.fold(digest, rank);
  return digest.hex();
}

describe('a table of requests', () => {
  it('finds by the whole id: another boot of the origin is another request', () => {
    const table = new RequestTable<Entry>(entryShape);
    const first = open(table, 3, 1, 7, 100);
    expect(table.get(3, 1, 7)).to.equal(first);
    expect(table.get(3, 2, 7)).to.equal(undefined);
    expect(table.holds(3, 2, 7)).to.equal(false);
    const second = open(table, 3, 2, 7, 50);
    expect([table.get(3, 1, 7), table.get(3, 2, 7), table.size]).to.deep.equal([first, second, 2]);
    table.delete(first);
    expect(table.holds(3, 1, 7)).to.equal(false);
    expect(table.get(3, 2, 7)).to.equal(second);
  });

  it('opens a request once and closes only what is open', () => {
    const table = new RequestTable<Entry>(entryShape);
    const entry = open(table, 1, 1, 1, 10);
    expect(() => open(table, 1, 1, 1, 20)).to.throw(AssertionFailure, 'opened once');
    table.delete(entry);
    expect(() => table.delete(entry)).to.throw(AssertionFailure, 'only an open request');
    expect([table.size, table.deadlines.size, table.first()]).to.deep.equal([0, 0, undefined]);
  });

  it('tells what is due first, and only when it is due', () => {
    const table = new RequestTable<Entry>(entryShape);
    const [late, early] = [open(table, 1, 1, 1, 30), open(table, 1, 1, 2, 20)];
    expect(table.firstDue(19)).to.equal(undefined);
    expect(table.firstDue(20)).to.equal(early);
    expect(table.first()).to.equal(early);
    table.deadlines.set(early.key, NEVER_US);
    expect(table.firstDue(40)).to.equal(late);
    expect(table.entries()).to.deep.equal([late, early]);
  });

  it('is cloned with its own entries and deadlines', () => {
    const table = new RequestTable<Entry>(entryShape);
    const entry = open(table, 1, 1, 1, 30);
    const before = foldOf(table);
    const copy = table.clone();
    expect(foldOf(copy)).to.equal(before);
    copy.get(1, 1, 1)!.tried.push(9);
    open(copy, 2, 1, 1, 5);
    copy.deadlines.set(entry.key, 6);
    expect(foldOf(table)).to.equal(before);
    expect(foldOf(copy)).not.to.equal(before);
    expect(copy.takeKey(), 'a clone goes on counting').to.equal(3);
  });

  it('folds deadlines, entries, counters, and peers by rank', () => {
    const build = (origin: number, dueUs: number): RequestTable<Entry> => {
      const table = new RequestTable<Entry>(entryShape);
      open(table, origin, 1, 1, dueUs);
      return table;
    };
    expect(foldOf(build(1, 10))).not.to.equal(foldOf(build(1, 11)));
    expect(foldOf(build(1, 10))).not.to.equal(foldOf(build(2, 10)));
    expect(foldOf(build(2, 10), (who) => who - 1)).to.equal(foldOf(build(1, 10)));
    const counted = build(1, 10);
    counted.takeKey();
    expect(foldOf(counted)).not.to.equal(foldOf(build(1, 10)));
  });
});
