import { fileURLToPath } from 'node:url';
import type { InvariantName } from '../../sim/scenario/resolved-expectations.ts';
import { drawStorm, underStorm, type FaultKind, type MaliciousRole } from '../../sim/nemesis.ts';
import { loadScenario } from '../../sim/scenario/load.ts';
import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { simulate } from '../../sim/simulate.ts';

/** Shipped stories, of pods, consent, models and trust. */
export const STORIES = [
  'sovereign-pod',
  'right-to-delete',
  'consent-revoked',
  'policy-tightened',
  'model-rollout',
  'bad-model',
  'captured-vouchers',
  'disk-trouble',
] as const;
export type Story = (typeof STORIES)[number];

/** What the storms over stories came to: so that it can be told whether anything happened, and was judged. */
export class StoriesReport {
  runs = 0;
  /** Handled, by story. */
  readonly events = new Map<Story, number>();
  /** How often each kind of fault, and each role of a traitor, touched something. */
  readonly faults = new Map<FaultKind, number>();
  readonly roles = new Map<MaliciousRole, number>();
  /** By invariant: on how many occasions it could have been broken. */
  readonly checked = new Map<InvariantName, number>();

  get allEvents(): number {
    return [...this.events.values()].reduce((sum, events) => sum + events, 0);
  }
}

/**
 * Runs a story under the storms of seeds 1, 2, … until so many events have been handled, and throws at the first that does
 * not end well. The first run looks through every body and state, too, which takes longer.
 */
export function stormStory(story: Story, leastEvents: number, report: StoriesReport): void {
  const scenario = loadScenario(fileURLToPath(new URL(`../../scenarios/${story}.yaml`, import.meta.url)));
  for (let seed = 1, events = 0; events < leastEvents; seed++) {
    events += weather({ ...scenario, seed }, seed === 1, report);
    report.events.set(story, events);
  }
}

/** One run. A fault that never came is no failure here: whether enough harm was done is judged over all runs. */
function weather(scenario: ResolvedScenario, isChecking: boolean, report: StoriesReport): number {
  const storm = drawStorm(scenario, scenario.seed);
  const simulation = simulate(underStorm(scenario, storm), { isChecking });
  const { verdict, reasons } = simulation.verdict();
  if (verdict !== 'pass' && verdict !== 'vacuous')
    throw new Error(`${scenario.name}, seed ${scenario.seed}: ${verdict}\n${reasons.join('\n')}`);
  const { world, checker } = simulation;
  report.runs++;
  for (const { kind, affected } of world.faults.counts) add(report.faults, kind, affected);
  for (const { role, affected } of world.villains) add(report.roles, role.as, affected);
  for (const { name, checked } of checker.invariants) add(report.checked, name as InvariantName, checked);
  return world.events;
}

function add<T>(counts: Map<T, number>, what: T, times: number): void {
  counts.set(what, (counts.get(what) ?? 0) + times);
}
