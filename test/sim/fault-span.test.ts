import { expect } from 'chai';
import type { ResolvedFault } from '../../sim/scenario/resolved.ts';
import { faultSpan } from '../../sim/summary.ts';
import { SECOND_US, at, moment, runUntil, withFaults } from './harmed-world.ts';

/** In seconds. */
function spanOf(faults: ResolvedFault[], seconds = 60): [number, number] {
  const { fromUs, untilUs } = faultSpan(runUntil(withFaults(...faults), seconds).world);
  return [fromUs / SECOND_US, untilUs / SECOND_US];
}

const crashAfter = (event: string): ResolvedFault => ({
  kind: 'crash',
  nodes: ['france/compute'],
  atUs: 10 * SECOND_US,
  untilUs: null,
  after: { event, of: [], nth: 1, delayUs: 2 * SECOND_US, forUs: 5 * SECOND_US },
});

describe('the time of faults in a summary', () => {
  it('is from the first to the end of the last', () => {
    const pause: ResolvedFault = { kind: 'pause', ...at(20, 30) };
    expect(spanOf([pause, { kind: 'crash', ...at(25, 40) }])).to.deep.equal([20, 40]);
    expect(spanOf([{ kind: 'restart', ...moment(20) }])).to.deep.equal([20, 20]);
  });

  it('of what waits for an event is when it truly came and ended, and nothing if it never came', () => {
    const [from, until] = spanOf([crashAfter('request.asked')]);
    expect(from).to.be.within(12, 16);
    expect(until).to.equal(from + 5);
    expect(spanOf([crashAfter('fault.ended')])).to.deep.equal([Infinity, Infinity]);
  });

  it('of what is healed ends then, and of what still acts has no end', () => {
    const cut = { kind: 'cut', from: ['france'], to: ['us-east'], bothWays: true } as const;
    const healed: ResolvedFault = { kind: 'heal', atUs: 25 * SECOND_US };
    expect(spanOf([{ ...cut, atUs: 20 * SECOND_US, untilUs: null }, healed])).to.deep.equal([20, 25]);
    expect(spanOf([{ kind: 'pause', ...at(20) }])).to.deep.equal([20, Infinity]);
    expect(spanOf([{ kind: 'pause', ...at(20, 50) }], 30)).to.deep.equal([20, Infinity]);
  });
});
