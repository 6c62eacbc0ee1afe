import { SECOND_US } from '../../core/base/time.ts';
import {
  CHUNK,
  CHUNK_WANTED,
  FIND_HOLDERS,
  HOLDER,
  MODEL,
  MODEL_NEWS,
  MODEL_PAGE,
  MODEL_ROUND,
  MODEL_STATE,
  PAGE_WANTED,
  REFUSED,
} from '../../core/machine/kinds.ts';
import type { Channel, ModelEntry, Withdrawal } from '../../core/models/documents.ts';
import { hashOfPage, idOfEntry } from '../../core/models/hashes.ts';
import {
  ORDER_CHECK,
  ORDER_PULL,
  ORDER_REMOVE,
  ORDER_UPDATE,
  type ChunkBrought,
  type FindHolders,
  type Holder,
  type ModelNews,
  type ModelState,
  type PageBrought,
} from '../../core/models/model-bodies.ts';
import { NOT_ADMITTED, UNKNOWN_MODEL } from '../../core/routing/outcomes.ts';
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
import { pointTo, publish, TEST_MODEL, withdraw, type TestVersion } from './test-model.ts';
import type { Heard } from './wire.ts';

const ANSWER_US = 2 * SECOND_US;
const PULL_US = 60 * SECOND_US;
/** A version is tried for a while before it is said to be good. */
const UPDATE_US = 180 * SECOND_US;
/** R7.2-1. */
const ROLLBACK_US = 30 * SECOND_US;

interface Course {
  first: TestVersion;
  second: TestVersion | null;
  /** What the node has said that it has. */
  told: TestVersion | null;
}
const courses = new WeakMap<Exam, Course>();

const obeysItsOperator: Check = {
  what: 'takes no orders about models from anybody but whoever runs it',
  rule: 'R7.2-1',
  async find({ node }) {
    const heard = await node.ask(MODEL, { order: ORDER_CHECK, model: TEST_MODEL }, [MODEL_STATE], ANSWER_US);
    if (heard === null) return untested('it has nothing to do with models that move');
    return codeOf(heard) === NOT_ADMITTED ? passed() : failed(describeAnswer(heard));
  },
};

const NO_PUBLISHER =
  'the tester has no key of a publisher whom the node knows: --publisher names its folder, which is publishers/1 where a federation was laid out';

function findObstacle(exam: Exam): Finding | null {
  if (!exam.isMember) return NOT_MEMBER;
  if (!exam.is('compute')) return untested('it is no compute node');
  if (exam.wire.operators.length === 0)
    return untested('nobody who runs it takes part: --operator names folders with keys of theirs');
  return exam.wire.publisher === null ? untested(NO_PUBLISHER) : null;
}

const pulls: Check = {
  what: 'pulls a model that it is told to have',
  rule: 'R7.2-1',
  async find(exam) {
    const obstacle = findObstacle(exam);
    if (obstacle !== null) return obstacle;
    const { wire, node, region } = exam;
    const first = publish(wire, 1, region);
    node.versions.set(first.id, first);
    await release(exam, first, '');
    const state = await order(exam, ORDER_PULL, PULL_US);
    if (codeOf(state) === UNKNOWN_MODEL)
      return untested('it knows nothing of what this publisher has signed: is it one whom the node knows?');
    exam.left.push(`what publishers have signed of ${TEST_MODEL}, in the registry of its cluster`);
    courses.set(exam, { first, second: null, told: null });
    return judgeState(exam, state, first);
  },
};

const updates: Check = {
  what: 'updates it to the version that its publisher points at',
  rule: 'R7.2-1',
  async find(exam) {
    const course = courses.get(exam);
    if (course === undefined) return findObstacle(exam) ?? untested('it has pulled nothing');
    const { wire, node, region } = exam;
    const second = publish(wire, 2, region);
    node.versions.set(second.id, second);
    course.second = second;
    await release(exam, second, course.first.id);
    return judgeState(exam, await order(exam, ORDER_UPDATE, UPDATE_US), second);
  },
};

const rollsBack: Check = {
  what: 'goes back within 30 s to what ran before when a version is withdrawn',
  rule: 'R7.2-1',
  async find(exam) {
    const course = courses.get(exam);
    if (course === undefined || course.second === null)
      return findObstacle(exam) ?? untested('it has updated nothing');
    const { wire } = exam;
    const beganUs = wire.wallUs();
    tell(exam, { withdrawals: [withdraw(wire, course.second)] });
    let last: Heard | null = null;
    for (;;) {
      last = await order(exam, ORDER_CHECK, ANSWER_US);
      const installed = last?.kind === MODEL_STATE ? (last.body as ModelState).installed : null;
      if (installed?.id === course.first.id)
        return passed(`in ${((wire.wallUs() - beganUs) / SECOND_US).toFixed(1)} s`);
      if (wire.wallUs() >= beganUs + ROLLBACK_US) return failed(`after 30 s it has ${describeVersion(last)}`);
      await wire.pass(SECOND_US);
    }
  },
};

const handsOutTheTruth: Check = {
  what: 'hands out what the publisher has signed, and nothing else',
  rule: 'R7.2-1',
  isForMembers: true,
  role: 'compute',
  async find(exam) {
    const { node, wire } = exam;
    const told = courses.get(exam)?.told ?? null;
    const entry = told?.entry ?? (await findHeldEntry(exam));
    if (entry === null) return untested('it has no version of a model that moves');
    if (told !== null && !(await holds(exam, told.id)))
      return failed(`it says that it has version ${told.version}, and to others that it has not`);
    const id = idOf(exam, entry);
    const page = await node.ask(PAGE_WANTED, { id, page: 0 }, [MODEL_PAGE, HOLDER], ANSWER_US);
    if (page?.kind !== MODEL_PAGE) return failed('it says that it has it, and hands out no list of chunks');
    const { hashes } = (page.body as PageBrought).hashes;
    if (hashOfPage(wire.pure, { hashes }) !== entry.pages[0])
      return failed('the list of chunks is not the one that is signed');
    const chunk = await node.ask(CHUNK_WANTED, { id, page: 0, place: 0 }, [CHUNK, HOLDER], PULL_US);
    if (chunk?.kind !== CHUNK) return failed('it says that it has it, and hands out no chunk');
    const { hash } = (chunk.body as ChunkBrought).chunk;
    return hash === hashes[0]
      ? passed(`${entry.name}, version ${entry.version}`)
      : failed('the chunk is not the one that is signed');
  },
};

/** Of what the node knows of models, one that it says it has as a whole. */
async function findHeldEntry(exam: Exam): Promise<ModelEntry | null> {
  const heard = await exam.node.ask(MODEL_ROUND, { sum: '' }, [MODEL_NEWS], ANSWER_US);
  if (heard?.kind !== MODEL_NEWS) return null;
  for (const entry of (heard.body as ModelNews).entries)
    if (await holds(exam, idOf(exam, entry))) return entry;
  return null;
}

/** Whether the node says that it has a version as a whole. */
async function holds({ node }: Exam, id: string): Promise<boolean> {
  const question: FindHolders = { id, isToKeep: false, isToPass: false };
  const holder = await node.ask(FIND_HOLDERS, question, [HOLDER], ANSWER_US);
  return holder?.kind === HOLDER && (holder.body as Holder).isWhole;
}

function idOf({ wire }: Exam, { signature: _signature, ...terms }: ModelEntry): string {
  return idOfEntry(wire.pure, terms);
}

const removes: Check = {
  what: 'removes a model when it is told to',
  rule: 'R7.2-1',
  async find(exam) {
    if (courses.get(exam) === undefined) return findObstacle(exam) ?? untested('it has pulled nothing');
    const heard = await order(exam, ORDER_REMOVE, 15 * SECOND_US);
    if (heard?.kind !== MODEL_STATE) return failed(describeAnswer(heard));
    return (heard.body as ModelState).installed === null
      ? passed()
      : failed(`it still has ${describeVersion(heard)}`);
  },
};

function tell(
  exam: Exam,
  news: { entries?: ModelEntry[]; channels?: Channel[]; withdrawals?: Withdrawal[] },
): void {
  const body: ModelNews = { entries: [], channels: [], withdrawals: [], verdicts: [], asks: false, ...news };
  exam.node.say(MODEL_NEWS, body);
}

/** Publishes a version and points at it; returns when the node has heard of it, or has had the time to. */
async function release(exam: Exam, version: TestVersion, previous: string): Promise<void> {
  const { wire } = exam;
  tell(exam, { entries: [version.entry], channels: [pointTo(wire, version, previous)] });
  const untilUs = wire.wallUs() + ANSWER_US;
  while (wire.wallUs() < untilUs) {
    const heard = await order(exam, ORDER_CHECK, ANSWER_US);
    if (heard?.kind === MODEL_STATE && (heard.body as ModelState).latest?.id === version.id) return;
    await wire.pass(wire.lookUs);
  }
}

async function order({ wire }: Exam, what: number, withinUs: number): Promise<Heard | null> {
  let heard: Heard | null = null;
  wire.operators[0].order(MODEL, { order: what, model: TEST_MODEL }, (kind, body) => {
    heard = {
      kind,
      body,
      from: wire.target,
      origin: wire.operators[0].peer,
      originBoot: 0,
      n: 0,
      attempt: 0,
    };
  });
  await until(wire, () => heard !== null, withinUs);
  return heard;
}

function judgeState(exam: Exam, heard: Heard | null, wanted: TestVersion): Finding {
  if (heard === null) return failed('it does not say that it is done');
  if (heard.kind === REFUSED) return failed(describeAnswer(heard));
  const { installed } = heard.body as ModelState;
  if (installed?.id !== wanted.id) return failed(`it has ${describeVersion(heard)}`);
  courses.get(exam)!.told = wanted;
  return passed(`version ${wanted.version}`);
}

function describeVersion(heard: Heard | null): string {
  if (heard?.kind !== MODEL_STATE) return describeAnswer(heard);
  const { installed } = heard.body as ModelState;
  return installed === null ? 'no version' : `version ${installed.version}`;
}

export const MODELS: Suite = {
  name: 'pull-update-roll-back',
  requirement: 'Pulls, updates and rolls back models',
  checks: [obeysItsOperator, pulls, updates, handsOutTheTruth, rollsBack],
  core: { of: 'all', checks: [pulls, updates, rollsBack] },
  closing: [removes],
};
