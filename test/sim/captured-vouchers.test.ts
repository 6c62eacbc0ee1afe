import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadScenario, loadScenarioText } from '../../sim/scenario/load.ts';
import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { World } from '../../sim/world.ts';

const FILE = fileURLToPath(new URL('../../scenarios/captured-vouchers.yaml', import.meta.url));
const scenario = loadScenario(FILE);

/** By name: what an index node holds each node to have earned, after so many minutes. */
function earnedIn(changes: Partial<ResolvedScenario>, minutes: number): Map<string, number> {
  const world = new World({ ...scenario, ...changes }, null);
  world.start();
  world.run(minutes * 60_000_000);
  const { node } = world.machines.find(({ spec }) => spec.name === 'france/index-1')!;
  const byName = new Map<string, number>();
  for (const { spec, peer } of world.machines) {
    const own = node.pure.peerOf(world.identities.idOf(peer));
    const earned = node.index!.book!.earned.get(own);
    if (earned !== undefined) byName.set(spec.name, earned.level);
  }
  return byName;
}

function countSybils(earned: ReadonlyMap<string, number>, level: number): number {
  return [...earned].filter(([name, of]) => name.includes('sybil') && of >= level).length;
}

describe('captured vouchers', () => {
  const [first, second] = scenario.malice!;

  it('R8.1-3: raise at most five each, and none above a peer', () => {
    for (const [malice, most] of [
      [[first, second], 10],
      [[first], 5],
    ] as const) {
      const earned = earnedIn({ malice }, 5);
      expect(countSybils(earned, 2)).to.be.within(1, most);
      expect(countSybils(earned, 3)).to.equal(0);
    }
  });

  it('R8.1-3: that go beyond five raise nobody, and lose what they had', () => {
    const earned = earnedIn({ malice: [{ ...first, sharePpm: 1_000_000 }] }, 4);
    expect(countSybils(earned, 2)).to.equal(0);
    expect(earned.get(first.node)).to.equal(1);
  });

  it('R8.1-3: an honest newcomer rises by an honest vouch meanwhile, and falls when it is taken back', () => {
    expect(earnedIn({}, 4).get('france/honest-1')).to.equal(2);
    expect(earnedIn({}, 6).get('france/honest-1')).to.equal(1);
  });

  it('R8.1-3: an audit makes a verified node for as long as it holds, if its auditor counts here', () => {
    const levels = [1, 4, 7].map((minutes) => {
      const earned = earnedIn({}, minutes);
      return [earned.get('france/audited-1') ?? 3, earned.get('france/bought-1') ?? 3];
    });
    expect(levels).to.deep.equal([
      [3, 3],
      [4, 3],
      [3, 3],
    ]);
  });

  it('R8.1-3: audits say what they come to without faults, or the scenario is refused with the place', () => {
    const text = readFileSync(FILE, 'utf8').replace('until: 6min', 'until: 1min');
    expect(() => loadScenarioText(text, FILE)).to.throw(/it ends before it begins/);
  });
});
