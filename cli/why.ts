import { nearestSpelling } from '../sim/scenario/spelling.ts';
import { parseDuration } from '../sim/scenario/units.ts';
import { ViewError } from '../viz/view.ts';
import { explain, SUBJECTS, type Reasons, type Subject } from '../viz/why/why.ts';
import { complain, say } from './lines.ts';
import { USAGE } from './usage.ts';

/** So many names are listed where none is near. */
const MOST_LISTED = 12;

/** `watershed why`: says in sentences why a pod, a model or a node of a run is as it is. Returns the exit code. */
export async function whyRun(
  run: string,
  subject: string,
  name: string,
  options: { readonly at?: string },
): Promise<number> {
  if (!(SUBJECTS as readonly string[]).includes(subject)) {
    const near = nearestSpelling(subject, SUBJECTS);
    return refuse(`${subject}: a pod, a model or a node is expected${near === null ? '' : `; ${near}?`}`);
  }
  const atUs = options.at === undefined ? null : parseDuration(options.at);
  if (options.at !== undefined && atUs === null)
    return refuse(`--at ${options.at}: a time with its unit is expected, as in 90s or 5min`);
  let reasons: Reasons;
  try {
    reasons = await explain({ run, subject: subject as Subject, name, atUs });
  } catch (error) {
    if (!(error instanceof ViewError)) throw error;
    return refuse(error.message);
  }
  if ('names' in reasons) return refuse(`${run} has no ${subject} ${name}${suggest(name, reasons.names)}`);
  const [title, ...lines] = reasons.lines;
  say(`${title}\n`);
  for (const line of lines) say(line);
  return 0;
}

function suggest(name: string, names: readonly string[]): string {
  if (names.length === 0) return ', and no others';
  const near = nearestSpelling(name, names);
  if (near !== null) return `; ${near}?`;
  const rest = names.length - MOST_LISTED;
  return `; it has ${names.slice(0, MOST_LISTED).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function refuse(message: string): number {
  complain(message);
  return USAGE;
}
