import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import { createInvariants } from '../../../sim/invariants/all.ts';
import { Invariant } from '../../../sim/invariants/invariant.ts';
import { Lineage } from '../../../sim/lineage.ts';
import { INVARIANTS } from '../../../sim/scenario/resolved-expectations.ts';
import type { World } from '../../../sim/world.ts';

const OWN = 'sighted.test.ts';

/** Invariants that have been shown a broken promise, and have said so. */
const sighted = new Set<string>();

interface Saying {
  violate(world: World, what: string): void;
}
const saying = Invariant.prototype as unknown as Saying;
const { violate } = saying;
saying.violate = function (this: Invariant & Saying, world, what) {
  sighted.add(this.name);
  violate.call(this, world, what);
};

// The tests beside this one show them; imported, they run before what follows, whichever files were asked for.
for (const file of readdirSync(new URL('.', import.meta.url)).sort())
  if (file.endsWith('.test.ts') && file !== OWN) await import(new URL(file, import.meta.url).href);

describe('every invariant', () => {
  it('that there is, is among those that runs are judged by', async () => {
    const folder = new URL('../../../sim/invariants/', import.meta.url);
    const judging = new Set<unknown>(createInvariants(new Lineage(), true).map((each) => each.constructor));
    let classes = 0;
    for (const file of readdirSync(folder)) {
      const exported = (await import(new URL(file, folder).href)) as Readonly<Record<string, unknown>>;
      for (const [name, value] of Object.entries(exported)) {
        if (typeof value !== 'function' || !(value.prototype instanceof Invariant)) continue;
        expect(judging.has(value), name).to.equal(true);
        classes++;
      }
    }
    expect(classes).to.equal(INVARIANTS.length);
  });

  for (const name of INVARIANTS) {
    it(`${name} is shown by a test to see that its promise is broken`, () => {
      expect(sighted.has(name)).to.equal(true);
    });
  }
});
