import { RunFolder } from '../../sim/files.ts';
import { headerOf } from '../../sim/recorder.ts';
import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { simulate } from '../../sim/simulate.ts';
import { summarize, type Summary } from '../../sim/summary.ts';

/** Runs a scenario and writes its folder, as `watershed run` does. */
export function recordRun(path: string, scenario: ResolvedScenario): Summary {
  const folder = new RunFolder(path, scenario, headerOf(scenario), false);
  const simulation = simulate(scenario, { reel: folder });
  const { verdict, reasons } = simulation.verdict();
  const summary = { ...summarize(simulation.world, verdict, reasons, 1), written: folder.written };
  folder.close(summary);
  return summary;
}
