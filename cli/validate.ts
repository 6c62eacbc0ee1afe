import type { ResolvedScenario } from '../sim/scenario/resolved.ts';
import { loadResolved } from '../sim/scenario/resolved-file.ts';
import { loadScenarioOrLibrary } from '../sim/scenario/load.ts';
import { findSinglePoints } from '../sim/topology.ts';
import { counted } from './lines.ts';
import { tellProblems, USAGE } from './errors.ts';

/** `watershed validate`: 0 if all files are scenarios that can be run, 64 if not; a line for each, or its problems. */
export function validateFiles(files: string[]): Promise<number> {
  let wrong = 0;
  for (const file of files) {
    const scenario = tellProblems(file, () =>
      file.endsWith('.json') ? loadResolved(file) : loadScenarioOrLibrary(file),
    );
    if (scenario === undefined) wrong++;
    else if (scenario === null) console.log(`${file}: well-formed (for scenarios to include)`);
    else {
      console.log(`${file}: ${describeScenario(scenario)}`);
      for (const point of findSinglePoints(scenario)) console.log(`  warning: ${point}`);
    }
  }
  return Promise.resolve(wrong === 0 ? 0 : USAGE);
}

function describeScenario({ clusters, nodes, durationUs, workloads, faults }: ResolvedScenario): string {
  const asked = workloads.reduce(
    (sum, { fromUs, untilUs, meanGapUs }) => sum + (untilUs - fromUs) / meanGapUs,
    0,
  );
  const parts = [
    counted(clusters.length, 'cluster'),
    counted(nodes.length, 'node'),
    `about ${counted(Math.round(asked), 'request')}`,
    counted(faults.length, 'fault'),
    `${durationUs / 60_000_000} min`,
  ];
  return `well-formed (${parts.join(', ')})`;
}
