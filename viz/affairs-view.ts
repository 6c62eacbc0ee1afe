import type { FrameHeader } from '../sim/frame.ts';
import { standingOf, type Affairs, type ModelAffair, type PodAffair } from './affairs.ts';

/** How pods, models and trust stand at a moment, for the page and for summaries. */
export interface AffairsView {
  readonly pods: readonly PodRow[];
  readonly models: readonly ModelRow[];
  readonly trust: readonly TrustRow[];
}

/** Whether all is well with a pod, or what it waits for. */
export type PodState = 'unwritten' | 'kept' | 'short' | 'deleting' | 'deleted';

export interface PodRow {
  readonly name: string;
  readonly state: PodState;
  /** All pod hosts that the one who looks after it has before it: whether each has a copy, and why it is to have none. */
  readonly hosts: readonly {
    readonly node: string;
    readonly region: string;
    readonly has: boolean;
    readonly isWanted: boolean;
    readonly isAllowed: boolean;
  }[];
  /** Whom a deletion waits for. */
  readonly missing: readonly string[];
  readonly rule: string;
}

export interface ModelRow {
  readonly model: string;
  readonly cluster: string;
  /** Of a model that moves; null: one that is there for good. */
  readonly version: string | null;
  readonly nodes: readonly string[];
}

export interface TrustRow {
  readonly node: string;
  readonly cluster: string;
  /** What it is worth by now, 1 … 4, what it claims, and why it is not that. */
  readonly level: number;
  readonly claimed: number;
  readonly why: string;
}

export function viewAffairs(affairs: Affairs, header: FrameHeader): AffairsView {
  return {
    pods: (header.pods ?? []).map(({ name }) => podRow(name, affairs.pods.get(name), header)),
    models: modelRows(affairs, header),
    trust: trustRows(affairs, header),
  };
}

function podRow(name: string, pod: PodAffair | undefined, { copiesOfPods = 3, nodes }: FrameHeader): PodRow {
  if (pod === undefined) return { name, state: 'unwritten', hosts: [], missing: [], rule: '' };
  const { wanted, isShort } = standingOf(pod, copiesOfPods);
  const placed = (pod.placed?.others ?? []).map(({ node, region, reason }) => ({
    node,
    region,
    has: pod.copies.has(node),
    // What is to be deleted nobody is to have any more.
    isWanted: pod.deletionSinceUs === null && wanted.includes(node),
    isAllowed: reason !== NOT_ALLOWED,
  }));
  // Who has a copy and was not before the one that spoke last.
  const others = [...pod.copies.keys()].filter((node) => !placed.some((host) => host.node === node));
  const regionOf = (node: string): string => nodes.find((one) => one.name === node)?.region ?? '';
  const strays = others.map((node) => ({
    node,
    region: regionOf(node),
    has: true,
    isWanted: false,
    isAllowed: true,
  }));
  return {
    name,
    state: stateOf(pod, isShort),
    hosts: pod.deletedUs === null ? [...placed, ...strays] : [],
    missing: (pod.pending?.others ?? []).map(({ node }) => node),
    rule: pod.placed?.why ?? '',
  };
}

const NOT_ALLOWED = 'its region is not allowed';

function stateOf({ deletedUs, deletionSinceUs, copies }: PodAffair, isShort: boolean): PodState {
  if (deletedUs !== null) return 'deleted';
  if (deletionSinceUs !== null) return 'deleting';
  if (copies.size === 0) return 'unwritten';
  return isShort ? 'short' : 'kept';
}

function modelRows(affairs: Affairs, { clusters, nodes }: FrameHeader): ModelRow[] {
  const rows = new Map<string, { model: string; cluster: string; version: string | null; nodes: string[] }>();
  const add = (model: string, node: string, version: string | null): void => {
    const cluster = nodes.find(({ name }) => name === node)?.cluster ?? '';
    const key = `${model}\n${cluster}\n${version ?? ''}`;
    const row = rows.get(key);
    if (row === undefined) rows.set(key, { model, cluster, version, nodes: [node] });
    else row.nodes.push(node);
  };
  const moving = affairs.models;
  for (const [model, byNode] of moving)
    for (const [node, { version }] of byNode as Map<string, ModelAffair>)
      if (version !== null) add(model, node, version);
  for (const { name, models } of nodes)
    for (const model of models) if (moving.get(model)?.has(name) !== true) add(model, name, null);
  const place = ({ cluster }: ModelRow): number => clusters.findIndex(({ name }) => name === cluster);
  return [...rows.values()].sort(
    (left, right) =>
      compare(left.model, right.model) ||
      place(left) - place(right) ||
      compare(left.version ?? '', right.version ?? ''),
  );
}

function compare(left: string, right: string): number {
  return left === right ? 0 : left < right ? -1 : 1;
}

function trustRows(affairs: Affairs, { nodes }: FrameHeader): TrustRow[] {
  return nodes.map(({ name, cluster, trust, claimedTrust = trust, attestedTrust = trust }) => {
    const earned = affairs.nodes.get(name)?.level ?? null;
    const isPretended = claimedTrust > attestedTrust;
    return {
      node: name,
      cluster,
      level: earned?.level ?? trust,
      claimed: claimedTrust,
      why: earned?.why ?? (isPretended ? 'claims more than is attested' : ''),
    };
  });
}
