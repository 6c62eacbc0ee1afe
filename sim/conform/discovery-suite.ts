import { SECOND_US } from '../../core/base/time.ts';
import type { Joined, Pending } from '../../core/cluster/affiliation/affiliation-bodies.ts';
import { ALIVE, LEFT } from '../../core/cluster/membership/member.ts';
import {
  APPROVE,
  CLUSTERS,
  FIND,
  FIND_CLUSTERS,
  FIND_MEMBERS,
  FOUND,
  JOIN,
  JOINED,
  PENDING,
  PING,
  type Clusters,
} from '../../core/machine/kinds.ts';
import { NOT_ADMITTED, NOT_READY } from '../../core/routing/outcomes.ts';
import { admissionHash } from '../../core/trust/admission.ts';
import type { AdmissionTerms, Certificate } from '../../core/trust/documents.ts';
import {
  failed,
  NOT_MEMBER,
  passed,
  untested,
  type Check,
  type Exam,
  type Finding,
  type Suite,
} from './exam.ts';
import { codeOf, describeAnswer, until } from './speaker.ts';

/** A dial takes three seconds where nobody answers. */
const JOIN_US = 15 * SECOND_US;
const ANSWER_US = 5 * SECOND_US;

const pendings = new WeakMap<Exam, Pending>();

const asksStrangers: Check = {
  what: 'asks a stranger who speaks as a member who it is',
  rule: 'R5.1-2',
  async find({ wire, node }) {
    for (let i = 0; i < 5; i++) {
      node.say(PING, { items: [] });
      const heard = await node.listen(
        ({ kind, from }) => kind === FIND_MEMBERS && from === wire.target,
        3 * SECOND_US,
      );
      if (heard !== null) return passed(`it is of cluster ${node.cluster}`);
    }
    return failed('it does not ask');
  },
};

const listsClusters: Check = {
  what: 'says which clusters it has heard of, its own among them',
  rule: 'R5.1-5',
  async find(exam) {
    if (!exam.is('gateway') && !exam.is('bridge')) return untested('it is no gateway and no bridge');
    const { person, node } = exam;
    for (let i = 0; i < 3; i++) {
      const heard = await person.ask(FIND_CLUSTERS, { from: 0 }, [CLUSTERS], ANSWER_US);
      if (heard === null || heard.kind !== CLUSTERS) continue;
      const { clusters } = heard.body as Clusters;
      const own = clusters.find(({ isOwn }) => isOwn);
      if (own === undefined && clusters.length === 0)
        return untested('its cluster has no bridge that lists any');
      if (own === undefined || own.cluster !== node.cluster)
        return failed(`its own cluster is not among ${clusters.length}`);
      node.region = own.region;
      return passed(
        `${clusters.length}, of which ${clusters.filter(({ isPeered }) => isPeered).length} are peered`,
      );
    }
    return failed('it does not say');
  },
};

const keepsStrangersOut: Check = {
  what: 'tells a stranger nothing that is for members',
  rule: 'R5.1-2',
  async find({ node }) {
    const find = { model: 'conform/none', withBridges: true, minTrust: 1, allowedRegions: [] };
    const heard = await node.askReady(FIND, find, [FOUND], ANSWER_US);
    const isRefused = [NOT_ADMITTED, NOT_READY].some((code) => code === codeOf(heard));
    return isRefused ? passed(describeAnswer(heard)) : failed(describeAnswer(heard));
  },
};

const refusesUnsigned: Check = {
  what: 'refuses an application that the applicant has not signed',
  rule: 'R5.1-2',
  async find({ node, person }) {
    const application = { ...node.application(), signature: person.mouth.sign('something else') };
    const heard = await node.ask(
      JOIN,
      { application, certificate: null, seeds: [] },
      [PENDING, JOINED],
      JOIN_US,
    );
    return codeOf(heard) === NOT_ADMITTED ? passed() : failed(describeAnswer(heard));
  },
};

const dialsBack: Check = {
  what: 'refuses an applicant that it cannot reach',
  rule: 'R5.1-2',
  async find({ node }) {
    const application = { ...node.application(), address: 'nobody.invalid:9' };
    const heard = await node.ask(
      JOIN,
      { application, certificate: null, seeds: [] },
      [PENDING, JOINED],
      JOIN_US,
    );
    return codeOf(heard) === NOT_ADMITTED ? passed() : failed(describeAnswer(heard));
  },
};

const givesTicket: Check = {
  what: 'gives an applicant that it has reached a ticket, for its operators to sign',
  rule: 'R5.1-2',
  async find(exam) {
    const { node, wire } = exam;
    const application = node.application();
    const heard = await node.ask(
      JOIN,
      { application, certificate: null, seeds: [] },
      [PENDING, JOINED],
      JOIN_US,
    );
    if (heard?.kind === JOINED) return takeCertificate(exam, (heard.body as Joined).certificate);
    if (heard?.kind !== PENDING) return failed(describeAnswer(heard));
    const pending = heard.body as Pending;
    if (pending.terms.subject !== node.peer) return failed('the ticket is of somebody else');
    if (pending.ticket !== admissionHash(wire.pure, pending.terms))
      return failed('the ticket is not the hash of its terms');
    pendings.set(exam, pending);
    return passed(`${pending.signed} of ${pending.needed} have signed`);
  },
};

const admits: Check = {
  what: 'admits whom so many operators have signed for as it takes',
  rule: 'R5.1-2',
  async find(exam) {
    const { node, wire } = exam;
    const pending = pendings.get(exam);
    if (pending === undefined)
      return untested(node.certificate === null ? 'it has given no ticket' : 'it asks for none');
    if (wire.operators.length < pending.needed)
      return untested(
        `${pending.needed} of its operators would have to sign, and ${wire.operators.length} of them take part`,
      );
    for (const operator of wire.operators)
      operator.order(
        APPROVE,
        { ticket: pending.ticket, signature: operator.sign(pending.ticket) },
        () => undefined,
      );
    const heard = await node.listen(({ kind }) => kind === JOINED, JOIN_US);
    return heard === null
      ? failed('it says nothing of it')
      : takeCertificate(exam, (heard.body as Joined).certificate);
  },
};

/** What is worth being shown: signed by others than the test node, for the test node. */
function takeCertificate({ node, wire }: Exam, certificate: Certificate): Finding {
  const { genesis, subject, fromWallUs, untilWallUs, signatures } = certificate;
  const terms: AdmissionTerms = { genesis, subject, fromWallUs, untilWallUs };
  const hash = admissionHash(wire.pure, terms);
  if (subject !== node.peer) return failed('the certificate is of another node');
  const good = signatures.filter(({ operator, signature }) => wire.pure.verify(operator, hash, signature));
  if (good.length === 0) return failed('the certificate bears no signature of an operator');
  if (good.length < signatures.length) return failed('a signature of the certificate is not right');
  node.certificate = certificate;
  return passed(`the certificate bears ${good.length === 1 ? 'a signature' : `${good.length} signatures`}`);
}

const tellsMembers: Check = {
  what: 'takes in who shows its certificate, and tells it of the members',
  rule: 'R5.2-2',
  async find(exam) {
    const { node, wire } = exam;
    if (node.certificate === null) return NOT_MEMBER;
    for (let i = 0; i < 3 && !exam.isMember; i++) {
      node.introduce();
      exam.isMember = await until(
        wire,
        () => node.members.has(node.peer) && node.members.get(wire.target)?.state === ALIVE,
        ANSWER_US,
      );
    }
    return exam.isMember
      ? passed(`${node.members.size} with the test node`)
      : failed('it does not tell of the members, or not of the test node');
  },
};

const letsLeave: Check = {
  what: 'lets go of a member that says that it leaves',
  rule: 'R5.1-3',
  isForMembers: true,
  async find(exam) {
    const { node, wire } = exam;
    node.leave();
    const isGone = (): boolean => node.members.get(node.peer)?.state === LEFT;
    for (let i = 0; i < 3 && !isGone(); i++) {
      node.introduce();
      await until(wire, isGone, ANSWER_US);
    }
    exam.left.push('the record that the test node has left, until the cluster forgets it');
    return isGone() ? passed() : failed('it still takes the test node for a member');
  },
};

export const DISCOVERY: Suite = {
  name: 'discover-and-join',
  requirement: 'Can discover and join its cluster',
  checks: [
    asksStrangers,
    listsClusters,
    keepsStrangersOut,
    refusesUnsigned,
    dialsBack,
    givesTicket,
    admits,
    tellsMembers,
  ],
  core: { of: 'all', checks: [tellsMembers] },
  closing: [letsLeave],
};
