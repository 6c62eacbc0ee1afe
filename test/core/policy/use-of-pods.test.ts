import { expect } from 'chai';
import {
  EMPTY_BOOK,
  type ConsentBook,
  AGENT_USE,
  DELEGATED,
  EMERGENCY,
  FIRST_LOCK,
  MAX_CONSENT_US,
  SECOND_LOCK,
  type Matter,
  type Pattern,
  type Permission,
} from '../../../core/policy/consent-documents.ts';
import { patternHash, proposedHash } from '../../../core/policy/consent-hashes.ts';
import { podIdOf } from '../../../core/policy/pod-documents.ts';
import { decideUse, type PodUse, type Spent } from '../../../core/policy/use-of-pods.ts';
import { permit, signPattern, signWithdrawal, signWord } from '../../../sim/consent-papers.ts';
import { Cast } from '../../cast.ts';
import { asking, patternOf, propose } from '../../pods.ts';
import { WALL_START_US as NOW } from '../../rig.ts';

const HOUR_US = 3_600_000_000;
const cast = new Cast(['ann', 'ben', 'doctor', 'mallory']);
const [ann, ben, doctor, mallory] = [0, 1, 2, 3];
const pod = podIdOf(cast, ann, 1);
const other = podIdOf(cast, ann, 2);
const proposal = propose(cast, ben, [pod]);
const hash = proposedHash(cast, proposal.terms);
const plain = permit(cast, ann, pod, proposal, NOW);

/** What the decision says, in a word, a second after all was signed unless said otherwise. */
function decide(
  permission: Permission | null,
  use: Partial<PodUse> = {},
  book: Partial<ConsentBook> = {},
  { afterUs = 1_000_000, spent = [] as Spent[] } = {},
): string {
  const asked = { pod, owner: ann, reader: ben, use: 0, plan: '', region: 'eu/fr', ...use };
  const today = { wallUs: NOW + afterUs, emergencyUs: HOUR_US };
  const verdict = decideUse(cast, today, asked, permission, { ...EMPTY_BOOK, ...book }, spent);
  return verdict.shut === 0 ? 'granted' : `${verdict.shut}: ${verdict.reason}`;
}

const first = (said: number, version = 1, by = ann) =>
  signWord(cast, FIRST_LOCK, pod, proposal, by, { said, version, wallUs: NOW });
const second = (said: number, version = 1, by = ann, changes = {}) =>
  signWord(cast, SECOND_LOCK, pod, proposal, by, { said, version, wallUs: NOW, ...changes });
const known = (changes: Partial<Matter>): Partial<ConsentBook> => ({
  matters: [{ proposal, understood: null, decided: null, ...changes } as ConsentBook['matters'][number]],
});

describe('the decision on a use of a pod', () => {
  it('R6.2-4: both locks open it, and either that is shut is named', () => {
    expect(decide(plain)).to.equal('granted');
    expect(decide(null)).to.equal('1: the owner was not asked');
    expect(decide({ ...plain, understood: null })).to.match(/^1: the owner has not said to have understood/);
    expect(decide({ ...plain, understood: first(1) })).to.equal('1: the owner has asked a question');
    expect(decide({ ...plain, understood: first(2) })).to.equal('1: the owner has rejected it');
    expect(decide({ ...plain, decided: null })).to.equal('2: the owner has not authorised it');
    expect(decide({ ...plain, decided: second(1) })).to.equal('2: the owner has deferred it');
    expect(decide({ ...plain, decided: second(2) })).to.equal('2: the owner wants it changed');
    expect(decide({ ...plain, decided: second(3) })).to.equal('2: the owner has rejected it');
  });

  it('R6.2-4: it is for just what was proposed: who, what, which pod, where, and until when', () => {
    expect(decide(plain, { reader: mallory })).to.equal('1: somebody else was to use it');
    expect(decide(plain, { pod: other })).to.equal('1: the owner was asked about another pod');
    expect(decide(plain, { use: AGENT_USE })).to.equal('1: the owner was asked about something else');
    expect(decide(plain, { plan: 'x' })).to.equal('1: the owner was asked about something else');
    expect(decide(plain, { region: 'asia/jp' })).to.equal('1: the owner was asked about other places');
    expect(decide(plain, {}, {}, { afterUs: 1e12 })).to.equal(
      '1: the time that the owner was told of is over',
    );
    const long = propose(cast, ben, [pod], { untilWallUs: NOW + 2 * MAX_CONSENT_US });
    const forLong = permit(cast, ann, pod, long, NOW);
    expect(decide(forLong, {}, {}, { afterUs: MAX_CONSENT_US - 1 })).to.equal('granted');
    expect(decide(forLong, {}, {}, { afterUs: MAX_CONSENT_US })).to.equal(
      '2: what was authorised has run out',
    );
  });

  it('R6.2-4: nobody else signs for the owner or the proposer, and words on one thing are none on another', () => {
    const forged = { ...plain, understood: { ...first(0, 1, mallory), by: ann } };
    expect(decide(forged)).to.match(/^1: the owner has not/);
    expect(decide({ ...plain, decided: second(0, 1, mallory) })).to.match(/^2: the owner has not/);
    const own = { ...proposal, signature: cast.sign(mallory, hash) };
    expect(decide({ ...plain, proposal: own })).to.equal('1: the proposer has not signed the proposal');
    const wider = propose(cast, ben, [pod, other]);
    expect(decide({ ...plain, proposal: wider }), 'the words are on another').to.match(
      /^1: the owner has not/,
    );
    const elsewhere = permit(cast, ann, other, wider, NOW);
    expect(decide(elsewhere), 'the words are on another pod').to.match(/^1: the owner has not/);
  });

  it('R6.2-4: what the owner has said since goes before, however often what was said earlier comes again', () => {
    expect(decide(plain, {}, known({ decided: second(2, 2) }))).to.equal('2: the owner wants it changed');
    expect(decide(plain, {}, known({ decided: second(2, 1) })), 'under one version the stricter').to.match(
      /^2/,
    );
    expect(decide(plain, {}, known({ understood: first(2, 2) }))).to.equal('1: the owner has rejected it');
    const again = { ...plain, decided: second(0, 3) };
    expect(decide(again, {}, known({ decided: second(1, 2) })), 'deferred, and then authorised').to.equal(
      'granted',
    );
    const changed = propose(cast, ben, [pod], { round: 2, purpose: 'less' });
    const since = known({});
    expect(decide(plain, {}, { matters: [{ ...since.matters![0]!, proposal: changed }] })).to.equal(
      '1: something else has been proposed since',
    );
    expect(decide(permit(cast, ann, pod, changed, NOW), {}, since)).to.equal('granted');
  });

  it('R6.2-4: what is withdrawn is over, one by one or all at once', () => {
    const one = signWithdrawal(cast, ann, pod, hash, NOW + 5);
    expect(decide(plain, {}, { withdrawals: [one] })).to.equal('2: the owner has withdrawn it');
    const all = signWithdrawal(cast, ann, pod, '', NOW + 5);
    expect(decide(plain, {}, { all })).to.equal('2: the owner has withdrawn all that was authorised');
    const anew = permit(cast, ann, pod, propose(cast, ben, [pod], { number: 2 }), NOW + 6);
    expect(decide(anew, {}, { all, withdrawals: [one] }), 'and what was authorised later is not').to.equal(
      'granted',
    );
  });

  it('R6.2-4: a standing authorisation holds for who, what for, which pods, until when, and how many uses', () => {
    const terms = patternOf(ann, ben, [pod], { untilWallUs: NOW + HOUR_US, uses: 2 });
    const pattern = signPattern(cast, terms);
    const standing = asking(proposal, { pattern });
    expect(decide(standing)).to.equal('granted');
    const other_ = (changes: object, by = ann): string =>
      decide(asking(proposal, { pattern: signPattern(cast, { ...terms, ...changes }, by) }));
    for (const changes of [
      { proposer: mallory },
      { proposer: null },
      { purpose: 'x' },
      { pods: [other] },
      { use: 1 },
    ])
      expect(other_(changes), JSON.stringify(changes)).to.match(/^2: it is beyond what the owner/);
    expect(other_({}, mallory)).to.equal('2: the owner has not signed the pattern');
    expect(decide(standing, {}, {}, { afterUs: HOUR_US })).to.equal(
      '2: what was allowed beforehand has run out',
    );
    const under = patternHash(cast, terms);
    expect(decide(standing, {}, {}, { spent: [{ under, uses: 1 }] })).to.equal('granted');
    expect(
      decide(
        standing,
        {},
        {},
        {
          spent: [
            { under, uses: 1 },
            { under, uses: 1 },
          ],
        },
      ),
    ).to.match(/as often as/);
    expect(decide(standing, {}, known({ understood: first(1) })), 'the owner asks all the same').to.match(
      /^1/,
    );
    expect(decide(standing, {}, known({ decided: second(3) }))).to.equal('2: the owner has rejected it');
    const withdrawn = signWithdrawal(cast, ann, pod, under, NOW + 5);
    expect(decide(standing, {}, { withdrawals: [withdrawn] })).to.equal('2: the owner has withdrawn it');
  });

  it('R6.2-4: a delegated key authorises what fits its pattern, and delegates nothing', () => {
    const terms = patternOf(ann, null, [pod], { authorisation: DELEGATED, delegate: doctor });
    const pattern = signPattern(cast, terms);
    const decided = second(0, 1, doctor, { authorisation: DELEGATED });
    expect(decide(asking(proposal, { pattern, decided }))).to.equal('granted');
    expect(decide(asking(proposal, { pattern }))).to.equal('2: whoever may authorise it has not');
    expect(decide(asking(proposal, { decided })), 'without the pattern').to.match(/^1/);
    expect(
      decide(asking(proposal, { pattern, decided: second(0, 1, mallory, { authorisation: 2 }) })),
    ).to.match(/^2/);
    const beyond = propose(cast, ben, [pod], { purpose: 'sale' });
    const eager = signWord(cast, SECOND_LOCK, pod, beyond, doctor, { authorisation: DELEGATED });
    expect(decide(asking(beyond, { pattern, decided: eager }))).to.match(/^2: it is beyond/);
    const further: Pattern = signPattern(cast, { ...terms, owner: doctor, delegate: mallory });
    const passed = second(0, 1, mallory, { authorisation: DELEGATED });
    expect(decide(asking(proposal, { pattern: further, decided: passed })), 'depth 1').to.match(
      /^2: it is beyond/,
    );
    const signed = signPattern(cast, { ...terms, delegate: mallory }, doctor);
    expect(decide(asking(proposal, { pattern: signed, decided: passed }))).to.match(
      /^2: the owner has not signed/,
    );
    expect(decide(asking(proposal, { pattern, decided }), {}, known({ decided: second(1, 1) }))).to.match(
      /deferred/,
    );
  });

  it('R6.2-4: in an emergency whoever was named opens both locks, for a short time', () => {
    const terms = patternOf(ann, null, [pod], { authorisation: EMERGENCY, delegate: doctor });
    const pattern = signPattern(cast, terms);
    const brief = { authorisation: EMERGENCY, untilWallUs: NOW + HOUR_US };
    const understood = first(0, 1, doctor);
    const decided = second(0, 1, doctor, brief);
    expect(decide(asking(proposal, { pattern, understood, decided }))).to.equal('granted');
    expect(decide(asking(proposal, { pattern, decided }))).to.match(/^1: whoever is to decide/);
    expect(decide(asking(proposal, { pattern, understood }))).to.match(/^2/);
    const long = second(0, 1, doctor, { ...brief, untilWallUs: NOW + HOUR_US + 1 });
    expect(decide(asking(proposal, { pattern, understood, decided: long }))).to.equal(
      '2: an emergency does not last so long',
    );
    const late = { wallUs: NOW + HOUR_US, untilWallUs: NOW + 2 * HOUR_US };
    const ahead = second(0, 1, doctor, { ...brief, ...late });
    expect(decide(asking(proposal, { pattern, understood, decided: ahead }))).to.equal(
      '2: the emergency is yet to come',
    );
    expect(decide(asking(proposal, { pattern, understood, decided }), {}, {}, { afterUs: HOUR_US })).to.match(
      /run out/,
    );
  });
});
