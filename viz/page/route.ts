import { type Selection } from 'd3';
import type { FrameHeader, RequestStory } from '../../sim/frame.ts';
import { arcBetween, partOf, pathOf, pointOn } from './arcs.ts';
import type { MapLayout } from './map-layout.ts';
import { hopsOf, type Hop } from './sentences.ts';

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Draws the way of one request over the map: whom it was carried to, in which order, and where in vain. */
export function drawRoute(
  parent: Selection<SVGGElement, unknown, null, undefined>,
  story: RequestStory | null,
  header: FrameHeader,
  layout: MapLayout,
): void {
  parent.selectAll('*').remove();
  if (story === null) return;
  const points = pointsOf(header, layout);
  const hops = hopsOf(story).filter((hop) => points.has(hop.from) && points.has(hop.to));
  for (const node of passedOver(story)) {
    const point = points.get(node);
    if (point !== undefined) drawRing(parent, point, 'struck', layout.scale);
  }
  hops.forEach((hop, i) => drawHop(parent, hop, i + 1, points, layout.scale));
  const gateway = points.get(story.gateway);
  if (gateway !== undefined) drawRing(parent, gateway, 'asked', layout.scale);
  const server = points.get(story.server ?? '');
  if (server !== undefined) drawRing(parent, server, 'served', layout.scale);
}

function drawHop(
  parent: Selection<SVGGElement, unknown, null, undefined>,
  hop: Hop,
  number: number,
  points: ReadonlyMap<string, Point>,
  scale: number,
): void {
  const [from, to] = [points.get(hop.from)!, points.get(hop.to)!];
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  if (length < 1) return;
  const gap = Math.min((7 * scale) / length, 0.3);
  const arc = partOf(arcBetween(from.x, from.y, to.x, to.y), gap, 1 - gap);
  const group = parent.append('g').attr('class', `hop ${hop.fate}`).attr('data-test', 'hop');
  group.append('path').attr('class', 'under').attr('d', pathOf(arc));
  group.append('path').attr('class', 'over').attr('d', pathOf(arc));
  const tip = pointOn(arc, 1);
  const wing = 5.5 * scale;
  group
    .append('path')
    .attr('class', 'head')
    .attr('d', `M${-wing},${-wing * 0.6}L0,0L${-wing},${wing * 0.6}`)
    .attr('transform', `translate(${tip.x.toFixed(1)},${tip.y.toFixed(1)}) rotate(${tip.angle.toFixed(1)})`);
  // Inside a cluster there is no room for a number.
  if (length < 70 * scale) return;
  // Two ways between the same clusters lie close together; their numbers need not.
  const middle = pointOn(arc, 0.35 + 0.1 * (number % 4));
  const badge = group
    .append('g')
    .attr('transform', `translate(${middle.x.toFixed(1)},${middle.y.toFixed(1)})`);
  badge
    .append('circle')
    .attr('class', 'badge')
    .attr('r', 8 * scale);
  badge.append('text').attr('class', 'number').attr('dy', '0.35em').text(number);
}

function drawRing(
  parent: Selection<SVGGElement, unknown, null, undefined>,
  { x, y }: Point,
  what: string,
  scale: number,
): void {
  parent
    .append('circle')
    .attr('class', `ring ${what}`)
    .attr('cx', x)
    .attr('cy', y)
    .attr('r', (what === 'struck' ? 6.5 : 8) * scale);
}

/** Middle of each node's mark on the map. */
function pointsOf(header: FrameHeader, layout: MapLayout): Map<string, Point> {
  const points = new Map<string, Point>();
  for (const { x, y, marks } of layout.places) {
    for (const { node, dx, dy } of marks) points.set(header.nodes[node].name, { x: x + dx, y: y + dy });
  }
  return points;
}

function passedOver(story: RequestStory): Set<string> {
  return new Set(story.steps.flatMap(({ struck }) => struck.map(({ node }) => node)));
}
