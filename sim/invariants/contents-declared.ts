import type { Envelope } from '../../core/machine/envelope.ts';
import { KINDS, NOTED, NOTES } from '../../core/machine/kinds.ts';
import type { Ref, Shape } from '../../core/machine/shape.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

const ALL_KINDS: readonly number[] = KINDS.flatMap((entry) => (entry === undefined ? [] : [entry.kind]));

/**
 * Content stays out of the core: only what the protocol table declares as a reference names a content, and only such as
 * the world has minted. It looks through every body, note and state, so it is judged in runs that check.
 */
export class ContentsDeclared extends Invariant {
  readonly name = 'contents-declared';
  readonly promise = 'only declared references name a content, and only contents that exist';
  readonly watches = { handled: ALL_KINDS, notes: NOTES.map((_, note) => note), ticks: true } as const;
  private nextUs = 0;
  private readonly clean = new Set<string>();

  override onHandled(world: World, envelope: Envelope): void {
    // A traitor may say what it likes: what others keep of it is seen in their states.
    if ((world.machines[envelope.from]?.villain ?? null) === null)
      this.walk(world, envelope.kind, envelope.body);
  }

  override onNoted(world: World, { body }: Envelope): void {
    this.walk(world, NOTED, body);
  }

  override onTick(world: World): void {
    if (world.nowUs < this.nextUs) return;
    this.nextUs = world.nowUs + PERIOD_US;
    for (const { node, spec, isUp } of world.machines) {
      if (!isUp) continue;
      this.checked++;
      const seen = new Set<object>();
      for (const [field, value] of Object.entries(node)) {
        if (LENT.includes(field)) continue;
        this.search(world, value, seen, (found) => this.violate(world, `the state of ${spec.name} ${found}`));
      }
    }
  }

  private walk(world: World, kind: number, body: unknown): void {
    const entry = KINDS[kind];
    if (entry === undefined) return;
    this.checked++;
    this.compare(world, entry.body, body, (found) => this.violate(world, `${entry.name} ${found}`));
  }

  /** Holds a value against its shape. */
  private compare(world: World, shape: Shape, value: unknown, say: (found: string) => void): void {
    switch (shape.tag) {
      case 'ref': {
        const { hash } = value as Ref;
        if (!this.isThere(world, hash)) say(`names ${hash}, which nobody has made`);
        return;
      }
      case 'optional':
        if (value !== null) this.compare(world, shape.item, value, say);
        return;
      case 'list':
        for (const item of value as unknown[]) this.compare(world, shape.item, item, say);
        return;
      case 'record': {
        const fields = value as Readonly<Record<string, unknown>>;
        for (const [i, name] of shape.names.entries())
          this.compare(world, shape.shapes[i], fields[name], say);
        if (Object.keys(fields).length !== shape.names.length) say('has a field that is not declared');
        return;
      }
      default:
        if (typeof value === 'string' && this.namesContent(value)) say(`names a content in a text: ${value}`);
    }
  }

  /** Looks through a state, which has no shape here. */
  private search(world: World, value: unknown, seen: Set<object>, say: (found: string) => void): void {
    if (typeof value === 'string') {
      if (this.namesContent(value)) say(`names a content in a text: ${value}`);
      return;
    }
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value)) return;
    seen.add(value);
    if (isRef(value)) {
      if (!this.isThere(world, value.hash)) say(`names ${value.hash}, which nobody has made`);
      return;
    }
    if (value instanceof Map) {
      for (const [key, item] of value) {
        this.search(world, key, seen, say);
        this.search(world, item, seen, say);
      }
      return;
    }
    // Structures carry the shapes of what they hold.
    for (const [field, item] of Object.entries(value))
      if (field !== 'shape') this.search(world, item, seen, say);
  }

  /** Somebody has made it, or published it: chunks of models are named in texts, too, which their publisher signs. */
  private isThere({ library }: World, hash: string): boolean {
    return this.lineage.isMinted(hash) || library?.hasChunk(hash) === true;
  }

  private namesContent(text: string): boolean {
    // Nobody can name a content before it is made, so what was clean once stays clean.
    if (this.clean.has(text)) return false;
    const isNamed =
      this.lineage.isMinted(text) || text.split(/[^\w-]+/).some((word) => this.lineage.isMinted(word));
    if (!isNamed && this.clean.size < MAX_CLEAN) this.clean.add(text);
    return isNamed;
  }
}

/** Texts remembered as clean: names of models, regions and clusters mostly. */
const MAX_CLEAN = 65_536;

/** Between two looks through the states of all nodes, µs. */
const PERIOD_US = 60_000_000;

/** What a node has from its driver, and shares with it. */
const LENT: readonly string[] = ['config', 'pure', 'self'];

function isRef(value: object): value is Ref {
  return 'hash' in value && 'sizeBytes' in value && 'keyId' in value;
}
