import { expect } from 'chai';
import { Digest } from '../../../../core/base/digest.ts';
import { NEVER_US } from '../../../../core/base/time.ts';
import { MemberTable } from '../../../../core/cluster/membership/member-table.ts';
import { ALIVE, DEAD, LEFT, SUSPECT } from '../../../../core/cluster/membership/member.ts';

const ADMISSION = { genesis: '', subject: 0, fromWallUs: 0, untilWallUs: 0, signatures: [] };
const rankOf = (peer: number): number => 1_000_003 * (peer + 1);

function tableOf(peers: readonly number[]): MemberTable {
  const table = new MemberTable();
  for (const peer of peers) table.add(peer, rankOf(peer), peer * 10, ALIVE, peer % 32, `${peer}`, null);
  return table;
}

function digestOf(table: MemberTable): string {
  const digest = new Digest();
  table.fold(digest);
  return digest.hex();
}

describe('a table of members', () => {
  it('finds each of many by peer, whatever its number', () => {
    const peers = Array.from({ length: 2_000 }, (_, i) => i * 7_919);
    const table = tableOf(peers);
    peers.forEach((peer, row) => {
      expect(table.find(peer)).to.equal(row);
      expect([table.peerAt(row), table.incarnationAt(row), table.typesAt(row)]).to.deep.equal([
        peer,
        peer * 10,
        peer % 32,
      ]);
      expect(table.addressAt(row)).to.equal(`${peer}`);
    });
    expect([table.find(1), new MemberTable().find(1)]).to.deep.equal([-1, -1]);
  });

  it('takes at most 64 bytes a member', () => {
    for (const count of [300, 1_000, 3_000]) {
      const table = tableOf(Array.from({ length: count }, (_, i) => i));
      expect(table.sizeBytes / count, `${count} members`).to.be.at.most(64);
    }
  });

  it('has sums that tell what is thought, and not in what order it was learnt', () => {
    const left = tableOf([1, 2, 3]);
    const right = tableOf([3, 1, 2]);
    expect(digestOf(left)).to.equal(digestOf(right));
    left.setState(left.find(2), rankOf(2), 20, SUSPECT);
    expect(digestOf(left)).not.to.equal(digestOf(right));
    expect([left.liveHigh, left.liveLow], 'a suspect is live').to.deep.equal([right.liveHigh, right.liveLow]);
    left.setState(left.find(2), rankOf(2), 20, DEAD);
    expect(left.liveLow).not.to.equal(right.liveLow);
    expect([left.liveCount, right.liveCount]).to.deep.equal([2, 3]);
    left.setState(left.find(2), rankOf(2), 20, ALIVE);
    expect(digestOf(left)).to.equal(digestOf(right));
  });

  it('has sums that tell until when members are admitted, and knows which admission ends first', () => {
    const table = tableOf([1, 2, 3]);
    expect([table.nextExpiryWallUs, table.untilWallUsAt(1)]).to.deep.equal([NEVER_US, NEVER_US]);
    const sums = [[table.liveHigh, table.liveLow].join()];
    for (const [row, untilWallUs] of [
      [1, 500],
      [2, 400],
      [2, 600],
    ]) {
      table.renew(row, rankOf(row + 1), { ...ADMISSION, untilWallUs });
      sums.push([table.liveHigh, table.liveLow].join());
    }
    expect(new Set(sums).size).to.equal(4);
    expect(table.nextExpiryWallUs).to.equal(500);
    table.remove(1, rankOf(2));
    expect(table.nextExpiryWallUs).to.equal(600);
    expect(digestOf(table.clone())).to.equal(digestOf(table));
    expect(table.clone().nextExpiryWallUs).to.equal(600);
  });

  it('forgets a member as if it had never been there', () => {
    const table = tableOf([1, 2, 3, 4]);
    table.setState(table.find(2), rankOf(2), 20, LEFT);
    table.remove(table.find(2), rankOf(2));
    expect(digestOf(table)).to.equal(digestOf(tableOf([1, 3, 4])));
    expect([1, 2, 3, 4].map((peer) => table.find(peer) >= 0)).to.deep.equal([true, false, true, true]);
    expect(table.addressAt(table.find(4))).to.equal('4');
  });

  it('probes each other member once a round, newcomers in the same round', () => {
    const table = tableOf([0, 1, 2, 3, 4]);
    const draws = [3, 1, 0, 0, 0, 0];
    const seen: number[] = [];
    for (let turn = 0; turn < table.count - 1; turn++) {
      if (turn === 2) table.add(5, rankOf(5), 0, ALIVE, 0, '', null);
      seen.push(table.takeTurn(turn, Math.min(table.count - 2, turn + draws[turn])));
    }
    expect(seen.toSorted((left, right) => left - right)).to.deep.equal([1, 2, 3, 4, 5]);
    const turn = table.remove(3, rankOf(3));
    expect(seen[turn]).to.equal(3);
    const rest = [0, 1, 2, 3].map((i) => table.takeTurn(i, i));
    expect(rest.toSorted((left, right) => left - right)).to.deep.equal([1, 2, 3, 4]);
  });

  it('smooths round trips, and a copy goes its own way', () => {
    const table = tableOf([0, 1]);
    table.noteRoundTrip(1, 800);
    table.noteRoundTrip(1, 1_600);
    expect([table.rttUsAt(1), table.leastRttUsAt(1)]).to.deep.equal([900, 800]);
    const copy = table.clone();
    expect(digestOf(copy)).to.equal(digestOf(table));
    copy.see(1, 5, 2);
    copy.setState(1, rankOf(1), 11, SUSPECT);
    expect([table.seenUsAt(1), table.stateAt(1), table.bootAt(1)]).to.deep.equal([0, ALIVE, 0]);
    expect(digestOf(copy)).not.to.equal(digestOf(table));
  });
});
