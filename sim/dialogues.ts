import { Digest } from '../core/base/digest.ts';
import type { Peer } from '../core/base/peers.ts';
import { Envelope } from '../core/machine/envelope.ts';
import { POD_CONSENT, POD_CONSENTED, REFUSED, type Refused } from '../core/machine/kinds.ts';
import {
  EMPTY_BOOK,
  EXPLICIT,
  FIRST_LOCK,
  SECOND_LOCK,
  type ConsentBook,
  type Matter,
  type Permission,
} from '../core/policy/consent-documents.ts';
import { patternHash, proposedHash } from '../core/policy/consent-hashes.ts';
import type { PodConsented } from '../core/roles/pods/pod-records.ts';
import { NOT_READY, OK } from '../core/routing/outcomes.ts';
import { WALL_EPOCH_US } from './clocks.ts';
import { signProposal, signWithdrawal, signWord } from './consent-papers.ts';
import {
  allowBeforehand,
  authorisationOf,
  locksLeft,
  permissionUnder,
  wordUnder,
} from './consent-patterns.ts';
import type { ConsentAct, ConsentRequest, Dialogue, Fate, SaidOfRound } from './dialogue.ts';
import type { Machine } from './machine.ts';
import type { OwnedPod } from './owned-pod.ts';
import type { ResolvedConsent } from './scenario/resolved-pods.ts';
import { drawKeyed } from './seeds.ts';
import type { World } from './world.ts';

/** Requests of dialogues are told from others of the same person by their boot. */
export const DIALOGUE_BOOT = 1;
/** What met silence is said again; somebody waits so long for an answer; and looks again after so long how it stands. */
const AGAIN_US = 3_000_000;
const TIME_US = 10_000_000;
const LOOK_US = 2_000_000;
/** An owner who is asked notices within so long. */
const NOTICE_US = 4_000_000;
/** What is deferred is looked at again after so long. */
const DEFERRED_US = 5_000_000;
/** A proposer gives up so long after it has begun. */
const PATIENCE_US = 60_000_000;

const [OWNER_LOOKS, PROPOSER_LOOKS, WITHDRAWS, DECIDES] = [0, 1, 2, 3];
const [FATE, NOTICE, CHANGE, WHEN] = [1, 2, 3, 4];

/**
 * People who ask others for the use of their pods, and those others (R6.2-4). What an owner says is drawn; all that both sides know of
 * each other they have from the pod hosts. Schedule slots: even ones are the next step of a dialogue, odd ones a look at a request.
 */
export class Dialogues {
  readonly all: Dialogue[] = [];
  open = 0;
  private readonly world: World;
  private readonly requests: ConsentRequest[] = [];
  private readonly ofPerson = new Map<Peer, ConsentRequest[]>();
  private readonly bySignature = new Map<string, Dialogue>();
  private readonly envelope = new Envelope();

  constructor(world: World) {
    this.world = world;
  }

  /** The dialogue in which a proposal was made; undefined: nobody has made it. */
  dialogueOf(signature: string): Dialogue | undefined {
    return this.bySignature.get(signature);
  }

  begin(
    pod: OwnedPod,
    proposer: Peer,
    consent: ResolvedConsent,
    wanted: Pick<Dialogue['wanted'], 'use' | 'plan' | 'untilWallUs'>,
  ): Dialogue {
    const number = 1 + this.all.filter((other) => other.proposer === proposer).length;
    const root = this.rootOf(pod, proposer, number);
    const ppm = (drawKeyed(root, FATE, 0) * 1_000_000) / 4294967296;
    const isChanging = drawKeyed(root, CHANGE, 0) * 1_000_000 < consent.withdrawnPpm * 4294967296;
    const fate = fateOf(consent, ppm);
    const isDelegated = fate === 'delegated' || fate === 'emergency';
    const dialogue: Dialogue = {
      index: this.all.length,
      pod,
      proposer,
      wanted: { ...wanted, number, purpose: 'care' },
      fate,
      delegate: isDelegated ? this.world.podOwners.delegateOf(pod, proposer) : pod.owner,
      pattern: null,
      withdrawsAfterUs: isChanging
        ? Math.floor((drawKeyed(root, WHEN, 0) * consent.withinUs) / 4294967296)
        : Infinity,
      begunUs: this.world.nowUs,
      rounds: [],
      state: 'open',
      permission: null,
      withdrawAskedUs: Infinity,
      withdrawnUs: Infinity,
    };
    this.all.push(dialogue);
    this.open++;
    this.propose(dialogue);
    if (authorisationOf(dialogue) !== EXPLICIT) {
      this.allow(dialogue);
      return dialogue;
    }
    const noticeUs = 1_000_000 + Math.floor((drawKeyed(root, NOTICE, 0) * NOTICE_US) / 4294967296);
    this.schedule(dialogue, OWNER_LOOKS, noticeUs);
    return dialogue;
  }

  act(slot: number): void {
    if ((slot & 1) === 1) {
      this.lookAfter(this.requests[slot >> 1]);
      return;
    }
    const dialogue = this.all[slot >> 3];
    const what = (slot >> 1) & 3;
    if (what === OWNER_LOOKS) this.say(dialogue, 'look', dialogue.delegate, {});
    else if (what === PROPOSER_LOOKS) this.say(dialogue, 'ask', dialogue.proposer, {});
    else if (what === WITHDRAWS) this.withdraw(dialogue);
    else this.decideLater(dialogue);
  }

  /** Something that is said to either side. */
  receive({ kind, to, origin, n, body }: Envelope): void {
    const request = this.ofPerson.get(origin)?.[n - 1];
    if (request === undefined || request.endedUs > 0 || to !== request.person) return;
    if (kind === REFUSED && (body as Refused).code === NOT_READY) return;
    if (kind !== REFUSED && kind !== POD_CONSENTED) return;
    this.end(request, kind === REFUSED ? (body as Refused).code : 0);
    const { dialogue, act } = request;
    if (kind === REFUSED) this.goOnRefused(dialogue, act);
    else this.goOn(dialogue, act, (body as PodConsented).book);
  }

  onConnectionRefused({ origin, n }: Envelope): void {
    const request = this.ofPerson.get(origin)?.[n - 1];
    if (request !== undefined) request.gateway++;
  }

  private goOn(dialogue: Dialogue, act: ConsentAct, book: ConsentBook): void {
    if (act === 'propose') this.schedule(dialogue, PROPOSER_LOOKS, LOOK_US);
    else if (act === 'allow' && locksLeft(dialogue).length > 0) this.schedule(dialogue, OWNER_LOOKS, LOOK_US);
    else if (act === 'ask') this.learn(dialogue, book);
    else if (act === 'look') this.answer(dialogue, book);
    else if (act === 'withdraw') dialogue.withdrawnUs = Math.min(dialogue.withdrawnUs, this.world.nowUs);
  }

  private goOnRefused(dialogue: Dialogue, act: ConsentAct): void {
    if (act === 'withdraw') this.schedule(dialogue, WITHDRAWS, LOOK_US);
    else if (act === 'allow') this.schedule(dialogue, DECIDES, LOOK_US);
    else if (act === 'look' || act === 'answer') this.schedule(dialogue, OWNER_LOOKS, LOOK_US);
    else this.schedule(dialogue, PROPOSER_LOOKS, LOOK_US);
  }

  /** The proposer hears how it stands. */
  private learn(dialogue: Dialogue, book: ConsentBook): void {
    if (dialogue.state !== 'open') return;
    const last = dialogue.rounds[dialogue.rounds.length - 1];
    const matter = matterOf(book, last);
    const { understood = null, decided = null } = matter ?? {};
    const permission =
      matter === undefined || dialogue.pattern === null ? null : permissionUnder(dialogue, book, matter);
    if (permission !== null) {
      dialogue.permission = permission;
      this.settle(dialogue, 'permitted');
    } else if (matter !== undefined && understood?.said === 0 && decided?.said === 0) {
      const { proposal } = last;
      dialogue.permission = { proposal, pattern: null, understood, decided } as Permission;
      this.settle(dialogue, 'permitted');
    } else if (understood?.said === 2 || decided?.said === 3) this.settle(dialogue, 'refused');
    else if (this.world.nowUs >= dialogue.begunUs + PATIENCE_US) this.settle(dialogue, 'refused');
    else if (understood?.said === 1 || decided?.said === 2 || matter === undefined)
      this.propose(dialogue, matter !== undefined);
    else this.schedule(dialogue, PROPOSER_LOOKS, LOOK_US);
  }

  private settle(dialogue: Dialogue, state: Dialogue['state']): void {
    dialogue.state = state;
    this.open--;
  }

  /** @param isNew a new round; otherwise the same is said again */
  private propose(dialogue: Dialogue, isNew = true): void {
    const { rounds, wanted, proposer, pod } = dialogue;
    const { identities, scenario, podOwners } = this.world;
    if (isNew || rounds.length === 0) {
      const round = rounds.length + 1;
      const { region } = scenario.clusters[podOwners.clusterOf(pod.owner)];
      const proposal = signProposal(identities, {
        ...{ ...wanted, proposer, round, pods: [pod.id], regions: [region], uses: 0 },
        writtenByWallUs: wanted.untilWallUs,
        answer: round === 1 ? '' : 'as asked',
      });
      rounds.push({
        ...{ proposal, understood: null, decided: null },
        ...{ understoodUs: Infinity, authorisedUs: Infinity },
      });
      this.bySignature.set(proposal.signature, dialogue);
    }
    const { proposal } = rounds[rounds.length - 1];
    this.say(dialogue, 'propose', proposer, { matters: [{ proposal, understood: null, decided: null }] });
  }

  /** The owner has looked, and says something to what is new. */
  private answer(dialogue: Dialogue, book: ConsentBook): void {
    const last = dialogue.rounds[dialogue.rounds.length - 1];
    const matter = matterOf(book, last);
    const isOver = dialogue.state === 'refused' || this.world.nowUs > dialogue.begunUs + PATIENCE_US;
    if (matter === undefined || last.understood !== null || last.decided !== null) {
      if (matter !== undefined && !isKnown(matter, last)) this.tell(dialogue, last);
      else if (!isOver && last.authorisedUs === Infinity) this.schedule(dialogue, OWNER_LOOKS, LOOK_US);
      return;
    }
    if (dialogue.pattern !== null) {
      for (const lock of locksLeft(dialogue)) this.sign(dialogue, last, lock, 0);
      this.tell(dialogue, last);
      return;
    }
    const fate: Fate = dialogue.rounds.length === 1 ? dialogue.fate : 'execute';
    this.sign(dialogue, last, FIRST_LOCK, fate === 'clarify' ? 1 : fate === 'reject' ? 2 : 0);
    if (fate === 'execute') this.sign(dialogue, last, SECOND_LOCK, 0);
    else if (fate === 'defer') this.sign(dialogue, last, SECOND_LOCK, 1);
    else if (fate === 'modify') this.sign(dialogue, last, SECOND_LOCK, 2);
    this.tell(dialogue, last);
    if (fate === 'defer') this.schedule(dialogue, DECIDES, DEFERRED_US);
    else if (fate === 'clarify' || fate === 'modify') this.schedule(dialogue, OWNER_LOOKS, LOOK_US);
  }

  /** The owner signs beforehand what the proposal is to fit, and says so until it is in force. */
  private allow(dialogue: Dialogue): void {
    const isOver = dialogue.state !== 'open' || this.world.nowUs > dialogue.begunUs + PATIENCE_US;
    if (dialogue.pattern !== null && isOver) return;
    if (dialogue.pattern === null) {
      const { nowUs } = this.world;
      const [first] = dialogue.rounds;
      const left = locksLeft(dialogue);
      dialogue.pattern = allowBeforehand(this.world, dialogue);
      if (!left.includes(FIRST_LOCK)) first.understoodUs = nowUs;
      if (!left.includes(SECOND_LOCK)) this.noteAuthorised(dialogue, first);
    }
    this.say(dialogue, 'allow', dialogue.pod.owner, { patterns: [dialogue.pattern] });
  }

  private decideLater(dialogue: Dialogue): void {
    if (dialogue.pattern !== null) {
      this.allow(dialogue);
      return;
    }
    const last = dialogue.rounds[dialogue.rounds.length - 1];
    this.sign(dialogue, last, SECOND_LOCK, 0);
    this.tell(dialogue, last);
  }

  /** The owner signs something at a lock, or who does so in the owner's place. From now on it is said, whoever hears of it when. */
  private sign(dialogue: Dialogue, round: SaidOfRound, lock: 1 | 2, said: number): void {
    const { identities, nowUs } = this.world;
    const { owner, id } = dialogue.pod;
    const version = ((lock === FIRST_LOCK ? round.understood : round.decided)?.version ?? 0) + 1;
    const detail = said === 0 ? '' : 'the owner has a wish';
    const plain = { by: owner, wallUs: WALL_EPOCH_US + nowUs };
    const { by, ...rest } = dialogue.pattern === null ? plain : wordUnder(this.world, dialogue);
    const word = signWord(identities, lock, id, round.proposal, by, { version, said, detail, ...rest });
    if (lock === FIRST_LOCK) {
      round.understood = word;
      if (said === 0) round.understoodUs = nowUs;
      return;
    }
    round.decided = word;
    if (said === 0) this.noteAuthorised(dialogue, round);
  }

  private noteAuthorised(dialogue: Dialogue, round: SaidOfRound): void {
    round.authorisedUs = this.world.nowUs;
    if (dialogue.withdrawsAfterUs < Infinity)
      this.schedule(dialogue, WITHDRAWS, 1_000_000 + dialogue.withdrawsAfterUs);
  }

  private tell(dialogue: Dialogue, { proposal, understood, decided }: SaidOfRound): void {
    this.say(dialogue, 'answer', dialogue.delegate, { matters: [{ proposal, understood, decided }] });
  }

  private withdraw(dialogue: Dialogue): void {
    if (dialogue.withdrawnUs < Infinity) return;
    const { identities, nowUs } = this.world;
    const { pod, rounds } = dialogue;
    dialogue.withdrawAskedUs = Math.min(dialogue.withdrawAskedUs, nowUs);
    const authorised = rounds.filter(({ authorisedUs }) => authorisedUs < Infinity);
    const targets =
      dialogue.pattern === null
        ? authorised.map(({ proposal }) => proposedHash(identities, proposal.terms))
        : [patternHash(identities, dialogue.pattern.terms)];
    const withdrawals = targets.map((hash) =>
      signWithdrawal(identities, pod.owner, pod.id, hash, WALL_EPOCH_US + nowUs),
    );
    this.say(dialogue, 'withdraw', pod.owner, { withdrawals });
  }

  private say(dialogue: Dialogue, act: ConsentAct, person: Peer, told: object): void {
    const { nowUs } = this.world;
    const { owner, number } = dialogue.pod;
    const own = this.ofPerson.get(person) ?? [];
    this.ofPerson.set(person, own);
    const time = { timeLeftUs: TIME_US, notAfterWallUs: WALL_EPOCH_US + nowUs + TIME_US };
    const request: ConsentRequest = {
      index: this.requests.length,
      ...{ dialogue, act, person, n: own.length + 1, dueUs: nowUs + TIME_US },
      body: { owner, number, told: { ...EMPTY_BOOK, ...told }, taken: [], ...time },
      ...{ gateway: 0, attempt: 0, endedUs: 0 },
    };
    this.requests.push(request);
    own.push(request);
    this.send(request);
  }

  private send(request: ConsentRequest): void {
    const { envelope, world } = this;
    const { person, n, body } = request;
    const { gateways, region } = this.deskOf(person, request.dialogue);
    const gateway = gateways[((world.keyOf(person) >>> 0) + request.gateway) % gateways.length];
    envelope.kind = POD_CONSENT;
    envelope.from = envelope.origin = person;
    envelope.to = gateway.peer;
    envelope.originBoot = DIALOGUE_BOOT;
    envelope.n = n;
    envelope.attempt = request.attempt++;
    envelope.body = body;
    world.transport.sendFromUser(person, region, gateway, envelope);
    world.scheduleDialogue(world.nowUs + AGAIN_US, person, 2 * request.index + 1);
  }

  /** Both sides turn to gateways of the cluster of the pod. */
  private deskOf(
    person: Peer,
    { pod }: Dialogue,
  ): { readonly gateways: readonly Machine[]; readonly region: number } {
    const { world } = this;
    const cluster = world.podOwners.clusterOf(pod.owner);
    const gateways = world.machines.filter(
      (machine) => machine.cluster === cluster && machine.spec.types.includes('gateway'),
    );
    return { gateways, region: world.people(person).regionOf(person) };
  }

  /** Says again what met silence, at another gateway after a while; what is not answered in time is begun anew. */
  private lookAfter(request: ConsentRequest): void {
    if (request.endedUs > 0) return;
    if (this.world.nowUs < request.dueUs) {
      this.send(request);
      return;
    }
    this.end(request, -1);
    this.goOnRefused(request.dialogue, request.act);
  }

  private end(request: ConsentRequest, code: number): void {
    request.endedUs = this.world.nowUs;
    const mark = new Digest().word(this.world.keyOf(request.person)).integer(request.n).word(code);
    mark.integer(this.world.nowUs);
    this.world.users.digest.add(mark.high, mark.low);
  }

  private schedule({ index, pod }: Dialogue, what: number, afterUs: number): void {
    this.world.scheduleDialogue(this.world.nowUs + afterUs, pod.owner, (index << 3) | (what << 1));
  }

  private rootOf(pod: OwnedPod, proposer: Peer, number: number): number {
    const { world } = this;
    return drawKeyed(world.roots.users, world.keyOf(pod.owner), pod.number, world.keyOf(proposer) + number);
  }
}

function fateOf(
  {
    clarifiedPpm,
    rejectedPpm,
    modifiedPpm,
    deferredPpm,
    standingPpm,
    delegatedPpm,
    emergencyPpm,
  }: ResolvedConsent,
  ppm: number,
): Fate {
  const shares: readonly (readonly [Fate, number])[] = [
    ['clarify', clarifiedPpm],
    ['reject', rejectedPpm],
    ['modify', modifiedPpm],
    ['defer', deferredPpm],
    ['standing', standingPpm],
    ['delegated', delegatedPpm],
    ['emergency', emergencyPpm],
  ];
  let upTo = 0;
  for (const [fate, share] of shares) if (ppm < (upTo += share)) return fate;
  return 'execute';
}

function matterOf({ matters }: ConsentBook, { proposal }: SaidOfRound): Matter | undefined {
  return matters.find((matter) => matter.proposal.signature === proposal.signature);
}

function isKnown(matter: Matter, { understood, decided }: SaidOfRound): boolean {
  return (
    matter.understood?.signature === understood?.signature && matter.decided?.signature === decided?.signature
  );
}

const FATES: Readonly<Record<Fate, string>> = {
  execute: '',
  clarify: 'consent-clarified',
  reject: 'consent-rejected',
  modify: 'consent-modified',
  defer: 'consent-deferred',
  standing: 'consent-standing',
  delegated: 'consent-delegated',
  emergency: 'consent-emergency',
};

/** What was seen of dialogues, one by one: what owners have said, and what was used on that ground. */
export function witnessesOfConsent({ dialogues, podOwners, owners }: World): string[] {
  const seen = dialogues.all.flatMap(({ fate, rounds, withdrawnUs }) => {
    const isSaid = rounds[0].understood !== null || rounds[0].authorisedUs < Infinity;
    return [
      isSaid ? FATES[fate] : '',
      rounds.some(({ authorisedUs }) => authorisedUs < Infinity) ? 'consent-given' : '',
      withdrawnUs < Infinity ? 'consent-withdrawn' : '',
    ];
  });
  for (const { act, person, pod, code } of podOwners.requests)
    if (act === 'read' && person !== pod.owner && code === OK) seen.push('pod-used');
  for (const { dialogues: asked, results } of owners.agents)
    if (asked.length > 0 && results.length > 0) seen.push('pod-used-by-agent');
  return seen.filter((witness) => witness !== '');
}
