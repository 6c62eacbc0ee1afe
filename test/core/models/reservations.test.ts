import { expect } from 'chai';
import fc from 'fast-check';
import { planLoad, reservableBytes, type Reservation } from '../../../core/models/reservations.ts';
import { law } from '../../laws/law.ts';

const reservation = (id: string, memoryBytes: number, changes: Partial<Reservation> = {}): Reservation => ({
  id,
  memoryBytes,
  isHeld: false,
  isLeaving: false,
  lastUsedUs: 0,
  ...changes,
});

describe('reservations of memory', () => {
  it('R7.2-3: keeps a share of the memory for what models need besides', () => {
    expect(reservableBytes(24e9, 50_000)).to.equal(22.8e9);
  });

  it('unloads the least recently used first, no more of them than it takes, and none that is at work', () => {
    const loaded = [
      reservation('old', 8, { lastUsedUs: 1 }),
      reservation('older, at work', 8, { isHeld: true }),
      reservation('new', 8, { lastUsedUs: 2 }),
    ];
    expect(planLoad(loaded, 24, 8)).to.deep.equal({ unload: ['old'], isRoom: false });
    expect(planLoad(loaded, 24, 17)).to.equal(null);
    expect(planLoad(loaded, 32, 8)).to.deep.equal({ unload: [], isRoom: true });
  });

  it('waits for what is on its way out instead of unloading more', () => {
    const loaded = [reservation('leaving', 8, { isLeaving: true }), reservation('idle', 8)];
    expect(planLoad(loaded, 16, 8)).to.deep.equal({ unload: [], isRoom: false });
  });

  const sizes = fc.integer({ min: 1, max: 100 });
  const step = fc.record({
    load: sizes,
    done: fc.boolean(),
    isHeld: fc.boolean(),
  });
  law(
    'R7.2-3: the sum of what is reserved never exceeds what may be, whatever comes in whatever order',
    fc.tuple(fc.integer({ min: 50, max: 300 }), fc.array(step, { minLength: 5, maxLength: 40 })),
    ([mostBytes, steps]) => {
      let held: Reservation[] = [];
      let loads = 0;
      steps.forEach(({ load, done, isHeld }, i) => {
        const plan = planLoad(held, mostBytes, load);
        if (plan !== null) {
          held = held.map((one) => (plan.unload.includes(one.id) ? { ...one, isLeaving: true } : one));
          expect(held.filter((one) => plan.unload.includes(one.id) && one.isHeld)).to.deep.equal([]);
          if (plan.isRoom) {
            loads++;
            held.push(reservation(`m${i}`, load, { isHeld, lastUsedUs: i }));
          }
        }
        if (done) held = held.filter(({ isLeaving }) => !isLeaving);
        expect(held.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)).to.be.at.most(mostBytes);
      });
      return loads > 1;
    },
    { seed: 723, runs: 300 },
  );
});
