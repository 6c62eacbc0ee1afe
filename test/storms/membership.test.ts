import { expect } from 'chai';
import { stormFlappingLinks, stormFlappingMember, stormMembers } from './membership.ts';

describe('membership in storms', function () {
  this.timeout(60_000);

  it('R5.2-2: after any weather members agree in bounded time, and incarnations have only risen', () => {
    const { runs, harmed, deaths, restarts } = stormMembers(1, 25);
    expect(runs).to.equal(25);
    expect(
      [harmed, deaths, restarts].every((count) => count > 5),
      `${harmed} ${deaths} ${restarts}`,
    ).to.equal(true);
  });

  it('R5.2-2: a flapping link kills nobody, for others reach both of its ends', () => {
    const { runs, harmed } = stormFlappingLinks(2, 10);
    expect([runs, harmed]).to.deep.equal([10, 10]);
  });

  it('R5.2-2: a member whose links all flap is not dead for good', () => {
    const { runs, deaths } = stormFlappingMember(3, 10);
    expect([runs, deaths > 0]).to.deep.equal([10, true]);
  });
});
