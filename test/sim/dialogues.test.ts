import { expect } from 'chai';
import { POD_FOUND, POD_READ, REFUSED } from '../../core/machine/kinds.ts';
import { DELEGATED, EMERGENCY, STANDING } from '../../core/policy/consent-documents.ts';
import { AGENT_REVOKED } from '../../core/roles/agents/agent-plan.ts';
import type { Receipt } from '../../core/roles/pods/pod-records.ts';
import { CONSENT_REQUIRED, OK } from '../../core/routing/outcomes.ts';
import type { ResolvedConsent } from '../../sim/scenario/resolved-pods.ts';
import { simulate, type Simulation } from '../../sim/simulate.ts';
import { witnessesOfConsent } from '../../sim/dialogues.ts';
import type { Watcher } from '../../sim/watcher.ts';
import { withPodUsers } from './pod-scenario.ts';

const ALWAYS = 1_000_000;
/** A forger numbers its requests from here. */
const FORGED_N = 2 ** 40;

function passed(simulation: Simulation): Simulation {
  expect(simulation.verdict()).to.deep.equal({ verdict: 'pass', reasons: [] });
  return simulation;
}

const run = (consent: Partial<ResolvedConsent>): Simulation => passed(simulate(withPodUsers(consent)));

describe('dialogues between owners of pods and those who ask for their use', () => {
  it('R6.2-4: whoever is allowed reads, and has agents work with it; each use has its receipt', () => {
    const { world, checker } = run({});
    const { dialogues, podOwners, owners, machines } = world;
    expect(dialogues.all.length).to.be.above(8);
    expect(dialogues.all.every(({ state }) => state === 'permitted')).to.equal(true);
    const reads = podOwners.requests.filter(({ act, person, pod }) => act === 'read' && person !== pod.owner);
    expect(reads.some(({ code }) => code === OK)).to.equal(true);
    const done = owners.agents.filter(({ state }) => state?.step === 3);
    expect(done.length).to.be.above(3);
    for (const name of ['access-consented', 'receipts-true'])
      expect(checker.counts()[name].checked, name).to.be.above(20);
    const kept = new Map<string, Receipt>();
    for (const { platter } of machines)
      for (const { id } of podOwners.pods)
        for (const one of platter.records.get(`pod/${id}`)?.pod?.copy.receipts ?? [])
          kept.set(`${one.asker} ${one.askerBoot} ${one.n}`, one);
    const ofAgents = [...kept.values()].filter(({ use }) => use === 1);
    expect(ofAgents.length, 'two pods a step').to.be.at.least(6 * done.length);
    expect(new Set(ofAgents.map(({ reader }) => reader)).size).to.be.above(1);
  });

  for (const [fate, witness] of [
    ['clarifiedPpm', 'consent-clarified'],
    ['modifiedPpm', 'consent-modified'],
    ['deferredPpm', 'consent-deferred'],
  ] as const)
    it(`R6.2-4: ${witness} at first, and authorised in the end: nothing is used before`, () => {
      const { world } = run({ [fate]: ALWAYS });
      const seen = witnessesOfConsent(world);
      expect(seen).to.include.members([witness, 'consent-given', 'pod-used', 'pod-used-by-agent']);
      for (const { rounds, state } of world.dialogues.all) {
        if (state !== 'permitted') continue;
        expect(rounds.length).to.equal(fate === 'deferredPpm' ? 1 : 2);
        expect(rounds[0].authorisedUs === Infinity).to.equal(fate !== 'deferredPpm');
      }
    });

  for (const [share, witness, authorisation] of [
    ['standingPpm', 'consent-standing', STANDING],
    ['delegatedPpm', 'consent-delegated', DELEGATED],
    ['emergencyPpm', 'consent-emergency', EMERGENCY],
  ] as const)
    it(`R6.2-4: ${witness}: what fits is used under the pattern, by the word of whom the owner has left it to`, () => {
      const { world } = run({ [share]: ALWAYS });
      const { dialogues, machines, podOwners } = world;
      expect(witnessesOfConsent(world)).to.include.members([witness, 'pod-used', 'pod-used-by-agent']);
      const permitted = dialogues.all.filter(({ state }) => state === 'permitted');
      expect(permitted.length).to.be.above(8);
      for (const { permission, pod, proposer } of permitted) {
        const { pattern, understood, decided } = permission!;
        expect(pattern!.terms).to.include({ authorisation, proposer, owner: pod.owner });
        const by = [understood, decided].map((word) => word?.by ?? null);
        const { delegate } = pattern!.terms;
        const isOwn = authorisation === STANDING;
        expect([pod.owner, proposer].includes(delegate)).to.equal(isOwn);
        expect(by).to.deep.equal(
          isOwn ? [null, null] : [authorisation === EMERGENCY ? delegate : null, delegate],
        );
      }
      const receipts = machines.flatMap(({ platter }) =>
        podOwners.pods.flatMap(({ id }) => platter.records.get(`pod/${id}`)?.pod?.copy.receipts ?? []),
      );
      expect(receipts.length).to.be.above(20);
      for (const one of receipts) {
        expect(one.authorisation).to.equal(authorisation);
        expect(one.pattern).not.to.equal('');
        // Of an emergency both locks are logged in full.
        expect(one.permission === null).to.equal(authorisation !== EMERGENCY);
      }
    });

  it('R6.2-4: a pattern that is withdrawn in mid-work ends what goes on under it', () => {
    const shares = { standingPpm: 400_000, delegatedPpm: 300_000, emergencyPpm: 300_000 };
    const { world } = run({ ...shares, withdrawnPpm: ALWAYS, withinUs: 3_000_000 });
    const over = world.dialogues.all.filter(({ withdrawnUs }) => withdrawnUs < Infinity);
    expect(new Set(over.map(({ fate }) => fate)).size).to.equal(3);
    const ended = world.owners.agents.filter(({ code }) => code === CONSENT_REQUIRED);
    expect(ended.some(({ state }) => state?.state === AGENT_REVOKED)).to.equal(true);
    expect(
      world.podOwners.requests.some(({ dialogue, code }) => dialogue !== null && code === CONSENT_REQUIRED),
    ).to.equal(true);
  });

  it('R6.2-4: what is rejected is used by nobody, and agents that need it do not begin', () => {
    const { world } = run({ rejectedPpm: ALWAYS });
    const seen = witnessesOfConsent(world);
    expect(seen).to.include('consent-rejected');
    expect(seen).not.to.include.oneOf(['consent-given', 'pod-used', 'pod-used-by-agent']);
    const asked = world.owners.agents.filter(({ dialogues }) => dialogues.length > 0);
    expect(asked.length).to.be.above(3);
    expect(asked.every(({ code, state }) => code === CONSENT_REQUIRED && state === null)).to.equal(true);
  });

  it('R6.2-4: what is withdrawn in mid-work ends the agents that need it, and readers are refused', () => {
    const { world } = run({ withdrawnPpm: ALWAYS, withinUs: 3_000_000 });
    const { dialogues, owners, podOwners } = world;
    expect(dialogues.all.filter(({ withdrawnUs }) => withdrawnUs < Infinity).length).to.be.above(5);
    expect(
      owners.agents.some(({ state, code }) => state?.state === AGENT_REVOKED && code === CONSENT_REQUIRED),
    ).to.equal(true);
    expect(
      podOwners.requests.some(({ dialogue, code }) => dialogue !== null && code === CONSENT_REQUIRED),
    ).to.equal(true);
  });

  it('R6.2-4: a forger of consents is given nothing that its work does not allow', () => {
    const forger = { node: 'france/worker', as: 'consent-forger', sharePpm: ALWAYS, region: '' } as const;
    const scenario = withPodUsers(
      { withdrawnPpm: 500_000, withinUs: 10_000_000 },
      { malice: [{ ...forger, fromUs: 0, untilUs: null }] },
    );
    const heard = { forged: 0, given: 0, refused: 0 };
    const watcher: Watcher = {
      onHandled: (_, { kind, n, from, to }) => {
        if (n < FORGED_N || from === to) return;
        if (kind === POD_READ) heard.forged++;
        if (kind === POD_FOUND) heard.given++;
        if (kind === REFUSED) heard.refused++;
      },
    };
    passed(simulate(scenario, { watchers: [watcher] }));
    expect(heard.forged).to.be.above(30);
    // What it says again while it holds is its work, and on the owner's list.
    expect(heard.given).to.be.below(heard.refused / 2);
  });
});
