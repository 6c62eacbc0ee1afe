import type { Peer } from '../core/base/peers.ts';
import {
  DELEGATED,
  EMERGENCY,
  EXPLICIT,
  FIRST_LOCK,
  SECOND_LOCK,
  STANDING,
  type ConsentBook,
  type Lock,
  type Matter,
  type Pattern,
  type Permission,
  type Word,
} from '../core/policy/consent-documents.ts';
import { WALL_EPOCH_US } from './clocks.ts';
import { signPattern } from './consent-papers.ts';
import type { Dialogue, Fate } from './dialogue.ts';
import type { World } from './world.ts';

/** What owners allow beforehand, and who then says what in their place (R6.2-4). */

const AUTHORISATIONS: Readonly<Partial<Record<Fate, number>>> = {
  standing: STANDING,
  delegated: DELEGATED,
  emergency: EMERGENCY,
};

export function authorisationOf({ fate }: Pick<Dialogue, 'fate'>): number {
  return AUTHORISATIONS[fate] ?? EXPLICIT;
}

/** The pattern that fits just the matter of a dialogue, signed by the owner now. */
export function allowBeforehand(world: World, dialogue: Dialogue): Pattern {
  const { pod, proposer, wanted, delegate } = dialogue;
  const { use, purpose, untilWallUs } = wanted;
  return signPattern(world.identities, {
    ...{ owner: pod.owner, number: dialogue.index + 1, authorisation: authorisationOf(dialogue) },
    ...{ proposer, delegate, use, purpose, pods: [pod.id], untilWallUs, uses: 0 },
    wallUs: WALL_EPOCH_US + world.nowUs,
  });
}

/** The locks at which somebody still has to say something, and who. */
export function locksLeft({ fate }: Dialogue): readonly Lock[] {
  if (fate === 'standing') return [];
  return fate === 'delegated' ? [SECOND_LOCK] : [FIRST_LOCK, SECOND_LOCK];
}

/** By whom, and how, a word is said that a pattern asks for; an emergency is over soon. */
export function wordUnder(world: World, dialogue: Dialogue): Partial<Word> & { readonly by: Peer } {
  const wallUs = WALL_EPOCH_US + world.nowUs;
  const { emergencyUs } = world.scenario.parameters;
  const { untilWallUs } = dialogue.wanted;
  return {
    by: dialogue.delegate,
    authorisation: authorisationOf(dialogue),
    wallUs,
    untilWallUs: dialogue.fate === 'emergency' ? Math.min(untilWallUs, wallUs + emergencyUs) : untilWallUs,
  };
}

/** What a proposer can go by who finds this in the book; null: not all that it takes has been said. */
export function permissionUnder(
  dialogue: Dialogue,
  { patterns }: ConsentBook,
  { proposal, understood, decided }: Matter,
): Permission | null {
  const pattern = patterns.find(({ authorised }) => authorised === dialogue.pattern?.authorised);
  if (pattern === undefined) return null;
  const isSaid = locksLeft(dialogue).every((lock) => (lock === FIRST_LOCK ? understood : decided) !== null);
  return isSaid ? ({ proposal, pattern, understood, decided } as Permission) : null;
}
