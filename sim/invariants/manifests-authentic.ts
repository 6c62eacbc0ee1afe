import type { Manifest, ManifestVersion } from '../../core/cluster/manifest.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { MANIFEST, type Announcement } from '../../core/machine/kinds.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

/** R4-3. What a node has signed is what it has announced itself: it signs nothing else of the kind. */
export class ManifestsAuthentic extends Invariant {
  readonly name = 'manifests-authentic';
  readonly promise = 'an index node lists nothing of a node that the node did not say itself';
  readonly watches = { sent: [MANIFEST], ticks: true } as const;
  private readonly said = new Announced();
  /** What was found to be authentic is not looked at again. */
  private readonly known = new WeakSet<Manifest>();

  override onSent(_world: World, envelope: Envelope): void {
    const { manifest, version } = envelope.body as Announcement;
    if (envelope.from === manifest.id) this.said.add(manifest, version);
  }

  override onTick(world: World): void {
    for (const machine of world.machines) if (machine.isUp) this.judge(world, machine);
  }

  private judge(world: World, { node, spec }: Machine): void {
    if (node.index === null) return;
    for (const { manifest, version } of node.index.directory.members()) {
      if (this.known.has(manifest)) continue;
      this.checked++;
      const subject = world.identities.peerOf(node.pure.idOf(manifest.id));
      if (this.said.has({ ...manifest, id: subject }, version)) this.known.add(manifest);
      else
        this.violate(
          world,
          `${spec.name} lists ${world.machines[subject].spec.name} as it never announced itself`,
        );
    }
  }
}

/** Who has said what of itself, in the world's numbers. */
export class Announced {
  private readonly bodies = new Map<string, Set<string>>();

  add(manifest: Manifest, version: ManifestVersion): void {
    const key = keyOf(manifest, version);
    const bodies = this.bodies.get(key);
    if (bodies === undefined) this.bodies.set(key, new Set([JSON.stringify(manifest)]));
    else bodies.add(JSON.stringify(manifest));
  }

  has(manifest: Manifest, version: ManifestVersion): boolean {
    return this.bodies.get(keyOf(manifest, version))?.has(JSON.stringify(manifest)) ?? false;
  }
}

function keyOf({ id }: Manifest, { epoch, version }: ManifestVersion): string {
  return `${id} ${epoch} ${version}`;
}
