import { expect } from 'chai';
import fc from 'fast-check';
import { decodeEnvelope, Encoder } from '../../core/machine/codec.ts';
import { Envelope, Outbox } from '../../core/machine/envelope.ts';
import { receive, wake } from '../../core/machine/node.ts';
import { cloneNode, foldNode, READY } from '../../core/machine/node-state.ts';
import { anyEnvelopes } from '../arbitraries.ts';
import { FEDERATION, Rig, SECOND_US, type NodeSpec, countRefusals } from '../rig.ts';
import { law } from './law.ts';
import { poolOf } from './play.ts';

const ROLES = ['compute', 'gateway', 'index', 'bridge'];
const MIXES = Array.from({ length: 16 }, (_, mix) => ROLES.filter((_, i) => (mix >> i) & 1));

/** France with one more node in it, of the roles given, and small tables so that their bounds are met. */
function startWith(roles: readonly string[]): Rig {
  const subject: NodeSpec = {
    name: 'subject',
    cluster: 'france',
    region: 'eu/fr',
    types: ['pod-host', ...roles],
    models: roles.includes('compute') ? ['a', 'b'] : [],
    exports: ['a'],
    peered: ['brazil-front'],
    slots: 1,
    queueLimit: 1,
    parameters: { maxSearches: 4, maxRemembered: 2, maxDirectory: 4 },
  };
  const brazil = { ...FEDERATION[3], peered: ['front', 'subject'] };
  return new Rig([subject, ...FEDERATION.slice(0, 3), brazil, FEDERATION[4]]).start();
}

describe('laws of receive', () => {
  let received = 0;

  for (const roles of MIXES) {
    const rig = startWith(roles);
    const station = rig.station('subject');
    const encoder = new Encoder(rig.cast);
    const cases = fc.array(
      fc.record({
        envelope: anyEnvelopes(poolOf(rig)),
        isOwn: fc.boolean(),
        us: fc.constantFrom(0, 0, 1, 300_000, SECOND_US),
      }),
      { minLength: 30, maxLength: 60 },
    );
    law(
      `no envelope that is well formed harms a node that is ${roles.join(' and ') || 'a pod host only'}`,
      cases,
      (inputs) => {
        const node = cloneNode(station.node);
        expect(node.phase).to.equal(READY);
        let taken = 0;
        const [now, out, read] = [rig.nowOf(station), new Outbox(), new Envelope()];
        for (const { envelope, isOwn, us } of inputs) {
          now.monoUs += us;
          now.wallUs += us;
          out.clear();
          if (now.monoUs >= node.wakeAtUs) wake(node, now, out);
          const origin = isOwn ? envelope.from : envelope.origin;
          const before = countRefusals(node);
          receive(node, now, Object.assign(new Envelope(), envelope, { to: node.self, origin }), out);
          received++;
          if (countRefusals(node) === before) taken++;
          expect(node.wakeAtUs).to.be.greaterThan(now.monoUs - 1);
          for (let i = 0; i < out.count; i++) {
            const refusal = decodeEnvelope(encoder.envelope(out.at(i)), rig.cast, read);
            expect(refusal, 'what it sends is well formed too').to.equal(null);
          }
        }
        expect(foldNode(cloneNode(node)).hex()).to.equal(foldNode(node).hex());
        expect(node.gateway?.searcher.searches.size ?? 0).to.be.at.most(4);
        expect(node.gateway?.remembered.size ?? 0).to.be.at.most(2);
        expect(node.index?.directory.size ?? 0).to.be.at.most(5);
        expect(node.compute?.jobs.length ?? 0).to.be.at.most(2);
        return roles.length === 0 || taken > 0;
      },
      {
        seed: 1_000 + ROLES.reduce((sum, role, i) => sum + (roles.includes(role) ? 1 << i : 0), 0),
        runs: 40,
      },
    );
  }

  it('has been tried on at least 20,000 envelopes', () => {
    expect(received).to.be.at.least(20_000);
  });
});
