import type { Peer } from '../../core/base/peers.ts';
import type { Application } from '../../core/cluster/affiliation/affiliation-bodies.ts';
import type { Manifest, ManifestVersion } from '../../core/cluster/manifest.ts';
import { ALIVE, DEAD, LEFT, SUSPECT, typesOf, type Member } from '../../core/cluster/membership/member.ts';
import type { FindMembers, Members, Sayings } from '../../core/cluster/membership/member-messages.ts';
import { hashManifest } from '../../core/cluster/presence.ts';
import * as kinds from '../../core/machine/kinds.ts';
import type { ChunkWanted, FindHolders, Holder } from '../../core/models/model-bodies.ts';
import { NO_CAPABLE_NODE, NOT_READY } from '../../core/routing/outcomes.ts';
import type { Certificate } from '../../core/trust/documents.ts';
import { Speaker } from './speaker.ts';
import type { TestVersion } from './test-model.ts';
import type { Heard, Wire } from './wire.ts';

/** Each start of a node begins a block of incarnations. */
const FIRST_INCARNATION = 65_536;

/**
 * The node that a tester puts beside the node under test. It is a member as far as it must: it answers probes, denies that it
 * is gone, listens as an index node to what others say of themselves, and hands out chunks of the test model. It serves nobody,
 * and says so, and it leaves when it is done.
 */
export class TestNode extends Speaker {
  readonly types = ['compute', 'index'];
  /** Known from what the node under test asks of a stranger. */
  cluster = '';
  /** That of the node under test, as soon as it has said so. */
  region = 'conform/nowhere';
  certificate: Certificate | null = null;
  /** What the node under test last said of members. */
  readonly members = new Map<Peer, Member>();
  readonly beats = new Map<Peer, { count: number; last: kinds.Beat }>();
  readonly manifests = new Map<Peer, kinds.Announcement>();
  pings = 0;
  /** Versions of the test model that this node hands out, by id. */
  readonly versions = new Map<string, TestVersion>();
  private readonly at: Wire;
  /** A node without a past takes its epoch from the calendar (R3-2). */
  private readonly epoch: number;
  private lastVersion = 0;
  private incarnation = FIRST_INCARNATION;
  private isLeaving = false;

  constructor(wire: Wire) {
    super(wire, wire.node);
    this.at = wire;
    this.epoch = Math.floor(wire.wallUs() / 1_000_000);
  }

  /** What it says of itself, each time under a version of its own; `claimedTrust` is a claim. */
  application(claimedTrust = 1): Application {
    const version: ManifestVersion = { epoch: this.epoch, version: ++this.lastVersion };
    const manifest: Manifest = {
      id: this.peer,
      types: this.types,
      cluster: this.cluster,
      region: this.region,
      podStorage: null,
      compute: { gpuMemoryBytes: 1_000_000_000, supportedModels: [] },
      claimedTrust,
      unknown: [],
    };
    const signature = this.mouth.sign(hashManifest(this.at, manifest, version));
    return { manifest, version, signature, address: this.mouth.address };
  }

  /** Shows its certificate to the node under test, which tells it of the members. */
  introduce(): void {
    const body: FindMembers = { cluster: this.cluster, own: this.ownMember(), liveHigh: 0, liveLow: 0 };
    this.say(kinds.FIND_MEMBERS, body);
  }

  /** Says that it leaves. */
  leave(): void {
    this.isLeaving = true;
    this.incarnation++;
    this.say(kinds.GOSSIP, { items: [this.ownMember()] } satisfies Sayings);
  }

  ownMember(): Member {
    return {
      peer: this.peer,
      incarnation: this.incarnation,
      state: this.isLeaving ? LEFT : ALIVE,
      types: typesOf({ types: this.types }),
      address: this.mouth.address,
      from: null,
      certificate: this.certificate,
    };
  }

  protected override hear(heard: Heard): void {
    super.hear(heard);
    const { kind, from, body } = heard;
    const isTarget = from === this.at.target;
    switch (kind) {
      case kinds.PING:
        if (isTarget) this.pings++;
        this.takeSayings((body as Sayings).items, isTarget);
        if (!this.isLeaving) this.answer(heard, kinds.ACK, { items: [] });
        return;
      case kinds.PING_REQ:
        this.answer(heard, kinds.NACK, {});
        return;
      case kinds.ACK:
      case kinds.GOSSIP:
        this.takeSayings((body as Sayings).items, isTarget);
        return;
      case kinds.FIND_MEMBERS:
        if (isTarget) this.takeQuestion(body as FindMembers);
        if (this.certificate !== null) this.answer(heard, kinds.MEMBERS, this.ownTable(body as FindMembers));
        return;
      case kinds.MEMBERS:
        this.takeSayings((body as Members).rows, isTarget);
        return;
      default:
        this.hearWork(heard);
    }
  }

  /** What is not about who is there. */
  private hearWork(heard: Heard): void {
    const { kind, from, body } = heard;
    const isTarget = from === this.at.target;
    switch (kind) {
      case kinds.BEAT: {
        const count = (this.beats.get(from)?.count ?? 0) + 1;
        this.beats.set(from, { count, last: body as kinds.Beat });
        if (!this.manifests.has(from)) this.answer(heard, kinds.MANIFEST_WANTED, {});
        return;
      }
      case kinds.MANIFEST: {
        const announced = body as kinds.Announcement;
        this.manifests.set(announced.manifest.id, announced);
        if (isTarget) this.region = announced.manifest.region;
        return;
      }
      case kinds.FIND:
        this.refuse(heard, NOT_READY, 'a test node lists nobody');
        return;
      case kinds.RUN:
        this.refuse(heard, NO_CAPABLE_NODE, 'a test node runs nothing');
        return;
      case kinds.FIND_HOLDERS: {
        const { id, isToKeep } = body as FindHolders;
        const isWhole = this.versions.has(id);
        const told: Holder = { id, region: this.region, isWhole, keeps: isWhole && isToKeep, busy: 0 };
        this.answer(heard, kinds.HOLDER, told);
        return;
      }
      case kinds.PAGE_WANTED:
      case kinds.CHUNK_WANTED:
        this.handOut(heard);
    }
  }

  private handOut(heard: Heard): void {
    const { id, page, place = 0 } = heard.body as { id: string; page: number; place?: number };
    const version = this.versions.get(id);
    const hashes = version?.pages[page];
    if (version === undefined || hashes === undefined) {
      const told: Holder = { id, region: this.region, isWhole: false, keeps: false, busy: 0 };
      this.answer(heard, kinds.HOLDER, told);
    } else if (heard.kind === kinds.PAGE_WANTED) this.answer(heard, kinds.MODEL_PAGE, { id, page, hashes });
    else {
      const wanted: ChunkWanted = { id, page, place };
      this.answer(heard, kinds.CHUNK, { ...wanted, chunk: version.chunks[place] });
    }
  }

  private takeQuestion({ cluster, own }: FindMembers): void {
    if (this.cluster === '') this.cluster = cluster;
    this.members.set(own.peer, own);
  }

  private takeSayings(items: readonly Member[], isTarget: boolean): void {
    for (const item of items) {
      if (isTarget) this.members.set(item.peer, item);
      const isAccused = item.peer === this.peer && (item.state === SUSPECT || item.state === DEAD);
      if (!isAccused || this.isLeaving || item.incarnation < this.incarnation) continue;
      this.incarnation = item.incarnation + 1;
      this.say(kinds.GOSSIP, { items: [this.ownMember()] } satisfies Sayings);
    }
  }

  private ownTable({ liveHigh, liveLow }: FindMembers): Members {
    return { rows: [this.ownMember()], isLast: true, wantsBack: false, liveHigh, liveLow };
  }

  private refuse(heard: Heard, code: number, detail: string): void {
    this.answer(heard, kinds.REFUSED, { code, retryAfterUs: 1_000_000, detail, struck: [] });
  }
}
