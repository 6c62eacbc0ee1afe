import { coversRegion } from '../../core/policy/regions.ts';
import type { Problems } from './problems.ts';
import type { ResolvedNode } from './resolved.ts';
import { type Cluster, type Group, type Model, type Template } from './schema.ts';
import { TRUST_LEVELS, type TrustLevel } from './word-fields.ts';
import type { Item, Items } from './sections.ts';
import type { Place } from './source.ts';

const DEFAULTS = { slots: 1, queue: 16, bandwidthBytesPerSecond: 125_000_000, speedPpm: 1_000_000 };
const MAX_NODES = 1_000_000;

/** 1 experimental … 4 verified. */
export function trustOf(level: TrustLevel): number {
  return TRUST_LEVELS.indexOf(level) + 1;
}

interface Shelf {
  readonly templates: Items<Template>;
  readonly models: Items<Model>;
  readonly problems: Problems;
}

/** The fields of a group of nodes, from itself and its template, and where each was written. */
class Fields {
  readonly all: Template;
  private readonly group: Place;
  private readonly own: Group;
  private readonly template: Item<Template> | null;

  constructor(group: Place, own: Group, template: Item<Template> | null) {
    this.group = group;
    this.own = own;
    this.template = template;
    this.all = { ...template?.value, ...own };
  }

  /** Where the field stands; the group, if it stands nowhere. */
  placeOf(field: keyof Template): Place {
    if (this.own[field] !== undefined) return this.group.at(field);
    return this.template?.value?.[field] === undefined ? this.group : this.template.place.at(field);
  }
}

/** The nodes of all clusters, numbered within their groups; of a cluster with mistakes, null in their place. */
export function resolveNodes(clusters: Items<Cluster>, shelf: Shelf): Map<string, ResolvedNode[] | null> {
  let count = 0;
  const nodes = new Map<string, ResolvedNode[] | null>();
  for (const cluster of clusters.values()) {
    const { name, place, value } = cluster;
    if (value === null) {
      nodes.set(name, null);
      continue;
    }
    const groups = Object.entries(value.nodes).map(([group, written]) => {
      const own: Group = typeof written === 'number' ? { count: written } : written;
      count += own.count ?? 1;
      return count > MAX_NODES
        ? []
        : resolveGroup(name, value.region, group, place.at('nodes', group), own, shelf);
    });
    nodes.set(name, groups.includes(null) ? null : (groups as ResolvedNode[][]).flat());
    if (count > MAX_NODES) {
      shelf.problems.add(place.at('nodes'), `these make ${count} nodes`, `at most ${MAX_NODES}`);
      return nodes;
    }
  }
  return nodes;
}

function resolveGroup(
  cluster: string,
  region: string,
  group: string,
  place: Place,
  own: Group,
  shelf: Shelf,
): ResolvedNode[] | null {
  const { templates, problems } = shelf;
  const template = templates.get(own.like ?? group) ?? null;
  if (template === null && (own.like !== undefined || own.types === undefined)) {
    if (own.like !== undefined) problems.addUnknown(place.at('like'), 'template', own.like, templates.keys());
    else if (Object.keys(own).every((key) => key === 'count'))
      problems.addUnknown(place, 'template', group, templates.keys(), true);
    else problems.addOfKey(place.at('types'), 'types is missing', 'types here, or a template of this name');
    return null;
  }
  if (template?.value === null) return null;
  const fields = new Fields(place, own, template);
  const before = problems.list.length;
  const node = resolveNode(fields, shelf);
  if (problems.list.length > before || node === null) return null;
  const where = own.region ?? region;
  if (!coversRegion(region, where)) {
    problems.add(
      place.at('region'),
      `${where} is not inside ${region}, where the cluster lies`,
      `${region}, or a region in it`,
    );
    return null;
  }
  return Array.from({ length: own.count ?? 1 }, (_, i) => ({
    name: `${cluster}/${group}-${i + 1}`,
    cluster,
    region: where,
    ...node,
  }));
}

type Kind = Omit<ResolvedNode, 'name' | 'cluster' | 'region'>;

function resolveNode(fields: Fields, shelf: Shelf): Kind | null {
  const { all } = fields;
  const { problems, models } = shelf;
  const { types, trust } = all;
  if (types === undefined) {
    problems.addOfKey(
      fields.placeOf('types').at('types'),
      'types is missing',
      'what these nodes are, as [gateway]',
    );
    return null;
  }
  checkTypes(fields, types, problems);
  if (all.approvedAfter !== undefined && (all.joins === undefined || all.admitted === false))
    problems.addOfKey(
      fields.placeOf('approvedAfter'),
      'nobody waits for that',
      'joins beside it, and admitted not false',
    );
  const listed = all.models ?? [];
  const follows = all.follows ?? [];
  checkModels(fields, listed, shelf);
  checkMoving(fields, 'follows', shelf);
  checkMoving(fields, 'publishes', shelf);
  const doesMove = (name: string): boolean => models.get(name)?.value?.size !== undefined;
  const stocked = listed.filter(doesMove);
  const wanted = [...new Set([...stocked, ...follows])];
  const installed = listed.filter((name) => !doesMove(name));
  const { claims, attested } =
    typeof trust === 'object'
      ? trust
      : { claims: trust ?? 'experimental', attested: trust ?? 'experimental' };
  const gpuMemoryBytes = all.gpuMemory ?? 0;
  const supported = [...models.values()].filter(
    ({ value }) => value !== null && value.memory <= gpuMemoryBytes,
  );
  const availableBytes = all.podStorage ?? 0;
  return {
    types,
    claimedTrust: trustOf(claims),
    attestedTrust: trustOf(attested),
    ...(all.runBy === undefined ? {} : { runBy: all.runBy }),
    podStorage: types.includes('pod-host')
      ? {
          availableBytes,
          maxPodBytes: all.maxPod ?? Math.floor(availableBytes / 10),
          encryption: all.encryption ?? true,
        }
      : null,
    compute: types.includes('compute')
      ? { gpuMemoryBytes, supportedModels: supported.map(({ name }) => name) }
      : null,
    installedModels: [...installed].sort((left, right) => (left < right ? -1 : 1)),
    ...(wanted.length === 0 ? {} : { stockedModels: stocked, wantedModels: wanted }),
    ...(all.publishes === undefined ? {} : { publishedModels: all.publishes }),
    ...(all.modelDisk === undefined ? {} : { modelDiskBytes: all.modelDisk }),
    slots: all.slots ?? DEFAULTS.slots,
    queueLimit: all.queue ?? DEFAULTS.queue,
    bandwidthBytesPerSecond: all.bandwidth ?? DEFAULTS.bandwidthBytesPerSecond,
    speedPpm: all.speed ?? DEFAULTS.speedPpm,
    ...(all.joins === undefined ? {} : { joinsUs: all.joins }),
    ...(all.leaves === undefined ? {} : { leavesUs: all.leaves }),
    ...(all.approvedAfter === undefined ? {} : { approvedAfterUs: all.approvedAfter }),
    ...(all.renewed === false ? { isRenewed: false as const } : {}),
    ...(all.unreachable === true ? { isUnreachable: true as const } : {}),
    ...(all.admitted === false ? { isAdmitted: false as const } : {}),
  };
}

/** R4-2: a compute node says how much memory it has, a pod host how much room; and nobody else does. */
function checkTypes(fields: Fields, types: readonly string[], problems: Problems): void {
  const { all } = fields;
  const place = fields.placeOf('types');
  if (new Set(types).size < types.length)
    problems.add(place, 'a type is there a second time', 'each type once');
  for (const [type, field, example] of [
    ['compute', 'gpuMemory', '24GB'],
    ['pod-host', 'podStorage', '2TB'],
  ] as const) {
    if (types.includes(type) && all[field] === undefined)
      problems.add(place, `a ${type} node without ${field}`, `${field} with its unit, as ${example}`);
    if (!types.includes(type) && all[field] !== undefined)
      problems.addOfKey(
        fields.placeOf(field),
        `${field} on a node that is no ${type} node`,
        `${type} among its types`,
      );
  }
  if (!types.includes('compute') && (all.models ?? []).length > 0)
    problems.addOfKey(
      fields.placeOf('models'),
      'models on a node that is no compute node',
      'compute among its types',
    );
  if (all.maxPod !== undefined && all.podStorage === undefined)
    problems.addOfKey(fields.placeOf('maxPod'), 'maxPod without podStorage', 'podStorage');
  if (all.encryption !== undefined && all.podStorage === undefined)
    problems.addOfKey(fields.placeOf('encryption'), 'encryption without podStorage', 'podStorage');
  if (all.maxPod !== undefined && all.podStorage !== undefined && all.maxPod > all.podStorage)
    problems.add(fields.placeOf('maxPod'), 'maxPod is larger than podStorage', 'at most podStorage');
}

function checkMoving(fields: Fields, field: 'follows' | 'publishes', { models, problems }: Shelf): void {
  for (const [i, name] of (fields.all[field] ?? []).entries()) {
    const place = fields.placeOf(field).at(i);
    const model = models.get(name);
    if (model === undefined) problems.addUnknown(place, 'model', name, models.keys());
    else if (model.value !== null && model.value.size === undefined)
      problems.add(place, `${name} has no size, and does not move`, 'a model with a size');
  }
}

function checkModels(fields: Fields, installed: readonly string[], { models, problems }: Shelf): void {
  let needed = 0;
  for (const [i, name] of installed.entries()) {
    const place = fields.placeOf('models').at(i);
    if (installed.indexOf(name) < i) problems.add(place, `${name} is there a second time`, 'each model once');
    const model = models.get(name);
    if (model === undefined) problems.addUnknown(place, 'model', name, models.keys());
    needed += model?.value?.memory ?? 0;
  }
  const has = fields.all.gpuMemory;
  if (has !== undefined && needed > has) {
    const found = `these models need ${needed / 1e9}GB of memory, the node has ${has / 1e9}GB`;
    problems.add(fields.placeOf('models'), found, 'models that fit together');
  }
}
