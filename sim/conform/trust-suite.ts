import { SECOND_US } from '../../core/base/time.ts';
import type { Attestation } from '../../core/cluster/manifest.ts';
import { Encoder } from '../../core/machine/codec.ts';
import {
  ANSWER,
  ASK,
  BEAT,
  FIND,
  FOUND,
  MANIFEST,
  REFUSED,
  RUN,
  type Announcement,
  type Answer,
  type Beat,
  type Candidate,
  type Find,
  type Found,
} from '../../core/machine/kinds.ts';
import { TRUST_TOO_LOW } from '../../core/routing/outcomes.ts';
import { attestationBytes } from '../../core/trust/attestation.ts';
import { failed, passed, untested, type Check, type Exam, type Finding, type Suite } from './exam.ts';
import { codeOf, describeAnswer } from './speaker.ts';

const ANSWER_US = 5 * SECOND_US;
const SERVED_US = 25 * SECOND_US;
const EXPERIMENTAL = 1;
const COMMUNITY = 3;
const VERIFIED = 4;
/** The test node offers it, so that it is listed; nobody asks for it. */
const BAIT = 'conform/bait-v1';

/** Has the test node say what it is, and asks the index node for it. */
async function listBait(exam: Exam, announced: Announcement): Promise<Candidate | Finding> {
  const { node } = exam;
  node.say(MANIFEST, announced);
  // What is said at once may be heard in another order.
  await exam.wire.pass(exam.wire.heardUs);
  const load = {
    ...{ running: 0, queued: 0, slots: 1, room: 0, serviceUs: 0, freeMemoryBytes: 1_000_000_000 },
    ...{ installedModels: [BAIT], loadedModels: [], draining: false },
  };
  node.say(BEAT, { version: announced.version, load } satisfies Beat);
  await exam.wire.pass(exam.wire.heardUs);
  const heard = await node.askReady(FIND, findBait(EXPERIMENTAL), [FOUND], ANSWER_US);
  if (heard?.kind !== FOUND) return failed(describeAnswer(heard));
  const found = (heard.body as Found).candidates.find(({ peer }) => peer === node.peer);
  return found ?? failed('it does not list the test node, which has announced itself');
}

function findBait(minTrust: number): Find {
  return { model: BAIT, withBridges: false, minTrust, allowedRegions: [] };
}

const countsNoClaims: Check = {
  what: 'lists who claims to be verified, and has no attestation, as experimental',
  rule: 'R4-4',
  isForMembers: true,
  role: 'index',
  async find(exam) {
    const { manifest, version, signature } = exam.node.application(VERIFIED);
    return judgeTrust(await listBait(exam, { manifest, version, signature, attestations: [] }));
  },
};

const countsNoOwnAttestations: Check = {
  what: 'counts no attestation that is not of an attestor of its cluster',
  rule: 'R4-4',
  isForMembers: true,
  role: 'index',
  async find(exam) {
    const { node, person, wire } = exam;
    const { manifest, version, signature } = node.application(VERIFIED);
    const terms = {
      ...{ subject: node.peer, level: VERIFIED, issuer: person.peer },
      ...{ fromWallUs: 0, untilWallUs: wire.wallUs() + 3_600 * SECOND_US, runBy: '' },
    };
    const hash = wire.pure.hash(attestationBytes(new Encoder(wire.pure), terms as Attestation));
    const attestations = [{ ...terms, signature: person.mouth.sign(hash) }];
    return judgeTrust(await listBait(exam, { manifest, version, signature, attestations }));
  },
};

function judgeTrust(found: Candidate | Finding): Finding {
  if ('outcome' in found) return found;
  return found.trust <= EXPERIMENTAL ? passed() : failed(`it lists the test node with level ${found.trust}`);
}

const namesNobodyToTheUntrusted: Check = {
  what: 'names nobody for requests that are no tests to who is trusted with tests only',
  rule: 'R8.1-2',
  isForMembers: true,
  role: 'index',
  async find(exam) {
    const heard = await exam.node.askReady(FIND, findBait(COMMUNITY), [FOUND], ANSWER_US);
    return codeOf(heard) === TRUST_TOO_LOW ? passed() : failed(describeAnswer(heard));
  },
};

const refusesAboveItsLevel: Check = {
  what: 'refuses to compute what asks for more trust than it has',
  rule: 'R8.1-2',
  isForMembers: true,
  role: 'compute',
  async find(exam) {
    const { node, wire } = exam;
    const announced = node.manifests.get(wire.target);
    const model = exam.modelAt(wire.target);
    if (announced === undefined || model === null)
      return untested('it has told no index node of a model that it offers');
    const level = attestedLevel(announced, wire.wallUs());
    if (level >= VERIFIED) return untested('it is verified: there is no more trust to be asked for');
    const heard = await node.ask(RUN, exam.want(model, [exam.region], level + 1), [ANSWER], SERVED_US);
    return codeOf(heard) === TRUST_TOO_LOW
      ? passed(`it is of level ${level}`)
      : failed(describeAnswer(heard));
  },
};

const servesByTheTrusted: Check = {
  what: 'has what is personal answered by nodes alone that are of the community or above',
  rule: 'R8.1-2',
  role: 'gateway',
  async find(exam) {
    const { node, person, wire } = exam;
    const model = exam.modelAnywhere();
    if (model === null) return untested('nobody in its cluster has told the test node of a model');
    const heard = await person.ask(ASK, exam.want(model, [exam.region], COMMUNITY), [ANSWER], SERVED_US);
    if (heard === null) return failed('no answer, and no refusal');
    if (heard.kind === REFUSED) return passed(`nobody is: ${describeAnswer(heard)}`);
    const { servedBy, cluster } = heard.body as Answer;
    if (cluster !== node.cluster)
      return untested(`it was answered in ${cluster}, whose nodes the test node does not see`);
    const announced = node.manifests.get(servedBy);
    if (announced === undefined)
      return untested('whoever answered has not announced itself to the test node');
    const level = attestedLevel(announced, wire.wallUs());
    return level >= COMMUNITY
      ? passed(`answered by one of level ${level}`)
      : failed(`answered by one of level ${level}`);
  },
};

/** What a node shows of attestations: the test node knows no attestors, so it is no more than this. */
function attestedLevel({ manifest, attestations }: Announcement, wallUs: number): number {
  const levels = attestations
    .filter(
      ({ subject, issuer, fromWallUs, untilWallUs }) =>
        subject === manifest.id && issuer !== manifest.id && fromWallUs <= wallUs && wallUs < untilWallUs,
    )
    .map(({ level }) => level);
  return Math.min(manifest.claimedTrust, Math.max(EXPERIMENTAL, ...levels));
}

export const TRUST: Suite = {
  name: 'trust-honoured',
  requirement: 'Honours the level of trust of nodes',
  checks: [
    countsNoClaims,
    countsNoOwnAttestations,
    namesNobodyToTheUntrusted,
    refusesAboveItsLevel,
    servesByTheTrusted,
  ],
  core: { of: 'any', checks: [countsNoClaims, refusesAboveItsLevel, servesByTheTrusted] },
  closing: [],
};
