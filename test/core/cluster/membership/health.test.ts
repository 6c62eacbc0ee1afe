import { expect } from 'chai';
import {
  beginOutage,
  changeScore,
  endOutage,
  MAX_OUTAGES,
  probeIntervalUs,
  scoreOfFailure,
  uptimePpm,
  type Outage,
} from '../../../../core/cluster/membership/health.ts';

const DAY_US = 24 * 3_600 * 1_000_000;

describe('the health of a node', () => {
  it('R5.2-2: its score stays between 0 and the bound', () => {
    // memberlist's awareness_test.go, with a bound of 7.
    const golden = [
      [0, 0],
      [-1, 0],
      [-10, 0],
      [1, 1],
      [-1, 0],
      [10, 7],
      [-1, 6],
      [-1, 5],
    ];
    let score = 0;
    for (const [change, expected] of golden) {
      score = changeScore(score, change, 7);
      expect(score).to.equal(expected);
    }
    expect(changeScore(3, 5, 8)).to.equal(8);
    expect(changeScore(0, 1, 0)).to.equal(0);
  });

  it('R5.2-2: a failed probe counts by the nacks that are missing, or as one where none were to come', () => {
    expect([0, 1, 2, 3].map((nacks) => scoreOfFailure(3, nacks))).to.deep.equal([3, 2, 1, 0]);
    expect(scoreOfFailure(0, 0)).to.equal(1);
  });

  it('R5.2-2: the interval of probes scales with the score', () => {
    expect([0, 1, 8].map((score) => probeIntervalUs(1_000_000, score))).to.deep.equal([
      1_000_000, 2_000_000, 9_000_000,
    ]);
  });

  it('R3-5: uptime is the share of 30 days, or of the time that is known, without outages', () => {
    const outages: Outage[] = [];
    expect(uptimePpm(outages, 1, 0, 0)).to.equal(1_000_000);
    beginOutage(outages, 1, 2 * DAY_US, 1);
    expect(uptimePpm(outages, 1, 0, 4 * DAY_US), 'still away').to.equal(500_000);
    endOutage(outages, 1, 3 * DAY_US);
    expect(uptimePpm(outages, 1, 0, 4 * DAY_US)).to.equal(750_000);
    expect(uptimePpm(outages, 1, 0, 30 * DAY_US)).to.equal(Math.floor((29 / 30) * 1_000_000));
    expect(uptimePpm(outages, 1, 0, 32.5 * DAY_US), 'half of it').to.equal(
      Math.floor((29.5 / 30) * 1_000_000),
    );
    expect(uptimePpm(outages, 1, 0, 40 * DAY_US), 'longer ago').to.equal(1_000_000);
    expect(uptimePpm(outages, 2, 0, 4 * DAY_US), 'of another').to.equal(1_000_000);
  });

  it('R3-5: outages are bounded, and the oldest are forgotten', () => {
    const outages: Outage[] = [];
    for (let i = 0; i <= MAX_OUTAGES; i++) beginOutage(outages, i, i, 1);
    expect(outages).to.have.length(MAX_OUTAGES);
    expect(outages[0].peer).to.equal(1);
  });
});
