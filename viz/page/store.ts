import type { Frame, FrameHeader, RequestStory } from '../../sim/frame.ts';
import { thinFrames } from '../frame-merge.ts';
import { isOfPods, PLACES, podSeriesOf } from './outcomes.ts';

/** What a summary tells the page. */
export interface RunSummary {
  readonly verdict: string;
  readonly reasons?: readonly string[];
  readonly digest: string;
  readonly version?: string;
  readonly requests: {
    readonly total: number;
    readonly ok: number;
    readonly errors: Readonly<Record<string, number>>;
    readonly servedBy: Readonly<Record<string, number>>;
  };
  readonly pods?: { readonly ended: Readonly<Record<string, number>> };
}

export type Aspect = 'frames' | 'position' | 'playback' | 'selection' | 'filter' | 'requests';

/** A page that stays open keeps so many frames; older ones are merged in pairs. */
const MAX_FRAMES = 7_200;

/**
 * What the page knows and where the user is in it. Whoever draws listens; changes within one frame of the
 * screen are told together.
 */
export class Store {
  readonly header: FrameHeader;
  readonly summary: RunSummary | null;
  /** Times count from the start of the run, or of the federation that is alive. */
  readonly startUs = 0;
  frames: readonly Frame[] = [];
  /** What ended up to and with each frame, by series: places, error codes as they appear, and what was asked of pods. */
  sums = new Map<string, number[]>();
  positionUs = 0;
  isPlaying = false;
  /** Keep to the newest frame. */
  isFollowing: boolean;
  speed = 10;
  selected: RequestStory | null = null;
  outcome: string | null = null;
  cluster: string | null = null;
  private readonly listeners: ((changed: ReadonlySet<Aspect>) => void)[] = [];
  private changed = new Set<Aspect>();

  constructor(header: FrameHeader, summary: RunSummary | null, frames: readonly Frame[]) {
    this.header = header;
    this.summary = summary;
    this.isFollowing = header.source === 'live';
    this.setFrames(frames);
    this.positionUs = this.isFollowing ? this.endUs : this.startUs;
  }

  get isLive(): boolean {
    return this.header.source === 'live';
  }

  /** The last moment of which something is known. */
  get endUs(): number {
    return this.frames.at(-1)?.timeUs ?? this.startUs + this.header.periodUs;
  }

  /** Up to where the timeline reaches. */
  get untilUs(): number {
    return this.isLive ? this.endUs : Math.max(this.header.durationUs, this.endUs);
  }

  /** The frame at the position: the last that is not later, or −1 before the first. */
  get index(): number {
    return this.indexAt(this.positionUs);
  }

  /** The frame that shows a moment, if there is one. */
  frameAt(timeUs: number): Frame | null {
    return this.frames[this.indexAt(timeUs)] ?? null;
  }

  private indexAt(timeUs: number): number {
    let low = 0;
    let high = this.frames.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.frames[middle].timeUs <= timeUs) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** In the order in which they are drawn: places, error codes and then pods, each by how many there are. */
  get series(): string[] {
    return [...PLACES, ...this.errors, ...this.ofPods];
  }

  /** Codes of the errors in which requests ended, the most frequent first. */
  get errors(): string[] {
    return this.namesWhere((name) => !isOfPods(name) && !(PLACES as readonly string[]).includes(name));
  }

  /** Series of what was asked of pods, the most frequent first. */
  get ofPods(): string[] {
    return this.namesWhere(isOfPods);
  }

  private namesWhere(isMeant: (name: string) => boolean): string[] {
    const lastOf = (name: string): number => this.sums.get(name)?.at(-1) ?? 0;
    return [...this.sums.keys()].filter(isMeant).sort((left, right) => lastOf(right) - lastOf(left));
  }

  sumAt(series: string, index: number): number {
    return index < 0 ? 0 : (this.sums.get(series)?.[index] ?? 0);
  }

  addFrame(frame: Frame): void {
    if (frame.timeUs <= (this.frames.at(-1)?.timeUs ?? -1)) return;
    const frames = [...this.frames, frame];
    this.takeFrames(frames.length > MAX_FRAMES ? thinFrames(frames) : frames);
  }

  /** Takes all that the server holds, and keeps what was pushed while it was being fetched. */
  replaceFrames(fetched: readonly Frame[]): void {
    const lastUs = fetched.at(-1)?.timeUs ?? -1;
    this.takeFrames([...fetched, ...this.frames.filter(({ timeUs }) => timeUs > lastUs)]);
  }

  private takeFrames(frames: readonly Frame[]): void {
    this.setFrames(frames);
    if (this.isFollowing) this.positionUs = this.endUs;
    this.tell('frames', 'position');
  }

  /** Goes to a moment; a live page stops following unless that is the newest. */
  moveTo(timeUs: number): void {
    const { startUs, untilUs } = this;
    this.positionUs = Math.min(Math.max(timeUs, startUs), untilUs);
    if (this.isLive) this.isFollowing = this.positionUs >= this.endUs;
    this.tell('position', 'playback');
  }

  /** Forward or back by frames. */
  step(count: number): void {
    const index = Math.min(Math.max(this.index + count, -1), this.frames.length - 1);
    this.isPlaying = false;
    this.moveTo(index < 0 ? this.startUs : this.frames[index].timeUs);
  }

  setPlaying(isPlaying: boolean): void {
    this.isPlaying = isPlaying;
    this.tell('playback');
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    this.tell('playback');
  }

  select(story: RequestStory | null): void {
    this.selected = story;
    this.tell('selection');
  }

  setFilter(outcome: string | null, cluster: string | null): void {
    this.outcome = outcome;
    this.cluster = cluster;
    this.tell('filter');
  }

  onChange(listener: (changed: ReadonlySet<Aspect>) => void): void {
    this.listeners.push(listener);
  }

  tell(...aspects: Aspect[]): void {
    if (this.changed.size === 0) requestAnimationFrame(() => this.flush());
    for (const aspect of aspects) this.changed.add(aspect);
  }

  private flush(): void {
    const { changed } = this;
    this.changed = new Set();
    for (const listener of this.listeners) listener(changed);
  }

  private setFrames(frames: readonly Frame[]): void {
    this.frames = frames;
    this.sums = new Map(PLACES.map((place) => [place, []]));
    frames.forEach((frame, i) => {
      const counts = { ...frame.servedBy, ...frame.outcomes } as Record<string, number>;
      delete counts['OK'];
      for (const [how, count] of Object.entries(frame.podsEnded ?? {})) counts[podSeriesOf(how)] = count;
      for (const name of Object.keys(counts)) {
        if (!this.sums.has(name)) this.sums.set(name, new Array<number>(i).fill(0));
      }
      for (const [name, sums] of this.sums) sums.push((sums[i - 1] ?? 0) + (counts[name] ?? 0));
    });
  }
}
