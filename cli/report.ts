import type { ResolvedScenario } from '../sim/scenario/resolved.ts';
import type { Written } from '../sim/files.ts';
import { formatDuration } from '../sim/scenario/units.ts';
import type { Delays } from '../sim/attendance.ts';
import { clip, counted, formatNumber, wrap } from './lines.ts';
import { printStanding, type Standing } from './standing.ts';
import { PHASES, type Latencies, type Summary } from '../sim/summary.ts';

/** With where pods are, which versions run and how far nodes are trusted when it ends. */
export interface ToldSummary extends Summary {
  readonly standing?: Standing;
  readonly written?: Written;
}

/** Prints a summary for people, in 80 columns. */
export function printSummary(
  summary: ToldSummary,
  { about, durationUs }: Pick<ResolvedScenario, 'about' | 'durationUs'>,
  path: string,
): void {
  const minutes = summary.simulatedUs / 60_000_000;
  const say = (line = ''): void => console.log(line);
  say();
  const size = `${counted(summary.nodes, 'node')} in ${counted(summary.clusters, 'cluster')}`;
  say(`${summary.scenario}, seed ${summary.seed}: ${formatNumber(minutes)} simulated minutes, ${size}`);
  say();
  for (const line of wrap(about, 78)) say(line);
  say();
  const hasOthers = summary.pods !== undefined || summary.agents !== undefined;
  const hasRequests = summary.requests.total > 0 || !hasOthers;
  if (hasRequests) printRequests(summary, say);
  printAgents(summary, say);
  printPods(summary, say);
  if (summary.standing !== undefined) printStanding(summary.standing, say);
  if (hasRequests) printLatencies(summary, say);
  printFaults(summary, say);
  printMembership(summary, say);
  printDiscovery(summary, say);
  printMessages(summary, say);
  const rate = `${formatNumber(summary.eventsPerSecond)} a second`;
  say(`${formatNumber(summary.events)} events in ${(summary.wallMs / 1000).toFixed(1)} s, ${rate}`);
  say();
  say(`verdict  ${summary.verdict}`);
  say(`promises ${describeInvariants(summary)}`);
  for (const reason of summary.reasons.slice(0, MOST_REASONS)) {
    wrap(reason, 69).forEach((line, i) => say(`       ${i === 0 ? '· ' : '  '}${clip(line, 71)}`));
  }
  const untold = summary.reasons.length - MOST_REASONS;
  if (untold > 0) say(`         and ${untold} more, in summary.json`);
  summary.singlePointsOfFailure.forEach((point, i) => {
    wrap(point, 56).forEach((line, j) =>
      say(`${i + j === 0 ? 'single points of failure' : ''}`.padEnd(26) + line),
    );
  });
  const isWhole = summary.simulatedUs >= durationUs;
  const upTo = isWhole ? '' : `up to ${formatDuration(summary.simulatedUs)}: `;
  say(`digest   ${summary.digest}   (${upTo}the same on every machine)`);
  say(`written  ${path}/`);
  say(`see it   npx watershed view ${path}`);
}

/** So many reasons are told here. */
const MOST_REASONS = 5;

/** How many promises were put to the test, how often, and which did not hold. */
function describeInvariants({ invariants }: Summary): string {
  const all = Object.entries(invariants);
  const tested = all.filter(([, { checked }]) => checked > 0);
  const checks = tested.reduce((sum, [, { checked }]) => sum + checked, 0);
  const broken = all.filter(([, { violated }]) => violated > 0).map(([name]) => name);
  const kept = broken.length === 0 ? 'all kept' : `not kept: ${broken.join(', ')}`;
  return clip(
    `${tested.length} of ${all.length} put to the test, ${formatNumber(checks)} times; ${kept}`,
    70,
  );
}

type Say = (line?: string) => void;

function printRequests({ requests, outcomesByPhase }: Summary, say: Say): void {
  const { total, ok, errors, open, servedBy } = requests;
  say(`Requests ${pad(formatNumber(total), 11)}`);
  say(row('answered', ok, total));
  for (const [stage, where] of [
    ['local', 'by the gateway asked'],
    ['cluster', 'in the home cluster'],
    ['federation', 'by another cluster'],
  ] as const) {
    say(row(`  ${where}`, servedBy[stage], total));
  }
  const span = (code: string): string => {
    const during = outcomesByPhase.during[code] ?? 0;
    return during > 0 ? `   ${formatNumber(during)} of them while faults acted` : '';
  };
  for (const code of Object.keys(errors).sort((left, right) => errors[right] - errors[left])) {
    say(row(code, errors[code], total) + span(code));
  }
  if (open > 0) say(row('still open', open, total));
  say();
}

function printPods({ pods }: Summary, say: Say): void {
  if (pods === undefined) return;
  const { total, certified, astray, ended } = pods;
  say(`Pods     ${pad(formatNumber(total), 11)}`);
  for (const how of Object.keys(ended).sort((left, right) => ended[right] - ended[left]))
    say(row(how, ended[how], total));
  if (certified > 0) say(`  ${certified} deletions certified`);
  if (astray > 0) say(`  ${astray} copies where they may not be, for longer than moving may take`);
  say();
}

function printAgents({ agents }: Summary, say: Say): void {
  if (agents === undefined) return;
  const { total, open, ended } = agents;
  say(`Agents   ${pad(formatNumber(total), 11)}`);
  for (const how of Object.keys(ended).sort((left, right) => ended[right] - ended[left]))
    say(row(how, ended[how], total));
  if (open > 0) say(row('still at work', open, total));
  say();
}

function printLatencies(summary: Summary, say: Say): void {
  const hasPhases = summary.faults.length > 0;
  const phases = hasPhases ? PHASES : (['before'] as const);
  const headings = hasPhases ? ['before', 'during faults', 'after'] : [''];
  say('Time to the answer, seconds: p50 / p95 / p99, by home region of the user');
  if (hasPhases) say(`  ${''.padEnd(20)}${headings.map((heading) => pad(heading, 18)).join('')}`);
  for (const [region, byPhase] of Object.entries(summary.latencyMsByRegion)) {
    say(`  ${region.padEnd(20)}${phases.map((phase) => pad(threeOf(byPhase[phase]), 18)).join('')}`);
  }
  say(`  ${'everywhere, always'.padEnd(20)}${pad(threeOf(summary.latencyMs), 18)}`);
  say();
}

function threeOf({ p50, p95, p99 }: Latencies): string {
  if (p50 === null || p95 === null || p99 === null) return '–';
  return [p50, p95, p99].map((ms) => (ms / 1000).toFixed(ms < 1000 ? 2 : 1)).join(' / ');
}

function printFaults({ faults }: Summary, say: Say): void {
  if (faults.length === 0) return;
  say('Faults');
  for (const { label, fired, affected } of faults) {
    const became = fired === 0 ? 'never came' : `touched ${formatNumber(affected)}`;
    say(`  ${clip(label, 56).padEnd(57)}${became}`);
  }
  say();
}

/** Nothing where nobody was ever missed. */
function printMembership({ membership }: Summary, say: Say): void {
  const { suspected, refuted, dead, left, crashes, suspicionMs, deathMs } = membership;
  const givenUp = dead.rightly + dead['cut-off'] + dead.falsely;
  if (suspected + givenUp + left + crashes === 0) return;
  say('Members of clusters, as they saw one another');
  if (suspected > 0)
    say(`  suspected ${formatNumber(suspected)} times, denied ${formatNumber(refuted)} times`);
  if (givenUp > 0) {
    const truths = [
      [dead.rightly, 'of those who were gone'],
      [dead['cut-off'], 'cut off'],
      [dead.falsely, 'falsely'],
    ] as const;
    const told = truths.flatMap(([count, what]) => (count > 0 ? [`${formatNumber(count)} ${what}`] : []));
    say(`  given up  ${formatNumber(givenUp)} times: ${told.join(', ')}`);
  }
  if (left > 0) say(`  seen to leave ${formatNumber(left)} times`);
  if (crashes > 0) {
    const found = `${formatNumber(suspicionMs.count)} suspected${spanOf(suspicionMs)}`;
    const lost = `${formatNumber(deathMs.count)} given up${spanOf(deathMs)}`;
    say(`  ${formatNumber(crashes)} ${crashes === 1 ? 'crash' : 'crashes'}: ${found}, ${lost}`);
  }
  say();
}

/** Half of them within the first time, 99 in a hundred within the second. */
function spanOf({ p50, p99 }: Delays): string {
  if (p50 === null || p99 === null) return '';
  return p50 === p99 ? ` after ${inSeconds(p50)} s` : ` after ${inSeconds(p50)} – ${inSeconds(p99)} s`;
}

function inSeconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}

function printDiscovery({ discovery, borders }: Summary, say: Say): void {
  const { joined, removed, quarantined, sessionsUp, sessionsDown, clusters, ejected } = discovery;
  const lines: string[] = [];
  const add = (what: string, counts: readonly (readonly [number, string])[]): void => {
    const told = counts.filter(([count]) => count > 0).map(([count, how]) => `${formatNumber(count)} ${how}`);
    if (told.length > 0) lines.push(`  ${what.padEnd(12)}${told.join(', ')}`);
  };
  add('directories', [
    [joined, 'listed'],
    [removed, 'taken off'],
    [quarantined, 'shunned'],
  ]);
  add('sessions', [
    [sessionsUp, 'came up'],
    [sessionsDown, 'went down'],
    [borders.sessionsUp, 'up at the end'],
  ]);
  add('clusters', [[clusters, 'heard of by bridges']]);
  add('breakers', [[ejected, 'peers passed over for a while']]);
  if (lines.length === 0) return;
  say('Who was found');
  for (const line of lines) say(line);
  say();
}

function printMessages({ messages, dropped, duplicated }: Summary, say: Say): void {
  const byType = new Map<string, number>();
  for (const [name, count] of Object.entries(messages)) {
    const type = name.slice(0, name.indexOf('/'));
    byType.set(type, (byType.get(type) ?? 0) + count);
  }
  say('Messages by type');
  const parts = [...byType].map(([type, count]) => `${type} ${formatNumber(count)}`);
  for (let i = 0; i < parts.length; i += 3)
    say(
      `  ${parts
        .slice(i, i + 3)
        .map((part) => part.padEnd(24))
        .join(' ')}`.trimEnd(),
    );
  const lost = Object.entries(dropped)
    .filter(([, count]) => count > 0)
    .map(([fate, count]) => `${formatNumber(count)} ${fate}`);
  if (duplicated > 0) lost.push(`${formatNumber(duplicated)} doubled`);
  if (lost.length > 0) say(`  of these: ${lost.join(', ')}`);
  say();
}

function row(name: string, count: number, total: number): string {
  const share = total === 0 ? '' : `${((100 * count) / total).toFixed(1)} %`;
  return `  ${name.padEnd(24)}${pad(formatNumber(count), 8)}${pad(share, 9)}`;
}

function pad(text: string, width: number): string {
  return text.padStart(width);
}
