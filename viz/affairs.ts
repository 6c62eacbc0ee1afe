import type { Fact } from '../sim/frame.ts';

/** A pod as facts tell of it, up to some moment. */
export interface PodAffair {
  readonly name: string;
  /** Who has a copy on disk: since when, and who brought it; null: its owner wrote there. */
  readonly copies: Map<string, { readonly sinceUs: number; readonly by: string | null }>;
  /** Copies that have gone, in order. */
  readonly gone: { readonly node: string; readonly atUs: number; readonly why: string }[];
  /** Where it is to be, as the one says that spoke last. */
  placed: Fact | null;
  /** The last time that a host did not take a copy, by host. */
  readonly declined: Map<string, Fact>;
  /** What the deletion waits for, as was said last; and when that was first asked for. */
  pending: Fact | null;
  deletionSinceUs: number | null;
  deletedUs: number | null;
}

/** A model on one node. */
export interface ModelAffair {
  /** The version that runs there, by what was said last: null where nothing was. */
  version: string | null;
  readonly facts: Fact[];
}

/** What members hold of a node, and what befell it. */
export interface NodeAffair {
  /** The level that an index node worked out last, and why; null: none did. */
  level: Fact | null;
  readonly facts: Fact[];
}

/** What facts come to, up to some moment: facts are taken in their order. */
export class Affairs {
  readonly pods = new Map<string, PodAffair>();
  /** By model, by node. */
  readonly models = new Map<string, Map<string, ModelAffair>>();
  readonly nodes = new Map<string, NodeAffair>();

  take(fact: Fact): void {
    if (fact.sort === 'pod') this.takePod(fact);
    else if (fact.sort === 'model') this.takeModel(fact);
    else this.takeNode(fact);
  }

  private takePod(fact: Fact): void {
    const pod = this.podOf(fact.subject);
    const { node, timeUs, why } = fact;
    switch (fact.what) {
      case 'pod-placed':
        pod.placed = fact;
        return;
      case 'pod-kept':
        pod.copies.set(node, { sinceUs: timeUs, by: fact.about });
        pod.declined.delete(node);
        return;
      case 'pod-gone':
        this.lose(pod, node, timeUs, why);
        return;
      case 'pod-declined':
        pod.declined.set(node, fact);
        return;
      case 'pod-pending':
        pod.pending = fact;
        pod.deletionSinceUs ??= timeUs;
        return;
      case 'pod-deleted':
        pod.pending = null;
        pod.deletionSinceUs ??= timeUs;
        pod.deletedUs ??= timeUs;
    }
  }

  private lose(pod: PodAffair, node: string, atUs: number, why: string): void {
    if (pod.copies.delete(node)) pod.gone.push({ node, atUs, why });
  }

  private podOf(name: string): PodAffair {
    let pod = this.pods.get(name);
    if (pod === undefined) {
      pod = {
        ...{ name, copies: new Map(), gone: [], placed: null, declined: new Map() },
        ...{ pending: null, deletionSinceUs: null, deletedUs: null },
      };
      this.pods.set(name, pod);
    }
    return pod;
  }

  private takeModel(fact: Fact): void {
    let byNode = this.models.get(fact.subject);
    if (byNode === undefined) this.models.set(fact.subject, (byNode = new Map()));
    let model = byNode.get(fact.node);
    if (model === undefined) byNode.set(fact.node, (model = { version: null, facts: [] }));
    model.facts.push(fact);
    if (fact.what === 'model-runs') model.version = versionIn(fact.why);
    if (fact.what === 'model-back') model.version = versionIn(fact.why.replace(/^from .* to /, ''));
  }

  private takeNode(fact: Fact): void {
    let node = this.nodes.get(fact.subject);
    if (node === undefined) this.nodes.set(fact.subject, (node = { level: null, facts: [] }));
    node.facts.push(fact);
    if (fact.what === 'level') node.level = fact;
    if (fact.what !== 'down' || !/\bwipe /.test(fact.why)) return;
    for (const pod of this.pods.values()) this.lose(pod, fact.node, fact.timeUs, 'its disk was wiped');
  }
}

/** `version 3` at the beginning of a reason. */
function versionIn(text: string): string | null {
  return /^version (\w+)/.exec(text)?.[1] ?? null;
}

/** How many copies a pod is to have at the moment, of those that it would have at best; and whether it has them. */
export function standingOf(
  pod: PodAffair,
  most: number,
): { readonly wanted: readonly string[]; readonly lacking: readonly string[]; readonly isShort: boolean } {
  const wanted = holdersIn(pod.placed);
  const lacking = wanted.filter((node) => !pod.copies.has(node));
  const isThere = pod.copies.size > 0 && pod.deletionSinceUs === null;
  return { wanted, lacking, isShort: isThere && (lacking.length > 0 || wanted.length < most) };
}

function holdersIn(placed: Fact | null): string[] {
  return (placed?.others ?? [])
    .filter(({ reason }) => reason === 'is to have a copy')
    .map(({ node }) => node);
}
