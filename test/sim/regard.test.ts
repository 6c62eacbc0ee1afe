import { expect } from 'chai';
import { findSilent, Regards } from '../../sim/regard.ts';
import type { ResolvedFault } from '../../sim/scenario/resolved.ts';
import { World } from '../../sim/world.ts';
import { at, COMPUTE, withFaults } from './harmed-world.ts';

/** What is thought, second by second, for so long. */
function watch(seconds: number, isChecking: boolean, ...faults: ResolvedFault[]) {
  const world = new World(withFaults(...faults), null, isChecking);
  const regards = new Regards();
  world.start();
  const seen: { regard: string | undefined; changes: string[]; silent: [number, number][] }[] = [];
  for (let second = 1; second <= seconds; second++) {
    world.run(second * 1_000_000);
    const { regards: now, changes } = regards.take(world);
    seen[second] = {
      regard: new Map(now).get(COMPUTE),
      changes: changes.map(({ node, what }) => `${node} ${what}`),
      silent: findSilent(world),
    };
  }
  return seen;
}

describe('what clusters think of their members', () => {
  for (const isChecking of [false, true])
    it(`is told by majority, and when it changes${isChecking ? ', with own numbers in each node' : ''}`, () => {
      const seen = watch(40, isChecking, { kind: 'crash', ...at(12, 28) });
      const told = seen.map(({ regard }) => regard);
      const suspectAt = told.indexOf('suspect');
      const deadAt = told.indexOf('dead');
      expect(suspectAt).to.be.within(13, 16);
      expect(deadAt).to.be.within(suspectAt + 3, suspectAt + 6);
      expect(new Set(told.slice(deadAt, 28))).to.deep.equal(new Set(['dead']));
      expect(told[35]).to.equal(undefined);
      expect(seen.flatMap(({ changes }) => changes)).to.deep.equal([`${COMPUTE} dead`, `${COMPUTE} back`]);
    });

  it('does not count who is there from the start as one who joins', () => {
    expect(watch(20, false).flatMap(({ changes }) => changes)).to.deep.equal([]);
  });
});

describe('peered clusters that do not hear one another', () => {
  it('are told by direction, while no session between them is up', () => {
    const cut = { kind: 'cut', from: ['france'], to: ['us-east'], bothWays: false } as const;
    const silent = watch(35, false, { ...cut, atUs: 12e6, untilUs: 22e6 }).map((second) => second.silent);
    expect(silent[11]).to.deep.equal([]);
    expect(silent[18], 'us-east hears nobody of france').to.deep.equal([[1, 0]]);
    expect(silent[30]).to.deep.equal([]);
  });
});
