import { performance } from 'node:perf_hooks';
import { expect } from 'chai';
import { decodeEnvelope, Encoder } from '../../core/machine/codec.ts';
import { Envelope, Outbox } from '../../core/machine/envelope.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { nameOfKind, STORE, typeOfKind } from '../../core/machine/kinds.ts';
import { receive, wake } from '../../core/machine/node.ts';
import { cloneNode, foldNode, READY, type Node } from '../../core/machine/node-state.ts';
import type { Now } from '../../core/base/time.ts';
import { NOT_ADMITTED } from '../../core/routing/outcomes.ts';
import { poolOf, startMixed } from '../laws/play.ts';
import { countRefusals, SECOND_US, type Rig } from '../rig.ts';
import { BorderInputs } from './border-inputs.ts';
import { makeSubjects, recordTraffic, type Subject } from './border-subjects.ts';

/** A node is given so many inputs, and then is again as it was at first. */
const INPUTS_OF_A_ROUND = 400;
/** No step has cause to say more than that to anybody; the small tables of these nodes bound it. */
const MAX_SAID = 64;

export interface BorderReport {
  readonly inputs: number;
  /** How many bytes were refused, by reason. */
  readonly refused: ReadonlyMap<string, number>;
  /** How many envelopes were given to a node, by kind. */
  readonly receivedOfKind: ReadonlyMap<string, number>;
  /** By state of the node: envelopes that changed it or were answered, and envelopes that it refused and counted. */
  readonly taken: ReadonlyMap<string, number>;
  readonly counted: ReadonlyMap<string, number>;
  readonly meanUs: number;
}

/**
 * Brings so many inputs to the border of a node: to the codec, and what it lets through, to `receive`. Throws at the first
 * that crashes anything, is not refused with a reason, changes a node that refused it, or makes a table grow beyond its bound.
 */
export function stormBorders(seed: number, inputs: number): BorderReport {
  const storm = new BorderStorm(seed);
  const startMs = performance.now();
  for (let i = 0; i < inputs; i++) storm.bring(i);
  const meanUs = ((performance.now() - startMs) * 1_000) / inputs;
  const { refused, receivedOfKind, taken, counted } = storm;
  return { inputs, refused, receivedOfKind, taken, counted, meanUs };
}

class BorderStorm {
  readonly refused = new Map<string, number>();
  readonly receivedOfKind = new Map<string, number>();
  readonly taken = new Map<string, number>();
  readonly counted = new Map<string, number>();
  private readonly rig: Rig = startMixed();
  private readonly inputs: BorderInputs;
  private readonly subjects: readonly Subject[];
  private readonly known: number;
  private readonly out = new Outbox();
  private readonly envelope = new Envelope();
  private readonly echo = new Envelope();
  private readonly encoder: Encoder;
  private subject: Subject;
  private node: Node;
  private now: Now = { monoUs: 0, wallUs: 0 };
  /** The fold of the node apart from its counters, or null when it may have changed. */
  private fold: string | null = null;

  constructor(seed: number) {
    const { cast } = this.rig;
    this.encoder = new Encoder(cast);
    this.subjects = makeSubjects(this.rig);
    this.known = cast.names.length;
    this.inputs = new BorderInputs(seed, cast, poolOf(this.rig), recordTraffic());
    this.subject = this.subjects[0];
    this.node = this.subject.node;
  }

  bring(i: number): void {
    if (i % INPUTS_OF_A_ROUND === 0) this.startRound(i / INPUTS_OF_A_ROUND);
    const bytes = this.inputs.next();
    if (!this.decode(bytes)) return;
    const { node, now, envelope, out } = this;
    if (this.inputs.below(2) === 0) envelope.to = node.self;
    this.pass(this.inputs.below(50) === 0 ? SECOND_US : this.inputs.below(2_000));
    const before = countRefusals(node);
    this.fold ??= foldWithoutCounts(node);
    out.clear();
    receive(node, now, envelope, out);
    count(this.receivedOfKind, nameOfKind(envelope.kind));
    this.checkBounds();
    const counted = countRefusals(node) - before;
    const isCounted = counted > 0;
    if (!ITEMIZED.has(envelope.kind)) this.checkCount(counted);
    count(isCounted ? this.counted : this.taken, this.subject.state);
    // While it starts a node answers requests, and hears nobody but its devices.
    // A stranger is asked who it is, and that is noted.
    const isAllRefused = isCounted && !ITEMIZED.has(envelope.kind) && !this.hasSaid(kinds.FIND_MEMBERS);
    if (isAllRefused || node.phase !== READY)
      expect(foldWithoutCounts(node), `${nameOfKind(envelope.kind)} was refused`).to.equal(this.fold);
    else this.fold = null;
  }

  /** What is refused is counted once, by one reason; what no other node may say, and what is not admitted, never passes uncounted. */
  private checkCount(counted: number): void {
    const { node, envelope, out } = this;
    const what = nameOfKind(envelope.kind);
    if (counted > 1) expect.fail(`${what} was counted ${counted} times`);
    const isOfDevice = typeOfKind(envelope.kind) === typeOfKind(STORE);
    if (isOfDevice && counted === 0) expect.fail(`${what} of a peer was believed`);
    if (node.phase !== READY && counted === 0) expect.fail(`${what} was taken in while it starts`);
    for (let i = 0; i < out.count; i++) {
      const { kind, to, body } = out.at(i);
      const isNo = kind === kinds.REFUSED && to === envelope.from;
      if (isNo && (body as kinds.Refused).code === NOT_ADMITTED && counted === 0)
        expect.fail(`${what} was not admitted, and not counted`);
    }
  }

  private hasSaid(kind: number): boolean {
    const { out } = this;
    for (let i = 0; i < out.count; i++) if (out.at(i).kind === kind) return true;
    return false;
  }

  private startRound(round: number): void {
    this.subject = this.subjects[round % this.subjects.length];
    this.node = cloneNode(this.subject.node);
    this.now = { ...this.subject.now };
    this.fold = null;
    this.rig.cast.forgetBeyond(this.known);
  }

  /** True if the border lets it in: bytes that mean something, from a peer and not from a device. */
  private decode(bytes: Uint8Array): boolean {
    const { cast } = this.rig;
    const { envelope } = this;
    const met = cast.names.length;
    const refusal = decodeEnvelope(bytes, cast, envelope);
    if (refusal !== null) {
      expect(refusal).to.match(/^[a-z]+(-[a-z]+)*$/);
      expect(cast.names.length, 'what is refused gives nobody a number').to.equal(met);
      count(this.refused, refusal);
      return false;
    }
    expect(Buffer.compare(this.encoder.envelope(envelope), bytes), 'one meaning, one writing').to.equal(0);
    if (envelope.from >= 0 && envelope.origin >= 0) return true;
    count(this.refused, 'a device of another');
    return false;
  }

  private pass(us: number): void {
    const { node, now, out } = this;
    now.monoUs += us;
    now.wallUs += us;
    if (now.monoUs < node.wakeAtUs) return;
    out.clear();
    wake(node, now, out);
    expect(node.wakeAtUs, 'an alarm that has rung lies ahead').to.be.greaterThan(now.monoUs);
    this.fold = null;
  }

  private checkBounds(): void {
    const { node, now, out } = this;
    if (!Number.isSafeInteger(node.wakeAtUs) || node.wakeAtUs < now.monoUs)
      expect.fail(`an alarm at ${node.wakeAtUs} when it is ${now.monoUs}`);
    expect(out.count).to.be.at.most(MAX_SAID);
    for (let i = 0; i < out.count; i++) {
      const refusal = decodeEnvelope(this.encoder.envelope(out.at(i)), this.rig.cast, this.echo);
      if (refusal !== null) expect.fail(`${nameOfKind(out.at(i).kind)} that it sends is refused: ${refusal}`);
    }
    const { maxSearches, maxRemembered, maxDirectory } = node.config.parameters;
    for (const searcher of [node.gateway?.searcher, node.bridge?.outward, node.bridge?.inward]) {
      if ((searcher?.searches.size ?? 0) > maxSearches) expect.fail('more searches than it may hold');
      if ((searcher?.inFlight.size ?? 0) > maxSearches) expect.fail('more is under way than is searched for');
    }
    if ((node.gateway?.remembered.size ?? 0) > maxRemembered) expect.fail('it remembers more than it may');
    if ((node.index?.directory.size ?? 0) > maxDirectory) expect.fail('it lists more than it may');
    if ((node.compute?.jobs.length ?? 0) > node.config.slots + node.config.queueLimit)
      expect.fail('more jobs than it has room for');
  }
}

/** What a node counts of the time that it spends on checking what it may refuse. */
const CHECKS = new Set(['checks', 'checksSinceUs']);
/** What holds a list whose items are judged one by one: some may be taken and others refused. */
const ITEMIZED = new Set([
  ...[kinds.CLUSTER_NEWS, kinds.ROWS, kinds.FIND_MEMBERS, kinds.MEMBERS],
  ...[kinds.PING, kinds.PING_REQ, kinds.ACK, kinds.NACK, kinds.GOSSIP],
]);

function foldWithoutCounts(node: Node): string {
  const { self, config, pure, ...state } = node;
  const rest = withoutChecks({ ...state, refusals: [] }) as typeof state;
  return foldNode({ ...rest, self, config, pure }).hex();
}

function withoutChecks(state: object): object {
  const entries = Object.entries(state).map(([name, value]): [string, unknown] => {
    if (CHECKS.has(name)) return [name, typeof value === 'number' ? 0 : new Map()];
    return [name, isRecord(value) ? withoutChecks(value) : value];
  });
  return Object.fromEntries(entries);
}

/** Parts of a state that are named; tables and lists count nothing. */
function isRecord(value: unknown): value is object {
  return value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype;
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
