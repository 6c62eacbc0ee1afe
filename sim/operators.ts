import type { Approve, Join, Joined, Pending } from '../core/cluster/affiliation/affiliation-bodies.ts';
import type { Peer } from '../core/base/peers.ts';
import { Envelope } from '../core/machine/envelope.ts';
import { APPROVE, JOIN, JOINED, LEAVE, PENDING } from '../core/machine/kinds.ts';
import type { Certificate, Genesis } from '../core/trust/documents.ts';
import { certify, operatorNames } from './configure.ts';
import type { Machine } from './machine.ts';
import { WALL_EPOCH_US } from './clocks.ts';
import type { World } from './world.ts';

const YEAR_US = 365 * 24 * 3_600 * 1_000_000;
/** An order that has not been carried out is given again after so long, where the time is running. */
const AGAIN_US = 10_000_000;

/** What operators do with a node, a slot of the schedule for each: then come orders about models. */
const TO_JOIN = 0;
const TO_LEAVE = 1;
const TO_RENEW = 2;
const TO_APPROVE = 3;
const TO_RESTORE = 4;
const TASKS = 5;

/** What an operator is told on account of an order. */
export type Listener = (envelope: Readonly<Envelope>) => void;

/** The people who run clusters, at their consoles: they tell their nodes to join and to leave, and admit nodes. */
export class Operators {
  /** Nodes that do not belong to their cluster, by index: those that nobody has admitted yet. Nobody in the world may think otherwise. */
  private readonly outside = new Set<number>();
  /** Until when, by index, by the clock of the world: what was signed last; absent: to the end. */
  private readonly admittedUntilUs = new Map<number, number>();
  /** Of what was signed for them, what nodes have said that they hold. */
  private readonly heldUntilUs = new Map<number, number>();
  private readonly world: World;
  /** The cluster of each, by peer. */
  private readonly clusters = new Map<Peer, number>();
  private readonly listeners = new Map<string, Listener>();
  /** Orders that renew an admission, and of which node, by index. */
  private readonly renewing = new Map<string, number>();
  private readonly counts = new Map<Peer, number>();
  /** What nodes wait with, by index. */
  private readonly tickets = new Map<number, Pending>();
  private readonly signed = new Map<string, Set<Peer>>();
  private readonly envelope = new Envelope();

  constructor(world: World) {
    this.world = world;
    world.scenario.clusters.forEach((cluster, i) => {
      for (const name of operatorNames(cluster)) this.clusters.set(world.identities.find(name)!, i);
    });
    for (const machine of world.machines) {
      const { index, spec } = machine;
      const isAdmitted = spec.isAdmitted !== false && spec.approvedAfterUs === undefined;
      if (!isAdmitted) this.outside.add(index);
      const termUs = this.termUsOf(machine);
      if (termUs === null || !isAdmitted || spec.joinsUs !== undefined) continue;
      this.admittedUntilUs.set(index, termUs);
      this.heldUntilUs.set(index, termUs);
    }
  }

  /** Whether operators of its cluster have ever admitted a node, by index. */
  hasAdmitted(index: number): boolean {
    return !this.outside.has(index);
  }

  /** Whether operators of its cluster have admitted a node, and that had not run out `graceUs` ago. */
  isAdmitted({ index }: Machine, graceUs = 0): boolean {
    const untilUs = this.admittedUntilUs.get(index) ?? Infinity;
    return this.hasAdmitted(index) && this.world.nowUs < untilUs + graceUs;
  }

  private termUsOf({ cluster }: Machine): number | null {
    return this.world.scenario.clusters[cluster].operators?.termUs ?? null;
  }

  /** Orders of the scenario about models come after those about nodes. */
  private scheduleRollouts(): void {
    const { world } = this;
    world.rollouts.list.forEach(({ atUs, node }, place) => {
      const machine = world.machines.find(({ spec }) => spec.name === node) ?? world.machines[0];
      const isHere = node === '' || world.owns(machine);
      const slot = TASKS * world.machines.length + place;
      if (isHere) world.scheduleOperator(atUs, this.operatorOf(machine), slot);
    });
  }

  /** Who runs a node: the first operator of its cluster. */
  operatorOf({ spec }: Machine): Peer {
    return this.world.identities.find(`operator 1 of ${spec.cluster}`)!;
  }

  holds(peer: Peer): boolean {
    return this.clusters.has(peer);
  }

  clusterOf(operator: Peer): number {
    return this.clusters.get(operator)!;
  }

  regionOf(operator: Peer): number {
    const { scenario } = this.world;
    return this.world.regionOf(scenario.clusters[this.clusterOf(operator)].region);
  }

  start(): void {
    for (const machine of this.world.own) {
      const { joinsUs, leavesUs } = machine.spec;
      if (joinsUs !== undefined) this.plan(joinsUs, machine, TO_JOIN);
      if (leavesUs !== undefined) this.plan(leavesUs, machine, TO_LEAVE);
      this.planRenewal(machine);
    }
    this.scheduleRollouts();
  }

  private plan(atUs: number, machine: Machine, task: number): void {
    this.world.scheduleOperator(atUs, this.operatorOf(machine), TASKS * machine.index + task);
  }

  /** What a node holds is renewed in time; nothing, where nothing runs out or nobody sees to it. */
  private planRenewal(machine: Machine): void {
    const { operators } = this.world.scenario.clusters[machine.cluster];
    const heldUntilUs = this.heldUntilUs.get(machine.index);
    if (operators?.renewBeforeUs === undefined || machine.spec.isRenewed === false) return;
    if (heldUntilUs === undefined) return;
    const dueUs = heldUntilUs - operators.renewBeforeUs;
    const { nowUs } = this.world;
    this.plan(dueUs > nowUs ? dueUs : nowUs + AGAIN_US, machine, TO_RENEW);
  }

  act(slot: number): void {
    const place = slot - TASKS * this.world.machines.length;
    if (place >= 0) {
      this.world.rollouts.act(place);
      return;
    }
    const machine = this.world.machines[Math.floor(slot / TASKS)];
    const task = slot % TASKS;
    if (task === TO_JOIN) this.join(machine);
    else if (task === TO_LEAVE) this.leave(machine);
    else if (task === TO_RENEW) this.renew(machine);
    else if (task === TO_RESTORE) this.restore(machine);
    else this.approve(this.tickets.get(machine.index)!);
  }

  /** A node waits with a ticket: its operators sign it when the scenario says so. */
  private hearPending(pending: Pending): void {
    const machine = this.world.machines[pending.terms.subject];
    const { approvedAfterUs } = machine.spec;
    if (approvedAfterUs === undefined || this.tickets.get(machine.index)?.ticket === pending.ticket) return;
    this.tickets.set(machine.index, pending);
    this.plan(this.world.nowUs + approvedAfterUs, machine, TO_APPROVE);
  }

  /** Brings a node a certificate that holds longer than the one it has; again and again, until it says that it holds it. */
  private renew(machine: Machine): void {
    const { index, spec, cluster } = machine;
    const { nowUs, scenario } = this.world;
    if (nowUs >= (spec.leavesUs ?? Infinity)) return;
    const isDue =
      nowUs >= this.heldUntilUs.get(index)! - scenario.clusters[cluster].operators!.renewBeforeUs!;
    if (isDue) this.renewing.set(this.join(machine), index);
    this.planRenewal(machine);
  }

  /** A node whose disk was wiped has lost what renewed its admission: its operators see that it is no member. */
  onReady(name: string): void {
    const machine = this.world.machines[this.world.identities.find(name) ?? -1];
    const isInForce = machine !== undefined && this.heldUntilUs.has(machine.index);
    if (isInForce && machine.spec.isRenewed !== false && machine.node.membership === null)
      this.plan(this.world.nowUs + AGAIN_US, machine, TO_RESTORE);
  }

  private restore(machine: Machine): void {
    const { spec, node } = machine;
    if (node.membership === null && this.world.nowUs < (spec.leavesUs ?? Infinity))
      this.renewing.set(this.join(machine), machine.index);
  }

  /** A node says what it holds. */
  private hearHeld(index: number, { kind, body }: Readonly<Envelope>): void {
    if (kind !== JOINED) return;
    const untilUs = (body as Joined).certificate.untilWallUs - WALL_EPOCH_US;
    this.heldUntilUs.set(index, Math.max(untilUs, this.heldUntilUs.get(index) ?? 0));
  }

  /** Tells a node to join, with a certificate if it has been admitted; returns the key under which it answers. */
  join(machine: Machine, listener: Listener | null = null): string {
    const isAdmitted = this.hasAdmitted(machine.index);
    const certificate = isAdmitted ? this.certificateFor(machine) : null;
    const body: Join = { application: null, certificate, seeds: [] };
    return this.send(this.operatorOf(machine), machine, JOIN, body, listener);
  }

  /** Says anything to a node in the name of whoever runs it. */
  order(machine: Machine, kind: number, body: unknown, listener: Listener | null): void {
    this.send(this.operatorOf(machine), machine, kind, body, listener);
  }

  /** Says anything to a node in the name of one of the operators of its cluster. */
  orderBy(operator: Peer, machine: Machine, kind: number, body: unknown, listener: Listener): void {
    this.send(operator, machine, kind, body, listener);
  }

  leave(machine: Machine, listener: Listener | null = null): void {
    this.send(this.operatorOf(machine), machine, LEAVE, {}, listener);
  }

  /** All operators of the node's cluster sign what it waits for. */
  approve({ ticket, sponsor, terms }: Pending): void {
    const { identities, machines } = this.world;
    const subject = machines[terms.subject];
    const { threshold } = subject.node.config.genesis;
    const signers = this.signed.get(ticket) ?? new Set<Peer>();
    this.signed.set(ticket, signers);
    for (const [operator, cluster] of this.clusters) {
      if (cluster !== subject.cluster) continue;
      signers.add(operator);
      if (signers.size >= threshold) this.admitUntil(subject, terms.untilWallUs);
      const body: Approve = { ticket, signature: identities.mint(operator, ticket) };
      this.send(operator, machines[sponsor], APPROVE, body, null);
    }
  }

  receive(envelope: Envelope): void {
    const key = keyOf(envelope.origin, envelope.n);
    const listener = this.listeners.get(key);
    const renewed = this.renewing.get(key);
    if (renewed !== undefined) this.hearHeld(renewed, envelope);
    if (envelope.kind === PENDING) this.hearPending(envelope.body as Pending);
    if (envelope.kind !== PENDING) {
      this.listeners.delete(key);
      this.renewing.delete(key);
    }
    listener?.(envelope);
    this.world.rollouts.hear(envelope);
  }

  /** Nothing runs there: an order to it is as good as never given. */
  onConnectionRefused(): void {}

  private admitUntil(machine: Machine, untilWallUs: number): void {
    const { index } = machine;
    this.outside.delete(index);
    if (this.termUsOf(machine) === null) return;
    const untilUs = untilWallUs - WALL_EPOCH_US;
    this.admittedUntilUs.set(index, Math.max(untilUs, this.admittedUntilUs.get(index) ?? 0));
    if (this.heldUntilUs.has(index)) return;
    this.heldUntilUs.set(index, untilUs);
    this.planRenewal(machine);
  }

  /** What founded the cluster of a node, in the numbers of the world. */
  genesisOf({ node, wire }: Machine): Genesis {
    const { genesis } = node.config;
    if (wire === null) return genesis;
    const { identities } = this.world;
    return {
      ...genesis,
      operators: genesis.operators.map((operator) => identities.peerOf(node.pure.idOf(operator))),
    };
  }

  /** The certificate of a node that has been admitted, from now on for a term. */
  certificateFor(machine: Machine): Certificate {
    const { identities, nowUs } = this.world;
    const untilWallUs =
      WALL_EPOCH_US + (this.termUsOf(machine) === null ? YEAR_US : nowUs + this.termUsOf(machine)!);
    this.admitUntil(machine, untilWallUs);
    return certify(identities, this.genesisOf(machine), machine.peer, 0, untilWallUs, (signer, hash) =>
      identities.mint(signer, hash),
    );
  }

  /** Returns the key under which the answer comes. */
  private send(operator: Peer, to: Machine, kind: number, body: unknown, listener: Listener | null): string {
    const n = (this.counts.get(operator) ?? 0) + 1;
    this.counts.set(operator, n);
    const { envelope } = this;
    envelope.kind = kind;
    envelope.from = envelope.origin = operator;
    envelope.to = to.peer;
    envelope.originBoot = 0;
    envelope.n = n;
    envelope.attempt = 0;
    envelope.body = body;
    const key = keyOf(operator, n);
    if (listener !== null) this.listeners.set(key, listener);
    this.world.transport.sendFromUser(operator, this.regionOf(operator), to, envelope);
    return key;
  }
}

function keyOf(origin: Peer, n: number): string {
  return `${origin}/${n}`;
}
