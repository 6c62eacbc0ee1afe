import { expect } from 'chai';
import {
  COMMUNITY,
  effectiveTrust,
  EXPERIMENTAL,
  PEER,
  TRUST_LEVELS,
  VERIFIED,
} from '../../core/trust/attestation.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { DEFAULT_PARAMETERS } from '../../core/machine/parameters.ts';
import { ERROR_CODES } from '../../core/routing/outcomes.ts';
import { bringingOf, mayDo, OPERATIONS, servingOf, type Operation } from '../../core/trust/operations.ts';
import { attest, envelopeOf, FEDERATION, manifestOf, OpenRig as Rig } from '../rig.ts';

describe('§8 Trust and governance', () => {
  describe('R8.1-1: four levels', () => {
    const rig = new Rig();
    const subject = rig.peer('compute-1');
    const trustOf = (claimedTrust: number, ...levels: number[]): number =>
      effectiveTrust(
        { monoUs: 0, wallUs: 1 },
        { ...manifestOf(rig.cast, FEDERATION[1]), claimedTrust },
        levels.map((level) => attest(rig.cast, subject, rig.peer('attestor of france'), { level })),
      );

    it('R8.1-1: 4 verified, 3 community, 2 peer, 1 experimental', () => {
      expect([
        TRUST_LEVELS[VERIFIED],
        TRUST_LEVELS[COMMUNITY],
        TRUST_LEVELS[PEER],
        TRUST_LEVELS[EXPERIMENTAL],
      ]).to.deep.equal(['verified', 'community', 'peer', 'experimental']);
    });

    it('R8.1-1: absent means experimental, claimed or attested', () => {
      expect(trustOf(0)).to.equal(EXPERIMENTAL);
      expect(trustOf(0, VERIFIED)).to.equal(EXPERIMENTAL);
      expect(trustOf(VERIFIED)).to.equal(EXPERIMENTAL);
    });

    it('R8.1-1: of several attestations the highest counts', () => {
      expect(trustOf(VERIFIED, PEER, COMMUNITY)).to.equal(COMMUNITY);
    });
  });

  describe('R8.1-2: what each level may do is a table', () => {
    // Experimental, peer, community, verified.
    const table: Readonly<Record<Operation, string>> = {
      join: 'yes yes yes yes',
      gossip: 'yes yes yes yes',
      'serve-test': 'yes yes yes yes',
      'bring-test': 'yes yes yes yes',
      'serve-public': 'no yes yes yes',
      'hold-sealed-replica': 'no yes yes yes',
      'seed-model': 'no yes yes yes',
      'process-personal': 'no no yes yes',
      'bring-request': 'no no yes yes',
      vouch: 'no no yes yes',
      vote: 'no no yes yes',
      'hold-primary': 'no no no yes',
      council: 'no no no yes',
    };
    for (const operation of Object.keys(OPERATIONS) as Operation[])
      for (const [i, may] of table[operation].split(' ').entries())
        it(`R8.1-2: ${operation} as ${TRUST_LEVELS[i + 1]}: ${may}`, () => {
          expect(mayDo(i + 1, operation)).to.equal(may === 'yes');
        });

    it('R8.1-2: the least trust that is asked for says what serving a request is', () => {
      expect([1, 2, 3, 4].map(servingOf)).to.deep.equal([
        'serve-test',
        'serve-public',
        'process-personal',
        'process-personal',
      ]);
      expect([1, 2, 3, 4].map(bringingOf)).to.deep.equal([
        'bring-test',
        'bring-request',
        'bring-request',
        'bring-request',
      ]);
    });

    /** France with one front and one compute node, of these levels. */
    const france = (front: number, compute: number): Rig =>
      new Rig([
        { ...FEDERATION[0], peered: [], attestedTrust: front },
        { ...FEDERATION[1], attestedTrust: compute, slots: 64 },
      ]).start();

    it('R8.1-2: who is asked for more than it may refuses, whoever sends it', () => {
      const rig = france(4, 2);
      const codes = [1, 2, 3].map((minTrust, n) => {
        const ids = { origin: rig.peer('ann'), n: n + 1 };
        const want = rig.want({ minTrust });
        const [first] = rig.deliver(
          envelopeOf(kinds.RUN, rig.peer('front'), rig.peer('compute-1'), want, ids),
        );
        return first.kind === kinds.REFUSED ? ERROR_CODES[(first.body as kinds.Refused).code] : 'OK';
      });
      expect(codes).to.deep.equal(['OK', 'OK', 'TRUST_TOO_LOW']);
    });

    it('R8.1-2: data of others are personal, though their user calls it a test', () => {
      const pods = [{ owner: 0, number: 1, plan: 'a', permission: null }];
      const codeOf = ({ kind, body }: Envelope): string =>
        kind === kinds.REFUSED ? ERROR_CODES[(body as kinds.Refused).code] : 'OK';
      // Those who may are the ones to see that nobody has consented.
      for (const [level, code] of [
        [2, 'TRUST_TOO_LOW'],
        [3, 'CONSENT_REQUIRED'],
      ] as const) {
        const rig = france(level, level);
        rig.ask('ann', 'front', 1, { minTrust: 1, pods });
        rig.pump();
        const ids = { origin: rig.peer('ann'), n: 2 };
        const want = rig.want({ minTrust: 1, pods });
        const run = envelopeOf(kinds.RUN, rig.peer('front'), rig.peer('compute-1'), want, ids);
        const told = [rig.outcomes('ann', 1)[0], rig.deliver(run)[0]].map(codeOf);
        expect(told, `${level}`).to.deep.equal([code, code]);
      }
    });

    it('R8.1-2: a gateway below community brings tests only', () => {
      const rig = france(2, 4);
      const codes = [1, 2, 3].map((minTrust, n) => {
        rig.ask('ann', 'front', n + 1, { minTrust });
        rig.pump();
        const [{ kind, body }] = rig.outcomes('ann', n + 1);
        return kind === kinds.ANSWER ? 'OK' : ERROR_CODES[(body as kinds.Refused).code];
      });
      expect(codes).to.deep.equal(['OK', 'TRUST_TOO_LOW', 'TRUST_TOO_LOW']);
    });

    it('R8.1-2: an index node names nobody to who brings what it may not, nor a bridge that may not bring it', () => {
      for (const [level, minTrust, code, bridges] of [
        [2, 1, 'FOUND', 1],
        [2, 2, 'TRUST_TOO_LOW', 0],
        [3, 2, 'FOUND', 0],
      ] as const) {
        const rig = new Rig([
          { ...FEDERATION[0], types: ['index'], peered: [] },
          { ...FEDERATION[1], name: 'gateway', types: ['gateway'], models: [], attestedTrust: level },
          { ...FEDERATION[1], name: 'bridge', types: ['bridge'], models: [], attestedTrust: 2 },
          FEDERATION[1],
        ]).start();
        const find = { model: 'a', withBridges: true, minTrust, allowedRegions: ['eu'] };
        const [{ kind, body }] = rig.deliver(
          envelopeOf(kinds.FIND, rig.peer('gateway'), rig.peer('front'), find),
        );
        const said = kind === kinds.FOUND ? 'FOUND' : ERROR_CODES[(body as kinds.Refused).code];
        const named = kind === kinds.FOUND ? (body as kinds.Found).bridges.length : 0;
        expect([said, named], `${level} for ${minTrust}`).to.deep.equal([code, bridges]);
      }
    });

    it('R8.1-2: a bridge below community takes out and in tests only', () => {
      const specs = FEDERATION.map((spec) =>
        spec.name === 'brazil-front' ? { ...spec, attestedTrust: 2 } : spec,
      );
      const rig = new Rig(specs).start();
      const codes = [1, 3].map((minTrust, n) => {
        rig.ask('ann', 'front', n + 1, { model: 'b', minTrust });
        rig.pump();
        const [{ kind, body }] = rig.outcomes('ann', n + 1);
        return kind === kinds.ANSWER ? 'OK' : ERROR_CODES[(body as kinds.Refused).code];
      });
      expect(codes).to.deep.equal(['OK', 'TRUST_TOO_LOW']);
    });

    it('R8.1-2: a peer serves the public at a limited rate, and says when there is room again', () => {
      const ask = (rig: Rig, n: number, minTrust: number): kinds.Refused | null => {
        const ids = { origin: rig.peer('ann'), n };
        const run = envelopeOf(
          kinds.RUN,
          rig.peer('front'),
          rig.peer('compute-1'),
          rig.want({ minTrust }),
          ids,
        );
        const [{ kind, body }] = rig.deliver(run);
        return kind === kinds.REFUSED ? (body as kinds.Refused) : null;
      };
      const served = (level: number, minTrust: number): number => {
        const rig = france(4, level);
        return Array.from({ length: 30 }, (_, n) => ask(rig, n + 1, minTrust)).filter((said) => said === null)
          .length;
      };
      // Tests are not limited, nor is a community node.
      expect([served(2, 2), served(2, 1), served(3, 2)]).to.deep.equal([10, 30, 30]);
      const rig = france(4, 2);
      for (let n = 1; n <= 10; n++) expect(ask(rig, n, 2)).to.equal(null);
      const refused = ask(rig, 11, 2)!;
      expect(ERROR_CODES[refused.code]).to.equal('OVERLOADED');
      expect(refused.retryAfterUs).to.be.within(1, DEFAULT_PARAMETERS.publicEveryUs);
      rig.isInferring = false;
      rig.advance(refused.retryAfterUs);
      expect(ask(rig, 12, 2)).to.equal(null);
      expect(ask(rig, 13, 2)).not.to.equal(null);
    });
  });
});
