import type { Application, Approve, Join, Joined, Pending } from './affiliation-bodies.ts';
import { NETWORK, type Peer } from '../../base/peers.ts';
import { SECOND_US, type Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { DIAL, JOINED, PENDING, REFUSED, type Dialled, type Refused } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import {
  countRefusal,
  REFUSAL_FORGED,
  REFUSAL_FULL,
  REFUSAL_LATE,
  REFUSAL_MALFORMED,
  REFUSAL_MISPLACED,
  REFUSAL_OUTSIDE,
  REFUSAL_UNADMITTED,
  REFUSAL_UNREACHED,
} from '../../machine/refusals.ts';
import { reply } from '../../machine/speech.ts';
import { NOT_ADMITTED, NOT_READY, OVERLOADED } from '../../routing/outcomes.ts';
import { WALL_SKEW_BOUND_US } from '../../routing/want.ts';
import { admissionHash, admit } from '../../trust/admission.ts';
import type { AdmissionTerms, Certificate } from '../../trust/documents.ts';
import { genesisHash } from '../../trust/genesis.ts';
import { isOwnAdmitted } from '../membership/expiry.ts';
import { affiliationOf, isDeparting, owedFor, pay, type Affiliation, type Candidacy } from './affiliation.ts';
import { knownCertificate } from '../membership/detector.ts';
import { hashManifest } from '../presence.ts';
import { findFault } from '../validation.ts';

/** A newcomer asks to be let in: the sponsor sees who it is, calls it back, and sees that it is admitted (R5.1-2). */
export function onApplication(
  node: Node,
  now: Now,
  out: Outbox,
  envelope: Envelope,
  application: Application,
): void {
  const { certificate } = envelope.body as Join;
  if (!isOwnAdmitted(node, now) || isDeparting(node)) {
    refuse(node, out, envelope, NOT_READY, REFUSAL_OUTSIDE, 'this node is no member itself');
    return;
  }
  const fault = findApplicationFault(node, now, envelope.from, application, certificate);
  if (fault !== null) {
    refuse(node, out, envelope, NOT_ADMITTED, fault.reason, fault.detail);
    return;
  }
  const open = candidacyOf(node.affiliation, envelope.from);
  const isFull = (node.affiliation?.candidacies.length ?? 0) >= node.config.parameters.maxTickets;
  if (open === undefined && isFull) {
    refuse(node, out, envelope, OVERLOADED, REFUSAL_FULL, 'too many others apply');
    return;
  }
  const affiliation = affiliationOf(node);
  const { address } = application;
  if (open !== undefined && certificate === null && open.address === address) {
    // The same again: the answer goes to where it was asked last.
    open.owed = owedFor(envelope);
    if (open.dialN === 0) report(node, now, out, affiliation, open);
    return;
  }
  if (open !== undefined) close(affiliation, open);
  const dialN = node.nextN++;
  affiliation.candidacies.push({
    owed: owedFor(envelope),
    address,
    dialN,
    certificate: certificate ?? knownCertificate(node, envelope.from),
    terms: null,
    ticket: '',
    signatures: [],
    untilUs: now.monoUs + node.config.parameters.joinWaitUs,
  });
  out.send(DIAL, node.self, NETWORK, node.self, node.bootCount, dialN, 0, { peer: envelope.from, address });
}

/** Whoever was called back has answered, or has not. False if nobody waits for it. */
export function onApplicantDialled(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  const { affiliation } = node;
  const candidacy = affiliation?.candidacies.find(({ dialN }) => dialN === envelope.n);
  if (affiliation === null || candidacy === undefined || envelope.originBoot !== node.bootCount) return false;
  const { isReached, detail } = envelope.body as Dialled;
  candidacy.dialN = 0;
  if (isReached) report(node, now, out, affiliation, candidacy);
  else {
    close(affiliation, candidacy);
    countRefusal(node, REFUSAL_UNREACHED);
    const why = `not reached at the address that it gives: ${detail.slice(0, 60)}`;
    pay(node, out, candidacy.owed, REFUSED, refusalOf(NOT_ADMITTED, why));
  }
  return true;
}

/** An operator signs what an applicant waits for. */
export function onApprove(node: Node, now: Now, out: Outbox, envelope: Envelope): void {
  const { ticket, signature } = envelope.body as Approve;
  const { pure, config } = node;
  const { from } = envelope;
  if (!config.genesis.operators.includes(from)) {
    const detail = 'only operators of the cluster admit nodes';
    refuse(node, out, envelope, NOT_ADMITTED, REFUSAL_UNADMITTED, detail);
    return;
  }
  const { affiliation } = node;
  const candidacy = affiliation?.candidacies.find((one) => one.terms !== null && one.ticket === ticket);
  if (affiliation === null || candidacy === undefined) {
    const detail = 'no such ticket: it has run out, or is of another node';
    refuse(node, out, envelope, NOT_ADMITTED, REFUSAL_LATE, detail);
    return;
  }
  if (!pure.verify(from, ticket, signature)) {
    const detail = 'the signature is not this operator’s, or not of this ticket';
    refuse(node, out, envelope, NOT_ADMITTED, REFUSAL_FORGED, detail);
    return;
  }
  if (!candidacy.signatures.some(({ operator }) => operator === from))
    candidacy.signatures.push({ operator: from, signature });
  const granted = grantedOf(node, candidacy);
  if (granted === null) reply(node, out, envelope, PENDING, pendingOf(node, candidacy));
  else {
    reply(node, out, envelope, JOINED, { certificate: granted } satisfies Joined);
    report(node, now, out, affiliation, candidacy);
  }
}

export function onSponsorAlarm(affiliation: Affiliation, now: Now): void {
  const { candidacies } = affiliation;
  for (let i = candidacies.length - 1; i >= 0; i--)
    if (candidacies[i].untilUs <= now.monoUs) candidacies.splice(i, 1);
}

/** Why somebody is not let in: as it is counted, and in words. */
interface Fault {
  readonly reason: number;
  readonly detail: string;
}

/** What is wrong with an application, or null. */
function findApplicationFault(
  node: Node,
  now: Now,
  from: Peer,
  { manifest, version, signature, address }: Application,
  certificate: Certificate | null,
): Fault | null {
  const { pure, config } = node;
  if (manifest.id !== from) return { reason: REFUSAL_FORGED, detail: 'the manifest is of another node' };
  if (manifest.cluster !== config.genesis.cluster)
    return { reason: REFUSAL_MISPLACED, detail: `this is cluster ${config.genesis.cluster}` };
  const fault = findFault(manifest);
  if (fault !== null) return { reason: REFUSAL_MALFORMED, detail: fault };
  if (!pure.verify(from, hashManifest(node, manifest, version), signature))
    return { reason: REFUSAL_FORGED, detail: 'the manifest is not signed by it' };
  if (address === '') return { reason: REFUSAL_UNREACHED, detail: 'no address to be reached at' };
  const why = certificate === null ? null : admit(pure, config.genesis, certificate, from, now);
  return why === null ? null : { reason: REFUSAL_UNADMITTED, detail: why };
}

/** Tells an applicant who has been reached how things stand. */
function report(node: Node, now: Now, out: Outbox, affiliation: Affiliation, candidacy: Candidacy): void {
  const { parameters } = node.config;
  const certificate = candidacy.certificate ?? grantedOf(node, candidacy);
  if (certificate !== null) {
    pay(node, out, candidacy.owed, JOINED, { certificate } satisfies Joined);
    // What was granted is told again to whoever has not heard it, until it must have.
    if (candidacy.terms === null) close(affiliation, candidacy);
    return;
  }
  if (candidacy.terms === null) {
    const terms: AdmissionTerms = {
      genesis: genesisHash(node.pure, node.config.genesis),
      subject: candidacy.owed.to,
      // It holds at once for those whose clocks are behind, as far as clocks may be.
      fromWallUs: Math.max(0, now.wallUs - WALL_SKEW_BOUND_US),
      untilWallUs: now.wallUs + parameters.admissionUs,
    };
    candidacy.terms = terms;
    candidacy.ticket = admissionHash(node.pure, terms);
    candidacy.untilUs = now.monoUs + parameters.ticketUs;
  }
  pay(node, out, candidacy.owed, PENDING, pendingOf(node, candidacy));
}

function pendingOf(node: Node, { ticket, terms, signatures }: Candidacy): Pending {
  return {
    ticket,
    sponsor: node.self,
    terms: terms!,
    signed: signatures.length,
    needed: node.config.genesis.threshold,
  };
}

/** The certificate, if enough operators have signed. */
function grantedOf(node: Node, { terms, signatures }: Candidacy): Certificate | null {
  if (terms === null || signatures.length < node.config.genesis.threshold) return null;
  return { ...terms, signatures: [...signatures] };
}

function candidacyOf(affiliation: Affiliation | null, subject: Peer): Candidacy | undefined {
  return affiliation?.candidacies.find(({ owed }) => owed.to === subject);
}

function close({ candidacies }: Affiliation, candidacy: Candidacy): void {
  candidacies.splice(candidacies.indexOf(candidacy), 1);
}

function refusalOf(code: number, detail: string): Refused {
  const retryAfterUs = code === NOT_ADMITTED ? 0 : SECOND_US;
  return { code, retryAfterUs, detail, struck: [] };
}

function refuse(
  node: Node,
  out: Outbox,
  envelope: Envelope,
  code: number,
  reason: number,
  detail: string,
): void {
  countRefusal(node, reason);
  reply(node, out, envelope, REFUSED, refusalOf(code, detail));
}
