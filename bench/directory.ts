import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Digest } from '../core/base/digest.ts';
import { Directory } from '../core/cluster/registry/directory.ts';
import type { Load } from '../core/cluster/manifest.ts';
import type { Announcement } from '../core/cluster/registry/registry-bodies.ts';
import type { Figures } from './main.ts';

const MODELS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
/** As many as an index node names at most. */
const NAMED = 32;

/**
 * An index node's directory of 1,000 and of 10,000 members, of whom each has one of eight models: the bytes that a member costs
 * beside its manifest and load, against a map of plain objects; and naming 32 who have a model, against going through
 * all members and sorting those who do, as one would without lists. Ratios are taken in this run.
 */
export function measure(): Figures {
  return Object.fromEntries([1_000, 10_000].map((size) => [`members ${size}`, measureAt(size)]));
}

function measureAt(size: number): Figures {
  const { announced, loads } = population(size);
  const ranks = { rank: (peer: number): number => (peer * 2_654_435_761) % 2 ** 52 };
  const build = (): Directory => {
    const directory = new Directory();
    for (let i = 0; i < size; i++) {
      const slot = directory.put(ranks, announced[i], `hash ${i}`, 1, 1);
      directory.hear(ranks, slot, loads[i], 2);
    }
    return directory;
  };
  const buildMap = (): Map<number, object> =>
    new Map(
      announced.map((one, i) => [
        i,
        { announced: one, load: loads[i], hash: `hash ${i}`, valid: 1, heardUs: 2, isQuarantined: false },
      ]),
    );
  const bytes = bytesOf(build) / size;
  const mapBytes = bytesOf(buildMap) / size;
  const directory = build();
  const byList = timeOf(() => {
    let named = 0;
    const slots = directory.offeringOf('c');
    for (let i = 0; i < slots.size && named < NAMED; i++) named += directory.at(slots.at(i)).version.version;
    return named;
  });
  const byFilter = timeOf(() => {
    const found = directory.slots().filter((slot) => directory.loadAt(slot)!.installedModels.includes('c'));
    found.sort((left, right) => ranks.rank(directory.peerAt(left)) - ranks.rank(directory.peerAt(right)));
    return found.slice(0, NAMED).length;
  });
  directory.fold(new Digest(), ranks.rank);
  const foldUnchanged = timeOf(() => directory.fold(new Digest(), ranks.rank));
  const foldAll = timeOf(() => {
    for (let slot = 0; slot < size; slot++) directory.hear(ranks, slot, { ...directory.loadAt(slot)! }, 3);
    directory.fold(new Digest(), ranks.rank);
  });
  return {
    bytesPerMember: round(bytes),
    bytesPerMemberOfMap: round(mapBytes),
    findUs: round(byList),
    timesFasterThanFilter: Math.round(byFilter / byList),
    timesFasterFoldUnchanged: Math.round(foldAll / foldUnchanged),
  };
}

function population(size: number): { announced: Announcement[]; loads: Load[] } {
  const announced = Array.from({ length: size }, (_, id) => ({
    manifest: {
      id,
      types: ['compute'],
      cluster: 'c',
      region: 'eu',
      podStorage: null,
      compute: { gpuMemoryBytes: 24e9, supportedModels: [MODELS[id % MODELS.length]] },
      claimedTrust: 4,
      unknown: [],
    },
    version: { epoch: 1, version: 1 },
    signature: '',
    attestations: [],
  }));
  const numbers = {
    running: 0,
    queued: 0,
    slots: 1,
    room: 1,
    serviceUs: 1,
    freeMemoryBytes: 0,
    draining: false,
  };
  const loads = announced.map(({ manifest }) => {
    const models = manifest.compute.supportedModels;
    return { ...numbers, installedModels: models, loadedModels: models };
  });
  return { announced, loads };
}

/** What one of them holds: the growth of the heap and of array buffers by forty, all garbage collected. */
function bytesOf(build: () => unknown): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held: unknown[] = Array.from({ length: 10 }, build);
  const used = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = used();
  for (let i = 0; i < 40; i++) held.push(build());
  return (used() - before) / 40;
}

/** µs of one call: the median of rounds of many. */
function timeOf(work: () => unknown): number {
  const rounds = Array.from({ length: 15 }, () => {
    const startedNs = process.hrtime.bigint();
    for (let i = 0; i < 50; i++) work();
    return Number(process.hrtime.bigint() - startedNs) / 50_000;
  });
  return rounds.sort((left, right) => left - right)[7];
}

function round(figure: number): number {
  return Math.round(figure * 10) / 10;
}
