import { expect } from 'chai';
import { pushPullScale } from '../../../../core/cluster/membership/push-pull.ts';
import { GossipQueue, retransmitLimit } from '../../../../core/cluster/membership/gossip.ts';

describe('gossip', () => {
  it('R5.2-2: passes each item on 4 · ⌈log10(N + 1)⌉ times', () => {
    const golden = [
      [0, 0],
      [1, 4],
      [9, 4],
      [10, 8],
      [99, 8],
      [100, 12],
      [999, 12],
      [1_000, 16],
    ];
    for (const [members, times] of golden) expect(retransmitLimit(4, members), `${members}`).to.equal(times);
    expect([0, 1, 99].map((members) => retransmitLimit(3, members))).to.deep.equal([0, 3, 6]);
  });

  it('R5.2-2: tables are compared every 30 s × (⌈log2 N − 5⌉ + 1) above 32 members', () => {
    // memberlist's TestPushPullScale.
    const golden = [
      [1, 1],
      [32, 1],
      [33, 2],
      [64, 2],
      [65, 3],
      [128, 3],
      [129, 4],
      [1_000, 6],
    ];
    for (const [members, scale] of golden) expect(pushPullScale(members), `${members}`).to.equal(scale);
  });

  function take(queue: GossipQueue, most: number, limit: number): number[] {
    const taken: number[] = [];
    queue.take(most, limit, ({ peer }) => taken.push(peer) > 0);
    return taken;
  }

  it('says first what was said least often, and drops what was said often enough', () => {
    const queue = new GossipQueue();
    queue.add(1, 1, false);
    queue.add(2, 2, false);
    expect(take(queue, 1, 3)).to.deep.equal([2]);
    expect(take(queue, 1, 3)).to.deep.equal([1]);
    queue.add(3, 3, false);
    expect(take(queue, 2, 3)).to.deep.equal([3, 2]);
    const rest = [take(queue, 3, 3), take(queue, 3, 3), take(queue, 3, 3)].flat();
    expect([1, 2, 3].map((peer) => rest.filter((one) => one === peer).length)).to.deep.equal([2, 1, 2]);
    expect(queue.size).to.equal(0);
  });

  it('says nothing more of a peer once that is dropped, and stops where there is no room', () => {
    const queue = new GossipQueue();
    for (const peer of [1, 2, 2, 3]) queue.add(peer, peer, false);
    queue.drop(2);
    const taken: number[] = [];
    queue.take(8, 4, ({ peer }) => taken.length < 1 && taken.push(peer) > 0);
    expect([taken, queue.size]).to.deep.equal([[3], 2]);
  });
});
