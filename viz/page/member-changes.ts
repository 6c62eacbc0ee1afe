import { type ScaleLinear, type Selection } from 'd3';
import type { Frame, FrameHeader, MemberChange } from '../../sim/frame.ts';
import { formatClock } from './clock.ts';
import { shortOf } from './sentences.ts';

/** Changes of members that stand at one place of the timeline. */
export interface ChangeMark {
  readonly x: number;
  readonly what: MemberChange['what'];
  readonly changes: readonly MemberChange[];
}

const LABELS: Readonly<Record<MemberChange['what'], string>> = {
  joined: 'joined',
  dead: 'given up',
  left: 'left',
  back: 'back',
};
/** Those who are gone point down, those who come point up. */
const SHAPES: Readonly<Record<MemberChange['what'], string>> = {
  joined: 'M0,-4L4,3H-4Z',
  back: 'M0,-4L4,3H-4Z',
  dead: 'M0,4L4,-3H-4Z',
  left: 'M0,4L4,-3H-4Z',
};
/** Marks of one kind that are nearer are one, px. */
const PITCH = 9;
/** So many are named. */
const MOST_NAMED = 8;

/** Gathers what happened at about one time. */
function gatherChanges(frames: readonly Frame[], x: (timeUs: number) => number): ChangeMark[] {
  const marks: { x: number; what: MemberChange['what']; changes: MemberChange[] }[] = [];
  const last = new Map<MemberChange['what'], (typeof marks)[number]>();
  for (const change of frames.flatMap((frame) => frame.changes ?? [])) {
    const at = x(change.timeUs);
    const near = last.get(change.what);
    if (near !== undefined && at - near.x < PITCH) near.changes.push(change);
    else {
      const mark = { x: at, what: change.what, changes: [change] };
      marks.push(mark);
      last.set(change.what, mark);
    }
  }
  return marks;
}

/** Draws when members came, were given up, left and were back, in a row of their own. */
export function drawChanges(
  parent: Selection<SVGGElement, unknown, null, undefined>,
  frames: readonly Frame[],
  x: ScaleLinear<number, number>,
  y: number,
): void {
  parent
    .selectAll('path')
    .data(gatherChanges(frames, x))
    .join('path')
    .attr('class', ({ what }) => `change ${what}`)
    .attr('data-test', 'change')
    .attr('data-what', ({ what }) => what)
    .attr('transform', (mark) => `translate(${mark.x.toFixed(1)},${y})`)
    .attr('d', ({ what }) => SHAPES[what]);
}

export function describeChange(
  { what, changes }: ChangeMark,
  header: FrameHeader,
  startUs: number,
): string[] {
  const names = changes.slice(0, MOST_NAMED).map(({ node }) => {
    const { name, cluster } = header.nodes[node];
    const label = header.clusters.find((one) => one.name === cluster)?.label ?? cluster;
    return `${shortOf(name)} in ${label}`;
  });
  const rest = changes.length - names.length;
  const heading = `${formatClock(changes[0].timeUs - startUs)}: ${LABELS[what]}`;
  return [heading, ...names, ...(rest > 0 ? [`and ${rest} more`] : [])];
}
