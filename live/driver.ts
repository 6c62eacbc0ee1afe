/** The loop of a live node. It takes the time from the machine; no rule of the federation is in here. */
import { OBSERVER } from '../core/base/peers.ts';
import { NEVER_US, type Now } from '../core/base/time.ts';
import { decodeEnvelope, Encoder, sizeOfEnvelope } from '../core/machine/codec.ts';
import { copyEnvelope, Envelope, Outbox } from '../core/machine/envelope.ts';
import { classOfKind, Inbox } from '../core/machine/inbox.ts';
import { boot, receive, wake, type Boot } from '../core/machine/node.ts';
import type { Node } from '../core/machine/node-state.ts';
import type { Device } from './device.ts';
import type { JournalWriter } from './journal.ts';

/** What a driver acts on. */
export interface Surroundings {
  readonly journal: JournalWriter | null;
  deviceOf(envelope: Envelope): Device;
  /** Takes what goes to another node or to a user. The record is reused: what is kept of it is copied. */
  send(envelope: Envelope, bytes: Uint8Array): void;
  onNoted(envelope: Envelope, wallUs: number): void;
  /** A step broke a promise of our own code: nothing it left is acted on, and the node is at its end. */
  onBroken(error: unknown): void;
}

interface Arrival {
  readonly envelope: Envelope;
  readonly bytes: Uint8Array;
}

/** Steps between two turns of the event loop, so that sockets and timers are heard however much waits. */
const STEPS_A_TURN = 64;
const MAX_TIMER_MS = 2 ** 31 - 1;

export class Driver {
  readonly node: Node;
  steps = 0;
  /** What devices and users of this process said and was not taken, by reason. */
  readonly undelivered = new Map<string, number>();
  private readonly surroundings: Surroundings;
  private readonly encoder: Encoder;
  private readonly inbox = new Inbox<Arrival>();
  private readonly out = new Outbox();
  private readonly now: Now = { monoUs: 0, wallUs: 0 };
  private bootedAtMs = 0;
  private turn: NodeJS.Immediate | null = null;
  private timer: NodeJS.Timeout | null = null;
  private alarmAtUs = NEVER_US;
  private isAlarmDue = false;
  private isRunning = false;

  constructor(node: Node, surroundings: Surroundings) {
    this.node = node;
    this.surroundings = surroundings;
    this.encoder = new Encoder(node.pure);
  }

  get waiting(): number {
    return this.inbox.size;
  }

  get dropped(): number {
    return this.inbox.dropped.reduce((sum, count) => sum + count, 0);
  }

  start(cause: Boot): void {
    this.isRunning = true;
    this.bootedAtMs = performance.now();
    this.step('boot', null, () => boot(this.node, this.now, cause, this.out));
  }

  stop(): void {
    this.isRunning = false;
    if (this.timer !== null) clearTimeout(this.timer);
    if (this.turn !== null) clearImmediate(this.turn);
  }

  /** Queues what came over the network, with the bytes that it was decoded from; or says why not. */
  deliver(envelope: Envelope, bytes: Uint8Array): 'not running' | 'inbox full' | null {
    if (!this.isRunning) return 'not running';
    if (!this.inbox.offer(classOfKind(envelope.kind), { envelope, bytes })) return 'inbox full';
    this.turn ??= setImmediate(() => this.takeTurn());
    return null;
  }

  /**
   * Queues what a device or a user of this process says. It goes through bytes like all else, so that the journal
   * holds exactly what the step is given. Otherwise counts and returns why it was not taken.
   */
  deliverOwn(envelope: Envelope): string | null {
    const bytes = this.encoder.envelope(envelope);
    const arrived = new Envelope();
    const reason = decodeEnvelope(bytes, this.node.pure, arrived) ?? this.deliver(arrived, bytes);
    if (reason !== null) this.undelivered.set(reason, (this.undelivered.get(reason) ?? 0) + 1);
    return reason;
  }

  private takeTurn(): void {
    this.turn = null;
    for (let i = 0; i < STEPS_A_TURN && this.isRunning; i++) {
      const arrival = this.inbox.take();
      if (arrival === undefined) break;
      const { envelope, bytes } = arrival;
      this.step('receive', bytes, () => receive(this.node, this.now, envelope, this.out));
    }
    // What waited is served first, but an alarm that is due has its turn however much goes on waiting.
    if (this.isAlarmDue && this.isRunning) {
      this.isAlarmDue = false;
      this.step('wake', null, () => wake(this.node, this.now, this.out));
    }
    if (this.inbox.size > 0 && this.isRunning) this.turn ??= setImmediate(() => this.takeTurn());
  }

  private step(cause: 'boot' | 'receive' | 'wake', input: Uint8Array | null, act: () => void): void {
    const { journal } = this.surroundings;
    this.now.monoUs = Math.floor((performance.now() - this.bootedAtMs) * 1_000);
    this.now.wallUs = Date.now() * 1_000;
    this.steps++;
    const outputs: Uint8Array[] = [];
    try {
      act();
      for (let i = 0; i < this.out.count; i++) outputs.push(this.encoder.envelope(this.out.at(i)));
    } catch (error) {
      this.isRunning = false;
      journal?.append({ cause, now: this.now, input, outputs: [], broken: String(error) });
      this.surroundings.onBroken(error);
      return;
    }
    journal?.append({ cause, now: this.now, input, outputs, broken: null });
    outputs.forEach((bytes, i) => this.act(this.out.at(i), bytes));
    this.out.clear();
    this.setAlarm();
  }

  private act(envelope: Envelope, bytes: Uint8Array): void {
    envelope.sizeBytes = sizeOfEnvelope(envelope);
    if (envelope.to === OBSERVER) this.surroundings.onNoted(envelope, this.now.wallUs);
    else if (envelope.to < 0) this.askDevice(copyEnvelope(envelope, new Envelope()));
    else if (envelope.to === this.node.self) this.deliverOwn(envelope);
    else this.surroundings.send(envelope, bytes);
  }

  private askDevice(asked: Envelope): void {
    this.surroundings.deviceOf(asked).handle(asked, (kind, body) => {
      const answer = copyEnvelope(asked, new Envelope());
      answer.kind = kind;
      answer.from = asked.to;
      answer.to = this.node.self;
      answer.body = body;
      this.deliverOwn(answer);
    });
  }

  private setAlarm(): void {
    const { wakeAtUs } = this.node;
    if (wakeAtUs === NEVER_US || wakeAtUs >= this.alarmAtUs || !this.isRunning) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.alarmAtUs = wakeAtUs;
    const delayMs = Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil((wakeAtUs - this.now.monoUs) / 1_000)));
    this.timer = setTimeout(() => {
      this.timer = null;
      this.alarmAtUs = NEVER_US;
      this.isAlarmDue = true;
      this.turn ??= setImmediate(() => this.takeTurn());
    }, delayMs);
  }
}
