import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Envelope } from '../core/machine/envelope.ts';
import { nameOfKind } from '../core/machine/kinds.ts';
import type { Fact, Frame, FrameHeader, RequestStory } from './frame.ts';
import type { Reel } from './recorder.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';
import { wrapResolved } from './scenario/resolved-file.ts';
import type { Summary } from './summary.ts';
import type { Fate, Watcher, World } from './world.ts';

/** Lines are gathered up to so many characters before they are written. */
const BUFFER_CHARACTERS = 1 << 16;

/** Lines of requests.jsonl and facts.jsonl. */
export interface Written {
  readonly requests: number;
  readonly facts: number;
}

/** A file of one JSON text a line. */
class LineFile {
  private readonly file: number;
  private buffer = '';
  lines = 0;

  constructor(path: string) {
    this.file = openSync(path, 'w');
  }

  write(value: unknown): void {
    this.buffer += `${JSON.stringify(value)}\n`;
    this.lines++;
    if (this.buffer.length >= BUFFER_CHARACTERS) this.flush();
  }

  flush(): void {
    writeSync(this.file, this.buffer);
    this.buffer = '';
  }

  close(): void {
    this.flush();
    closeSync(this.file);
  }
}

/**
 * The folder of a run: scenario.json (which `run` takes), frames.jsonl, requests.jsonl, facts.jsonl, metrics.csv, summary.json, and trace.jsonl
 * if asked for. What an earlier run left there is replaced; a folder with anything else is left alone. summary.json is written last: where it is absent,
 * the run did not come to its end.
 */
export class RunFolder implements Reel {
  readonly path: string;
  readonly trace: TraceFile | null;
  private readonly frames: LineFile;
  private readonly stories: LineFile;
  private readonly facts: LineFile;
  private readonly rows: string[] = [METRICS_HEADER];

  constructor(path: string, scenario: ResolvedScenario, header: FrameHeader, withTrace: boolean) {
    this.path = path;
    makeFolder(path);
    if (!isRunOrEmpty(path)) throw new Error('something else than a run lies there');
    for (const name of ['summary.json', 'trace.jsonl', 'metrics.csv'])
      rmSync(join(path, name), { force: true });
    writeFileSync(join(path, 'scenario.json'), `${JSON.stringify(wrapResolved(scenario), null, 1)}\n`);
    this.frames = new LineFile(join(path, 'frames.jsonl'));
    this.frames.write(header);
    this.stories = new LineFile(join(path, 'requests.jsonl'));
    this.facts = new LineFile(join(path, 'facts.jsonl'));
    this.trace = withTrace ? new TraceFile(join(path, 'trace.jsonl')) : null;
  }

  frame(frame: Frame): void {
    this.frames.write(frame);
    this.rows.push(metricsRow(frame));
  }

  story(story: RequestStory): void {
    this.stories.write(story);
  }

  fact(fact: Fact): void {
    this.facts.write(fact);
  }

  /** So many lines are in the files: whoever reads them sees whether any are missing. */
  get written(): Written {
    return { requests: this.stories.lines, facts: this.facts.lines };
  }

  close(summary: Summary): void {
    this.facts.close();
    this.frames.close();
    this.stories.close();
    this.trace?.close();
    writeFileSync(join(this.path, 'metrics.csv'), `${this.rows.join('\n')}\n`);
    const partial = join(this.path, 'summary.json.partial');
    writeFileSync(partial, `${JSON.stringify(summary, null, 1)}\n`);
    renameSync(partial, join(this.path, 'summary.json'));
  }
}

/** Makes a folder and those in which it lies. Not by `recursive`: in /proc that tries for ever. */
export function makeFolder(path: string, mode = 0o777): void {
  if (existsSync(path) && statSync(path).isDirectory()) return;
  const parent = dirname(resolve(path));
  if (!existsSync(parent)) makeFolder(parent, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

/** Whether nothing is in a folder, or a run: one that was broken off, too. */
function isRunOrEmpty(path: string): boolean {
  const names = readdirSync(path);
  if (names.length === 0) return true;
  if (!names.includes('frames.jsonl') || !names.includes('scenario.json')) return false;
  return /^\s*\{\s*"hash":\s*"sha256:/.test(readFileSync(join(path, 'scenario.json'), 'utf8').slice(0, 64));
}

const METRICS_HEADER =
  'time_s,ended,ok,errors,served_local,served_cluster,served_federation,open,jobs,nodes_up,sent_between_nodes,not_transmitted';

function metricsRow(frame: Frame): string {
  const { servedBy } = frame;
  const ended = Object.values(frame.outcomes).reduce((sum, count) => sum + count, 0);
  const ok = frame.outcomes['OK'] ?? 0;
  const jobs = frame.loads.reduce((sum, load) => sum + load, 0);
  const up = frame.states.filter((state) => state === 'up').length;
  const sent = frame.traffic.reduce((sum, [, , count]) => sum + count, 0);
  const lost = frame.traffic.reduce((sum, [, , , count]) => sum + count, 0);
  return [
    frame.timeUs / 1_000_000,
    ended,
    ok,
    ended - ok,
    servedBy.local,
    servedBy.cluster,
    servedBy.federation,
    frame.open,
    jobs,
    up,
    sent,
    lost,
  ].join(',');
}

/** Every envelope that was handled or dropped, a line each: its event, the event that caused it, who, what, on whose account. */
class TraceFile implements Watcher {
  private readonly lines: LineFile;

  constructor(path: string) {
    this.lines = new LineFile(path);
  }

  onHandled(world: World, envelope: Envelope, event: number, cause: number): void {
    this.lines.write({ event, cause, ...describe(world, envelope) });
  }

  onDropped(world: World, envelope: Envelope, fate: Fate): void {
    this.lines.write({ dropped: fate, cause: world.events, ...describe(world, envelope) });
  }

  close(): void {
    this.lines.close();
  }
}

const DEVICE_NAMES = ['', 'DISK', 'ACCELERATOR', 'OBSERVER', 'KEYS', 'NETWORK'];

function describe(world: World, envelope: Envelope): Record<string, unknown> {
  const nameOf = (peer: number): string =>
    peer < 0 ? DEVICE_NAMES[-peer] : (world.identities.names[peer] ?? `peer ${peer}`);
  const { kind, from, to, origin, originBoot, n, attempt, sizeBytes, body } = envelope;
  return {
    timeUs: world.nowUs,
    kind: nameOfKind(kind),
    from: nameOf(from),
    to: nameOf(to),
    request: [nameOf(origin), originBoot, n],
    attempt,
    sizeBytes,
    body,
  };
}
