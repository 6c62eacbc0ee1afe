import { type Selection } from 'd3';
import type { Frame, FrameHeader } from '../../sim/frame.ts';
import { arcBetween, pathOf, pointOn, type Arc } from './arcs.ts';
import type { MapLayout } from './map-layout.ts';
import { hideTip, showTip } from './tip.ts';

export type Cut = 'none' | 'onward' | 'back' | 'both';

/** A peering between two clusters, and what passes on it now. */
/** Which side of a peering hears no bridge of the other. */
export type Silence = Cut;

export interface Link {
  readonly left: number;
  readonly right: number;
  readonly arc: Arc;
  cut: Cut;
  silence: Silence;
  /** Envelopes a second, sent and lost, both directions. */
  sentPerSecond: number;
  lostPerSecond: number;
}

/** Widths are told from traffic averaged over so many frames: a link does not flicker. */
const SMOOTHED_FRAMES = 8;
/** From this share on a link that is not cut is drawn as lossy. */
const LOSSY_SHARE = 0.02;
const LEAST_WIDTH = 0.8;
const MOST_WIDTH = 5;

export function linksOf(header: FrameHeader, layout: MapLayout): Link[] {
  const indexOf = (name: string): number => header.clusters.findIndex((cluster) => cluster.name === name);
  return header.peerings.map(([from, to]) => {
    const [left, right] = [indexOf(from), indexOf(to)];
    const [a, b] = [layout.places[left], layout.places[right]];
    const arc = arcBetween(a.x, a.y, b.x, b.y);
    return { left, right, arc, cut: 'none', silence: 'none', sentPerSecond: 0, lostPerSecond: 0 };
  });
}

/** The links of a map, drawn once and updated with each frame. */
export class Links {
  private readonly header: FrameHeader;
  private readonly links: readonly Link[];
  private readonly groups: Selection<SVGGElement, Link, SVGGElement, unknown>;
  private readonly scale: number;
  /**
   * Envelopes a second of the quietest link seen that was not silent, and of the busiest: widths lie between
   * them, for what is always sent to keep a session alive would else hide what requests add.
   */
  private quietest = Infinity;
  private busiest = 0;

  constructor(
    parent: Selection<SVGGElement, unknown, null, undefined>,
    header: FrameHeader,
    layout: MapLayout,
    frames: readonly Frame[],
  ) {
    this.header = header;
    this.links = linksOf(header, layout);
    this.scale = layout.scale;
    this.groups = parent
      .selectAll<SVGGElement, Link>('g.link')
      .data(this.links)
      .join('g')
      .attr('class', 'link')
      .attr('data-test', 'link')
      .attr('data-pair', ({ left, right }) => `${header.clusters[left].name}|${header.clusters[right].name}`)
      .on('pointermove', (event: PointerEvent, link) => showTip(this.describe(link), event))
      .on('pointerleave', hideTip) as unknown as typeof this.groups;
    this.groups
      .append('path')
      .attr('class', 'reach')
      .attr('d', ({ arc }) => pathOf(arc));
    this.groups
      .append('path')
      .attr('class', 'line')
      .attr('d', ({ arc }) => pathOf(arc));
    for (let i = SMOOTHED_FRAMES - 1; i < frames.length; i += SMOOTHED_FRAMES) this.measure(frames, i);
    const arm = 4.2 * layout.scale;
    const sign = this.groups.append('g').attr('class', 'sign');
    sign.append('circle').attr('r', 8 * layout.scale);
    sign
      .append('path')
      .attr('class', 'cross')
      .attr('d', `M${-arm},${-arm}L${arm},${arm}M${arm},${-arm}L${-arm},${arm}`);
    const gap = arm * 0.45;
    sign
      .append('path')
      .attr('class', 'gap')
      .attr('d', `M${-gap * 1.6},${arm}L${-gap * 0.4},${-arm}M${gap * 0.4},${arm}L${gap * 1.6},${-arm}`);
    sign
      .append('path')
      .attr('class', 'stop')
      .attr(
        'd',
        `M${-arm},0H${arm * 0.5}M${-arm * 0.3},${-arm * 0.7}L${arm * 0.5},0L${-arm * 0.3},${arm * 0.7}M${arm},${-arm}V${arm}`,
      );
  }

  update(frames: readonly Frame[], index: number): void {
    this.measure(frames, index);
    const frame = index < 0 ? null : frames[index];
    const cuts = new Set(frame?.cuts.map(([from, to]) => `${from} ${to}`));
    const silent = new Set(frame?.silent?.map(([by, of]) => `${of} ${by}`));
    for (const link of this.links) {
      link.cut = cutOf(link, cuts);
      link.silence = cutOf(link, silent);
    }
    const { scale } = this;
    this.groups
      .attr('data-cut', ({ cut }) => cut)
      .attr('data-silent', ({ silence }) => silence)
      .classed('lossy', ({ sentPerSecond, lostPerSecond }) => lostPerSecond > LOSSY_SHARE * sentPerSecond);
    this.groups.select<SVGPathElement>('.line').style('stroke-width', (link) => {
      // Where all carry about the same, none shall look busy.
      const range = Math.max(this.busiest - this.quietest, this.busiest / 4, 1e-9);
      const share = Math.min(Math.max((link.sentPerSecond - this.quietest) / range, 0), 1);
      return `${(scale * (LEAST_WIDTH + (MOST_WIDTH - LEAST_WIDTH) * share)).toFixed(2)}px`;
    });
    this.groups.select<SVGGElement>('.sign').attr('transform', ({ arc, cut }) => {
      // Several links of one cluster are cut together: signs stand where the arcs have parted.
      const { x, y, angle } = pointOn(arc, 0.5);
      return `translate(${x.toFixed(1)},${y.toFixed(1)}) rotate(${(cut === 'back' ? angle + 180 : angle).toFixed(1)})`;
    });
  }

  /** How many links pass, and are of no use: at least one side hears nobody. */
  get silentCount(): number {
    return this.links.filter(({ cut, silence }) => cut === 'none' && silence !== 'none').length;
  }

  /** How many links pass nothing in at least one direction. */
  get cutCount(): number {
    return this.links.filter(({ cut }) => cut !== 'none').length;
  }

  private measure(frames: readonly Frame[], index: number): void {
    const first = Math.max(0, index + 1 - SMOOTHED_FRAMES);
    const recent = frames.slice(first, index + 1);
    const beganUs = first > 0 ? frames[first - 1].timeUs : (recent[0]?.timeUs ?? 0) - this.header.periodUs;
    const seconds = Math.max(1, ((recent.at(-1)?.timeUs ?? 0) - beganUs) / 1_000_000);
    const sent = new Map<string, [number, number]>();
    for (const frame of recent) {
      for (const [from, to, count, lost] of frame.traffic) {
        const key = from < to ? `${from} ${to}` : `${to} ${from}`;
        const sum = sent.get(key) ?? [0, 0];
        sent.set(key, [sum[0] + count, sum[1] + lost]);
      }
    }
    for (const link of this.links) {
      const { left, right } = link;
      const [count, lost] = sent.get(left < right ? `${left} ${right}` : `${right} ${left}`) ?? [0, 0];
      link.sentPerSecond = count / seconds;
      link.lostPerSecond = lost / seconds;
      this.busiest = Math.max(this.busiest, link.sentPerSecond);
      if (count > 0) this.quietest = Math.min(this.quietest, link.sentPerSecond);
    }
  }

  private describe({ left, right, cut, silence, sentPerSecond, lostPerSecond }: Link): string[] {
    const [a, b] = [this.header.clusters[left].label, this.header.clusters[right].label];
    const lines = [`${a} – ${b}`, `${sentPerSecond.toFixed(1)} envelopes a second`];
    if (lostPerSecond > 0) lines.push(`${lostPerSecond.toFixed(1)} of them lost`);
    if (cut === 'both') lines.push('cut: nothing passes');
    if (cut === 'onward') lines.push(`cut: nothing passes to ${b}`);
    if (cut === 'back') lines.push(`cut: nothing passes to ${a}`);
    if (silence === 'both') lines.push('no session: neither hears a bridge of the other');
    if (silence === 'onward') lines.push(`no session: ${b} hears no bridge of ${a}`);
    if (silence === 'back') lines.push(`no session: ${a} hears no bridge of ${b}`);
    return lines;
  }
}

function cutOf({ left, right }: Link, cuts: ReadonlySet<string>): Cut {
  const onward = cuts.has(`${left} ${right}`);
  const back = cuts.has(`${right} ${left}`);
  return onward && back ? 'both' : onward ? 'onward' : back ? 'back' : 'none';
}
