import type { Approve, Join, Pending } from '../core/cluster/affiliation/affiliation-bodies.ts';
import type { Peer } from '../core/base/peers.ts';
import { Envelope } from '../core/machine/envelope.ts';
import { APPROVE, JOIN, LEAVE, PENDING } from '../core/machine/kinds.ts';
import type { Certificate } from '../core/trust/documents.ts';
import { certify, operatorNames } from './configure.ts';
import type { Machine } from './machine.ts';
import { WALL_EPOCH_US } from './clocks.ts';
import type { World } from './world.ts';

const YEAR_US = 365 * 24 * 3_600 * 1_000_000;

/** What an operator is told on account of an order. */
export type Listener = (envelope: Readonly<Envelope>) => void;

/** The people who run clusters, at their consoles: they tell their nodes to join and to leave, and admit nodes. */
export class Operators {
  /** Nodes that belong to their cluster, by index: admitted from the start, or by operators since. Nobody in the world may think otherwise. */
  readonly admitted = new Set<number>();
  private readonly world: World;
  /** The cluster of each, by peer. */
  private readonly clusters = new Map<Peer, number>();
  private readonly listeners = new Map<string, Listener>();
  private readonly counts = new Map<Peer, number>();
  private readonly signed = new Map<string, Set<Peer>>();
  private readonly envelope = new Envelope();

  constructor(world: World) {
    this.world = world;
    world.scenario.clusters.forEach((cluster, i) => {
      for (const name of operatorNames(cluster)) this.clusters.set(world.identities.find(name)!, i);
    });
    for (const { index, spec } of world.machines) if (spec.isAdmitted !== false) this.admitted.add(index);
  }

  /** Orders of the scenario about models come after those about nodes. */
  private scheduleRollouts(): void {
    const { world } = this;
    world.rollouts.list.forEach(({ atUs, node }, place) => {
      const machine = world.machines.find(({ spec }) => spec.name === node) ?? world.machines[0];
      const isHere = node === '' || world.owns(machine);
      if (isHere) world.scheduleOperator(atUs, this.operatorOf(machine), 2 * world.machines.length + place);
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
      const { spec, index } = machine;
      const operator = this.operatorOf(machine);
      if (spec.joinsUs !== undefined) this.world.scheduleOperator(spec.joinsUs, operator, 2 * index);
      if (spec.leavesUs !== undefined) this.world.scheduleOperator(spec.leavesUs, operator, 2 * index + 1);
    }
    this.scheduleRollouts();
  }

  act(slot: number): void {
    const place = slot - 2 * this.world.machines.length;
    if (place >= 0) {
      this.world.rollouts.act(place);
      return;
    }
    const machine = this.world.machines[slot >> 1];
    if ((slot & 1) === 0) this.join(machine);
    else this.leave(machine);
  }

  /** Tells a node to join, with its certificate if it has been admitted. */
  join(machine: Machine, listener: Listener | null = null): void {
    const isAdmitted = this.admitted.has(machine.index);
    const certificate = isAdmitted ? this.certificateFor(machine) : null;
    const body: Join = { application: null, certificate, seeds: [] };
    this.send(this.operatorOf(machine), machine, JOIN, body, listener);
  }

  /** Says anything to a node in the name of whoever runs it. */
  order(machine: Machine, kind: number, body: unknown, listener: Listener | null): void {
    this.send(this.operatorOf(machine), machine, kind, body, listener);
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
      if (signers.size >= threshold) this.admitted.add(subject.index);
      const body: Approve = { ticket, signature: identities.mint(operator, ticket) };
      this.send(operator, machines[sponsor], APPROVE, body, null);
    }
  }

  receive(envelope: Envelope): void {
    const key = keyOf(envelope.origin, envelope.n);
    const listener = this.listeners.get(key);
    if (envelope.kind !== PENDING) this.listeners.delete(key);
    listener?.(envelope);
    this.world.rollouts.hear(envelope);
  }

  /** Nothing runs there: an order to it is as good as never given. */
  onConnectionRefused(): void {}

  /** The certificate of a node that has been admitted. */
  certificateFor({ peer, node, wire }: Machine): Certificate {
    const { identities } = this.world;
    const genesis = { ...node.config.genesis };
    // The world speaks in its own numbers.
    if (wire !== null)
      genesis.operators = genesis.operators.map((operator) => identities.peerOf(node.pure.idOf(operator)));
    return certify(identities, genesis, peer, 0, WALL_EPOCH_US + YEAR_US, (signer, hash) =>
      identities.mint(signer, hash),
    );
  }

  private send(operator: Peer, to: Machine, kind: number, body: unknown, listener: Listener | null): void {
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
    if (listener !== null) this.listeners.set(keyOf(operator, n), listener);
    this.world.transport.sendFromUser(operator, this.regionOf(operator), to, envelope);
  }
}

function keyOf(origin: Peer, n: number): string {
  return `${origin}/${n}`;
}
