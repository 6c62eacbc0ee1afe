import { NODE_KEY, type NodeRecord } from '../../core/machine/disk-records.ts';
import { NOTES, type Noted } from '../../core/machine/kinds.ts';
import { ERROR_CODES } from '../../core/routing/outcomes.ts';
import type { Machine } from '../../sim/machine.ts';
import type { ResolvedFault, ResolvedScenario } from '../../sim/scenario/resolved.ts';
import type { UserRequest } from '../../sim/users.ts';
import { World } from '../../sim/world.ts';
import { tinyScenario } from './tiny-scenario.ts';

export const SECOND_US = 1_000_000;
/** The number of France's compute node, to which most harm is done. */
export const COMPUTE = 1;

export function withFaults(...faults: ResolvedFault[]): ResolvedScenario {
  return tinyScenario({ faults, expectations: { okAtLeastPpm: 0, sometimes: [], never: [] } });
}

/** Nodes of a fault, and when: everything here happens to France's compute node unless it says otherwise. */
export const at = (seconds: number, until: number | null = null, nodes = ['france/compute']) => ({
  nodes,
  atUs: Math.round(seconds * SECOND_US),
  untilUs: until === null ? null : Math.round(until * SECOND_US),
});
export const moment = (seconds: number) => ({ nodes: ['france/compute'], atUs: seconds * SECOND_US });

/** A world at a moment, and what its nodes noted until then. */
export function runUntil(scenario: ResolvedScenario, seconds: number): { world: World; notes: string[] } {
  const notes: string[] = [];
  const world = new World(scenario, {
    onNoted: ({ nowUs, identities }, { from, body }) => {
      const { note } = body as Noted;
      if (NOTES[note] === 'corrupt' || NOTES[note] === 'unstored')
        notes.push(`${identities.names[from]} ${NOTES[note]} ${Math.floor(nowUs / SECOND_US)} s`);
    },
  });
  world.start();
  world.run(seconds * SECOND_US);
  return { world, notes };
}

/** What a node has on its disk of itself. */
export function nodeRecordOf({ platter }: Machine): NodeRecord | null {
  return platter.records.get(NODE_KEY)?.node ?? null;
}

/** Outcomes of requests for the model that only France's compute node has. */
export function outcomesOf({ users }: World, from: number, until: number): string[] {
  const codes = atHome(users.requests, from, until).map(({ code }) => ERROR_CODES[code] ?? 'open');
  return [...new Set(codes)].sort((left, right) => (left < right ? -1 : 1));
}

export function atHome(requests: readonly UserRequest[], from: number, until: number): UserRequest[] {
  return requests.filter(
    ({ want, askedUs }) => want.model === 'a' && askedUs >= from * SECOND_US && askedUs < until * SECOND_US,
  );
}
