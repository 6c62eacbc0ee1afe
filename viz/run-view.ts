import { existsSync, readFileSync, statSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fact, Frame, FrameHeader, RequestStory } from '../sim/frame.ts';
import type { Written } from '../sim/files.ts';
import { Affairs } from './affairs.ts';
import { mergeFrames } from './frame-merge.ts';
import { readLines, type Line } from './line-file.ts';
import {
  isWanted,
  rowOf,
  ViewError,
  type FrameQuery,
  type RequestQuery,
  type RequestRow,
  type View,
} from './view.ts';

/** Where the stories of a run lie in requests.jsonl, in the order of the file, which is that of their ends. */
interface StoryIndex {
  readonly askedUs: number[];
  readonly endedUs: number[];
  readonly offsets: number[];
  readonly bytes: number[];
  readonly outcomes: string[];
  readonly clusters: string[];
  readonly rowOfId: Map<string, number>;
  longestUs: number;
}

/** A run's folder. Only an index is held: frames and stories are read from the files when asked for. */
export class RunView implements View {
  readonly header: FrameHeader;
  readonly summary: unknown;
  private readonly framesPath: string;
  private readonly storiesFile: FileHandle | null;
  private readonly frameTimesUs: readonly number[];
  private readonly frameOffsets: readonly number[];
  private readonly index: StoryIndex;
  private readonly folder: string;
  private readonly factsPath: string;
  /** Read when they are first asked for, and kept. */
  private facts: Promise<RecordedFacts> | null = null;

  private constructor(parts: {
    header: FrameHeader;
    summary: unknown;
    framesPath: string;
    storiesFile: FileHandle | null;
    frameTimesUs: readonly number[];
    frameOffsets: readonly number[];
    stories: StoryIndex;
    folder: string;
  }) {
    this.header = parts.header;
    this.summary = parts.summary;
    this.framesPath = parts.framesPath;
    this.storiesFile = parts.storiesFile;
    this.frameTimesUs = parts.frameTimesUs;
    this.frameOffsets = parts.frameOffsets;
    this.index = parts.stories;
    this.folder = parts.folder;
    this.factsPath = join(parts.folder, 'facts.jsonl');
  }

  /** @throws ViewError if the folder is not there, is not that of a run, or holds a broken line before the last */
  static async open(folder: string): Promise<RunView> {
    if (!existsSync(folder) || !statSync(folder).isDirectory())
      throw new ViewError(`${folder}: there is no such folder`);
    const framesPath = join(folder, 'frames.jsonl');
    if (!existsSync(framesPath))
      throw new ViewError(`${folder}: not the folder of a run: it has no frames.jsonl`);
    const { header, timesUs, offsets } = await indexFrames(framesPath);
    const storiesPath = join(folder, 'requests.jsonl');
    const stories = await indexStories(storiesPath);
    return new RunView({
      header,
      summary: readSummary(join(folder, 'summary.json')),
      framesPath,
      storiesFile: existsSync(storiesPath) ? await open(storiesPath) : null,
      frameTimesUs: timesUs,
      frameOffsets: offsets,
      stories,
      folder,
    });
  }

  get frameCount(): number {
    return this.frameTimesUs.length;
  }

  async *frames({ fromUs, untilUs, every }: FrameQuery): AsyncGenerator<Frame> {
    const first = this.frameTimesUs.findIndex((timeUs) => timeUs >= fromUs);
    if (first < 0) return;
    const count = this.frameTimesUs.filter((timeUs) => timeUs >= fromUs && timeUs <= untilUs).length;
    let gathered: Frame[] = [];
    let left = count;
    if (left === 0) return;
    for await (const line of readLines(this.framesPath, this.frameOffsets[first])) {
      gathered.push(JSON.parse(line.text) as Frame);
      left--;
      if (gathered.length === every || left === 0) {
        yield mergeFrames(gathered);
        gathered = [];
      }
      if (left === 0) return;
    }
  }

  async requests(query: RequestQuery): Promise<readonly RequestRow[]> {
    const rows: RequestRow[] = [];
    const { askedUs, endedUs, outcomes, clusters, longestUs } = this.index;
    // None that ended later than the longest could last was open at `untilUs`.
    const lastUs = query.untilUs + (query.isOpen ? longestUs : 0);
    const firstUs = query.isOpen ? query.untilUs : query.fromUs;
    for (let row = countUpTo(endedUs, lastUs) - 1; row >= 0; row--) {
      if (rows.length >= query.limit || endedUs[row] < firstUs) break;
      const request = {
        askedUs: askedUs[row],
        endedUs: endedUs[row],
        outcome: outcomes[row],
        cluster: clusters[row],
      };
      if (isWanted(request, query)) rows.push(rowOf(await this.readStory(row)));
    }
    return rows;
  }

  async story(id: string): Promise<RequestStory | null> {
    const row = this.index.rowOfId.get(id);
    return row === undefined ? null : await this.readStory(row);
  }

  /** Whether the run has recorded why things are as they are. */
  get hasFacts(): boolean {
    return existsSync(this.factsPath);
  }

  /** When the last frame was taken, µs; 0 where there is none. */
  get endUs(): number {
    return this.frameTimesUs.at(-1) ?? 0;
  }

  /**
   * Up to when it is recorded why, µs: to the end, or to the last fact of a file of which the rest is missing. @throws ViewError if
   * the run did not record it
   */
  async factsUntilUs(): Promise<number> {
    const { facts, isTorn } = await this.readFacts();
    const wanted = this.written?.facts ?? (isTorn || this.summary === null ? Infinity : 0);
    return !isTorn && facts.length >= wanted ? Infinity : (facts.at(-1)?.timeUs ?? 0);
  }

  /** Whether stories that were written are missing now. */
  get lacksStories(): boolean {
    return this.index.endedUs.length < (this.written?.requests ?? 0);
  }

  private get written(): Written | null {
    return (this.summary as { written?: Written } | null)?.written ?? null;
  }

  private async readFacts(): Promise<RecordedFacts> {
    if (!this.hasFacts)
      throw new ViewError(
        `${this.folder}: this run has not recorded why: it has no facts.jsonl, as runs of earlier versions; run it again`,
      );
    this.facts ??= readFacts(this.factsPath);
    return this.facts;
  }

  /** How pods, models and nodes stood at a moment. @throws ViewError if the run did not record it */
  async affairs(untilUs: number): Promise<Affairs> {
    const affairs = new Affairs();
    for (const fact of (await this.readFacts()).facts) {
      if (fact.timeUs > untilUs) break;
      affairs.take(fact);
    }
    return affairs;
  }

  /** All of them, in the order in which they ended. */
  async *stories(): AsyncGenerator<RequestStory> {
    for (let row = 0; row < this.index.offsets.length; row++) yield await this.readStory(row);
  }

  async close(): Promise<void> {
    await this.storiesFile?.close();
  }

  private async readStory(row: number): Promise<RequestStory> {
    const buffer = Buffer.alloc(this.index.bytes[row]);
    await this.storiesFile!.read(buffer, 0, buffer.length, this.index.offsets[row]);
    return JSON.parse(buffer.toString('utf8')) as RequestStory;
  }
}

/** How many of the ascending values are at most `limit`. */
function countUpTo(values: readonly number[], limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function indexFrames(
  path: string,
): Promise<{ header: FrameHeader; timesUs: number[]; offsets: number[] }> {
  let header: FrameHeader | null = null;
  const timesUs: number[] = [];
  const offsets: number[] = [];
  for await (const line of readLines(path)) {
    const value = parseLine(path, line);
    if (value === null) continue;
    if (header === null) header = headerIn(path, value);
    else {
      const { timeUs } = value as unknown as Frame;
      if (typeof timeUs !== 'number') throw new ViewError(`${path}, line ${line.number}: not a frame`);
      timesUs.push(timeUs);
      offsets.push(line.offset);
    }
  }
  if (header === null) throw new ViewError(`${path}: empty: the run was interrupted before it began`);
  return { header, timesUs, offsets };
}

function headerIn(path: string, value: Record<string, unknown>): FrameHeader {
  if (value['format'] !== 1 || !Array.isArray(value['nodes']) || !Array.isArray(value['clusters']))
    throw new ViewError(`${path}, line 1: the header of a run in format 1 is expected`);
  return value as unknown as FrameHeader;
}

async function indexStories(path: string): Promise<StoryIndex> {
  const index: StoryIndex = {
    askedUs: [],
    endedUs: [],
    offsets: [],
    bytes: [],
    outcomes: [],
    clusters: [],
    rowOfId: new Map(),
    longestUs: 0,
  };
  if (!existsSync(path)) return index;
  for await (const line of readLines(path)) {
    const value = parseLine(path, line);
    if (value === null) continue;
    const { id, askedUs, endedUs, outcome, cluster } = value as unknown as RequestStory;
    if (typeof id !== 'string' || typeof endedUs !== 'number' || endedUs < (index.endedUs.at(-1) ?? 0))
      throw new ViewError(`${path}, line ${line.number}: not a request, or not in order of the ends`);
    index.rowOfId.set(id, index.endedUs.length);
    index.askedUs.push(askedUs);
    index.endedUs.push(endedUs);
    index.offsets.push(line.offset);
    index.bytes.push(line.bytes);
    index.outcomes.push(outcome);
    index.clusters.push(cluster);
    index.longestUs = Math.max(index.longestUs, endedUs - askedUs);
  }
  return index;
}

interface RecordedFacts {
  readonly facts: readonly Fact[];
  /** Whether the file ends in the middle of a line. */
  readonly isTorn: boolean;
}

async function readFacts(path: string): Promise<RecordedFacts> {
  const facts: Fact[] = [];
  let isTorn = false;
  for await (const line of readLines(path)) {
    const fact = parseLine(path, line) as unknown as Fact | null;
    if (fact === null) isTorn = true;
    else facts.push(fact);
  }
  return { facts, isTorn };
}

/** The object in a line; null for a last line that was torn. */
function parseLine(path: string, line: Line): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line.text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    if (!line.isWhole) return null;
    throw new ViewError(`${path}, line ${line.number}: ${(error as Error).message}`);
  }
  throw new ViewError(`${path}, line ${line.number}: an object is expected`);
}

function readSummary(path: string): unknown {
  if (!existsSync(path)) return null;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ViewError(`${path}: ${(error as Error).message}`);
  }
}
