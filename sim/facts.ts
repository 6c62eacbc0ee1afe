import type { Peer } from '../core/base/peers.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import {
  ABSENCES,
  NOTE_ALONE,
  NOTE_CORRUPT,
  NOTE_DEAD,
  NOTE_EJECTED,
  NOTE_EXPIRED,
  NOTE_LEFT,
  NOTE_LEVEL,
  NOTE_LIED,
  NOTE_MODEL_REFUSED,
  NOTE_MODEL_RUNS,
  NOTE_POD_DECLINED,
  NOTE_POD_DELETED,
  NOTE_POD_PENDING,
  NOTE_POD_PLACED,
  NOTE_QUARANTINED,
  NOTE_REFUTED,
  NOTE_SUSPECTED,
  NOTE_UNSTORED,
  NOTES,
  PLACEMENTS,
  type Noted,
} from '../core/machine/kinds.ts';
import { labelOfFault } from './faults.ts';
import type { Fact } from './frame.ts';
import type { ResolvedPods } from './scenario/resolved-pods.ts';
import type { WorldEvent } from './world-events.ts';
import type { World } from './world.ts';

/** What members think of one member at one time many of them note: so many are told in so long. */
const MOST_ALIKE = 4;
const ALIKE_US = 10_000_000;

const OF_NODES: readonly number[] = [
  ...[NOTE_CORRUPT, NOTE_UNSTORED, NOTE_ALONE, NOTE_SUSPECTED, NOTE_DEAD, NOTE_LEFT],
  ...[NOTE_REFUTED, NOTE_EJECTED, NOTE_QUARANTINED, NOTE_LIED, NOTE_LEVEL, NOTE_EXPIRED],
];
/** They are noted again and again: they are told when they are other than the last time. */
const REPEATED: readonly number[] = [NOTE_POD_DECLINED, NOTE_POD_PENDING, NOTE_UNSTORED];

/** Makes facts of what nodes note and of what befalls them. */
export class Facts {
  private readonly tell: (fact: Fact) => void;
  private readonly last = new Map<string, string>();
  private readonly alike = new Map<string, { sinceUs: number; count: number }>();

  constructor(tell: (fact: Fact) => void) {
    this.tell = tell;
  }

  onNoted(world: World, envelope: Envelope): void {
    const noted = envelope.body as Noted;
    const sort = sortOf(noted.note);
    if (sort === null) return;
    const fact = factOf(world, envelope.from, noted, sort);
    if (sort === 'node' && this.isOneOfMany(world.nowUs, fact)) return;
    if (REPEATED.includes(noted.note) && this.isAsBefore(fact)) return;
    this.tell(fact);
  }

  onAnnounced(world: World, event: WorldEvent, subject: string): void {
    if (event !== 'node.down' && event !== 'node.ready') return;
    // Only who is down has been touched by anything: to ask others would make room for it.
    const machine = event === 'node.down' ? world.machines.find(({ spec }) => spec.name === subject) : null;
    const causes = [...(machine?.offBy ?? [])].map(({ fault }) => labelOfFault(fault));
    this.tell({
      timeUs: world.nowUs,
      node: subject,
      sort: 'node',
      what: event === 'node.down' ? 'down' : 'ready',
      subject,
      about: null,
      level: 0,
      why: causes.join('; '),
      others: [],
    });
  }

  private isOneOfMany(nowUs: number, { what, subject }: Fact): boolean {
    if (what === 'level') return false;
    const key = `${what} ${subject}`;
    const known = this.alike.get(key);
    if (known === undefined || nowUs - known.sinceUs >= ALIKE_US) {
      this.alike.set(key, { sinceUs: nowUs, count: 1 });
      return false;
    }
    return ++known.count > MOST_ALIKE;
  }

  private isAsBefore({ node, what, subject, about, why, others }: Fact): boolean {
    const key = `${node} ${what} ${subject} ${about ?? ''}`;
    const text = JSON.stringify([why, others]);
    if (this.last.get(key) === text) return true;
    this.last.set(key, text);
    return false;
  }
}

function sortOf(note: number): Fact['sort'] | null {
  if (note >= NOTE_POD_PLACED && note <= NOTE_POD_DELETED) return 'pod';
  if (note >= NOTE_MODEL_RUNS && note <= NOTE_MODEL_REFUSED) return 'model';
  return OF_NODES.includes(note) ? 'node' : null;
}

function factOf(world: World, from: Peer, noted: Noted, sort: Fact['sort']): Fact {
  const nameOf = (peer: Peer): string => world.identities.names[peer] ?? 'nobody';
  const { note, model, chosen, code, struck, why } = noted;
  const reasons = note === NOTE_POD_PLACED ? PLACEMENTS : note === NOTE_POD_PENDING ? ABSENCES : [];
  return {
    timeUs: world.nowUs,
    node: nameOf(from),
    sort,
    what: NOTES[note],
    subject: sort === 'node' ? nameOf(chosen) : sort === 'pod' ? nameOfPod(world, model) : model,
    about: sort === 'node' || chosen === from ? null : nameOf(chosen),
    level: note === NOTE_LEVEL ? code : 0,
    // The reasons of a level stand where other notes name a model.
    why: note === NOTE_LEVEL || note === NOTE_ALONE ? model : why,
    others: struck.map(({ peer, cluster, reason }) => ({
      node: nameOf(peer),
      region: cluster,
      reason: reasons[reason] ?? '',
    })),
  };
}

function nameOfPod(world: World, id: string): string {
  const pod = world.podOwners.podOf(id);
  return pod === undefined ? id : podNamesOf(world.scenario.pods ?? [])[pod.index].name;
}

const podNames = new WeakMap<
  readonly ResolvedPods[],
  { name: string; cluster: string; homeRegion: string }[]
>();

/** All pods of a scenario in their order: the core knows them by hashes, people by these names. */
export function podNamesOf(
  groups: readonly ResolvedPods[],
): readonly { readonly name: string; readonly cluster: string; readonly homeRegion: string }[] {
  let names = podNames.get(groups);
  if (names === undefined) {
    const ofEach = groups.flatMap((group) => Array.from({ length: group.people * group.each }, () => group));
    names = ofEach.map(({ cluster, homeRegion }, i) => ({
      name: `${cluster}/pod-${i + 1}`,
      cluster,
      homeRegion,
    }));
    podNames.set(groups, names);
  }
  return names;
}
