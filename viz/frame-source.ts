import type { Frame, FrameHeader, RequestStory } from '../sim/frame.ts';
import { thinFrames } from './frame-merge.ts';

export type OnFrame = (frame: Frame) => void;
export type OnStory = (story: RequestStory) => void;

/** A federation that is being watched while it runs: what has been seen so far, and news. */
export interface FrameSource {
  readonly header: FrameHeader;
  /** In order of time, bounded; whoever bounds it keeps the sums over all frames (see `mergeFrames`). */
  readonly frames: readonly Frame[];
  /** The latest that ended, in order of their ends, bounded. */
  readonly stories: readonly RequestStory[];
  /** Calls back for each new frame and story until the function that it returns is called. */
  subscribe(onFrame: OnFrame, onStory: OnStory): () => void;
}

export interface MemoryBounds {
  /** At least 4. Above it the older half is merged in pairs. */
  readonly maxFrames: number;
  /** Above it the oldest are forgotten. */
  readonly maxStories: number;
}

const DEFAULT_BOUNDS: MemoryBounds = { maxFrames: 7_200, maxStories: 20_000 };

/** A source in memory, fed by whoever watches the federation. */
export class MemoryFrameSource implements FrameSource {
  readonly header: FrameHeader;
  private readonly bounds: MemoryBounds;
  private heldFrames: Frame[] = [];
  private readonly heldStories: RequestStory[] = [];
  private readonly subscribers = new Set<readonly [OnFrame, OnStory]>();

  constructor(header: FrameHeader, bounds: MemoryBounds = DEFAULT_BOUNDS) {
    this.header = header;
    this.bounds = bounds;
  }

  get frames(): readonly Frame[] {
    return this.heldFrames;
  }

  get stories(): readonly RequestStory[] {
    return this.heldStories;
  }

  /** @throws RangeError if the frame is not later than the one before, or does not fit the header */
  pushFrame(frame: Frame): void {
    const last = this.heldFrames.at(-1);
    if (last !== undefined && frame.timeUs <= last.timeUs)
      throw new RangeError(`a frame at ${frame.timeUs} µs after one at ${last.timeUs} µs`);
    const { nodes } = this.header;
    if (frame.states.length !== nodes.length || frame.loads.length !== nodes.length)
      throw new RangeError(`a frame of ${frame.states.length} nodes where the header has ${nodes.length}`);
    this.heldFrames.push(frame);
    if (this.heldFrames.length > this.bounds.maxFrames) this.heldFrames = thinFrames(this.heldFrames);
    for (const [onFrame] of this.subscribers) onFrame(frame);
  }

  pushStory(story: RequestStory): void {
    this.heldStories.push(story);
    const excess = this.heldStories.length - this.bounds.maxStories;
    // In larger bites, because each moves the whole list.
    if (excess > this.bounds.maxStories >> 4) this.heldStories.splice(0, excess);
    for (const [, onStory] of this.subscribers) onStory(story);
  }

  subscribe(onFrame: OnFrame, onStory: OnStory): () => void {
    const subscriber = [onFrame, onStory] as const;
    this.subscribers.add(subscriber);
    return () => {
      this.subscribers.delete(subscriber);
    };
  }
}
