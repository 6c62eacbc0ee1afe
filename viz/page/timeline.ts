import { pointer, scaleLinear, select, type ScaleLinear, type Selection } from 'd3';
import type { FrameHeader } from '../../sim/frame.ts';
import { formatClock, speakClock } from './clock.ts';
import { describeChange, drawChanges, type ChangeMark } from './member-changes.ts';
import { describeBin, drawOutcomes, niceSpanAbove, type Bin } from './outcomes-chart.ts';
import type { Store } from './store.ts';
import { hideTip, showTip } from './tip.ts';

type Fault = FrameHeader['faults'][number];
type Layer = Selection<SVGGElement, unknown, null, undefined>;

interface Band {
  readonly fault: Fault;
  readonly lane: number;
  readonly x1: number;
  readonly x2: number;
  /** Up to where its label may reach. */
  readonly roomUntil: number;
}

const LANE_HEIGHT = 17;
const MOST_LANES = 4;
const LEFT = 44;
const RIGHT = 28;
const AXIS_HEIGHT = 20;
/** Between two texts on the axis, px. */
const TICK_PITCH = 90;
/** About the width of a character of a label, px. */
const CHARACTER_WIDTH = 6.1;

/** Time from left to right: faults above, outcomes below, and where the user is. */
export class Timeline {
  private readonly store: Store;
  private readonly svg: Selection<SVGSVGElement, unknown, HTMLElement, unknown>;
  private x: ScaleLinear<number, number> = scaleLinear();
  private bins: readonly Bin[] = [];
  private top = 0;
  private bottom = 0;
  private head!: Layer;
  private storySpan!: Layer;

  constructor(store: Store) {
    this.store = store;
    this.svg = select<SVGSVGElement, unknown>('.timeline .chart svg');
    new ResizeObserver(() => this.draw()).observe(document.querySelector('.timeline .chart')!);
    this.listenToPointer();
    this.draw();
    store.onChange((changed) => {
      if (changed.has('frames')) this.draw();
      else if (changed.has('position')) this.placeHead();
      if (changed.has('selection')) this.markStory();
    });
  }

  private draw(): void {
    const { store, svg } = this;
    const { width, height } = svg.node()!.getBoundingClientRect();
    if (width < 10 || height < 10) return;
    svg.attr('viewBox', `0 0 ${width} ${height}`).selectAll('*').remove();
    this.x = scaleLinear([store.startUs, store.untilUs], [LEFT, width - RIGHT]);
    const bands = arrangeFaults(store.header.faults, this.x);
    const lanes = Math.max(0, ...bands.map(({ lane }) => lane + 1));
    this.top = lanes * LANE_HEIGHT + 16;
    this.bottom = height - AXIS_HEIGHT;
    const layer = (name: string): Layer => svg.append('g').attr('class', name) as unknown as Layer;
    drawBands(layer('faults'), bands, this.bottom);
    drawChanges(layer('changes'), store.frames, this.x, this.top - 8);
    this.bins = drawOutcomes(layer('outcomes'), store, this.x, this.top, this.bottom);
    drawAxis(layer('axis'), this.x, this.bottom);
    this.storySpan = layer('span');
    this.head = layer('head');
    this.head
      .attr('role', 'slider')
      .attr('tabindex', 0)
      .attr('aria-label', 'Moment shown')
      .attr('data-test', 'playhead');
    this.head.append('path').attr('class', 'line').attr('d', `M0,2V${this.bottom}`);
    this.head.append('path').attr('class', 'knob').attr('d', `M-6,0H6V6L0,12L-6,6Z`);
    this.placeHead();
    this.markStory();
  }

  private placeHead(): void {
    const { positionUs, startUs, untilUs } = this.store;
    this.head
      .attr('transform', `translate(${this.x(positionUs).toFixed(1)},0)`)
      .attr('aria-valuemin', 0)
      .attr('aria-valuemax', Math.round((untilUs - startUs) / 1_000_000))
      .attr('aria-valuenow', Math.round((positionUs - startUs) / 1_000_000))
      .attr('aria-valuetext', speakClock(positionUs - startUs));
  }

  private markStory(): void {
    const { selected } = this.store;
    this.storySpan.selectAll('*').remove();
    if (selected === null) return;
    const [x1, x2] = [this.x(selected.askedUs), this.x(selected.endedUs)];
    this.storySpan
      .append('rect')
      .attr('x', x1)
      .attr('width', Math.max(2, x2 - x1))
      .attr('y', this.bottom)
      .attr('height', 4);
  }

  private listenToPointer(): void {
    const { store, svg } = this;
    const seek = (event: PointerEvent): void => {
      store.isPlaying = false;
      store.moveTo(this.x.invert(pointer(event, svg.node())[0]));
    };
    svg.on('pointerdown', (event: PointerEvent) => {
      if (event.button !== 0) return;
      svg.node()!.setPointerCapture(event.pointerId);
      seek(event);
    });
    svg.on('pointermove', (event: PointerEvent) => {
      if (svg.node()!.hasPointerCapture(event.pointerId)) {
        hideTip();
        seek(event);
      } else this.explain(event);
    });
    svg.on('pointerleave', hideTip);
  }

  private explain(event: PointerEvent): void {
    const [px, py] = pointer(event, this.svg.node());
    const timeUs = this.x.invert(px);
    const target = select<Element, Band>(event.target as Element);
    const fault = target.classed('band') ? target.datum().fault : null;
    const change = target.classed('change') ? (target.datum() as unknown as ChangeMark) : null;
    const bin = this.bins.find(({ fromUs, untilUs }) => timeUs >= fromUs && timeUs < untilUs);
    if (fault !== null) showTip(describeFault(fault, this.store.startUs), event);
    else if (change !== null) showTip(describeChange(change, this.store.header, this.store.startUs), event);
    else if (bin !== undefined && py >= this.top && py <= this.bottom)
      showTip(describeBin(this.store, bin), event);
    else hideTip();
  }
}

/** Faults that overlap stand in lanes; what finds no lane of its own shares the last. */
function arrangeFaults(faults: readonly Fault[], x: ScaleLinear<number, number>): Band[] {
  const [, right] = x.range();
  const placed: { fault: Fault; lane: number; x1: number; x2: number }[] = [];
  const laneEnds: number[] = [];
  for (const fault of faults) {
    const x1 = x(fault.atUs);
    const x2 = Math.max(x1 + 3, Math.min(right, x(fault.untilUs ?? x.domain()[1])));
    let lane = laneEnds.findIndex((end) => end + 4 <= x1);
    if (lane < 0) lane = Math.min(laneEnds.length, MOST_LANES - 1);
    laneEnds[lane] = Math.max(laneEnds[lane] ?? 0, x2);
    placed.push({ fault, lane, x1, x2 });
  }
  return placed.map((band, i) => {
    const next = placed.slice(i + 1).find(({ lane }) => lane === band.lane);
    return { ...band, roomUntil: next === undefined ? right : next.x1 - 6 };
  });
}

function drawBands(parent: Layer, bands: readonly Band[], bottom: number): void {
  const group = parent
    .selectAll('g.fault')
    .data(bands)
    .join('g')
    .attr('class', 'fault')
    .attr('data-test', 'fault')
    .attr('data-kind', ({ fault }) => fault.kind);
  group
    .append('rect')
    .attr('class', 'shade')
    .attr('x', ({ x1 }) => x1)
    .attr('width', ({ x1, x2 }) => x2 - x1)
    .attr('y', ({ lane }) => lane * LANE_HEIGHT + 2)
    .attr('height', ({ lane }) => bottom - lane * LANE_HEIGHT - 2);
  group
    .append('rect')
    .attr('class', 'band')
    .attr('x', ({ x1 }) => x1)
    .attr('width', ({ x1, x2 }) => x2 - x1)
    .attr('y', ({ lane }) => lane * LANE_HEIGHT + 2)
    .attr('height', LANE_HEIGHT - 3)
    .attr('rx', 2);
  group.append('text').each(function (band) {
    const { text, x } = fitLabel(band);
    select(this)
      .attr('x', x)
      .attr('y', band.lane * LANE_HEIGHT + LANE_HEIGHT / 2 + 0.5)
      .attr('dy', '0.35em')
      .classed('outside', x > band.x2)
      .text(text);
  });
}

/** The label inside its band, else behind it as far as there is room, else cut short. */
function fitLabel({ fault, x1, x2, roomUntil }: Band): { text: string; x: number } {
  const width = fault.label.length * CHARACTER_WIDTH;
  const inside = x2 - x1 - 12;
  const behind = roomUntil - x2 - 10;
  if (width <= inside || inside >= behind) return { text: clip(fault.label, inside), x: x1 + 6 };
  return { text: clip(fault.label, behind), x: x2 + 6 };
}

function clip(text: string, width: number): string {
  const most = Math.floor(width / CHARACTER_WIDTH);
  if (text.length <= most) return text;
  return most < 3 ? '' : `${text.slice(0, most - 1)}…`;
}

function describeFault(fault: Fault, startUs: number): string[] {
  const from = formatClock(fault.atUs - startUs);
  if (fault.untilUs === fault.atUs) return [fault.label, `at ${from}`];
  const until = fault.untilUs === null ? 'the end' : formatClock(fault.untilUs - startUs);
  return [fault.label, `from ${from} until ${until}`];
}

function drawAxis(parent: Layer, x: ScaleLinear<number, number>, bottom: number): void {
  const [startUs, untilUs] = x.domain();
  const [left, right] = x.range();
  const pitchUs = niceSpanAbove(((untilUs - startUs) * TICK_PITCH) / Math.max(1, right - left));
  const ticks: number[] = [];
  for (let timeUs = startUs; timeUs <= untilUs; timeUs += pitchUs) ticks.push(timeUs);
  parent.append('path').attr('d', `M${left},${bottom + 0.5}H${right}`);
  const tick = parent.selectAll('g').data(ticks).join('g');
  tick.attr('transform', (timeUs) => `translate(${x(timeUs).toFixed(1)},${bottom})`);
  tick.append('path').attr('d', 'M0,0V4');
  tick
    .append('text')
    .attr('y', 15)
    .text((timeUs) => formatClock(timeUs - startUs));
}
