import { expect } from 'chai';
import { canRead, hasKey } from '../../sim/invariants/pod-remains.ts';
import type { InvariantName } from '../../sim/scenario/resolved-expectations.ts';
import type { MaliciousRole } from '../../sim/scenario/resolved-malice.ts';
import type { ResolvedPods } from '../../sim/scenario/resolved-pods.ts';
import { simulate } from '../../sim/simulate.ts';
import { HOME, podScenario } from './pod-scenario.ts';

const OK = 0;

/** Pods among hosts of which one is a traitor. */
function withTraitor(
  as: MaliciousRole,
  node: string,
  pods: Partial<ResolvedPods> = {},
  suspends: readonly InvariantName[] = [],
) {
  const region = as === 'region-lying-host' ? 'eu/fr' : '';
  const malice = [{ node, as, fromUs: 0, untilUs: null, sharePpm: 1_000_000, region }];
  const expectations = { okAtLeastPpm: 0, sometimes: [], never: [], suspends };
  const { world, checker } = simulate(podScenario(pods, { malice, expectations }));
  return { world, ...checker.verdict(world, true) };
}

describe('traitors among pod hosts', () => {
  for (const encryptionRequired of [false, true])
    it(`a keeping-holder ${encryptionRequired ? 'keeps copy and key' : 'keeps its copy'}, says that it has none, and the world sees it`, () => {
      const pods = {
        policies: [{ ...HOME, encryptionRequired }],
        deletesPpm: 150_000,
        people: 4,
        meanGapUs: 500_000,
      };
      const { world, verdict, reasons } = withTraitor('keeping-holder', 'france/host-2', pods);
      expect(world.villains[0].affected).to.be.greaterThan(0);
      const certified = world.podOwners.pods.filter(({ certifiedUs }) => certifiedUs < Infinity);
      expect(certified).to.have.length.greaterThan(0);
      const holders = world.machines.filter((machine) =>
        certified.some(({ requests }) =>
          requests.some(({ content }) => content !== null && canRead(world, machine, content.hash)),
        ),
      );
      expect(holders.map(({ spec }) => spec.name)).to.deep.equal(['france/host-2']);
      const keyed = world.machines.filter((machine) => certified.some((pod) => hasKey(machine, pod)));
      expect(keyed.map(({ spec }) => spec.name)).to.deep.equal(encryptionRequired ? ['france/host-2'] : []);
      // Nobody is given what was certified to be deleted, whoever is asked.
      for (const { requests, certifiedUs } of certified)
        for (const { act, code, askedUs } of requests)
          if (act === 'read' && askedUs > certifiedUs) expect(code).not.to.equal(OK);
      expect(verdict).to.equal('violated');
      expect(reasons.join()).to.match(/deletion-true/);
      expect(reasons.join()).not.to.match(/pods-at-home|writes-survive|access-consented|sealed-pods/);
      const declared = withTraitor('keeping-holder', 'france/host-2', pods, ['deletion-true']);
      expect(declared.verdict, declared.reasons.join()).to.equal('pass');
    });

  it('a region-lying-host is given what may be where it says that it is, and no more; the world sees it', () => {
    const { world, verdict, reasons } = withTraitor('region-lying-host', 'france/abroad');
    expect(world.villains[0].affected).to.be.greaterThan(0);
    expect(verdict).to.equal('violated');
    expect(reasons.join()).to.match(/pods-at-home.*france\/abroad in americas\/us-east/s);
    const declared = withTraitor('region-lying-host', 'france/abroad', {}, ['pods-at-home']);
    expect(declared.verdict, declared.reasons.join()).to.equal('pass');
    // Of pods that may not be where it says it is it gets nothing.
    const elsewhere = { homeRegion: 'americas/us-east' };
    const { world: other } = withTraitor('region-lying-host', 'france/abroad', elsewhere, ['pods-at-home']);
    expect(other.machines.find(({ spec }) => spec.name === 'france/abroad')!.platter.contents.size).to.equal(
      0,
    );
  });
});
