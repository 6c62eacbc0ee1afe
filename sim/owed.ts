import { isCovered } from './invariants/invariant.ts';
import { allows, standing } from './invariants/pods-at-home.ts';
import { canRead } from './invariants/pod-remains.ts';
import { lastSafeWrite } from './invariants/writes-survive.ts';
import type { Peer } from '../core/base/peers.ts';
import type { Now } from '../core/base/time.ts';
import { READY } from '../core/machine/node-state.ts';
import { readClock } from './clocks.ts';
import type { Machine } from './machine.ts';
import type { GoalName } from './scenario/resolved-expectations.ts';
import type { UserRequest } from './users.ts';
import type { World } from './world.ts';

/** What is still owed to some nodes, a line each; nothing: the goal is reached. */
export type Owed = (world: World, machines: readonly Machine[]) => string[];

/** What each goal of a scenario comes to. */
export const OWED: Readonly<Record<GoalName, Owed>> = {
  'nodes-ready': (_world, machines) =>
    machines
      .filter(isLive)
      .flatMap(({ node, spec }) => (node.phase === READY ? [] : [`${spec.name} is not ready`])),
  'live-nodes-listed': owedByIndexNodes,
  'directories-converge': owedByTwins,
  'membership-agrees': owedByMembers,
  'sessions-up': owedByBridges,
  'pods-replicated': owedByPodHosts,
  'clusters-discovered': owedByDirectories,
  'versions-converge': owedByModels,
  'requests-ended': (world, machines) => {
    const clusters = new Set(machines.map(({ cluster }) => cluster));
    return world.users.requests
      .filter((request) => clusters.has(request.cluster) && isOverdue(world, request))
      .map(
        ({ index, askedUs }) => `request r${index + 1}, asked at ${askedUs} µs, is open beyond its deadline`,
      );
  },
};

/** Users give up so long after the deadline; a second more is for looking at the clock. */
const PATIENCE_US = 9_000_000;

/** Whether a request is open when its user should have given up long ago. */
export function isOverdue(world: World, { code, askedUs, want }: UserRequest): boolean {
  return code < 0 && world.nowUs > askedUs + want.timeLeftUs + PATIENCE_US;
}

export function isLive({ isUp, pauses }: Machine): boolean {
  return isUp && pauses === 0;
}

/**
 * Whether a node belongs to its cluster now: the operators have let it in, and nobody has told it to go. Who is to join later does
 * once it has heard so: an order that harm has swallowed is not given again.
 */
function isMember({ operators, nowUs }: World, machine: Machine): boolean {
  const { spec, node } = machine;
  if (!operators.isAdmitted(machine) || nowUs >= (spec.leavesUs ?? Infinity)) return false;
  return spec.joinsUs === undefined || (nowUs >= spec.joinsUs && node.membership !== null);
}

function membersOf(world: World, machines: readonly Machine[]): Machine[] {
  return machines.filter((machine) => isLive(machine) && isMember(world, machine));
}

function owedByIndexNodes(world: World, machines: readonly Machine[]): string[] {
  const live = membersOf(world, machines);
  return live.flatMap(({ node, spec, cluster }) => {
    if (node.index === null) return [];
    // A node may have numbers of its own for its peers.
    const listed = new Set(
      node.index.directory
        .members()
        .map(({ manifest }) => world.identities.peerOf(node.pure.idOf(manifest.id))),
    );
    return live
      .filter((other) => other.cluster === cluster && !listed.has(other.peer))
      .map((other) => `${spec.name} does not list ${other.spec.name}`);
  });
}

/** R5.2-2: that members who are up know one another, and none who is down as live. */
function owedByMembers(world: World, machines: readonly Machine[]): string[] {
  return membersOf(world, machines).flatMap(({ node, spec, cluster, peer }) => {
    if (node.membership === null) return [];
    const { table } = node.membership;
    return machines.flatMap((other) => {
      if (other.cluster !== cluster || other.peer === peer || !isMember(world, other)) return [];
      const row = table.find(node.pure.peerOf(world.identities.idOf(other.peer)));
      const state = row < 0 ? -1 : table.stateAt(row);
      if (isLive(other))
        return state === ALIVE ? [] : [`${spec.name} does not know ${other.spec.name} as alive`];
      return other.isUp || (state !== ALIVE && state !== SUSPECT)
        ? []
        : [`${spec.name} thinks ${other.spec.name} is alive`];
    });
  });
}

/** States of members. */
const ALIVE = 0;
const SUSPECT = 1;

/** R3-2: of two index nodes of a cluster, that the second lists a node in the version in which the first does. */
function owedByTwins(world: World, machines: readonly Machine[]): string[] {
  const live = membersOf(world, machines);
  return live.flatMap((first) => {
    const twin = live.find(
      (other) => other.cluster === first.cluster && other.index > first.index && other.node.index !== null,
    );
    if (first.node.index === null || twin === undefined) return [];
    const [here, there] = [versionsOf(world, first), versionsOf(world, twin)];
    return live.flatMap(({ peer, cluster, spec }) => {
      if (cluster !== first.cluster || here.get(peer) === there.get(peer)) return [];
      const say = (versions: Map<Peer, string>): string => versions.get(peer) ?? 'not at all';
      return [`${first.spec.name} lists ${spec.name} ${say(here)}, ${twin.spec.name} ${say(there)}`];
    });
  });
}

/** What an index node lists, by the world's numbers. */
function versionsOf({ identities }: World, { node }: Machine): Map<Peer, string> {
  return new Map(
    node
      .index!.directory.members()
      .map(({ manifest, version, isQuarantined }) => [
        identities.peerOf(node.pure.idOf(manifest.id)),
        `in version ${version.epoch}.${version.version}${isQuarantined ? ', quarantined' : ''}`,
      ]),
  );
}

function owedByBridges(world: World, machines: readonly Machine[]): string[] {
  const live = membersOf(world, machines).filter(({ node }) => node.bridge !== null);
  const now: Now = { monoUs: 0, wallUs: 0 };
  return live.flatMap(({ node, spec, clock }) => {
    readClock(clock, world.nowUs, now);
    const heard = new Set<number>();
    for (const { peer, lastHeardUs } of node.bridge!.sessions.sessions) {
      const isUp = lastHeardUs > 0 && now.monoUs - lastHeardUs < node.config.parameters.sessionSilentUs;
      if (isUp) heard.add(world.identities.peerOf(node.pure.idOf(peer)));
    }
    return live
      .filter((other) => arePeered(world, spec.cluster, other.spec.cluster) && !heard.has(other.peer))
      .map((other) => `${spec.name} does not hear ${other.spec.name}`);
  });
}

/** Whether a peering of two clusters is in force, as the scenario has it. */
function arePeered({ scenario, nowUs }: World, left: string, right: string): boolean {
  return scenario.peerings.some(
    ({ between, fromUs, untilUs }) =>
      left !== right &&
      between.includes(left) &&
      between.includes(right) &&
      nowUs >= fromUs &&
      (untilUs === null || nowUs < untilUs),
  );
}

/** Records go through so many bridges, by default. */
const HOPS = 3;

/** Each bridge owes its list the clusters that news can reach it from, over bridges that are up. */
function owedByDirectories(world: World, machines: readonly Machine[]): string[] {
  const live = membersOf(world, machines).filter(({ node }) => node.bridge !== null);
  const clusters = [...new Set(live.map(({ spec }) => spec.cluster))];
  return live.flatMap(({ node, spec }) => {
    const { entries } = node.bridge!.directory;
    const listed = new Set([...entries.values()].map(({ record }) => record.genesis.cluster));
    let near = new Set([spec.cluster]);
    for (let hop = 0; hop < HOPS; hop++)
      near = new Set(
        clusters.filter((name) => [...near].some((one) => one === name || arePeered(world, one, name))),
      );
    return [...near]
      .filter((name) => !listed.has(name))
      .map((name) => `${spec.name} has not heard of ${name}`);
  });
}

/** R6.1-6: that the last safe write of a pod lies on three disks of hosts that are up, or as many as may have it. */
function owedByPodHosts(world: World, machines: readonly Machine[]): string[] {
  const live = machines.filter((machine) => isLive(machine) && machine.spec.podStorage !== null);
  return world.podOwners.pods.flatMap((pod) => {
    const write = lastSafeWrite(pod);
    if (write === null || pod.deletedUs < Infinity) return [];
    const cluster = world.podOwners.clusterOf(pod.owner);
    const [policy, ...others] = standing(world, pod);
    const { encryptionRequired } = policy.document.terms.policy;
    const eligible = live.filter(
      ({ cluster: own, spec }) =>
        own === cluster &&
        allows(policy, spec.region) &&
        (spec.podStorage!.encryption || !encryptionRequired),
    );
    const holders = eligible.filter((host) => canRead(world, host, write.content!.hash));
    const least = Math.min(world.scenario.parameters.podCopies, eligible.length);
    if (others.length > 0 || holders.length >= least) return [];
    return [`pod p${pod.index + 1} lies on ${holders.length} disks of hosts that are up, of ${least}`];
  });
}

/**
 * R7.2-2: the nodes of a cluster that follow a model and may have it run one version of it, whole and not on trial. Which one the
 * world knows: what the publisher points at last; or, if that one may fail its trial, or is withdrawn by now, any that is not.
 */
function owedByModels(world: World, machines: readonly Machine[]): string[] {
  const { library, scenario, nowUs, rollouts } = world;
  if (library === null) return [];
  const isWithdrawn = (id: string): boolean => nowUs >= (rollouts.withdrawn.get(id) ?? Infinity);
  return scenario.models.flatMap(({ name, moves, requiredMemoryBytes }) => {
    if (moves === undefined) return [];
    const pointed = rollouts.pointedAt(name);
    const isSound = pointed.failsPpm === 0 && pointed.slowPpm <= 1_000_000 && !isWithdrawn(pointed.id);
    const first = new Map<string, string>();
    return membersOf(world, machines).flatMap(({ node, spec }) => {
      const { wantedModels = [], compute, region, modelDiskBytes = Infinity } = spec;
      const mayHave =
        wantedModels.includes(name) &&
        isCovered(region, moves.regions) &&
        (compute?.gpuMemoryBytes ?? 0) * MOST_OF_MEMORY >= requiredMemoryBytes &&
        modelDiskBytes >= 2 * pointed.entry.sizeBytes;
      if (!mayHave) return [];
      const current = node.models?.currents.get(name);
      const id = current?.id ?? '';
      const runs = library.find(id);
      if (runs === undefined || current?.isTrial === true)
        return [`${spec.name} runs no version of ${name} for good`];
      const label = `${spec.name} runs ${name} in version ${runs.version}`;
      if (isSound ? id !== pointed.id : isWithdrawn(id)) return [label];
      const other = first.get(spec.cluster);
      if (other === undefined) first.set(spec.cluster, id);
      return other === undefined || other === id ? [] : [`${label}, others of ${spec.cluster} another`];
    });
  });
}

/** A node whose memory is nearly filled by a model may not be able to have it: what stays free is a parameter. */
const MOST_OF_MEMORY = 0.9;
