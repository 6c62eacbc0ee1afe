import graphology from 'graphology';
import { NODE_TYPES } from '../core/cluster/manifest.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';

/** Who can cross to whom: clusters, and the peerings between them. */
export function createPeeringGraph(
  scenario: ResolvedScenario,
): InstanceType<typeof graphology.UndirectedGraph> {
  const graph = new graphology.UndirectedGraph();
  for (const { name, region } of scenario.clusters) graph.addNode(name, { region });
  for (const [left, right] of scenario.peerings) graph.mergeEdge(left, right);
  return graph;
}

/**
 * What would be gone with one node (R3-1): kinds of node that a cluster has only one of, and clusters without a
 * peering, in sentences.
 */
export function findSinglePoints(scenario: ResolvedScenario): string[] {
  const findings: string[] = [];
  const graph = createPeeringGraph(scenario);
  for (const { name } of scenario.clusters) {
    const members = scenario.nodes.filter(({ cluster }) => cluster === name);
    const only = NODE_TYPES.filter(
      (type) => members.filter(({ types }) => types.includes(type)).length === 1,
    );
    if (only.length > 0) findings.push(`${name} has one ${only.join(', one ')} only`);
    if (scenario.clusters.length > 1 && graph.degree(name) === 0) findings.push(`${name} has no peering`);
  }
  return findings;
}
