import { expect } from 'chai';
import { World } from '../../sim/world.ts';
import { stormyScenario } from '../determinism/stormy-scenario.ts';
import { tinyScenario } from './tiny-scenario.ts';

/** What no step may reach for, whatever the linter has overlooked. */
const POISONED: readonly (readonly [object, string])[] = [
  [Math, 'random'],
  [Math, 'log'],
  [Math, 'exp'],
  [Math, 'pow'],
  [Math, 'sqrt'],
  [globalThis, 'Date'],
  [globalThis, 'setTimeout'],
  [globalThis, 'setInterval'],
  [globalThis, 'setImmediate'],
  [globalThis, 'queueMicrotask'],
  [globalThis, 'Promise'],
  [globalThis, 'Intl'],
  [globalThis, 'performance'],
  [String.prototype, 'localeCompare'],
  [Number.prototype, 'toLocaleString'],
];

/** Calls `act` with all of these replaced by functions that throw; they are put back whatever happens. */
function whilePoisoned(act: () => void): void {
  const originals = POISONED.map(([owner, key]) => Object.getOwnPropertyDescriptor(owner, key)!);
  for (const [owner, key] of POISONED) {
    const value = function poison(): never {
      throw new Error(`poisoned: ${key}`);
    };
    Object.defineProperty(owner, key, { value, configurable: true, writable: true });
  }
  try {
    act();
  } finally {
    POISONED.forEach(([owner, key], i) => Object.defineProperty(owner, key, originals[i]));
  }
}

describe('a step reaches for nothing but its arguments', () => {
  for (const scenario of [tinyScenario(), stormyScenario()]) {
    it(`runs with clocks, chance, timers, promises, locale and inexact functions poisoned: ${scenario.name}`, () => {
      const healthy = new World(scenario);
      healthy.start();
      healthy.run(scenario.durationUs);
      const world = new World(scenario);
      whilePoisoned(() => {
        world.start();
        world.run(scenario.durationUs);
      });
      expect(world.digest()).to.equal(healthy.digest());
    });
  }

  it('has poison that works', () => {
    for (const act of [
      () => Math.random(),
      () => new Date(),
      () => 'a'.localeCompare('b'),
      () => setTimeout(String),
    ]) {
      expect(() => whilePoisoned(act)).to.throw('poisoned');
    }
    expect(Math.random()).to.be.within(0, 1);
  });
});
