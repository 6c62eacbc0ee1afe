import { expect } from 'chai';
import { rankOfId } from '../../core/base/peers.ts';
import { Identities } from '../../sim/identities.ts';

describe('identities of a simulated world', () => {
  it('are told apart among two hundred thousand names, many of which share a key of 32 bits', () => {
    const identities = new Identities(1);
    for (let i = 0; i < 200_000; i++) expect(identities.add(`cluster/node-${i}`)).to.equal(i);
    expect(identities.find('cluster/node-199999')).to.equal(199_999);
    expect(identities.find('cluster/node-200000')).to.equal(undefined);
  });

  it('have the rank that their id says, and are found by it', () => {
    const identities = new Identities(1);
    for (const name of ['a', 'b', 'france/compute-1', 'é']) {
      const peer = identities.add(name);
      const id = identities.idOf(peer);
      expect(id).to.match(/^[0-9a-f]{64}$/);
      expect(identities.rank(peer)).to.equal(rankOfId(id));
      expect(identities.peerOf(id)).to.equal(peer);
    }
  });
});
