import type { Frame, FrameHeader, RequestStory } from '../sim/frame.ts';
import { mergeFrames } from './frame-merge.ts';
import type { FrameSource } from './frame-source.ts';
import { isWanted, rowOf, type FrameQuery, type RequestQuery, type RequestRow, type View } from './view.ts';

/** What a live source has seen so far. */
export class LiveView implements View {
  readonly summary = null;
  private readonly source: FrameSource;

  constructor(source: FrameSource) {
    this.source = source;
  }

  get header(): FrameHeader {
    return this.source.header;
  }

  get frameCount(): number {
    return this.source.frames.length;
  }

  async *frames({ fromUs, untilUs, every }: FrameQuery): AsyncGenerator<Frame> {
    const frames = this.source.frames.filter(({ timeUs }) => timeUs >= fromUs && timeUs <= untilUs);
    for (let i = 0; i < frames.length; i += every) yield mergeFrames(frames.slice(i, i + every));
  }

  async requests(query: RequestQuery): Promise<readonly RequestRow[]> {
    const { stories } = this.source;
    const rows: RequestRow[] = [];
    for (let i = stories.length - 1; i >= 0 && rows.length < query.limit; i--) {
      if (isWanted(stories[i], query)) rows.push(rowOf(stories[i]));
    }
    return rows;
  }

  async story(id: string): Promise<RequestStory | null> {
    return this.source.stories.find((story) => story.id === id) ?? null;
  }
}
