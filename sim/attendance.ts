import type { Envelope } from '../core/machine/envelope.ts';
import {
  ACK,
  NOTE_DEAD,
  NOTE_DISCOVERED,
  NOTE_EJECTED,
  NOTE_JOINED,
  NOTE_LEFT,
  NOTE_QUARANTINED,
  NOTE_REFUTED,
  NOTE_REMOVED,
  NOTE_SESSION_DOWN,
  NOTE_SESSION_UP,
  NOTE_SUSPECTED,
  NOTES,
  PING,
  type Noted,
} from '../core/machine/kinds.ts';
import { CUTS } from './faults/link-harm.ts';
import type { Machine } from './machine.ts';
import type { WorldEvent } from './world-events.ts';
import type { Truth } from './scenario/resolved-expectations.ts';
import type { Watcher, World } from './world.ts';

/** News of a member that is back go round in so long. */
const NEWS_US = 1_000_000;

/** Milliseconds; null where there was nothing to measure. */
export interface Delays {
  readonly count: number;
  readonly p50: number | null;
  readonly p99: number | null;
}

/**
 * What is true of a member that is given up. Rightly: it was down, frozen, or back for less than a second, which not all
 * can have heard yet. Cut off: it ran, and a cut lay between the two. Falsely: it ran, and nothing lay between them.
 */
type Deaths = Record<Truth, number>;

/** What members of clusters thought of one another, and how right they were. */
export interface MembershipReport {
  /** How often a member began to suspect another, and how often one denied that it was gone. */
  readonly suspected: number;
  readonly refuted: number;
  /** How often a member gave another up, by what was true then. */
  readonly dead: Readonly<Deaths>;
  readonly left: number;
  /** Times that a node which was ready went down. */
  readonly crashes: number;
  /** From a crash until the first of its cluster suspected the node, and gave it up, while it was down. */
  readonly suspicionMs: Delays;
  readonly deathMs: Delays;
}

/** What was found out about who is there, beyond membership. */
export interface DiscoveryReport {
  /** Directories of index nodes: nodes that were listed, taken off, and shunned for two manifests under one version. */
  readonly joined: number;
  readonly removed: number;
  readonly quarantined: number;
  readonly sessionsUp: number;
  readonly sessionsDown: number;
  /** Clusters that bridges heard of, each bridge for itself. */
  readonly clusters: number;
  /** Peers that were passed over for a while since they had failed too often. */
  readonly ejected: number;
}

interface Crash {
  readonly atUs: number;
  isSuspected: boolean;
  isGivenUp: boolean;
}

/** Holds what nodes note of one another against what the world knows. */
export class Attendance implements Watcher {
  private readonly counts = new Float64Array(NOTES.length);
  /** How often a member gave another up, by what was true then. */
  readonly dead: Deaths = { rightly: 0, 'cut-off': 0, falsely: 0 };
  /** The last crash of each node, by name, once it has been ready. */
  private readonly crashed = new Map<string, Crash>();
  /** Since when each node is ready, by name. */
  private readonly readySinceUs = new Map<string, number>();
  private readonly suspicionsUs: number[] = [];
  private readonly deathsUs: number[] = [];
  private crashes = 0;

  onAnnounced(world: World, event: WorldEvent, subject: string): void {
    if (event === 'node.ready') this.readySinceUs.set(subject, world.nowUs);
    // A node that never was there is missed by nobody.
    if (event !== 'node.down' || !this.readySinceUs.delete(subject)) return;
    this.crashes++;
    this.crashed.set(subject, { atUs: world.nowUs, isSuspected: false, isGivenUp: false });
  }

  onNoted(world: World, envelope: Envelope): void {
    const { note, chosen } = envelope.body as Noted;
    this.counts[note]++;
    if (note !== NOTE_SUSPECTED && note !== NOTE_DEAD) return;
    const about = world.machines[chosen];
    if (about === undefined) return;
    const crash = about.isUp ? undefined : this.crashed.get(about.spec.name);
    if (crash !== undefined && !crash.isSuspected) {
      crash.isSuspected = true;
      this.suspicionsUs.push(world.nowUs - crash.atUs);
    }
    if (note === NOTE_SUSPECTED) return;
    this.dead[this.truthOf(world, world.machines[envelope.from], about)]++;
    if (crash === undefined || crash.isGivenUp) return;
    crash.isGivenUp = true;
    this.deathsUs.push(world.nowUs - crash.atUs);
  }

  private truthOf(world: World, by: Machine, about: Machine): Truth {
    const sinceUs = this.readySinceUs.get(about.spec.name) ?? Infinity;
    if (about.pauses > 0 || world.nowUs < sinceUs + NEWS_US) return 'rightly';
    const isCut = isCutFrom(world, by, about, PING) || isCutFrom(world, about, by, ACK);
    return isCut ? 'cut-off' : 'falsely';
  }

  membership(): MembershipReport {
    const { counts, dead, crashes } = this;
    return {
      suspected: counts[NOTE_SUSPECTED],
      refuted: counts[NOTE_REFUTED],
      dead: { ...dead },
      left: counts[NOTE_LEFT],
      crashes,
      suspicionMs: delaysOf(this.suspicionsUs),
      deathMs: delaysOf(this.deathsUs),
    };
  }

  discovery(): DiscoveryReport {
    const { counts } = this;
    return {
      joined: counts[NOTE_JOINED],
      removed: counts[NOTE_REMOVED],
      quarantined: counts[NOTE_QUARANTINED],
      sessionsUp: counts[NOTE_SESSION_UP],
      sessionsDown: counts[NOTE_SESSION_DOWN],
      clusters: counts[NOTE_DISCOVERED],
      ejected: counts[NOTE_EJECTED],
    };
  }
}

function isCutFrom({ network }: World, from: Machine, to: Machine, kind: number): boolean {
  return network
    .link(from.cluster, to.cluster)
    .harms.some((harm) => harm.act === CUTS && harm.concerns(kind, from.peer, to.peer));
}

/** Nearest rank. */
function delaysOf(us: readonly number[]): Delays {
  const sorted = [...us].sort((left, right) => left - right);
  const at = (share: number): number | null =>
    sorted.length === 0 ? null : Math.round(sorted[Math.ceil(share * sorted.length) - 1] / 1000);
  return { count: sorted.length, p50: at(0.5), p99: at(0.99) };
}
