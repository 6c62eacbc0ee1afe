import { area, curveStepAfter, max, scaleLinear, type ScaleLinear, type Selection } from 'd3';
import { formatClock, formatCount } from './clock.ts';
import { colourOf, endOfSeries, isOfPods, labelOf, PLACE_LABELS, type Place } from './outcomes.ts';
import type { Store } from './store.ts';

/** Requests that ended from one moment to the next, by series. */
export interface Bin {
  readonly fromUs: number;
  readonly untilUs: number;
  readonly counts: readonly number[];
}

/** Spans of time that read well on an axis. */
const NICE_US = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400,
].map((seconds) => seconds * 1_000_000);

/** At least so wide is a bin, px. */
const BIN_WIDTH = 5;

export function niceSpanAbove(spanUs: number): number {
  return NICE_US.find((nice) => nice >= spanUs) ?? Math.ceil(spanUs / 86_400e6) * 86_400e6;
}

/** Folds the frames into bins of equal length; those of a run's last, shorter bin count as they are. */
export function binFrames(store: Store, spanUs: number): Bin[] {
  const { frames, series, startUs } = store;
  const bins: Bin[] = [];
  let before = -1;
  for (let i = 0; i < frames.length; i++) {
    const bin = Math.ceil((frames[i].timeUs - startUs) / spanUs);
    const next = frames[i + 1];
    if (next !== undefined && Math.ceil((next.timeUs - startUs) / spanUs) === bin) continue;
    const counts = series.map((name) => store.sumAt(name, i) - store.sumAt(name, before));
    bins.push({ fromUs: startUs + (bin - 1) * spanUs, untilUs: startUs + bin * spanUs, counts });
    before = i;
  }
  return bins;
}

/** The stacked chart over the timeline's own axis of time. */
export function drawOutcomes(
  parent: Selection<SVGGElement, unknown, null, undefined>,
  store: Store,
  x: ScaleLinear<number, number>,
  top: number,
  bottom: number,
): readonly Bin[] {
  const [left, right] = x.range();
  const usPerPx = (x.domain()[1] - x.domain()[0]) / Math.max(1, right - left);
  const spanUs = niceSpanAbove(Math.max(usPerPx * BIN_WIDTH, store.header.periodUs));
  const bins = binFrames(store, spanUs);
  const { series } = store;
  const most = max(bins, ({ counts }) => counts.reduce((sum, count) => sum + count, 0)) ?? 0;
  const y = scaleLinear([0, Math.max(most, 1)], [bottom, top]).nice(3);
  parent.selectAll('*').remove();
  const ticks = y.ticks(3).filter((tick) => Number.isInteger(tick) && tick > 0);
  const grid = parent.selectAll('g.grid').data(ticks).join('g').attr('class', 'grid');
  grid.append('path').attr('d', (tick) => `M${left},${y(tick)}H${right}`);
  grid
    .append('text')
    .attr('x', left - 8)
    .attr('y', (tick) => y(tick))
    .attr('dy', '0.32em')
    .text((tick) => formatCount(tick));
  series.forEach((name, s) => {
    const below = (bin: Bin): number => bin.counts.slice(0, s).reduce((sum, count) => sum + count, 0);
    const layer = area<Bin>()
      .x(({ fromUs }) => x(fromUs))
      .y0((bin) => y(below(bin)))
      .y1((bin) => y(below(bin) + bin.counts[s]))
      .curve(curveStepAfter);
    const last = bins.at(-1);
    // A step needs its end: the last bin once more, from where it ends.
    const steps = last === undefined ? [] : [...bins, { ...last, fromUs: last.untilUs }];
    parent
      .append('path')
      .attr('class', 'series')
      .attr('data-series', name)
      .style('fill', colourOf(name))
      .attr('d', layer(steps));
  });
  parent
    .append('text')
    .attr('class', 'unit')
    .attr('x', right)
    .attr('y', top - 5)
    .text(`${describeEnded(store)} ended, per ${formatBin(spanUs)}`);
  return bins;
}

/** What the chart counts, as far as there is any. */
function describeEnded({ ofPods, series, sums }: Store): string {
  if (ofPods.length === 0) return 'requests';
  const hasOthers = series.some((name) => !isOfPods(name) && (sums.get(name)?.at(-1) ?? 0) > 0);
  return hasOthers ? 'requests, also of pods,' : 'requests of pods';
}

function formatBin(spanUs: number): string {
  const seconds = spanUs / 1_000_000;
  if (seconds < 60) return seconds === 1 ? 'second' : `${seconds} s`;
  return seconds < 3_600 ? `${seconds / 60} min` : `${seconds / 3_600} h`;
}

/** A bin in words, for the tooltip. */
export function describeBin(store: Store, bin: Bin): string[] {
  const { series, startUs } = store;
  const lines = [`${formatClock(bin.fromUs - startUs)} – ${formatClock(bin.untilUs - startUs)}`];
  bin.counts.forEach((count, s) => {
    const name = series[s];
    const label = isOfPods(name)
      ? `pods: ${labelOf(endOfSeries(name))}`
      : name in PLACE_LABELS
        ? `answered ${PLACE_LABELS[name as Place]}`
        : labelOf(name);
    if (count > 0) lines.push(`${formatCount(count)}  ${label}`);
  });
  return lines;
}
