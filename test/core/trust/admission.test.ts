import { expect } from 'chai';
import fc from 'fast-check';
import { admit, isAdmitted } from '../../../core/trust/admission.ts';
import type { Certificate, Genesis } from '../../../core/trust/documents.ts';
import { findGenesisFault, genesisHash } from '../../../core/trust/genesis.ts';
import { Cast } from '../../cast.ts';
import { certifyFor, genesisOf, WALL_START_US } from '../../rig.ts';
import { law } from '../../laws/law.ts';

const cast = new Cast(['newcomer', 'other', 'mallory']);
const newcomer = cast.peer('newcomer');
const now = { monoUs: 0, wallUs: WALL_START_US };

/** France: `threshold` of five operators admit. */
function france(threshold: number): Genesis {
  return { ...genesisOf(cast, { cluster: 'france', region: 'eu/fr', operators: 5 }), threshold };
}

function reasonOf(genesis: Genesis, certificate: Certificate | null, subject = newcomer): string | null {
  return admit(cast, genesis, certificate, subject, now);
}

describe('admission', () => {
  const genesis = france(2);
  const good = certifyFor(cast, genesis, newcomer);

  it('takes the certificate that its operators signed', () => {
    expect(reasonOf(genesis, good)).to.equal(null);
    expect(isAdmitted(cast, genesis, good, newcomer, now)).to.equal(true);
    expect(reasonOf(genesis, { ...good, signatures: good.signatures.slice(3) })).to.equal(null);
  });

  it('refuses with a reason what is missing, of another, not yet or no longer good', () => {
    const signed = (changes: Partial<Certificate>): Certificate =>
      certifyFor(cast, genesis, newcomer, changes);
    const elsewhere = genesisOf(cast, { cluster: 'germany', region: 'eu/de', operators: 5 });
    const namesake = { ...genesis, region: 'eu/fr/south' };
    expect(reasonOf(genesis, null)).to.match(/no certificate/);
    expect(reasonOf(genesis, good, cast.peer('other'))).to.match(/another node/);
    expect(reasonOf(genesis, certifyFor(cast, elsewhere, newcomer))).to.match(/another cluster/);
    expect(reasonOf(namesake, good), 'a cluster of the same name').to.match(/another cluster/);
    expect(reasonOf(genesis, signed({ fromWallUs: now.wallUs + 1 }))).to.match(/not hold yet/);
    expect(reasonOf(genesis, signed({ fromWallUs: now.wallUs }))).to.equal(null);
    expect(reasonOf(genesis, signed({ untilWallUs: now.wallUs }))).to.match(/run out/);
    expect(reasonOf(genesis, signed({ untilWallUs: now.wallUs + 1 }))).to.equal(null);
  });

  it('refuses terms that were changed after they were signed', () => {
    expect(reasonOf(genesis, { ...good, untilWallUs: good.untilWallUs + 1 })).to.match(/^0 of the 2/);
    expect(reasonOf(genesis, { ...good, subject: cast.peer('other') }, cast.peer('other'))).to.match(/^0 of/);
  });

  it('refuses signatures of others, and of operators that they did not make', () => {
    const mallory = cast.peer('mallory');
    const forged = good.signatures.map(({ operator }) => ({
      operator,
      signature: cast.sign(mallory, cast.hash('x' as never)),
    }));
    expect(reasonOf(genesis, { ...good, signatures: forged })).to.match(/^0 of the 2/);
    const stranger = { ...genesis, operators: [mallory, cast.peer('other')] };
    const own = certifyFor(cast, stranger, newcomer, { genesis: genesisHash(cast, genesis) });
    expect(reasonOf(genesis, own), 'well signed, by strangers').to.match(/^0 of the 2/);
  });

  law(
    'counts each operator once, whatever the order and however often it signs',
    fc.record({
      threshold: fc.integer({ min: 1, max: 5 }),
      picks: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 0, maxLength: 12 }),
    }),
    ({ threshold, picks }) => {
      const of = france(threshold);
      const all = certifyFor(cast, of, newcomer).signatures;
      const signatures = picks.map((i) => all[i]);
      const isEnough = new Set(picks).size >= threshold;
      const certificate = { ...certifyFor(cast, of, newcomer), signatures };
      expect(isAdmitted(cast, of, certificate, newcomer, now)).to.equal(isEnough);
      const turned = { ...certificate, signatures: signatures.toReversed() };
      expect(isAdmitted(cast, of, turned, newcomer, now)).to.equal(isEnough);
      return true;
    },
    { seed: 51, runs: 200 },
  );
});

describe('a genesis record', () => {
  it('has operators, each once, and a threshold that they can reach', () => {
    const genesis = france(2);
    const [first] = genesis.operators;
    expect(findGenesisFault(genesis)).to.equal(null);
    expect(findGenesisFault({ ...genesis, operators: [] })).to.match(/at least one operator/);
    expect(findGenesisFault({ ...genesis, operators: [first, first] })).to.match(/twice/);
    expect(findGenesisFault({ ...genesis, threshold: 0 })).to.match(/threshold/);
    expect(findGenesisFault({ ...genesis, threshold: 6 })).to.match(/threshold/);
    expect(findGenesisFault({ ...genesis, cluster: '' })).to.match(/name/);
    expect(findGenesisFault({ ...genesis, region: '' })).to.match(/region/);
  });

  it('has another hash when anything in it is another', () => {
    const genesis = france(2);
    const others = [
      { ...genesis, cluster: 'germany' },
      { ...genesis, region: 'eu' },
      { ...genesis, threshold: 3 },
      { ...genesis, operators: genesis.operators.slice(1) },
    ];
    const hashes = [genesis, ...others].map((one) => genesisHash(cast, one));
    expect(new Set(hashes).size).to.equal(hashes.length);
  });
});
