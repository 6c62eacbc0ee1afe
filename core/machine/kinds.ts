import { assert } from '../base/assert.ts';
import {
  approveShape,
  joinedShape,
  joinShape,
  leftShape,
  pendingShape,
} from '../cluster/affiliation/affiliation-bodies.ts';
import {
  clustersBody,
  clusterNewsBody,
  exportsBody,
  findClustersBody,
  offeredBody,
  peeringBody,
  sessionBody,
} from '../cluster/border/border-bodies.ts';
import { loadShape, manifestVersionShape } from '../cluster/manifest.ts';
import {
  findMembersShape,
  membersShape,
  pingReqShape,
  sayingsShape,
} from '../cluster/membership/member-messages.ts';
import {
  announcementShape,
  directoryBody,
  evidenceBody,
  MAX_ROWS,
  rowsBody,
} from '../cluster/registry/registry-bodies.ts';
import {
  agentsBody,
  agentStateShape,
  planShape,
  stepBody,
  stepResultShape,
  stopBody,
} from '../roles/agents/agent-plan.ts';
import { MODEL_ROWS, MODELS_FOR_MEMBERS } from '../models/model-kinds.ts';
import { AMONG_HOSTS, ERRANDS, podRows } from '../roles/pods/pod-kinds.ts';
import {
  answerShape,
  crossBody,
  findBody,
  foundShape,
  refusedShape,
  workingBody,
} from '../routing/request-bodies.ts';
import { LEVEL, standingRows, TESTIMONY, TESTIMONY_SUM } from '../trust/standing-kinds.ts';
import { wantShape } from '../routing/want.ts';
import {
  dialBody,
  dialledBody,
  inferBody,
  inferredBody,
  loadBody,
  loadedBody,
  notedBody,
  routeBody,
  signBody,
  signedBody,
  storedBody,
} from './device-bodies.ts';
import { storeShape } from './disk-records.ts';
import { KEY_ROWS } from './key-kinds.ts';
import { mayHoldRefs, record, type Of, type Shape } from './shape.ts';

/** The six message types of §5.2, and the devices of a node. kind = type × 32 + operation. */
export const TYPES = [
  'DISCOVER',
  'ANNOUNCE',
  'REQUEST',
  'RESPONSE',
  'REPLICATE',
  'HEARTBEAT',
  'DEVICE',
] as const;
const DISCOVER = 0;
const ANNOUNCE = 1;
const REQUEST = 2;
const RESPONSE = 3;
const REPLICATE = 4;
const HEARTBEAT = 5;
const DEVICE = 6;

/** In which order a busy node serves what waits for it, and what is dropped first when too much waits. */
export const CLASSES = ['devices', 'membership', 'control', 'requests', 'replication', 'telemetry'] as const;
export type MessageClass = 0 | 1 | 2 | 3 | 4 | 5;
const DEVICES: MessageClass = 0;
const MEMBERSHIP: MessageClass = 1;
const CONTROL: MessageClass = 2;
const REQUESTS: MessageClass = 3;
const REPLICATION: MessageClass = 4;
const TELEMETRY: MessageClass = 5;

export type KindRow = readonly [number, string, string, Shape, MessageClass, number, string];

export interface KindEntry {
  readonly kind: number;
  /** `TYPE/operation`. */
  readonly name: string;
  readonly direction: string;
  readonly body: Shape;
  readonly hasRefs: boolean;
  readonly class: MessageClass;
  /** What a step of this kind costs a node of speed 1, µs; see `bench steps`. */
  readonly costUs: number;
  readonly section: string;
  /** Whether only members of a cluster, and bridges of its peerings, may say it to one another; or users to a gateway, too. */
  readonly isForMembers: boolean;
  readonly isOfUsers: boolean;
}

// DISCOVER
const offersBody = record({});
// ANNOUNCE
const wantedBody = record({});
// REQUEST
const askBody = wantShape;
// RESPONSE
// HEARTBEAT
export const beatBody = record({ version: manifestVersionShape, load: loadShape });
// Devices
export type Beat = Readonly<Of<typeof beatBody>>;
export type { Announcement } from '../cluster/registry/registry-bodies.ts';
export * from '../cluster/border/border-bodies.ts';
export * from '../routing/request-bodies.ts';
export * from './device-bodies.ts';
export * from '../roles/pods/pod-kinds.ts';
export * from '../models/model-kinds.ts';
export * from '../trust/standing-kinds.ts';
export * from './key-kinds.ts';
export * from './notes.ts';

export const FIND = DISCOVER * 32;
export const FIND_OFFERS = DISCOVER * 32 + 1;
export const FIND_CLUSTERS = DISCOVER * 32 + 4;
export const AGENTS = DISCOVER * 32 + 5;
export const DIRECTORY = DISCOVER * 32 + 3;
export const FIND_MEMBERS = DISCOVER * 32 + 2;
export const MANIFEST = ANNOUNCE * 32;
export const MANIFEST_WANTED = ANNOUNCE * 32 + 1;
export const EXPORTS = ANNOUNCE * 32 + 2;
export const EVIDENCE = ANNOUNCE * 32 + 3;
export const CLUSTER_NEWS = ANNOUNCE * 32 + 4;
export const PEERING = ANNOUNCE * 32 + 5;
export const ASK = REQUEST * 32;
export const RUN = REQUEST * 32 + 1;
export const CROSS = REQUEST * 32 + 2;
export const JOIN = REQUEST * 32 + 3;
export const LEAVE = REQUEST * 32 + 4;
export const APPROVE = REQUEST * 32 + 5;
export const AGENT = REQUEST * 32 + 6;
export const AGENT_STOP = REQUEST * 32 + 7;
export const STEP = REQUEST * 32 + 8;
export const FOUND = RESPONSE * 32;
export const OFFERED = RESPONSE * 32 + 1;
export const WORKING = RESPONSE * 32 + 2;
export const ANSWER = RESPONSE * 32 + 3;
export const REFUSED = RESPONSE * 32 + 4;
export const CLUSTERS = RESPONSE * 32 + 9;
export const AGENT_STATE = RESPONSE * 32 + 10;
export const AGENTS_FOUND = RESPONSE * 32 + 11;
export const STEP_RESULT = RESPONSE * 32 + 12;
export const ROWS = REPLICATE * 32 + 1;
export const MEMBERS = REPLICATE * 32;
export const JOINED = RESPONSE * 32 + 5;
export const PENDING = RESPONSE * 32 + 6;
export const LEFT = RESPONSE * 32 + 7;
export const BEAT = HEARTBEAT * 32;
export const SESSION = HEARTBEAT * 32 + 1;
export const PING = HEARTBEAT * 32 + 2;
export const PING_REQ = HEARTBEAT * 32 + 3;
export const ACK = HEARTBEAT * 32 + 4;
export const NACK = HEARTBEAT * 32 + 5;
export const GOSSIP = HEARTBEAT * 32 + 6;
export const STORE = DEVICE * 32;
export const STORED = DEVICE * 32 + 1;
export const LOAD = DEVICE * 32 + 2;
export const LOADED = DEVICE * 32 + 3;
export const INFER = DEVICE * 32 + 4;
export const INFERRED = DEVICE * 32 + 5;
export const NOTED = DEVICE * 32 + 6;
export const SIGN = DEVICE * 32 + 7;
export const SIGNED = DEVICE * 32 + 8;
export const DIAL = DEVICE * 32 + 9;
export const DIALLED = DEVICE * 32 + 10;
export const ROUTE = DEVICE * 32 + 11;

/** Checking the Ed25519 signature of another node: 71 µs measured (`bench steps`), rounded up. */
const CHECK_US = 75;

/** What users say, each for itself, to a gateway. */
const OF_USERS: readonly number[] = [ASK, AGENT, AGENT_STOP, AGENTS, STEP, ...ERRANDS];
/**
 * What a cluster's own nodes do for one another (R5.1-2), what users ask of it among it. Not among it is what introduces or proves itself,
 * what answers a question that the receiver remembers, what bridges judge by their peerings, and what operators order.
 */
const FOR_MEMBERS: readonly number[] = [
  ...[...OF_USERS, RUN, CROSS, FIND, FIND_OFFERS, OFFERED, MANIFEST, MANIFEST_WANTED, BEAT],
  ...[DIRECTORY, ROWS, EVIDENCE, AGENT_STATE, AGENTS_FOUND, STEP_RESULT, ...AMONG_HOSTS],
  ...MODELS_FOR_MEMBERS,
  ...[TESTIMONY, TESTIMONY_SUM, LEVEL],
];

const KIND_COUNT = TYPES.length * 32;

/** Puts a kind in its place in a table. Throws if another has its number: of two, one would be read as the other. */
export function addKind(
  entries: (KindEntry | undefined)[],
  [kind, operation, direction, body, messageClass, costUs, section]: KindRow,
): void {
  const name = `${TYPES[typeOfKind(kind)]}/${operation}`;
  const other = entries[kind];
  assert(other === undefined, `${other?.name} and ${name} have one number, ${kind}`);
  entries[kind] = {
    kind,
    name,
    direction,
    body,
    hasRefs: mayHoldRefs(body),
    class: messageClass,
    costUs,
    section,
    isForMembers: FOR_MEMBERS.includes(kind),
    isOfUsers: OF_USERS.includes(kind),
  };
}

/** The protocol table: every kind there is, by number; holes are operations not known here. */
export const KINDS: readonly (KindEntry | undefined)[] = (() => {
  const entries: (KindEntry | undefined)[] = new Array<undefined>(KIND_COUNT).fill(undefined);
  const add = (...row: KindRow): void => addKind(entries, row);
  add(FIND, 'find', 'gateway or bridge → index', findBody, REQUESTS, CHECK_US + 15, '§5.2, R3-3');
  add(FIND_OFFERS, 'offers', 'bridge → index', offersBody, CONTROL, CHECK_US + 10, '§5.2');
  add(DIRECTORY, 'directory', 'index → index', directoryBody, REPLICATION, CHECK_US + 60, 'R3-2');
  add(MANIFEST, 'manifest', 'node → index', announcementShape, CONTROL, CHECK_US + 200, '§4.2, R4-3');
  add(MANIFEST_WANTED, 'wanted', 'index → node', wantedBody, CONTROL, CHECK_US + 5, '§5.2');
  add(EXPORTS, 'exports', 'bridge → peered bridge', exportsBody, CONTROL, CHECK_US + 20, 'R5.2-4');
  add(EVIDENCE, 'evidence', 'index → index', evidenceBody, CONTROL, CHECK_US + 400, 'R4-3');
  add(ASK, 'ask', 'user → gateway', askBody, REQUESTS, 15, '§5.3');
  add(RUN, 'run', 'gateway or bridge → compute', askBody, REQUESTS, CHECK_US + 15, '§5.3');
  add(CROSS, 'cross', 'gateway → bridge → bridge', crossBody, REQUESTS, CHECK_US + 20, 'R5.2-4');
  add(FOUND, 'found', 'index → gateway or bridge', foundShape, REQUESTS, CHECK_US + 40, 'R3-3');
  add(OFFERED, 'offered', 'index → bridge', offeredBody, CONTROL, CHECK_US + 10, 'R5.2-4');
  add(
    WORKING,
    'working',
    'compute → asker, and back along the path',
    workingBody,
    REQUESTS,
    CHECK_US + 10,
    '§5.3',
  );
  add(
    ANSWER,
    'answer',
    'compute → asker, and back along the path',
    answerShape,
    REQUESTS,
    CHECK_US + 15,
    '§5.3',
  );
  add(REFUSED, 'refused', 'asked → asker', refusedShape, REQUESTS, CHECK_US + 20, 'R5.3-1');
  add(AGENTS, 'agents', 'user → gateway → compute', record({}), REQUESTS, CHECK_US + 15, 'R4-6');
  add(AGENT, 'agent', 'user → gateway → compute', planShape, REQUESTS, CHECK_US + 200, 'R4-6');
  add(AGENT_STOP, 'agent-stop', 'user → gateway → compute', stopBody, CONTROL, CHECK_US + 15, 'R4-6');
  add(STEP, 'step', 'user → gateway → compute', stepBody, REQUESTS, CHECK_US + 15, 'R4-6');
  add(AGENT_STATE, 'agent', 'compute → gateway → user', agentStateShape, REQUESTS, CHECK_US + 15, 'R4-6');
  add(AGENTS_FOUND, 'agents', 'compute → gateway → user', agentsBody, REQUESTS, CHECK_US + 20, 'R4-6');
  add(STEP_RESULT, 'step', 'compute → gateway → user', stepResultShape, REQUESTS, CHECK_US + 15, 'R4-6');
  // Each row is checked like a manifest; envelopes are half full on average.
  add(ROWS, 'directory', 'index → index', rowsBody, REPLICATION, CHECK_US + (MAX_ROWS / 2) * 200, 'R3-2');
  add(BEAT, 'beat', 'node → index', beatBody, MEMBERSHIP, CHECK_US + 10, '§5.2');
  add(SESSION, 'session', 'bridge → peered bridge', sessionBody, MEMBERSHIP, CHECK_US + 5, 'R5.2-4');
  add(CLUSTER_NEWS, 'cluster', 'bridge → bridge', clusterNewsBody, CONTROL, CHECK_US + 100, 'R5.1-5');
  add(PEERING, 'peering', 'bridge → bridge', peeringBody, CONTROL, CHECK_US + 170, 'R5.2-4');
  add(
    FIND_CLUSTERS,
    'clusters',
    'user → gateway → bridge',
    findClustersBody,
    CONTROL,
    CHECK_US + 10,
    'R5.1-5',
  );
  add(CLUSTERS, 'clusters', 'bridge → gateway → user', clustersBody, CONTROL, CHECK_US + 40, 'R5.1-5');
  add(STORE, 'store', 'node → DISK', storeShape, CONTROL, 0, 'R4-3');
  add(FIND_MEMBERS, 'members', 'member → member', findMembersShape, MEMBERSHIP, CHECK_US + 15, 'R5.2-2');
  add(MEMBERS, 'members', 'member → member', membersShape, MEMBERSHIP, CHECK_US + 100, 'R5.2-2');
  add(PING, 'ping', 'member → member', sayingsShape, MEMBERSHIP, CHECK_US + 10, 'R5.2-2');
  add(PING_REQ, 'ping-req', 'member → member', pingReqShape, MEMBERSHIP, CHECK_US + 10, 'R5.2-2');
  add(ACK, 'ack', 'probed → prober', sayingsShape, MEMBERSHIP, CHECK_US + 10, 'R5.2-2');
  add(NACK, 'nack', 'asked to probe → prober', record({}), MEMBERSHIP, CHECK_US + 5, 'R5.2-2');
  add(GOSSIP, 'gossip', 'member → member', sayingsShape, MEMBERSHIP, CHECK_US + 25, 'R5.2-2');
  add(STORED, 'stored', 'DISK → node', storedBody, DEVICES, 20, 'R4-3');
  add(LOAD, 'load', 'node → DISK', loadBody, CONTROL, 0, 'R4-3');
  add(LOADED, 'loaded', 'DISK → node', loadedBody, DEVICES, 20, 'R4-3');
  add(INFER, 'infer', 'node → ACCELERATOR', inferBody, REQUESTS, 0, '§5.3');
  add(INFERRED, 'inferred', 'ACCELERATOR → node', inferredBody, DEVICES, 10, '§5.3');
  add(NOTED, 'noted', 'node → OBSERVER', notedBody, TELEMETRY, 0, 'R5.3-1');
  add(SIGN, 'sign', 'node → KEYS', signBody, CONTROL, 0, 'R4-3');
  add(SIGNED, 'signed', 'KEYS → node', signedBody, DEVICES, 20, 'R4-3');
  add(JOIN, 'join', 'newcomer → member; operator → own node', joinShape, CONTROL, 4 * CHECK_US, 'R5.1-2');
  add(LEAVE, 'leave', 'operator → own node', record({}), CONTROL, CHECK_US + 5, 'R5.1-3');
  add(APPROVE, 'approve', 'operator → sponsor', approveShape, CONTROL, 2 * CHECK_US, 'R5.1-2');
  add(JOINED, 'joined', 'sponsor → newcomer; node → operator', joinedShape, CONTROL, 2 * CHECK_US, 'R5.1-2');
  add(
    PENDING,
    'pending',
    'sponsor → newcomer; node → operator',
    pendingShape,
    CONTROL,
    CHECK_US + 5,
    'R5.1-2',
  );
  add(LEFT, 'left', 'node → operator', leftShape, CONTROL, CHECK_US + 5, 'R5.1-3');
  add(DIAL, 'dial', 'node → NETWORK', dialBody, CONTROL, 0, 'R5.1-2');
  add(DIALLED, 'dialled', 'NETWORK → node', dialledBody, DEVICES, 10, 'R5.1-2');
  add(ROUTE, 'route', 'node → NETWORK', routeBody, CONTROL, 0, 'R5.1-2');
  for (const row of podRows(CHECK_US)) add(...row);
  for (const row of MODEL_ROWS) add(...row);
  for (const row of KEY_ROWS) add(...row);
  for (const row of standingRows(CHECK_US)) add(...row);
  return entries;
})();

export function typeOfKind(kind: number): number {
  // Not a shift: kinds read from the wire may be beyond 32 bits.
  return Math.floor(kind / 32);
}

/** Types 0 … 6. A message of another type is refused; an unknown operation of a known type is ignored and counted. */
export function isKnownType(type: number): boolean {
  return type >= 0 && type < TYPES.length;
}

export function nameOfKind(kind: number): string {
  return KINDS[kind]?.name ?? `unknown/${kind}`;
}
