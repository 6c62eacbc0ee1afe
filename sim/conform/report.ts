/** What a tester found. Plain JSON; the signature is over the text of all but itself. */
export type Outcome = 'passed' | 'failed' | 'not tested';

export interface CheckReport {
  readonly what: string;
  /** The rule that it is about: see test/spec/RULES.md. */
  readonly rule: string;
  readonly outcome: Outcome;
  /** What was seen; or why it was not tested. */
  readonly detail: string;
}

export interface SuiteReport {
  readonly suite: string;
  readonly requirement: string;
  readonly outcome: Outcome;
  readonly checks: readonly CheckReport[];
}

export interface ConformanceReport {
  readonly format: 1;
  readonly version: string;
  readonly driver: 'simulated' | 'live';
  readonly node: {
    readonly name: string;
    readonly id: string;
    readonly cluster: string;
    readonly region: string;
    readonly types: readonly string[];
  };
  /** Wall time at the tester when it began and ended, µs. */
  readonly beganWallUs: number;
  readonly endedWallUs: number;
  readonly verdict: 'conforms' | 'does not conform' | 'not fully tested';
  readonly suites: readonly SuiteReport[];
  /** What is left at the node of the test, in words. */
  readonly left: readonly string[];
}

/** A suite fails with any of its checks. It passes if what it cannot do without has passed: all of that, or some of it. */
export function outcomeOf(
  checks: readonly CheckReport[],
  core: { readonly of: 'all' | 'any'; readonly checks: readonly { readonly what: string }[] },
): Outcome {
  if (checks.some(({ outcome }) => outcome === 'failed')) return 'failed';
  const hasPassed = ({ what }: { readonly what: string }): boolean =>
    checks.some((check) => check.what === what && check.outcome === 'passed');
  const isTested = core.of === 'all' ? core.checks.every(hasPassed) : core.checks.some(hasPassed);
  return isTested ? 'passed' : 'not tested';
}

/** What has not been tested is never taken for passed. */
export function verdictOf(suites: readonly SuiteReport[]): ConformanceReport['verdict'] {
  if (suites.some(({ outcome }) => outcome === 'failed')) return 'does not conform';
  return suites.every(({ outcome }) => outcome === 'passed') ? 'conforms' : 'not fully tested';
}

const MARKS: Readonly<Record<Outcome, string>> = { passed: '✓', failed: '✗', 'not tested': '–' };

/** The report for people. */
export function tellReport({ node, suites, verdict, left, driver }: ConformanceReport): string[] {
  const lines = [
    `${node.name}, ${driver}: ${node.types.length === 0 ? 'types unknown' : node.types.join(', ')} of ${node.cluster === '' ? 'an unknown cluster' : node.cluster}${node.region === '' ? '' : ` in ${node.region}`}`,
    `  id ${node.id}`,
  ];
  for (const { requirement, outcome, checks } of suites) {
    lines.push('', `${MARKS[outcome]} ${requirement}: ${outcome}`);
    for (const { what, outcome: found, detail, rule } of checks) {
      const why = found === 'not tested' ? `not tested, because ${detail}` : detail;
      lines.push(`    ${MARKS[found]} ${what} (${rule})${why === '' ? '' : `: ${why}`}`);
    }
  }
  lines.push('', verdict === 'not fully tested' ? 'not fully tested: nothing failed' : verdict);
  lines.push(...left.map((one) => `left at the node: ${one}`));
  return lines;
}
