import type { Peer, Pure } from '../../core/base/peers.ts';
import { hashManifest } from '../../core/cluster/presence.ts';
import type { Manifest, ManifestVersion } from '../../core/cluster/manifest.ts';
import { sizeOfEnvelope } from '../../core/machine/codec.ts';
import type { Genesis } from '../../core/trust/documents.ts';
import { Envelope } from '../../core/machine/envelope.ts';
import type { Machine } from '../machine.ts';
import type { MaliciousRole, ResolvedMalice } from '../scenario/resolved-malice.ts';
import { drawKeyed, keyOfName } from '../seeds.ts';
import type { World } from '../world.ts';
import { AddressBorrower } from './address-borrower.ts';
import { CertificateForger } from './certificate-forger.ts';
import { CapturedVoucher } from './captured-voucher.ts';
import { CapabilityLiar } from './capability-liar.ts';
import { ConsentForger } from './consent-forger.ts';
import { EquivocatingIndex } from './equivocating-index.ts';
import { Equivocator } from './equivocator.ts';
import { Forger } from './forger.ts';
import type { Guise, Malice, Scene } from './malice.ts';
import { KeepingHolder } from './keeping-holder.ts';
import { LyingHolder } from './lying-holder.ts';
import { PeeringForger } from './peering-forger.ts';
import { RecordForger } from './record-forger.ts';
import { PlanTamperer } from './plan-tamperer.ts';
import { RegionLiar } from './region-liar.ts';
import { RegionLyingHost } from './region-lying-host.ts';
import { ReplayingBridge } from './replaying-bridge.ts';
import { RumourMonger } from './rumour-monger.ts';
import { SelectiveGateway } from './selective-gateway.ts';

function createMalice(role: MaliciousRole): Malice {
  switch (role) {
    case 'equivocating-index':
      return new EquivocatingIndex();
    case 'equivocator':
      return new Equivocator();
    case 'capability-liar':
      return new CapabilityLiar();
    case 'region-liar':
      return new RegionLiar();
    case 'replaying-bridge':
      return new ReplayingBridge();
    case 'plan-tamperer':
      return new PlanTamperer();
    case 'selective-gateway':
      return new SelectiveGateway();
    case 'forger':
      return new Forger();
    case 'record-forger':
      return new RecordForger();
    case 'rumour-monger':
      return new RumourMonger();
    case 'captured-voucher':
      return new CapturedVoucher();
    case 'peering-forger':
      return new PeeringForger();
    case 'consent-forger':
      return new ConsentForger();
    case 'lying-holder':
      return new LyingHolder();
    case 'keeping-holder':
      return new KeepingHolder();
    case 'region-lying-host':
      return new RegionLyingHost();
    case 'certificate-forger':
      return new CertificateForger();
    case 'address-borrower':
      return new AddressBorrower();
  }
}

/** A villain knows so many who do not belong to its cluster. */
const MAX_STRANGERS = 32;

/** A malicious role at one node, with what it has done so far. It acts between two times, while its node is up. */
export class Villain implements Scene, Guise {
  readonly role: ResolvedMalice;
  readonly label: string;
  readonly armed = 1;
  /** Whether it has had a chance: an envelope or a moment, in its time. */
  fired = 0;
  affected = 0;
  readonly neighbours: readonly Peer[];
  readonly indexNodes: readonly Peer[];
  readonly strangers: readonly Peer[];
  readonly models: readonly string[];
  private readonly world: World;
  private readonly machine: Machine;
  private readonly malice: Malice;
  private readonly root: number;
  private readonly speech = new Envelope();

  constructor(world: World, machine: Machine, role: ResolvedMalice) {
    this.world = world;
    this.machine = machine;
    this.role = role;
    this.label = `${role.as} ${role.node}`;
    this.malice = createMalice(role.as);
    this.root = drawKeyed(world.roots.nodes, keyOfName(role.as), machine.key);
    const cluster = world.machines.filter((other) => other.cluster === machine.cluster);
    this.neighbours = cluster.filter((other) => other !== machine).map(({ peer }) => peer);
    this.indexNodes = cluster.filter(({ spec }) => spec.types.includes('index')).map(({ peer }) => peer);
    this.strangers = world.machines
      .filter(
        (other) =>
          other !== machine && (other.cluster !== machine.cluster || other.spec.isAdmitted === false),
      )
      .slice(0, MAX_STRANGERS)
      .map(({ peer }) => peer);
    this.models = world.scenario.models
      .map(({ name }) => name)
      .sort((left, right) => (left < right ? -1 : 1));
  }

  get self(): Peer {
    return this.machine.peer;
  }

  get sharePpm(): number {
    return this.role.sharePpm;
  }

  get region(): string {
    return this.role.region;
  }

  get ownRegion(): string {
    return this.machine.spec.region;
  }

  get genesis(): Genesis {
    return this.world.operators.genesisOf(this.machine);
  }

  get second(): number {
    return Math.floor(this.world.nowUs / 1_000_000);
  }

  /** Between two ticks, µs; 0: none. */
  get tickUs(): number {
    return this.malice.tickUs;
  }

  /** Whether what its node sends goes out, perhaps changed. */
  letsOut(envelope: Envelope): boolean {
    if (!this.isActing()) return true;
    if (!this.malice.onOutgoing(envelope, this)) return false;
    envelope.sizeBytes = sizeOfEnvelope(envelope);
    return true;
  }

  /** Whether what others send reaches its node, perhaps changed. */
  letsIn(envelope: Envelope): boolean {
    if (!this.isActing()) return true;
    if (!this.malice.onIncoming(envelope, this)) return false;
    envelope.sizeBytes = sizeOfEnvelope(envelope);
    return true;
  }

  tick(): void {
    if (this.machine.isUp && this.machine.pauses === 0 && this.isActing()) this.malice.onTick(this);
  }

  addressOf(peer: Peer): string {
    return this.world.machines[peer].spec.name;
  }

  keyOf(peer: Peer): number {
    return this.world.keyOf(peer);
  }

  draw(first: number, second: number, third = 0): number {
    return drawKeyed(this.root, first, second, third);
  }

  isInShare(first: number, second: number): boolean {
    return this.draw(first, second) * 1_000_000 < this.sharePpm * 4294967296;
  }

  sign(hash: string): string {
    return this.world.identities.mint(this.self, hash);
  }

  get pure(): Pure {
    return this.world.identities;
  }

  hashOf(manifest: Manifest, version: ManifestVersion): string {
    return hashManifest({ pure: this.world.identities }, manifest, version);
  }

  send(envelope: Readonly<Omit<Envelope, 'sizeBytes'>>): void {
    Object.assign(this.speech, envelope);
    this.speech.sizeBytes = sizeOfEnvelope(this.speech);
    this.world.sendFromVillain(this.machine, this.speech);
  }

  touch(): void {
    this.affected++;
  }

  private isActing(): boolean {
    const { fromUs, untilUs } = this.role;
    const { nowUs } = this.world;
    if (nowUs < fromUs || (untilUs !== null && nowUs >= untilUs)) return false;
    this.fired = 1;
    return true;
  }
}
