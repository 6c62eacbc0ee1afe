import { expect } from 'chai';
import { ACCELERATOR } from '../../../core/base/peers.ts';
import { Envelope } from '../../../core/machine/envelope.ts';
import { CHUNK, INFER, LOAD_MODEL, MODEL_NEWS, MODEL_UNLOADED } from '../../../core/machine/kinds.ts';
import { refOfChunk } from '../../../core/models/holding.ts';
import { newsOf } from '../../publisher.ts';
import { wipeDisk } from '../../../sim/devices/disk.ts';
import { ContentsDeclared } from '../../../sim/invariants/contents-declared.ts';
import type { Invariant } from '../../../sim/invariants/invariant.ts';
import { CopiesAllowed } from '../../../sim/invariants/copies-allowed.ts';
import { LastCopyKept } from '../../../sim/invariants/last-copy-kept.ts';
import { MemoryReserved } from '../../../sim/invariants/memory-reserved.ts';
import { ModelsWhole } from '../../../sim/invariants/models-whole.ts';
import { RevokedNotServed } from '../../../sim/invariants/revoked-not-served.ts';
import { Lineage } from '../../../sim/lineage.ts';
import { World } from '../../../sim/world.ts';
import { tinyNode, tinyScenario } from '../tiny-scenario.ts';

/** Two nodes of France have version 1 of a model `m`, which France is promised to keep. */
function setWorld(): World {
  const moves = {
    chunkBytes: 1_000,
    licence: '',
    purpose: '',
    regions: ['eu'],
    keptIn: ['eu/fr'],
    versions: [
      { sizeBytes: 5_000, slowPpm: 1_000_000, failsPpm: 0 },
      { sizeBytes: 5_000, slowPpm: 1_000_000, failsPpm: 0 },
    ],
  };
  const rates = { requiredMemoryBytes: 14e9, readTokensPerSecond: 8_000, writeTokensPerSecond: 60 };
  const scenario = tinyScenario();
  const holder = (name: string) => ({
    ...tinyNode(name, 'france', 'eu/fr', ['compute']),
    stockedModels: ['m'],
    wantedModels: ['m'],
  });
  const world = new World({
    ...scenario,
    models: [...scenario.models, { name: 'm', ...rates, moves }],
    nodes: [...scenario.nodes, holder('france/first'), holder('france/second')],
  });
  world.start();
  world.run(5e6);
  return world;
}

const FIRST = 4;
const SECOND = 5;
const told = ({ breaches }: Invariant): string[] => breaches.map(({ what }) => what);
const said = (fields: Partial<Envelope>): Envelope => Object.assign(new Envelope(), fields);

function loadOf(world: World, version: number, from = FIRST): Envelope {
  const { id, entry, pages } = world.library!.versionOf('m', version);
  const chunks = pages.flatMap(({ hashes }) =>
    hashes.map((hash, place) => refOfChunk(entry, 0, place, hash)),
  );
  return said({
    kind: LOAD_MODEL,
    from,
    to: ACCELERATOR,
    body: { id, model: 'm', memoryBytes: 14e9, chunks },
  });
}

function inferOf(world: World, version: number, from = FIRST): Envelope {
  const { id } = world.library!.versionOf('m', version);
  return said({ kind: INFER, from, to: ACCELERATOR, body: { model: 'm', version: id } });
}

describe('models-whole', () => {
  it('is content with a version that is loaded from all its chunks, and runs', () => {
    const world = setWorld();
    const invariant = new ModelsWhole(new Lineage());
    invariant.onSent(world, loadOf(world, 1));
    invariant.onSent(world, inferOf(world, 1));
    expect(invariant).to.include({ checked: 2, violated: 0 });
  });

  it('sees half a model loaded, false chunks, what nobody has published, and what was not loaded', () => {
    const world = setWorld();
    const invariant = new ModelsWhole(new Lineage());
    invariant.onSent(world, loadOf(world, 2));
    const lie = loadOf(world, 1);
    const body = lie.body as { chunks: { hash: string }[] };
    lie.body = { ...body, chunks: body.chunks.map((chunk) => ({ ...chunk, hash: 'lie' })) };
    invariant.onSent(world, lie);
    invariant.onSent(world, said({ kind: LOAD_MODEL, from: FIRST, body: { ...body, id: 'unknown' } }));
    invariant.onSent(world, inferOf(world, 1, SECOND));
    const reasons = [
      /5 chunks are not on its disk/,
      /not its own/,
      /nobody has published/,
      /not loaded as a whole/,
    ];
    expect(invariant.violated).to.equal(reasons.length);
    reasons.forEach((reason, i) => expect(told(invariant)[i]).to.match(reason));
  });
});

describe('contents-declared, of models', () => {
  it('is content with chunks that are published, and with what a traitor says; sees others that somebody names', () => {
    const world = setWorld();
    const invariant = new ContentsDeclared(new Lineage());
    const { id, entry, pages } = world.library!.versionOf('m', 2);
    const name = (hash: string): number => {
      const chunk = refOfChunk(entry, 0, 0, hash);
      const body = { id, page: 0, place: 0, chunk };
      invariant.onHandled(world, said({ kind: CHUNK, from: FIRST, to: SECOND, body }));
      return invariant.violated;
    };
    expect([name(pages[0].hashes[0]), invariant.checked]).to.deep.equal([0, 1]);
    expect(name('lie')).to.equal(1);
    world.machines[FIRST].villain = { tickUs: 0, letsIn: () => true, letsOut: () => true, tick: () => {} };
    expect([name('lie'), invariant.checked]).to.deep.equal([1, 2]);
  });
});

describe('memory-reserved', () => {
  it('sees more loaded than there is memory, and is content when the first has left before', () => {
    const world = setWorld();
    const { id } = world.library!.versionOf('m', 1);
    for (const leaves of [false, true]) {
      const invariant = new MemoryReserved(new Lineage());
      invariant.onSent(world, loadOf(world, 1));
      if (leaves)
        invariant.onHandled(
          world,
          said({ kind: MODEL_UNLOADED, from: ACCELERATOR, to: FIRST, body: { id } }),
        );
      invariant.onSent(world, loadOf(world, 2));
      invariant.onSent(world, loadOf(world, 1, SECOND));
      expect(invariant).to.include({ checked: 3, violated: leaves ? 0 : 1 });
    }
  });
});

describe('copies-allowed', () => {
  const chunkOf = (world: World, from: number, to: number): Envelope => {
    const { id, entry, pages } = world.library!.versionOf('m', 1);
    const chunk = refOfChunk(entry, 0, 0, pages[0].hashes[0]);
    return said({ kind: CHUNK, from, to, body: { id, page: 0, place: 0, chunk } });
  };
  const judge = (from: number, to: number): Invariant => {
    const world = setWorld();
    const invariant = new CopiesAllowed(new Lineage());
    invariant.onHandled(world, chunkOf(world, from, to));
    return invariant;
  };

  it('is content with what comes from a node of the same cluster', () => {
    const invariant = judge(FIRST, SECOND);
    expect(told(invariant)).to.deep.equal([]);
    expect(invariant.checked).to.equal(1);
  });

  it('sees a chunk come where copies may not be, and over a border past the bridges', () => {
    expect(told(judge(FIRST, 3))).to.deep.equal([
      'm came from france/first to us-east/compute, and may not be in americas/us-east',
      'm came from france/first to us-east/compute, over a border, and only bridges speak there',
    ]);
    expect(told(judge(0, 2))).to.deep.equal([
      'm came from france/front to us-east/front, and may not be in americas/us-east',
    ]);
  });
});

describe('last-copy-kept', () => {
  it('sees the last copy of a promised region go, and nothing in one that goes before, or in a wiped disk', () => {
    const world = setWorld();
    const { id } = world.library!.versionOf('m', 1);
    const invariant = new LastCopyKept(new Lineage());
    const remove = (node: number): void => {
      world.machines[node].platter.records.delete(`model/held/${id}/0`);
      invariant.onTick(world);
    };
    invariant.onTick(world);
    remove(FIRST);
    expect(invariant.violated).to.equal(0);
    remove(SECOND);
    expect(told(invariant)[0]).to.match(/the last is gone from france\/second/);

    const wiped = setWorld();
    const other = new LastCopyKept(new Lineage());
    other.onTick(wiped);
    for (const machine of wiped.machines.slice(FIRST)) {
      wipeDisk(machine);
      machine.bootCount = 0;
    }
    other.onTick(wiped);
    expect(other).to.include({ checked: 1, violated: 0 });
  });
});

describe('revoked-not-served', () => {
  it('sees a version run after its bound by whoever has been told, and by nobody else', () => {
    const world = setWorld();
    const published = world.library!.versionOf('m', 1);
    const withdrawal = world.library!.withdraw(published, 2 ** 40 + 10e6);
    world.rollouts.withdrawn.set(published.id, 10e6);
    const invariant = new RevokedNotServed(new Lineage());
    invariant.onHandled(
      world,
      said({ kind: MODEL_NEWS, to: FIRST, body: newsOf({ withdrawals: [withdrawal] }) }),
    );
    invariant.onSent(world, inferOf(world, 1));
    expect(invariant).to.include({ checked: 1, violated: 0 });
    world.nowUs = 11e6;
    invariant.onSent(world, inferOf(world, 1, SECOND));
    expect(invariant).to.include({ checked: 1, violated: 0 });
    invariant.onSent(world, inferOf(world, 1));
    expect(told(invariant)[0]).to.match(/france\/first runs a version of m that is withdrawn/);
    // Another version it may run, and that it does is no proof of nothing: it could have been this one.
    invariant.onSent(world, inferOf(world, 2));
    expect(invariant).to.include({ checked: 3, violated: 1 });
  });
});
