import { expect } from 'chai';
import fc from 'fast-check';
import { Digest } from '../../core/base/digest.ts';
import { Encoder } from '../../core/machine/codec.ts';
import { MANIFEST } from '../../core/machine/kinds.ts';
import { foldNode, nodeStateShape } from '../../core/machine/node-state.ts';
import { hashManifest } from '../../core/cluster/presence.ts';
import {
  integer,
  list,
  optional,
  peer,
  record,
  ref,
  shared,
  table,
  text,
  type Shape,
} from '../../core/machine/shape.ts';
import { cloneValue, diffValues, foldValue, rememberFolds } from '../../core/machine/snapshot.ts';
import { ALL_KINDS, valuesOf, type Pool } from '../arbitraries.ts';
import { Cast } from '../cast.ts';
import { envelopeOf, FEDERATION, manifestOf, namesOf, OpenRig, Rig } from '../rig.ts';
import { law } from './law.ts';

const cast = new Cast(namesOf(FEDERATION));
const pool: Pool = { peers: cast.names.map((_, i) => i), texts: ['a', 'eu'], integers: [0, 1, 2] };

function foldOf(shape: Shape, value: unknown, rank = (who: number): number => cast.rank(who)): string {
  const digest = new Digest();
  foldValue(shape, value, digest, rank);
  return digest.hex();
}

/** A shape that has everything in it that state may have. */
const everything = record({
  entries: table(peer, record({ count: integer, names: list(text(8), 4), of: optional(ref) })),
  order: list(peer, 8),
  last: optional(table(integer, peer)),
}) as Shape;

/** Changes one leaf of a value, or returns null if it has none to change. */
function changeLeaf(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'string') return `${value}x`;
  if (typeof value === 'boolean') return !value;
  if (Array.isArray(value)) {
    const changed = value.length === 0 ? null : changeLeaf(value[0]);
    return changed === null ? null : [changed, ...value.slice(1)];
  }
  if (value === null || Object.getPrototypeOf(value) !== Object.prototype) return null;
  for (const [name, item] of Object.entries(value as object)) {
    const changed = changeLeaf(item);
    if (changed !== null) return { ...(value as object), [name]: changed };
  }
  return null;
}

describe('laws of clone, fold and diff', () => {
  law(
    'a fold does not depend on the order in which maps were filled',
    fc.tuple(valuesOf(everything, pool), fc.infiniteStream(fc.nat())),
    ([value, chance]) => {
      const fields = value as { entries: Map<number, unknown>; last: Map<number, number> | null };
      const shuffle = <K, V>(map: Map<K, V>): Map<K, V> =>
        new Map(
          [...map]
            .map((entry) => ({ entry, at: chance.next().value }))
            .sort((left, right) => left.at - right.at)
            .map(({ entry }) => entry),
        );
      const other = {
        ...fields,
        entries: shuffle(fields.entries),
        last: fields.last && shuffle(fields.last),
      };
      expect(foldOf(everything, other)).to.equal(foldOf(everything, value));
      expect(diffValues(everything, other, value)).to.deep.equal([]);
      return fields.entries.size > 1;
    },
    { seed: 21, runs: 500 },
  );

  law(
    'a fold does not depend on the numbers of peers',
    valuesOf(everything, pool),
    (value) => {
      const turned = cast.names.length;
      const renumber = (who: number): number => turned - 1 - who;
      const other = new Cast([...cast.names].reverse());
      const fields = value as {
        entries: Map<number, unknown>;
        order: number[];
        last: Map<number, number> | null;
      };
      const renumbered = {
        entries: new Map([...fields.entries].map(([who, entry]) => [renumber(who), entry])),
        order: fields.order.map(renumber),
        last: fields.last && new Map([...fields.last].map(([key, who]) => [key, renumber(who)])),
      };
      expect(foldOf(everything, renumbered, (who) => other.rank(who))).to.equal(foldOf(everything, value));
      return fields.entries.size + fields.order.length > 1;
    },
    { seed: 22, runs: 500 },
  );

  for (const entry of ALL_KINDS) {
    law(
      `${entry.name}: clone is equal, and a change of one leaf shows in diff and fold`,
      valuesOf(entry.body, pool),
      (value) => {
        const copy = cloneValue(entry.body, value);
        expect(diffValues(entry.body, value, copy)).to.deep.equal([]);
        expect(foldOf(entry.body, copy)).to.equal(foldOf(entry.body, value));
        const changed = changeLeaf(value);
        if (changed === null) return entry.body.tag === 'record' && entry.body.names.length <= 1;
        // Numbers are also peers, and a peer that nobody knows has no rank: the identity will do.
        const byNumber = (who: number): number => who;
        expect(diffValues(entry.body, value, changed)).to.have.length(1);
        expect(foldOf(entry.body, changed, byNumber)).not.to.equal(foldOf(entry.body, value, byNumber));
        return true;
      },
      { seed: 200 + entry.kind, runs: 60 },
    );
  }

  law(
    'an index node that heard the same manifests in another order is the same',
    fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8, maxLength: 8 }),
    (order) => {
      const specs = Array.from({ length: 8 }, (_, i) => ({
        ...FEDERATION[1],
        name: `compute ${i}`,
        models: ['a'],
      }));
      const inOrder = (places: readonly number[]): string => {
        const rig = new OpenRig([FEDERATION[0]], [...namesOf(FEDERATION), ...specs.map(({ name }) => name)]);
        rig.boot('front');
        rig.pump();
        const front = rig.node('front');
        for (const place of places) {
          const manifest = manifestOf(rig.cast, specs[place]);
          const version = { epoch: 1, version: 1 };
          const signature = rig.cast.sign(manifest.id, hashManifest(front, manifest, version));
          const body = { manifest, version, signature, attestations: [] };
          rig.deliver(envelopeOf(MANIFEST, manifest.id, front.self, body));
        }
        expect(front.index!.directory.size).to.equal(9);
        return foldNode(front).hex();
      };
      expect(inOrder(order)).to.equal(inOrder([0, 1, 2, 3, 4, 5, 6, 7]));
      return order.some((place, i) => place !== i);
    },
    { seed: 23, runs: 20 },
  );

  it('a rank that remembers what is shared folds alike, also where one object is read as two things', () => {
    const body = { count: 3, of: 1 };
    const asCount = shared(record({ count: integer }));
    const asBoth = shared(record({ count: integer, of: peer }));
    const shape = record({ first: asCount, second: asBoth, third: asCount }) as Shape;
    const value = { first: body, second: body, third: body };
    const rank = rememberFolds((who) => cast.rank(who));
    const plain = foldOf(shape, value);
    for (let i = 0; i < 2; i++) expect(foldOf(shape, value, rank)).to.equal(plain);
    expect(rank.folded!.has(body)).to.equal(true);
  });

  it('every field of a node’s state is folded: a change of any of them changes the fold', () => {
    const rig = new Rig().start();
    const node = rig.node('front');
    const before = foldNode(node).hex();
    expect(nodeStateShape.tag).to.equal('record');
    const { names, shapes } = nodeStateShape as Extract<typeof nodeStateShape, { tag: 'record' }>;
    names.forEach((name, i) => {
      const changed = changeLeaf((node as never)[name]);
      if (changed === null) return;
      expect(foldNode({ ...node, [name]: changed }).hex(), `${name}: ${shapes[i].tag}`).not.to.equal(before);
    });
    expect(names).to.include.members(['phase', 'random', 'gateway', 'index', 'compute', 'bridge']);
  });

  it('a document has one writing, whatever the numbers of those it names', () => {
    const shape = record({ of: peer, others: list(peer, 4) }) as Shape;
    const other = new Cast([...cast.names].reverse());
    const [front, ann] = ['front', 'ann'];
    const here = { of: cast.peer(front), others: [cast.peer(ann), cast.peer(front)] };
    const there = { of: other.peer(front), others: [other.peer(ann), other.peer(front)] };
    const bytes = new Encoder(cast).document(shape, here);
    expect(new Encoder(other).document(shape, there)).to.deep.equal(bytes);
    expect(bytes.length).to.equal(33 + 1 + 33 + 1);
  });
});
