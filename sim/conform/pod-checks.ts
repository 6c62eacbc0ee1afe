import { SECOND_US } from '../../core/base/time.ts';
import {
  POD_DELETE,
  POD_DELETED,
  POD_FOUND,
  POD_READ,
  POD_WRITE,
  POD_WRITTEN,
  REFUSED,
} from '../../core/machine/kinds.ts';
import type { Ref } from '../../core/machine/shape.ts';
import { READING_USE } from '../../core/policy/consent-documents.ts';
import type { DataLocationPolicy } from '../../core/policy/location-policy.ts';
import { deletionHash, policyHash } from '../../core/policy/pod-documents.ts';
import type { PodPolicy, PolicyTerms } from '../../core/policy/pod-terms.ts';
import type { PodDeleted, PodFound, PodRead, PodWrite } from '../../core/roles/pods/pod-records.ts';
import { CONSENT_REQUIRED, NO_CAPABLE_NODE, NO_ELIGIBLE_NODE } from '../../core/routing/outcomes.ts';
import {
  ELSEWHERE,
  failed,
  NOT_MEMBER,
  passed,
  untested,
  type Check,
  type Exam,
  type Finding,
} from './exam.ts';
import { codeOf, describeAnswer, type Speaker } from './speaker.ts';
import type { Heard } from './wire.ts';

/** A test pod, of a person whom nobody has heard of before, is written, read and deleted: what else may be done with it is refused. */

const POD_BYTES = 64;
const TIME_US = 15 * SECOND_US;
/** For what nobody should take: whoever looks for somebody who does gives up with it. */
const SHORT_US = 2 * SECOND_US;
/** A pod host takes writes of those pods alone whose primary it is: other numbers are tried. */
const MOST_NUMBERS = 24;

const HOME: DataLocationPolicy = {
  allowedRegions: [],
  requiredRegion: null,
  crossBorderAllowed: false,
  encryptionRequired: false,
  retention: { maxDays: null, legalHold: false },
};

/** The pod that stands, by exam. */
const pods = new WeakMap<Exam, { readonly number: number; readonly content: Ref }>();
/** Every pod of which the node has been told something. */
const told = new WeakMap<Exam, Set<number>>();

/** A gateway hears owners themselves; a pod host hears gateways, of which the test node plays one. */
function speakerFor(exam: Exam): { readonly by: Speaker; readonly origin: number } {
  const origin = exam.person.peer;
  return { by: exam.is('gateway') ? exam.person : exam.node, origin };
}

function findObstacle(exam: Exam): Finding | null {
  if (!exam.is('gateway') && !exam.is('pod-host')) return untested('it is no pod host and no gateway');
  if (!exam.is('gateway') && !exam.isMember) return NOT_MEMBER;
  if (!exam.isMember)
    return untested('the test node cannot see whether its cluster has pod hosts: it has not been admitted');
  return exam.membersOf('pod-host').length === 0 ? untested('its cluster has no pod host') : null;
}

function signPolicy(
  { person, wire }: Exam,
  number: number,
  homeRegion: string,
  policy: DataLocationPolicy,
): PodPolicy {
  const terms: PolicyTerms = {
    ...{ owner: person.peer, number, version: 1, homeRegion, sinceWallUs: wire.wallUs() },
    policy: { ...policy, allowedRegions: [...policy.allowedRegions] },
  };
  return { terms, signature: person.mouth.sign(policyHash(wire.pure, terms)) };
}

function timeFor(exam: Exam, us = TIME_US): { timeLeftUs: number; notAfterWallUs: number } {
  return { timeLeftUs: us, notAfterWallUs: exam.wire.wallUs() + us };
}

async function write(exam: Exam, policy: PodPolicy, content: Ref, us = TIME_US): Promise<Heard | null> {
  const { by, origin } = speakerFor(exam);
  const numbers = told.get(exam) ?? new Set();
  told.set(exam, numbers.add(policy.terms.number));
  const body: PodWrite = { policy, content, context: [], opening: null, ...timeFor(exam, us) };
  return await by.ask(POD_WRITE, body, [POD_WRITTEN], us + SECOND_US, { origin });
}

const refusesContradictions: Check = {
  what: 'refuses a policy of a pod that nothing can satisfy',
  rule: 'R6.1-1',
  async find(exam) {
    const obstacle = findObstacle(exam);
    if (obstacle !== null) return obstacle;
    const policy = { ...HOME, requiredRegion: ELSEWHERE };
    const content = exam.wire.makeContent(POD_BYTES, 2);
    const heard = await write(exam, signPolicy(exam, 1_001, exam.region, policy), content);
    return codeOf(heard) === NO_ELIGIBLE_NODE ? passed(describeAnswer(heard)) : failed(describeAnswer(heard));
  },
};

const storesNothingElsewhere: Check = {
  what: 'takes no pod that may not be in its region',
  rule: 'R6.1-1',
  async find(exam) {
    const obstacle = findObstacle(exam);
    if (obstacle !== null) return obstacle;
    const content = exam.wire.makeContent(POD_BYTES, 3);
    const heard = await write(exam, signPolicy(exam, 1_002, ELSEWHERE, HOME), content, SHORT_US);
    // A pod host that keeps silence about what it does not take has not taken it either; a gateway says so.
    return heard?.kind === POD_WRITTEN ? failed('it has taken it') : passed(describeAnswer(heard));
  },
};

const keepsPods: Check = {
  what: 'keeps a pod in its region, and gives it back to its owner as it was',
  rule: 'R6.1-6',
  async find(exam) {
    const obstacle = findObstacle(exam);
    if (obstacle !== null) return obstacle;
    let heard: Heard | null = null;
    for (let number = 1; number <= MOST_NUMBERS; number++) {
      const content = exam.wire.makeContent(POD_BYTES, 100 + number);
      heard = await write(exam, signPolicy(exam, number, exam.region, HOME), content);
      if (heard?.kind !== POD_WRITTEN && codeOf(heard) === NO_CAPABLE_NODE && !exam.is('gateway')) continue;
      if (heard?.kind === POD_WRITTEN) pods.set(exam, { number, content });
      break;
    }
    const pod = pods.get(exam);
    if (pod === undefined)
      return heard?.kind === REFUSED
        ? untested(`it takes none: ${describeAnswer(heard)}`)
        : failed(describeAnswer(heard));
    const found = await read(exam, speakerFor(exam).by, exam.region);
    if (found?.kind !== POD_FOUND) return failed(`it does not give it back: ${describeAnswer(found)}`);
    const { versions } = (found.body as PodFound).copy;
    return versions.length === 1 && versions[0].content.hash === pod.content.hash
      ? passed()
      : failed(`it gives back ${versions.length} versions, and not the one that was written`);
  },
};

/** In the name of the owner, unless somebody else is to be the one who reads. */
async function read(
  exam: Exam,
  by: Speaker,
  region: string,
  origin = exam.person.peer,
): Promise<Heard | null> {
  const { number } = pods.get(exam)!;
  const nothing = { permission: null, use: READING_USE, plan: '', opening: null, agreement: '' };
  const body: PodRead = { owner: exam.person.peer, number, ...nothing, region, ...timeFor(exam) };
  return await by.ask(POD_READ, body, [POD_FOUND], TIME_US + SECOND_US, { origin });
}

const asksForConsent: Check = {
  what: 'gives a pod to nobody without the consent of its owner',
  rule: 'R6.2-4',
  async find(exam) {
    if (pods.get(exam) === undefined) return findObstacle(exam) ?? untested('no test pod was written');
    const heard = await read(exam, exam.node, exam.region, exam.node.peer);
    return codeOf(heard) === CONSENT_REQUIRED ? passed() : failed(describeAnswer(heard));
  },
};

const readsWhereAllowed: Check = {
  what: 'gives a pod to no gateway that lies where the pod may not be',
  rule: 'R6.1-2',
  async find(exam) {
    if (!exam.is('pod-host')) return untested('it is no pod host: a gateway says itself where it lies');
    if (exam.is('gateway'))
      return untested('it is a gateway, too, and hears what others bring as a pod host of its own');
    if (pods.get(exam) === undefined) return findObstacle(exam) ?? untested('no test pod was written');
    const heard = await read(exam, exam.node, ELSEWHERE);
    return heard?.kind === REFUSED ? passed(describeAnswer(heard)) : failed(describeAnswer(heard));
  },
};

const deletesPods: Check = {
  what: 'deletes a pod, and certifies it when no copy is left',
  rule: 'R6.2-2',
  async find(exam) {
    const { wire, person } = exam;
    if (pods.get(exam) === undefined) return findObstacle(exam) ?? untested('no test pod was written');
    let finding = passed();
    // What was refused may still be known somewhere as a rule without a copy.
    for (const number of told.get(exam) ?? []) {
      const heard = await erase(exam, number, person, wire.pure);
      if (number !== pods.get(exam)!.number) continue;
      if (heard?.kind !== POD_DELETED) finding = failed(describeAnswer(heard));
      else if (!(heard.body as PodDeleted).isCertified) {
        const { missing } = heard.body as PodDeleted;
        finding = untested(`${missing.length} pod hosts have not confirmed it yet`);
        exam.left.push(`test pod ${number}, of which the deletion waits for ${missing.length} pod hosts`);
      }
    }
    exam.left.push(
      'the hashes of the test pods that are deleted, which every pod host keeps for good (R6.2-2)',
    );
    return finding;
  },
};

async function erase(
  exam: Exam,
  number: number,
  person: Speaker,
  pure: Exam['wire']['pure'],
): Promise<Heard | null> {
  const { by, origin } = speakerFor(exam);
  const signature = person.mouth.sign(deletionHash(pure, origin, number));
  const body = { deletion: { owner: origin, number, signature }, circle: [], ...timeFor(exam) };
  for (let i = 0; ; i++) {
    const heard = await by.ask(POD_DELETE, body, [POD_DELETED], TIME_US + SECOND_US, { origin });
    if (i === 2 || heard === null || (heard.kind === POD_DELETED && (heard.body as PodDeleted).isCertified))
      return heard;
  }
}

export const POD_CHECKS: readonly Check[] = [
  refusesContradictions,
  storesNothingElsewhere,
  keepsPods,
  asksForConsent,
  readsWhereAllowed,
];
export const POD_CLOSING: readonly Check[] = [deletesPods];
/** That data stay has been seen where a pod was kept. */
export const POD_CORE: readonly Check[] = [keepsPods];
