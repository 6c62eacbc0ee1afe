import { ERROR_CODES } from '../../core/routing/outcomes.ts';
import type { Fault } from './fault-schema.ts';
import { WORLD_EVENTS, type SubjectKind, type WorldEvent } from '../world-events.ts';
import type { Stage } from './fault-stage.ts';
import { MOST_TIMES, MOST_TURNS } from './fault-times-schema.ts';
import { resolveNodeWords } from './resolve-node-faults.ts';
import { resolvePlaces } from './resolve-places.ts';
import type { Lasting, Momentary, ResolvedAnchor, ResolvedFlap } from './resolved-faults.ts';
import type { Place } from './source.ts';
import { formatDuration } from './units.ts';

/** When a fault comes: once, or, with `every`, each time. Faults that do not last have no end. */
export function resolveTimes(
  fault: Fault,
  place: Place,
  kind: string,
  isMoment: boolean,
  stage: Stage,
): (Momentary | Lasting)[] {
  const { problems } = stage;
  if (isMoment) {
    for (const field of ['for', 'flap'] as const)
      if (fault[field] !== undefined)
        problems.addOfKey(place.at(field), `${kind} does not last`, `no "${field}" here`);
  }
  const marks = {
    ...(fault.name === undefined ? {} : { name: fault.name }),
    ...(fault.mustFire === true ? { mustFire: true as const } : {}),
  };
  const flap = isMoment ? undefined : resolveFlap(fault, place, stage);
  const rest = { ...marks, ...(flap === undefined ? {} : { flap }) };
  if (fault.after !== undefined) {
    if (fault.every !== undefined)
      problems.addOfKey(place.at('every'), 'a fault after an event that comes again', '"every" or "after"');
    const after = resolveAnchor(fault, place.at('after'), stage);
    const times = { atUs: checkedStart(fault.at ?? 0, place, stage), after, ...rest };
    return [isMoment ? times : { ...times, untilUs: null }];
  }
  return startsOf(fault, place, stage).map((atUs) => {
    if (isMoment) return { atUs, ...rest };
    return { atUs, untilUs: fault.for === undefined ? null : atUs + fault.for, ...rest };
  });
}

function checkedStart(atUs: number, place: Place, { durationUs, problems }: Stage): number {
  if (atUs >= durationUs) {
    const found = `this begins at ${formatDuration(atUs)}, and the scenario ends at ${formatDuration(durationUs)}`;
    problems.add(place.at('at'), found, 'a time before the end');
  }
  return atUs;
}

/** When it begins, each time. */
function startsOf(fault: Fault, place: Place, stage: Stage): number[] {
  const { every, times, until } = fault;
  const { problems, durationUs } = stage;
  const firstUs = fault.at ?? every;
  if (firstUs === undefined) {
    problems.addOfKey(
      place.at('at'),
      'at is missing',
      'a time as 30s, or "every" so often, or "after" an event',
    );
    return [];
  }
  checkedStart(firstUs, place, stage);
  if (every === undefined) {
    for (const field of ['times', 'until'] as const)
      if (fault[field] !== undefined)
        problems.addOfKey(place.at(field), `${field} of a fault that comes once`, '"every" as well');
    return [firstUs];
  }
  if (fault.for !== undefined && fault.for >= every)
    problems.add(place.at('for'), 'it comes again before it has ended', `less than ${formatDuration(every)}`);
  const endUs = Math.min(until ?? durationUs, durationUs);
  const most = Math.max(1, Math.ceil((endUs - firstUs) / every));
  if (Math.min(times ?? most, most) > MOST_TIMES) {
    problems.add(place.at('every'), `this comes ${most} times`, `at most ${MOST_TIMES} times`);
    return [firstUs];
  }
  if (times !== undefined && times > most)
    problems.add(place.at('times'), `there is time for ${most} of them`, 'fewer, or before the end');
  return Array.from({ length: Math.min(times ?? most, most) }, (_, i) => firstUs + i * every);
}

function resolveFlap(fault: Fault, place: Place, { durationUs, problems }: Stage): ResolvedFlap | undefined {
  if (fault.flap === undefined) return undefined;
  const { down, up } = fault.flap;
  const [onUs, offUs] = [down, up].map((turn) => (typeof turn === 'number' ? [turn, turn] : turn));
  const lengthUs = Math.min(fault.for ?? durationUs, durationUs);
  const turns = Math.floor((2 * lengthUs) / (Math.min(...onUs) + Math.min(...offUs)));
  if (turns > MOST_TURNS)
    problems.add(place.at('flap'), `this may turn ${turns} times`, `at most ${MOST_TURNS} turns`);
  return { onUs, offUs };
}

function resolveAnchor(fault: Fault, place: Place, stage: Stage): ResolvedAnchor {
  const written = fault.after!;
  const { event: text, delay, nth } = typeof written === 'string' ? { event: written } : written;
  const at = typeof written === 'string' ? place : place.at('event');
  const [, event, inside] = /^([a-z.]+) ?(?:\((.*)\))?$/.exec(text)!;
  const words = (inside ?? '').split(',').map((word) => word.trim());
  const isKnown = event in WORLD_EVENTS;
  if (!isKnown) stage.problems.addUnknown(at, 'event', event, Object.keys(WORLD_EVENTS));
  const of =
    inside === undefined || !isKnown
      ? []
      : resolveSubjects(WORLD_EVENTS[event as WorldEvent].subject, words, at, stage);
  return { event, of, nth: nth ?? 1, delayUs: delay ?? 0, forUs: fault.for ?? null };
}

/** To whom the event is to happen. */
function resolveSubjects(
  subject: SubjectKind,
  words: readonly string[],
  place: Place,
  stage: Stage,
): string[] {
  const checked = (what: string, known: readonly string[]): string[] => {
    for (const word of words) if (!known.includes(word)) stage.problems.addUnknown(place, what, word, known);
    return [...words];
  };
  switch (subject) {
    case 'node':
      return resolveNodeWords(words, place, stage);
    case 'cluster':
      return resolvePlaces(words, place, stage.clusters, stage.problems);
    case 'outcome':
      return checked('outcome', ERROR_CODES);
    case 'fault':
      return stage.faultNames === null ? [...words] : checked('fault of the name', stage.faultNames);
  }
}
