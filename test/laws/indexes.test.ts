import { expect } from 'chai';
import { NOBODY, type Peer } from '../../core/base/peers.ts';
import { Digest } from '../../core/base/digest.ts';
import type { Node } from '../../core/machine/node-state.ts';
import { RequestTable, type RequestEntry } from '../../core/machine/request-table.ts';
import type { Shape } from '../../core/machine/shape.ts';
import { searchShape, type Search, type Searcher } from '../../core/routing/search-state.ts';
import type { Rig } from '../rig.ts';
import { law } from './law.ts';
import { play, scripts, startMixed, type Action } from './play.ts';

/** The searches of a node's roles. */
function searchersOf({ gateway, bridge }: Node): Searcher[] {
  return [gateway?.searcher, bridge?.outward, bridge?.inward].filter((searcher) => searcher !== undefined);
}

function foldOf<E extends RequestEntry>(table: RequestTable<E>, rank: (peer: Peer) => number): string {
  const digest = new Digest();
  table.deadlines.fold(digest);
  table.fold(digest, rank);
  return digest.hex();
}

/** The table as if it had been filled just now, last things first, with what is in it. */
function rebuild<E extends RequestEntry>(
  table: RequestTable<E>,
  shape: Shape<E>,
  dueOf: (entry: E) => number,
): RequestTable<E> {
  const rebuilt = new RequestTable<E>(shape);
  for (const entry of table.entries().reverse()) rebuilt.add(entry, dueOf(entry));
  const keys = table.clone().takeKey();
  for (let key = 1; key < keys; key++) rebuilt.takeKey();
  return rebuilt;
}

/** What a searcher counts as it goes is what its searches say. */
function expectCounted({ searches, inFlight, retriesInFlight }: Searcher): void {
  const counted = new Map<Peer, number>();
  let retries = 0;
  for (const search of searches.entries()) {
    expect(searches.get(search.origin, search.originBoot, search.n)).to.equal(search);
    if (search.isRetrying) retries++;
    if (search.asked === NOBODY || search.isFinding) continue;
    counted.set(search.asked, (counted.get(search.asked) ?? 0) + 1);
  }
  const byPeer = (left: [Peer, number], right: [Peer, number]): number => left[0] - right[0];
  expect([...inFlight].sort(byPeer)).to.deep.equal([...counted].sort(byPeer));
  expect(retriesInFlight).to.equal(retries);
}

/** Judges every node after each action, and tells of how much work. */
function judgeAfterEach(script: readonly Action[], judge: (rig: Rig, node: Node) => number): number {
  const rig = startMixed();
  let judged = 0;
  for (const action of script) {
    play(rig, action);
    for (const { node, isUp } of rig.stations.values()) if (isUp) judged += judge(rig, node);
  }
  return judged;
}

describe('laws of indexes: what is kept up to date equals what is made anew', () => {
  law(
    'a table of searches and its deadlines',
    scripts(),
    (script) =>
      judgeAfterEach(script, (rig, node) => {
        let entries = 0;
        for (const { searches } of searchersOf(node)) {
          const dueOf = ({ asked, silentAtUs, deadlineUs }: Search): number =>
            asked === NOBODY ? deadlineUs : Math.min(silentAtUs, deadlineUs);
          const rank = (peer: Peer): number => rig.cast.rank(peer);
          expect(foldOf(rebuild(searches, searchShape, dueOf), rank)).to.equal(foldOf(searches, rank));
          expect(node.wakeAtUs, 'the alarm is no later').to.be.at.most(searches.deadlines.nextUs);
          entries += searches.size;
        }
        return entries;
      }) >
      script.length / 2,
    { seed: 41, runs: 60 },
  );

  law(
    'what is under way, by peer, and how much of it is retries',
    scripts(),
    (script) =>
      judgeAfterEach(script, (_rig, node) => {
        const searchers = searchersOf(node);
        for (const searcher of searchers) expectCounted(searcher);
        return searchers.reduce((sum, { searches }) => sum + searches.size, 0);
      }) >
      script.length / 2,
    { seed: 42, runs: 100 },
  );

  law(
    'the jobs at work',
    scripts(),
    (script) =>
      judgeAfterEach(script, (_rig, { compute, config }) => {
        if (compute === null) return 0;
        expect(compute.running).to.equal(compute.jobs.filter(({ isStarted }) => isStarted).length);
        expect(compute.running).to.be.at.most(config.slots);
        const numbers = compute.jobs.map(({ number }) => number);
        expect(new Set(numbers).size).to.equal(numbers.length);
        return compute.jobs.length;
      }) > 0,
    { seed: 43, runs: 100 },
  );
});
