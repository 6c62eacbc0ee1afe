import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadScenario } from '../sim/scenario/load.ts';
import type { ResolvedScenario } from '../sim/scenario/resolved.ts';
import { World } from '../sim/world.ts';
import { wholeNumber } from './arguments.ts';
import type { Figures } from './main.ts';

const FILE = fileURLToPath(new URL('../scenarios/quickstart.yaml', import.meta.url));

/** The first cluster of the quickstart alone, with so many compute nodes more. */
function growCluster(scenario: ResolvedScenario, nodes: number): ResolvedScenario {
  const [cluster] = scenario.clusters;
  const own = scenario.nodes.filter((node) => node.cluster === cluster.name);
  const template = own.find(({ types }) => types.includes('compute'))!;
  const more = Array.from({ length: nodes }, (_, i) => ({ ...template, name: `${cluster.name}/idle-${i}` }));
  return {
    ...scenario,
    clusters: [cluster],
    nodes: [...own, ...more],
    peerings: [],
    workloads: [],
    faults: [],
    expectations: { ...scenario.expectations, eventually: [], levels: [] },
  };
}

/**
 * What a node weighs that is there and has not run yet: its entry in the scenario, and its machine, configuration, keys and
 * identity in the world. Bytes of heap and of buffers a node, in a process of its own that collects its garbage first.
 */
export function measure(args: string[]): Figures {
  const options = { nodes: { type: 'string', default: '100000' } } as const;
  const nodes = wholeNumber('--nodes', parseArgs({ args, options }).values.nodes, 1, 10_000_000);
  if (globalThis.gc !== undefined) return weigh(nodes);
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--expose-gc', '--import', 'tsx/esm', main, 'idle', '--nodes', String(nodes), '--json'],
    { encoding: 'utf8', cwd: fileURLToPath(new URL('..', import.meta.url)) },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Figures;
}

function weigh(nodes: number): Figures {
  const quickstart = loadScenario(FILE);
  new World(growCluster(quickstart, 1)); // what is made once is there before
  const atFirst = bytesInUse();
  const scenario = growCluster(quickstart, nodes);
  const withScenario = bytesInUse();
  const startNs = process.hrtime.bigint();
  const world = new World(scenario);
  const seconds = Number(process.hrtime.bigint() - startNs) / 1e9;
  const withWorld = bytesInUse();
  return {
    benchmark: 'idle',
    nodes,
    scenarioBytesPerNode: Math.round((withScenario - atFirst) / nodes),
    worldBytesPerNode: Math.round((withWorld - withScenario) / nodes),
    makingUsPerNode: Math.round((seconds * 1e7) / nodes) / 10,
    rssMb: Math.round(process.memoryUsage().rss / 2 ** 20),
    machines: world.machines.length,
  };
}

function bytesInUse(): number {
  globalThis.gc!();
  globalThis.gc!();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
