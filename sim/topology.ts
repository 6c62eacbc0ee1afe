import graphology from 'graphology';
import { NODE_TYPES } from '../core/cluster/manifest.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';

/** Who can cross to whom: clusters, and the peerings between them. */
export function createPeeringGraph(
  scenario: ResolvedScenario,
): InstanceType<typeof graphology.UndirectedGraph> {
  const graph = new graphology.UndirectedGraph();
  for (const { name, region } of scenario.clusters) graph.addNode(name, { region });
  for (const { between } of scenario.peerings) graph.mergeEdge(...between);
  return graph;
}

/** What would be gone with one node (R3-1): types that a cluster has only one of; peerings that hang on one session; and clusters without any. */
export function findSinglePoints(scenario: ResolvedScenario): string[] {
  const graph = createPeeringGraph(scenario);
  const findings = NODE_TYPES.flatMap((type) => {
    const clusters = scenario.clusters.filter(({ name }) => countOf(scenario, name, type) === 1);
    return clusters.length === 0 ? [] : [`one ${type} only: ${clusters.map(({ name }) => name).join(', ')}`];
  });
  const alone = scenario.clusters.filter(({ name }) => graph.degree(name) === 0);
  if (scenario.clusters.length > 1 && alone.length > 0)
    findings.push(`no peering: ${alone.map(({ name }) => name).join(', ')}`);
  const hanging = scenario.peerings.filter(
    ({ between: [left, right] }) =>
      countOf(scenario, left, 'bridge') * countOf(scenario, right, 'bridge') === 1,
  );
  if (hanging.length > 0)
    findings.push(`one session only: ${hanging.map(({ between }) => between.join('–')).join(', ')}`);
  return findings;
}

function countOf(scenario: ResolvedScenario, cluster: string, type: string): number {
  return scenario.nodes.filter((node) => node.cluster === cluster && node.types.includes(type)).length;
}
