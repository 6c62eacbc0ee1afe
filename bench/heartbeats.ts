import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DEFAULT_PARAMETERS } from '../core/machine/parameters.ts';
import { READY } from '../core/machine/node-state.ts';
import type { ResolvedNode, ResolvedScenario } from '../sim/scenario/resolved.ts';
import { World } from '../sim/world.ts';
import { wholeNumber } from './arguments.ts';
import type { Figures } from './main.ts';
import { median, Phold, tabulateDelays } from './phold.ts';

const SECOND_US = 1_000_000;
const NODES_PER_CLUSTER = 1_000;
/** By then all are ready, listed, and beat. */
const SETTLED_US = 3 * SECOND_US;

/** Clusters of a thousand nodes that only say that they are there. */
export function heartbeatScenario(nodes: number, indexNodes: number, seconds: number): ResolvedScenario {
  const region = 'eu/fr';
  const clusters = Array.from({ length: Math.ceil(nodes / NODES_PER_CLUSTER) }, (_, i) => `cluster-${i}`);
  return {
    format: 1,
    name: `heartbeats-${nodes}`,
    about: '',
    seed: 1,
    durationUs: SETTLED_US + seconds * SECOND_US,
    parameters: DEFAULT_PARAMETERS,
    regions: [{ path: region, label: 'France', latitude: 48.9, longitude: 2.3 }],
    network: { oneWayP95Us: [[2_000]], fixedPpm: 800_000, lossPpm: 0, duplicatePpm: 0 },
    models: [
      { name: 'small', requiredMemoryBytes: 1e9, readTokensPerSecond: 1e3, writeTokensPerSecond: 1e2 },
    ],
    clusters: clusters.map((name) => ({ name, label: name, region, exports: [], detector: 'heartbeat' })),
    nodes: Array.from({ length: nodes }, (_, i) => nodeOf(clusters, i, region, indexNodes)),
    peerings: [],
    workloads: [],
    faults: [],
    expectations: { okAtLeastPpm: 0, sometimes: [], never: [], eventually: [], levels: [] },
  };
}

const INDEX_TYPES = ['index'];
const COMPUTE_TYPES = ['compute'];
const COMPUTE = { gpuMemoryBytes: 24e9, supportedModels: ['small'] };
const INSTALLED = ['small'];
const NOTHING: string[] = [];

function nodeOf(clusters: readonly string[], i: number, region: string, indexNodes: number): ResolvedNode {
  const cluster = clusters[Math.floor(i / NODES_PER_CLUSTER)];
  const place = i % NODES_PER_CLUSTER;
  const isIndex = place < indexNodes;
  return {
    // In one piece: a text joined of two keeps both.
    name: [cluster, `node-${place}`].join('/'),
    cluster,
    region,
    types: isIndex ? INDEX_TYPES : COMPUTE_TYPES,
    claimedTrust: 2,
    attestedTrust: 2,
    podStorage: null,
    compute: isIndex ? null : COMPUTE,
    installedModels: isIndex ? NOTHING : INSTALLED,
    slots: 4,
    queueLimit: 16,
    bandwidthBytesPerSecond: 125_000_000,
    speedPpm: 1_000_000,
  };
}

const OPTIONS = {
  nodes: { type: 'string', default: '10000' },
  index: { type: 'string', default: '1' },
  /** Simulated; ten are one window, at whose end the state of every node is hashed. */
  seconds: { type: 'string', default: '10' },
} as const;

const MOST_NODES = 4_000_000;
const MOST_SECONDS = 86_400;

const PHOLD_EVENTS = 1_000_000;
/** What one turn takes at least: with few nodes several seconds, so that no turn begins with all that the other has left in the caches. */
const TURN_EVENTS = 500_000;

/**
 * Clusters of a thousand nodes that are there and tell their index nodes so once a second: the whole world runs, and in turns with
 * it PHOLD on the same schedule with as much pending. All by the time of the processor.
 */
export function measure(args: string[]): Figures {
  const { values } = parseArgs({ args, options: OPTIONS });
  const nodes = wholeNumber('--nodes', values.nodes, 1, MOST_NODES);
  const indexNodes = wholeNumber('--index', values.index, 1, Math.min(nodes, NODES_PER_CLUSTER));
  const askedS = wholeNumber('--seconds', values.seconds, 1, MOST_SECONDS);
  if (globalThis.gc === undefined) return inProcess(args);
  const turnS = Math.max(1, Math.round(TURN_EVENTS / (2 * nodes)));
  const turns = Math.ceil(askedS / turnS);
  const seconds = turns * turnS;
  const world = new World(heartbeatScenario(nodes, indexNodes, seconds));
  globalThis.gc();
  const madeMb = residentMb();
  const startingS = secondsOf(() => {
    world.start();
    world.run(SETTLED_US);
  });
  const unready = world.machines.filter(({ node }) => node.phase !== READY).length;
  const settledEvents = world.events;
  const pending = world.pending;
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  const runningMb = residentMb();
  const pholdRates: number[] = [];
  let spentS = 0;
  for (let turn = 1; turn <= turns; turn++) {
    spentS += secondsOf(() => world.run(SETTLED_US + turn * turnS * SECOND_US));
    pholdRates.push(pholdRate(pending));
  }
  const eventsPerSecond = (world.events - settledEvents) / spentS;
  return {
    benchmark: 'heartbeats',
    nodes,
    seconds,
    unready,
    pending,
    startingUsPerNode: round((startingS * 1e6) / nodes),
    eventsPerSecond: Math.round(eventsPerSecond),
    pholdEventsPerSecond: Math.round(median(pholdRates)),
    ratioToPhold: round(eventsPerSecond / median(pholdRates)),
    simulatedSecondsPerSecond: round(seconds / spentS),
    madeMb,
    runningMb,
    bytesPerNode: Math.round((heapUsed + external) / nodes),
    digest: world.digest(),
  };
}

function pholdRate(pending: number): number {
  const phold = new Phold({ lps: pending, perLp: 1, events: 0, warmup: 0, seed: 1 }, tabulateDelays());
  phold.run(PHOLD_EVENTS / 2);
  return PHOLD_EVENTS / secondsOf(() => phold.run(PHOLD_EVENTS));
}

function inProcess(args: string[]): Figures {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [
      '--expose-gc',
      '--max-old-space-size=6000',
      '--import',
      'tsx/esm',
      main,
      'heartbeats',
      ...args,
      '--json',
    ],
    { encoding: 'utf8', cwd: fileURLToPath(new URL('..', import.meta.url)) },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Figures;
}

function secondsOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function residentMb(): number {
  return Math.round(process.memoryUsage().rss / 2 ** 20);
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
