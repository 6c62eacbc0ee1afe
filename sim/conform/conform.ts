import { VERSION } from '../version.ts';
import { DISCOVERY } from './discovery-suite.ts';
import { Exam, runChecks, type Suite } from './exam.ts';
import { HEALTH } from './health-suite.ts';
import { MODELS } from './models-suite.ts';
import { REGION } from './region-suite.ts';
import { outcomeOf, verdictOf, type CheckReport, type ConformanceReport } from './report.ts';
import { TRUST } from './trust-suite.ts';
import type { Wire } from './wire.ts';

/** The five requirements of §9, in their order. */
const SUITES: readonly Suite[] = [DISCOVERY, REGION, TRUST, MODELS, HEALTH];

/** They are run in this order: health comes first, since what a node says of itself with its heartbeats the others go by. */
const ORDER: readonly Suite[] = [DISCOVERY, HEALTH, TRUST, REGION, MODELS];

/** Tests a node by the protocol alone, and leaves it as it was. `onSuite` is told of each suite as it begins. */
export async function examine(
  wire: Wire,
  onSuite: (requirement: string) => void = () => undefined,
): Promise<ConformanceReport> {
  const exam = new Exam(wire);
  const beganWallUs = wire.wallUs();
  const found = new Map<Suite, CheckReport[]>();
  for (const suite of ORDER) {
    onSuite(suite.requirement);
    found.set(suite, await runChecks(exam, suite.checks));
  }
  // In the opposite order, so that the test node leaves last.
  for (const suite of ORDER.toReversed()) found.get(suite)!.push(...(await runChecks(exam, suite.closing)));
  const suites = SUITES.map((suite) => ({
    suite: suite.name,
    requirement: suite.requirement,
    outcome: outcomeOf(found.get(suite)!, suite.core),
    checks: found.get(suite)!,
  }));
  return {
    format: 1,
    version: VERSION,
    driver: wire.driver,
    node: {
      name: wire.name,
      id: wire.pure.idOf(wire.target),
      cluster: exam.node.cluster,
      region: exam.region,
      types: exam.types,
    },
    beganWallUs,
    endedWallUs: wire.wallUs(),
    verdict: verdictOf(suites),
    suites,
    left: exam.left,
  };
}
