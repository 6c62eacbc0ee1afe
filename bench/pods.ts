import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DEFAULT_PARAMETERS } from '../core/machine/parameters.ts';
import { recordOf } from '../core/machine/disk-records.ts';
import { EMPTY_BOOK } from '../core/policy/consent-documents.ts';
import { compilePolicy, type DataLocationPolicy } from '../core/policy/location-policy.ts';
import { podIdOf, policyHash } from '../core/policy/pod-documents.ts';
import type { PodPolicy } from '../core/policy/pod-terms.ts';
import { EMPTY_COPY } from '../core/roles/pods/pod-copies.ts';
import { rankPlaces } from '../core/roles/pods/pod-placement.ts';
import { CIRCLE_KEY, lawKey, podKey, type PodCopy } from '../core/roles/pods/pod-records.ts';
import { WALL_EPOCH_US } from '../sim/clocks.ts';
import type { Machine } from '../sim/machine.ts';
import type { ResolvedNode, ResolvedScenario } from '../sim/scenario/resolved.ts';
import { World } from '../sim/world.ts';
import type { Figures } from './main.ts';

const SECOND_US = 1_000_000;
const HOSTS = 10;
const COPIES = DEFAULT_PARAMETERS.podCopies;
/** Where the hosts of each cluster lie: the second region is the one that is lost. */
const REGIONS = ['eu/fr', 'eu/de', 'eu/nl'];
const LOST = 1;
/** By then all have taken over what is on their disks, and every copy is where it is to be. */
const SETTLED_US = 40 * SECOND_US;
/** Whoever is gone for so long is replaced; the rest is repair. */
const MOST_US = SETTLED_US + 300 * SECOND_US;

const POLICY: DataLocationPolicy = {
  allowedRegions: ['eu'],
  requiredRegion: null,
  crossBorderAllowed: true,
  encryptionRequired: false,
  retention: { maxDays: null, legalHold: false },
};

const OPTIONS = {
  pods: { type: 'string', default: '100000' },
  nodes: { type: 'string', default: '1000' },
} as const;

/** Clusters of ten pod hosts in three regions, and all hosts of one region lost for good. */
function podScenario(nodes: number): ResolvedScenario {
  const clusters = Array.from({ length: nodes / HOSTS }, (_, i) => `cluster-${i}`);
  const members = clusters.flatMap((cluster) => Array.from({ length: HOSTS }, (_, i) => hostOf(cluster, i)));
  const lost = members.filter(({ region }) => region === REGIONS[LOST]).map(({ name }) => name);
  const far = (i: number, j: number): number => (i === j ? 1_000 : 8_000);
  return {
    format: 1,
    name: `pods-${nodes}`,
    about: '',
    seed: 1,
    durationUs: MOST_US,
    parameters: DEFAULT_PARAMETERS,
    regions: REGIONS.map((path) => ({ path, label: path, latitude: 0, longitude: 0 })),
    network: {
      oneWayP95Us: REGIONS.map((_, i) => REGIONS.map((_, j) => far(i, j))),
      fixedPpm: 900_000,
      lossPpm: 0,
      duplicatePpm: 0,
    },
    models: [],
    clusters: clusters.map((name) => ({ name, label: name, region: 'eu', exports: [] })),
    nodes: members,
    peerings: [],
    workloads: [],
    faults: [{ kind: 'crash', nodes: lost, atUs: SETTLED_US, untilUs: null }],
    expectations: { okAtLeastPpm: 0, sometimes: [], never: [], eventually: [], levels: [] },
  };
}

function hostOf(cluster: string, i: number): ResolvedNode {
  return {
    name: `${cluster}/host-${i}`,
    cluster,
    region: REGIONS[i % REGIONS.length],
    types: i === 0 ? ['pod-host', 'index'] : ['pod-host'],
    claimedTrust: 4,
    attestedTrust: 4,
    podStorage: { availableBytes: 1e12, maxPodBytes: 1e9, encryption: true },
    compute: null,
    installedModels: [],
    slots: 0,
    queueLimit: 0,
    bandwidthBytesPerSecond: 125_000_000,
    speedPpm: 1_000_000,
  };
}

/** Puts a pod on the disks of its cluster, as its hosts would have it: its law on all of them, and a copy on three. */
function placePod(world: World, hosts: readonly Machine[], number: number): string {
  const [{ node, peer: owner }] = hosts;
  const { pure } = node;
  const pod = podIdOf(pure, owner, number);
  const terms = {
    owner,
    number,
    version: 1,
    homeRegion: 'eu/fr',
    policy: POLICY,
    sinceWallUs: WALL_EPOCH_US,
  };
  const policy = {
    terms,
    signature: world.identities.mint(owner, policyHash(pure, terms as PodPolicy['terms'])),
  };
  const law = recordOf({ podLaw: { pod, policy, deletion: null, book: EMPTY_BOOK } as never });
  for (const { platter } of hosts) platter.records.set(lawKey(pod), law);
  const places = hosts.map(({ peer, spec: { region } }) => ({ peer, region, level: 4, seals: true }));
  const holders = rankPlaces(node, pod, places).slice(0, COPIES);
  const hash = `content of ${pod}`;
  const request = { writer: owner, writerBoot: 1, n: number };
  const version = {
    content: { hash, sizeBytes: 10_000, keyId: 0 },
    dot: { host: holders[0].peer, epoch: 1, n: number },
    context: [],
    ...request,
    wallUs: WALL_EPOCH_US,
  };
  const copy: PodCopy = { ...EMPTY_COPY, versions: [version], recent: [request] };
  const record = recordOf({ pod: { pod, copy } as never });
  for (const { peer, platter } of hosts)
    if (holders.some((holder) => holder.peer === peer)) {
      platter.records.set(podKey(pod), record);
      platter.contents.set(hash, 1);
    }
  return hash;
}

/** A region of every cluster is lost, and each pod of which a copy was there has three again. By the time of the processor. */
export function measure(args: string[]): Figures {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (globalThis.gc === undefined) return inProcess(args);
  const [pods, nodes] = [Number(values.pods), Number(values.nodes)];
  if (!(nodes >= HOSTS) || nodes % HOSTS !== 0)
    throw new Error(`--nodes is ${values.nodes}: hosts come in clusters of ${HOSTS}, say 100 or 1000`);
  if (!(pods >= 1)) throw new Error(`--pods is ${values.pods}: at least 1`);
  compilePolicy('eu/fr', POLICY);
  const world = new World(podScenario(nodes));
  const clusters = world.scenario.clusters.map((_, i) =>
    world.machines.filter(({ cluster }) => cluster === i),
  );
  for (const hosts of clusters) {
    const circle = { hosts: hosts.map(({ peer }) => peer), seenWallUs: WALL_EPOCH_US };
    for (const { platter } of hosts) platter.records.set(CIRCLE_KEY, recordOf({ circle }));
  }
  const placed = Array.from({ length: pods }, (_, i) => {
    const hosts = clusters[i % clusters.length];
    return { hosts, hash: placePod(world, hosts, i + 1) };
  });
  const isWhole = ({ hosts, hash }: (typeof placed)[number]): boolean =>
    hosts.filter(({ isUp, platter }) => isUp && platter.contents.has(hash)).length >= COPIES;
  world.start();
  const startingS = secondsOf(() => world.run(SETTLED_US));
  const before = world.events;
  // A copy is anywhere in the Union, so of some pods all three are where the lights go out.
  const kept = placed.filter(({ hosts, hash }) =>
    hosts.some(({ spec: { region }, platter }) => region !== REGIONS[LOST] && platter.contents.has(hash)),
  );
  let hit = -1;
  let whole = 0;
  const repairS = secondsOf(() => {
    for (let nowUs = SETTLED_US + SECOND_US; nowUs <= MOST_US && whole < kept.length; nowUs += SECOND_US) {
      world.run(nowUs);
      whole = kept.filter(isWhole).length;
      if (hit < 0) hit = kept.length - whole;
    }
  });
  globalThis.gc();
  return {
    benchmark: 'pods',
    pods,
    nodes,
    podsHit: hit,
    podsLost: pods - kept.length,
    podsLeft: kept.length - whole,
    startingS: round(startingS),
    repairS: round(repairS),
    simulatedS: (world.nowUs - SETTLED_US) / SECOND_US,
    events: world.events - before,
    rssMb: Math.round(process.memoryUsage().rss / 2 ** 20),
    digest: world.digest(),
  };
}

function inProcess(args: string[]): Figures {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const flags = ['--expose-gc', '--max-old-space-size=12000', '--import', 'tsx/esm'];
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...flags, main, 'pods', ...args, '--json'],
    {
      encoding: 'utf8',
      cwd: fileURLToPath(new URL('..', import.meta.url)),
    },
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

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
