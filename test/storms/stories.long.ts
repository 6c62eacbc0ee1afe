import { expect } from 'chai';
import { DRAWN_KINDS } from '../../sim/nemesis.ts';
import { INVARIANTS } from '../../sim/scenario/resolved-expectations.ts';
import { MALICIOUS_ROLES } from '../../sim/scenario/resolved-malice.ts';
import { StoriesReport, STORIES, stormStory } from './stories.ts';

/** Of each story: some twenty storms or more, so that harm of every kind falls on one or another. */
const EVENTS_OF_A_STORY = 2_000_000;

describe('stories in storms, at length', function () {
  this.timeout(900_000);
  const report = new StoriesReport();

  for (const story of STORIES) {
    it(`${story} breaks no promise in ${EVENTS_OF_A_STORY} events of random harm`, () => {
      stormStory(story, EVENTS_OF_A_STORY, report);
      expect(report.events.get(story)).to.be.at.least(EVENTS_OF_A_STORY);
    });
  }

  it('were harmed by every kind of fault, and by half of all traitors or more', () => {
    for (const kind of DRAWN_KINDS) expect(report.faults.get(kind) ?? 0, kind).to.be.greaterThan(0);
    const harmful = MALICIOUS_ROLES.filter((role) => (report.roles.get(role) ?? 0) > 0);
    expect(harmful.length, harmful.join(', ')).to.be.at.least(MALICIOUS_ROLES.length / 2);
  });

  it('have put every invariant to the test', () => {
    for (const name of INVARIANTS) expect(report.checked.get(name) ?? 0, name).to.be.greaterThan(0);
  });
});
