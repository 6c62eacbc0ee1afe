/** The simulator as a library: `import { loadScenario, simulate, summarize } from 'watershed'`. */
export type { Checkpoint } from './checkpoint.ts';
export { compareRuns, type Comparison } from './compare.ts';
export { RunFolder } from './files.ts';
export type { Frame, FrameHeader, FrameNode, NodeState, RequestStory, StoryStep } from './frame.ts';
export { Checker, EXIT_CODES, type InvariantCount, type Verdict } from './checker.ts';
export { PartitionedWorld } from './partition.ts';
export { headerOf, type Reel } from './recorder.ts';
export type * from './scenario/resolved.ts';
export { simulate, Simulation, type SimulationOptions } from './simulate.ts';
export { summarize, type Latencies, type Summary } from './summary.ts';
export { VERSION } from './version.ts';
export { World, type Fate, type Watcher } from './world.ts';
export { loadScenario, loadScenarioText } from './scenario/load.ts';
export { formatProblems, ScenarioError, type Problem } from './scenario/scenario-error.ts';
export { arbitraries, checkProperty, type CheckOptions } from './property.ts';
