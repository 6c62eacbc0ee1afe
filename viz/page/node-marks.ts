import {
  select,
  symbol,
  symbolCircle,
  symbolCross,
  symbolDiamond,
  symbolSquare,
  symbolTriangle,
  type Selection,
  type SymbolType,
} from 'd3';
import type { Frame, FrameHeader, NodeState, Regard } from '../../sim/frame.ts';
import { MAIN_TYPES, mainTypeRank, type Mark } from './map-layout.ts';
import { shortOf } from './sentences.ts';
import { hideTip, showTip } from './tip.ts';

const SHAPES: readonly SymbolType[] = [
  symbolTriangle,
  symbolSquare,
  symbolCross,
  symbolDiamond,
  symbolCircle,
];

/** Areas by type, px² at scale 1: shapes of one area do not look of one size. */
const AREAS = [34, 48, 44, 38, 42];

export const TRUST_LABELS = ['', 'experimental', 'peer', 'community', 'verified'];

const STATE_LABELS: Readonly<Record<NodeState, string>> = {
  up: 'up',
  starting: 'starting',
  down: 'down',
  paused: 'frozen',
};

/** What most of its cluster think of a node. */
export const REGARD_LABELS: Readonly<Record<Regard, string>> = {
  suspect: 'suspected by its cluster',
  dead: 'given up by its cluster',
  left: 'has left its cluster',
};

export function regardIn(frame: Frame | null | undefined, node: number): Regard | null {
  return frame?.regards?.find(([about]) => about === node)?.[1] ?? null;
}

export function shapeOf(rank: number, scale: number): string {
  return symbol(SHAPES[rank], AREAS[rank] * scale * scale)() ?? '';
}

export function nameOfType(rank: number): string {
  return MAIN_TYPES[rank].replace('-', ' ');
}

type Group = Selection<SVGGElement, Mark, SVGGElement, unknown>;

/** Draws the marks of one cluster's nodes; their states come with `updateMarks`. */
export function drawMarks(
  parent: Selection<SVGGElement, unknown, null, undefined>,
  header: FrameHeader,
  marks: readonly Mark[],
  scale: number,
  frameNow: () => Frame | null,
): Group {
  const groups = parent
    .selectAll<SVGGElement, Mark>('g.mark')
    .data(marks)
    .join('g')
    .attr('class', ({ node }) => `mark trust-${header.nodes[node].trust}`)
    .attr('data-test', 'node')
    .attr('data-node', ({ node }) => header.nodes[node].name)
    .attr('transform', ({ dx, dy }) => `translate(${dx.toFixed(1)},${dy.toFixed(1)})`)
    .on('pointermove', (event: PointerEvent, { node }) => {
      event.stopPropagation();
      showTip(describeNode(header, node, frameNow()), event);
    })
    .on('pointerleave', hideTip) as unknown as Group;
  groups.append('circle').attr('class', 'load').attr('r', 0);
  groups
    .append('path')
    .attr('class', 'shape')
    .attr('d', ({ node }) => shapeOf(rankOf(header, node), scale));
  const arm = 3.6 * scale;
  groups
    .append('path')
    .attr('class', 'gone')
    .attr('d', `M${-arm},${-arm}L${arm},${arm}M${arm},${-arm}L${-arm},${arm}`);
  groups
    .append('path')
    .attr('class', 'frozen')
    .attr('d', `M${-arm / 2},${-arm}V${arm}M${arm / 2},${-arm}V${arm}`);
  groups
    .append('circle')
    .attr('class', 'regard')
    .attr('r', 6.6 * scale);
  groups
    .filter(({ node }) => header.nodes[node].types.length > 1)
    .append('circle')
    .attr('class', 'many')
    .attr('r', 6.2 * scale);
  return groups;
}

export function updateMarks(groups: Group, frame: Frame | null, scale: number): void {
  const regards = new Map(frame?.regards);
  groups.each(function ({ node }) {
    const state = frame?.states[node] ?? 'starting';
    const group = select(this);
    group.attr('data-state', state).attr('data-regard', regards.get(node) ?? null);
    const load = frame?.loads[node] ?? 0;
    group.select('.load').attr('r', load === 0 ? 0 : scale * Math.min(5 + 1.3 * Math.sqrt(load), 11));
  });
}

function rankOf(header: FrameHeader, node: number): number {
  return mainTypeRank(header.nodes[node].types);
}

/** What a pod host has on its disk, and what of it is to be looked after. */
function describePods([, held, short, deleting]: readonly number[]): string {
  return [
    `keeps ${held} ${held === 1 ? 'pod' : 'pods'}`,
    ...(short === 0 ? [] : [`${short} with too few copies`]),
    ...(deleting === 0 ? [] : [`${deleting} being deleted`]),
  ].join(', ');
}

function describeNode(header: FrameHeader, node: number, frame: Frame | null): string[] {
  const { name, types, trust, models } = header.nodes[node];
  const lines = [shortOf(name), types.join(', ').replaceAll('-', ' ')];
  lines.push(`trust ${trust}, ${TRUST_LABELS[trust] ?? 'unknown'}`);
  if (frame !== null) {
    const load = frame.loads[node];
    const jobs = load === 0 ? '' : `, ${load} ${load === 1 ? 'job' : 'jobs'}`;
    lines.push(`${STATE_LABELS[frame.states[node]]}${jobs}`);
  }
  const regard = regardIn(frame, node);
  if (regard !== null) lines.push(REGARD_LABELS[regard]);
  const pods = frame?.pods?.find(([of]) => of === node);
  if (pods !== undefined) lines.push(describePods(pods));
  if (models.length > 0) lines.push(...models);
  return lines;
}
