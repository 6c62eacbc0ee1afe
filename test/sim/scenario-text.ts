import { expect } from 'chai';
import { loadScenarioText } from '../../sim/scenario/load.ts';
import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { ScenarioError, type Problem } from '../../sim/scenario/scenario-error.ts';

/** Two clusters, users and a cut, with nothing included: what the tests of the language change one thing in. */
export const SMALL = `scenario: small
duration: 2min
regions:
  eu/fr: { label: France, latitude: 48.9, longitude: 2.3 }
  americas/us-east: { label: US East, latitude: 36.7, longitude: -78.4 }
roundTrips:
  eu/fr: { americas/us-east: 90ms }
models:
  lifeos/small-v1: { memory: 8GB, reads: 16000, writes: 120 }
  lifeos/large-v1: { memory: 28GB, reads: 4500, writes: 40 }
demands:
  steady: { gaps: [0%, 200%], contextTokens: [10, 100], generatedTokens: [5, 50] }
templates:
  front: { types: [gateway, index, bridge], trust: verified }
  helper: { types: [compute], gpuMemory: 24GB, models: [lifeos/small-v1], trust: community }
clusters:
  france:
    region: eu/fr
    nodes: { front: 1, helper: 2 }
  us-east:
    region: americas/us-east
    exports: all
    nodes: { front: 1, helper: 1 }
peerings: full-mesh
users:
  - in: france
    people: 10
    rate: 30/min
    demand: steady
    asks:
      - { model: lifeos/small-v1, weight: 2 }
faults:
  - at: 1min
    for: 20s
    cut: { between: [france, us-east] }
expect: { okAtLeast: 90% }
`;

export const FILE = 'small.yaml';

/** SMALL with one text put in place of another, which must be there exactly once. */
export function changed(from: string, to: string): string {
  const parts = SMALL.split(from);
  expect(parts.length, `"${from}" stands in SMALL once`).to.equal(2);
  return parts.join(to);
}

export function load(text: string, file = FILE): ResolvedScenario {
  return loadScenarioText(text, file);
}

/** What is wrong with a scenario. Anything thrown but ScenarioError fails the test. */
export function problemsOf(text: string, file = FILE): readonly Problem[] {
  try {
    loadScenarioText(text, file);
  } catch (error) {
    if (error instanceof ScenarioError) return error.problems;
    throw error;
  }
  return [];
}

/** The same as `file:line:column: found`. */
export function told(text: string, file = FILE): string[] {
  return problemsOf(text, file).map(({ file, line, column, found }) => `${file}:${line}:${column}: ${found}`);
}
