import type { Envelope } from '../../core/machine/envelope.ts';
import type { EvidenceFound, Rows } from '../../core/cluster/registry/registry-bodies.ts';
import { EVIDENCE, FOUND, MANIFEST, ROWS, type Announcement, type Found } from '../../core/machine/kinds.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';
import { Announced } from './manifests-authentic.ts';

/**
 * R4-3. An index node that lists a body of a node and is brought another that the node signed under the same version knows
 * that it is guilty, and from then on offers it to nobody, as long as it runs.
 */
export class QuarantineHolds extends Invariant {
  readonly name = 'quarantine-holds';
  readonly promise = 'nobody is sent to a node by an index node that has seen it equivocate';
  readonly watches = { sent: [MANIFEST, FOUND], handled: [MANIFEST, ROWS, EVIDENCE] } as const;
  private readonly said = new Announced();
  /** By index node and life: whom it knows to be guilty. */
  private readonly guilty = new Map<string, Set<number>>();

  override onSent(world: World, { kind, from, body }: Envelope): void {
    if (kind === MANIFEST) {
      const { manifest, version } = body as Announcement;
      if (from === manifest.id) this.said.add(manifest, version);
      return;
    }
    const guilty = this.guilty.get(keyOf(world, from));
    if (guilty === undefined) return;
    const { candidates, bridges } = body as Found;
    this.checked++;
    for (const peer of [...candidates.map((candidate) => candidate.peer), ...bridges]) {
      if (!guilty.has(peer)) continue;
      const [index, offered] = [from, peer].map((number) => world.machines[number].spec.name);
      this.violate(world, `${index} offers ${offered}, which it has seen equivocate`);
    }
  }

  override onHandled(world: World, { kind, to, body }: Envelope): void {
    if (to >= world.machines.length || world.machines[to].node.index === null) return;
    if (kind === MANIFEST) this.compare(world, to, body as Announcement);
    else if (kind === ROWS)
      for (const { announced } of (body as Rows).rows) this.compare(world, to, announced);
    else {
      const { first, second } = (body as EvidenceFound).evidence;
      const isProof = JSON.stringify(first.manifest) !== JSON.stringify(second.manifest);
      const areSaid = [first, second].every(({ manifest }) => this.said.has(manifest, first.version));
      if (isProof && areSaid && this.isKept(world, to, first.manifest.id))
        this.note(world, to, first.manifest.id);
    }
  }

  /** Against members evidence is always kept; against strangers while there is room, which is not judged. */
  private isKept(world: World, to: number, subject: number): boolean {
    return this.listed(world, to, subject) !== undefined;
  }

  private compare(world: World, to: number, { manifest, version }: Announcement): void {
    const listed = this.listed(world, to, manifest.id);
    if (listed === undefined || !this.said.has(manifest, version)) return;
    const isSameVersion =
      listed.version.epoch === version.epoch && listed.version.version === version.version;
    const isSameBody = JSON.stringify({ ...listed.manifest, id: manifest.id }) === JSON.stringify(manifest);
    if (isSameVersion && !isSameBody) this.note(world, to, manifest.id);
  }

  private listed(world: World, to: number, subject: number) {
    const { node } = world.machines[to];
    return node.index!.directory.get(node.pure.peerOf(world.identities.idOf(subject)));
  }

  private note(world: World, to: number, subject: number): void {
    const key = keyOf(world, to);
    const guilty = this.guilty.get(key);
    if (guilty === undefined) this.guilty.set(key, new Set([subject]));
    else guilty.add(subject);
  }
}

/** An index node in one of its lives: what it knew it forgets with a crash. */
function keyOf({ machines }: World, peer: number): string {
  return `${peer} ${machines[peer].lives}`;
}
