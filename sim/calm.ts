import { OK } from '../core/routing/outcomes.ts';
import type { Machine } from './machine.ts';
import { OWED } from './owed.ts';
import type { LinkFault } from './scenario/resolved-link-faults.ts';
import type { ResolvedFault } from './scenario/resolved-faults.ts';
import type {
  ResolvedCluster,
  ResolvedNode,
  ResolvedScenario,
  ResolvedWorkload,
} from './scenario/resolved.ts';
import { createRoots, drawKeyed, keyOfName } from './seeds.ts';
import type { World } from './world.ts';

/** Words of chance of a calm are told apart by these. */
const WHEN = 101;
const CLUSTER = 102;
const NODE = 103;

/** Probes of each cluster: a queue may be full once. */
const PROBES = 3;

/**
 * The scenario with its calm settled: when it comes and for whom is drawn, faults on the core end then and begin no more,
 * all others that act at the time stay for good, and each cluster of the core gets users who do nothing but probe.
 * No traitor is of the core, at any time: others may have found it out, and rightly shun it from then on.
 * The calm is harm and demand as data, so it replays and shrinks as they do. Without a calm, or settled: as it was.
 */
export function settleCalm(scenario: ResolvedScenario): ResolvedScenario {
  const { calm } = scenario;
  if (calm === undefined || calm.settled !== null) return scenario;
  const { durationUs } = scenario;
  const root = createRoots(scenario.seed).nemesis;
  const drawn = 45 + (drawKeyed(root, WHEN, 0) % 15);
  const fromUs = calm.fromUs ?? Math.floor((durationUs * drawn) / 100);
  const withinUs = Math.min(calm.withinUs, durationUs - fromUs);
  const traitors = new Set(scenario.malice?.map(({ node }) => node));
  const clusters = calm.clusters ?? drawClusters(scenario, traitors, root);
  const honest = scenario.nodes.filter(({ name }) => !traitors.has(name));
  const nodes = drawNodes(honest, clusters, root);
  const core = new Set(nodes.map(({ name }) => name));
  for (const cluster of clusters) core.add(cluster);
  const probes = clusters.flatMap((cluster) => probeOf(scenario, cluster, nodes, fromUs, withinUs) ?? []);
  const first = scenario.workloads.length;
  return {
    ...scenario,
    workloads: [...scenario.workloads, ...probes],
    faults: scenario.faults.flatMap((fault) => calmDown(fault, fromUs, core)),
    calm: {
      fromUs,
      withinUs,
      clusters,
      settled: { core: nodes.map(({ name }) => name), probes: probes.map((_, i) => first + i) },
    },
  };
}

/** A majority of the clusters; one with a traitor in it only if there are not enough others. */
function drawClusters(
  { clusters, nodes }: ResolvedScenario,
  traitors: ReadonlySet<string>,
  root: number,
): string[] {
  const isBetrayed = ({ name }: ResolvedCluster): boolean =>
    nodes.some((node) => node.cluster === name && traitors.has(node.name));
  return drawMost(clusters, root, CLUSTER, isBetrayed).map(({ name }) => name);
}

/** The smallest majority, drawn by name; of those that are to come last only as many as it takes. */
function drawMost<T extends { readonly name: string }>(
  items: readonly T[],
  root: number,
  what: number,
  comesLast: (item: T) => boolean = () => false,
): T[] {
  const words = new Map(items.map((item) => [item, drawKeyed(root, keyOfName(item.name), what)]));
  const most = Math.floor(items.length / 2) + 1;
  const chosen = [...items]
    .sort(
      (left, right) =>
        Number(comesLast(left)) - Number(comesLast(right)) || words.get(left)! - words.get(right)!,
    )
    .slice(0, most);
  return items.filter((item) => chosen.includes(item));
}

/** All gateways, since users cannot choose theirs, and of all other nodes of a kind a majority. */
function drawNodes(
  nodes: readonly ResolvedNode[],
  clusters: readonly string[],
  root: number,
): ResolvedNode[] {
  const groups = new Map<string, ResolvedNode[]>();
  for (const node of nodes) {
    if (!clusters.includes(node.cluster)) continue;
    const { cluster, types, installedModels, wantedModels } = node;
    const kind = JSON.stringify([cluster, types, installedModels, wantedModels]);
    const group = groups.get(kind);
    if (group === undefined) groups.set(kind, [node]);
    else group.push(node);
  }
  return [...groups.values()].flatMap((group) =>
    group[0].types.includes('gateway') ? group : drawMost(group, root, NODE),
  );
}

/** A user of the cluster who asks for something that the core has; null if it has nothing to offer there. */
function probeOf(
  { models, peerings, nodes }: ResolvedScenario,
  cluster: string,
  core: readonly ResolvedNode[],
  fromUs: number,
  withinUs: number,
): ResolvedWorkload | null {
  const isGateway = ({ types }: ResolvedNode): boolean => types.includes('gateway');
  if (!core.some((node) => node.cluster === cluster && isGateway(node))) return null;
  const offers = core.flatMap((node) => {
    const isAtHome = node.cluster === cluster;
    const exported = exportedTo(peerings, cluster, node.cluster);
    const model = models.find(
      ({ name, requiredMemoryBytes }) =>
        node.installedModels.includes(name) &&
        (node.compute?.gpuMemoryBytes ?? 0) >= requiredMemoryBytes &&
        (isAtHome || exported.includes('*') || exported.includes(name)),
    );
    return model === undefined ? [] : [{ node, model, isAtHome }];
  });
  const offer = offers.find(({ isAtHome }) => isAtHome) ?? offers[0];
  if (offer === undefined) return null;
  // Bridges cross only to where the answer may be computed, and that is said of the place of the bridge.
  const allowedRegions = [
    ...new Set(nodes.filter((node) => node.cluster === offer.node.cluster).map(({ region }) => region)),
  ];
  const gapUs = Math.max(1, Math.floor(withinUs / (2 * (PROBES + 1))));
  const startUs = fromUs + Math.floor(withinUs / 3);
  return {
    cluster,
    users: PROBES,
    fromUs: startUs,
    untilUs: startUs + PROBES * gapUs + 1,
    meanGapUs: gapUs,
    gapQuantiles: [1_000_000, 1_000_000],
    contextTokens: [1, 1],
    generatedTokens: [1, 1],
    bytesPerToken: 4,
    deadlineUs: Math.max(1, Math.min(30_000_000, Math.floor(withinUs / 3))),
    asks: [{ model: offer.model.name, weight: 1, minTrust: 1, allowedRegions }],
  };
}

/** What a cluster gets of another for good: peerings that end or begin later promise nothing to whoever probes. */
function exportedTo(
  peerings: ResolvedScenario['peerings'],
  cluster: string,
  exporter: string,
): readonly string[] {
  return peerings.flatMap(({ between, exports, fromUs, untilUs }) => {
    const isPermanent = fromUs === 0 && untilUs === null;
    if (!isPermanent || !between.includes(cluster) || !between.includes(exporter)) return [];
    return cluster === exporter ? [] : exports[between.indexOf(exporter)];
  });
}

/** What becomes of a fault: nothing, its end, or that it stays. */
function calmDown(fault: ResolvedFault, fromUs: number, core: ReadonlySet<string>): ResolvedFault[] {
  const isAnchored = fault.after !== undefined;
  if (fault.atUs >= fromUs) return [];
  if (!('untilUs' in fault)) return isAnchored ? [] : [fault];
  if (!isAnchored && fault.untilUs !== null && fault.untilUs <= fromUs) return [fault];
  // When an anchored fault begins nobody knows yet: it must keep off the core from the start.
  const ended = isAnchored ? [] : partOf(fault, core, true).map((part) => ({ ...part, untilUs: fromUs }));
  const lasting = partOf(fault, core, false).map((part) => (isAnchored ? part : { ...part, untilUs: null }));
  return [...ended, ...lasting];
}

type LastingFault = Extract<ResolvedFault, { readonly untilUs: number | null }>;

/** The part of a fault that touches the core and nothing else, or all the rest of it; none if there is nothing of it. */
function partOf(fault: LastingFault, core: ReadonlySet<string>, isOfCore: boolean): LastingFault[] {
  if ('nodes' in fault) {
    const nodes = fault.nodes.filter((name) => core.has(name) === isOfCore);
    return nodes.length === 0 ? [] : [{ ...fault, nodes }];
  }
  const sides = [fault, ...(fault.more ?? [])].flatMap(({ from, to }) =>
    splitSides(from, to, core, isOfCore),
  );
  if (sides.length === 0) return [];
  const [{ from, to }, ...more] = sides;
  const part: LinkFault & { more?: readonly Sides[] } = { ...fault, from, to, more };
  if (more.length === 0) delete part.more;
  return [part];
}

type Sides = Pick<LinkFault, 'from' | 'to'>;

/** A link is of the core if both its ends are. */
function splitSides(
  from: readonly string[],
  to: readonly string[],
  core: ReadonlySet<string>,
  isOfCore: boolean,
): Sides[] {
  const [inside, outside] = [from.filter((name) => core.has(name)), from.filter((name) => !core.has(name))];
  const sides = isOfCore
    ? [{ from: inside, to: to.filter((name) => core.has(name)) }]
    : [
        { from: inside, to: to.filter((name) => !core.has(name)) },
        { from: outside, to },
      ];
  return sides.filter((side) => side.from.length > 0 && side.to.length > 0);
}

/** Sees to it that the core does what it owes, in time. */
export class CalmWatch {
  /** When everything owed was there at once; null: not yet. */
  reachedUs: number | null = null;
  private readonly fromUs: number;
  private readonly withinUs: number;
  private readonly core: ReadonlySet<string>;
  private readonly probes: readonly number[];

  constructor({ calm }: ResolvedScenario) {
    this.fromUs = calm?.fromUs ?? Infinity;
    this.withinUs = calm?.withinUs ?? 0;
    this.core = new Set(calm?.settled?.core);
    this.probes = calm?.settled?.probes ?? [];
  }

  get dueUs(): number {
    return this.fromUs + this.withinUs;
  }

  onTick(world: World): void {
    if (this.reachedUs !== null || world.nowUs < this.fromUs) return;
    if (this.owed(world).length === 0) this.reachedUs = world.nowUs;
  }

  /** What the core was to do in time and has not done, a line each. */
  late(world: World): string[] {
    if (this.core.size === 0 || world.nowUs < this.dueUs) return [];
    const isInTime = this.reachedUs !== null && this.reachedUs <= this.dueUs;
    if (isInTime) return [];
    const owed = this.owed(world);
    return owed.length > 0 ? owed : [`the core was well only at ${this.reachedUs} µs`];
  }

  /** Whether somebody’s open request counts: those who are not of the core may wait in vain. */
  isOwed(cluster: string): boolean {
    return this.core.size === 0 || [...this.core].some((name) => name.startsWith(`${cluster}/`));
  }

  private owed(world: World): string[] {
    const machines = world.machines.filter(({ spec }) => this.core.has(spec.name));
    const down = machines.filter(({ isUp, pauses }: Machine) => !isUp || pauses > 0);
    return [
      ...down.map(({ spec }) => `${spec.name} is of the core, and does not run`),
      ...OWED['nodes-ready'](world, machines),
      ...OWED['live-nodes-listed'](world, machines),
      ...OWED['sessions-up'](world, machines),
      ...OWED['requests-ended'](world, machines),
      ...this.probes.flatMap((workload) => unansweredProbe(world, workload)),
    ];
  }
}

function unansweredProbe(world: World, workload: number): string[] {
  const asked = world.users.requests.filter((request) => request.workload === workload);
  if (asked.some(({ code }) => code === OK)) return [];
  const { cluster, asks } = world.scenario.workloads[workload];
  return [`no probe of ${cluster} for ${asks[0].model} was answered, of ${asked.length}`];
}
