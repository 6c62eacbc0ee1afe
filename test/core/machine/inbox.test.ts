import { expect } from 'chai';
import { classOfKind, Inbox, INBOX_LIMITS, stepCostUs } from '../../../core/machine/inbox.ts';
import {
  ASK,
  BEAT,
  CLASSES,
  KINDS,
  MANIFEST,
  NOTED,
  type MessageClass,
} from '../../../core/machine/kinds.ts';

function takeAll<T>(inbox: Inbox<T>): T[] {
  const items: T[] = [];
  for (let item = inbox.take(); item !== undefined; item = inbox.take()) items.push(item);
  return items;
}

describe('an inbox', () => {
  it('serves classes in their order, and each class first come, first served', () => {
    const inbox = new Inbox<string>();
    const arrivals: [MessageClass, string][] = [
      [5, 'telemetry'],
      [3, 'ask 1'],
      [1, 'beat 1'],
      [3, 'ask 2'],
      [0, 'disk'],
      [2, 'control'],
      [1, 'beat 2'],
      [4, 'replica'],
    ];
    for (const [messageClass, item] of arrivals) expect(inbox.offer(messageClass, item)).to.equal(true);
    expect(inbox.size).to.equal(8);
    expect(takeAll(inbox)).to.deep.equal([
      'disk',
      'beat 1',
      'beat 2',
      'control',
      'ask 1',
      'ask 2',
      'replica',
      'telemetry',
    ]);
    expect(inbox.size).to.equal(0);
  });

  it('keeps every answer of a device: there are no more than were asked for', () => {
    const inbox = new Inbox<number>();
    for (let i = 0; i < 100_000; i++) inbox.offer(0, i);
    expect([inbox.size, inbox.dropped[0]]).to.deep.equal([100_000, 0]);
  });

  CLASSES.forEach((name, messageClass) => {
    if (name === 'devices') return;
    it(`holds ${INBOX_LIMITS[messageClass]} of ${name}, drops and counts the rest, and touches no other class`, () => {
      const inbox = new Inbox<number>();
      const limit = INBOX_LIMITS[messageClass];
      for (let i = 0; i < limit + 3; i++) {
        expect(inbox.offer(messageClass as MessageClass, i)).to.equal(i < limit);
      }
      expect(inbox.dropped).to.deep.equal(CLASSES.map((_, i) => (i === messageClass ? 3 : 0)));
      expect(inbox.offer(((messageClass + 1) % CLASSES.length) as MessageClass, -1)).to.equal(true);
      expect(inbox.take()).to.equal(messageClass === CLASSES.length - 1 ? -1 : 0);
      expect(inbox.size).to.equal(limit);
    });
  });

  it('keeps its order and its bound over many more than it holds at once', () => {
    const inbox = new Inbox<number>();
    let taken = 0;
    for (let i = 0; i < 10_000; i++) {
      expect(inbox.offer(5, i)).to.equal(true);
      if (i >= 200) expect(inbox.take()).to.equal(taken++);
    }
    expect(takeAll(inbox)).to.deep.equal(Array.from({ length: 200 }, (_, i) => 9_800 + i));
  });

  it('takes the class and the cost of a kind from the protocol table', () => {
    expect([BEAT, MANIFEST, ASK, NOTED].map(classOfKind)).to.deep.equal([1, 2, 3, 5]);
    expect(classOfKind(31), 'what nobody knows comes last').to.equal(5);
    const { costUs } = KINDS[ASK]!;
    expect(costUs).to.be.greaterThan(0);
    expect(stepCostUs(ASK, 1_000_000)).to.equal(costUs);
    expect(stepCostUs(ASK, 500_000), 'half the speed, twice the time').to.equal(2 * costUs);
    expect(stepCostUs(ASK, 3_000_000), 'never rounded down to less').to.equal(Math.ceil(costUs / 3));
    expect(stepCostUs(31, 1_000_000)).to.equal(0);
  });
});
