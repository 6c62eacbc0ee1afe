import { geoGraticule10, geoPath, select, type Selection } from 'd3';
import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import land from 'world-atlas/land-110m.json';
import type { Frame } from '../../sim/frame.ts';
import { Links } from './links.ts';
import { layOutMap, MAIN_TYPES, type MapLayout, type Mark, type Place } from './map-layout.ts';
import {
  drawMarks,
  nameOfType,
  REGARD_LABELS,
  regardIn,
  shapeOf,
  TRUST_LABELS,
  updateMarks,
} from './node-marks.ts';
import { drawRoute } from './route.ts';
import { shortOf } from './sentences.ts';
import type { Store } from './store.ts';
import { hideTip, showTip } from './tip.ts';

const topology = land as unknown as Topology<{ land: GeometryCollection }>;
const LAND = feature(topology, topology.objects.land);

type Layer = Selection<SVGGElement, unknown, null, undefined>;

/** The world, its clusters and nodes, and what passes between them at the position in time. */
export class WorldMap {
  private readonly store: Store;
  private readonly svg: Selection<SVGSVGElement, unknown, HTMLElement, unknown>;
  private readonly text: HTMLElement;
  private layout!: MapLayout;
  private links!: Links;
  private clusters!: Selection<SVGGElement, Place, SVGGElement, unknown>;
  private marks: Selection<SVGGElement, Mark, SVGGElement, unknown>[] = [];
  private route!: Layer;

  constructor(store: Store) {
    this.store = store;
    this.svg = select<SVGSVGElement, unknown>('.map svg');
    this.text = document.querySelector('.map .spoken')!;
    drawLegend(document.querySelector('.map .legend')!);
    new ResizeObserver(() => this.draw()).observe(document.querySelector('.map')!);
    this.draw();
    store.onChange((changed) => {
      if (changed.has('position') || changed.has('frames')) this.update();
      if (changed.has('selection')) this.showRoute();
      if (changed.has('playback') || changed.has('position')) this.speak();
    });
  }

  private get frame(): Frame | null {
    const { index, frames } = this.store;
    return index < 0 ? null : frames[index];
  }

  private draw(): void {
    const { header, frames } = this.store;
    const { width, height } = this.svg.node()!.getBoundingClientRect();
    if (width < 10 || height < 10) return;
    this.layout = layOutMap(header, width, height);
    this.svg.attr('viewBox', `0 0 ${width} ${height}`).selectAll('*').remove();
    const path = geoPath(this.layout.projection);
    this.svg.append('path').attr('class', 'graticule').attr('d', path(geoGraticule10()));
    this.svg.append('path').attr('class', 'land').attr('d', path(LAND));
    const layer = (name: string): Layer => this.svg.append('g').attr('class', name) as unknown as Layer;
    this.links = new Links(layer('links'), header, this.layout, frames);
    this.drawClusters(layer('clusters'));
    this.route = layer('route');
    this.update();
    this.showRoute();
    this.speak();
  }

  private drawClusters(parent: Layer): void {
    const { header } = this.store;
    const { places, scale } = this.layout;
    const leads = places.filter(
      ({ x, y, anchorX, anchorY, radius }) => Math.hypot(x - anchorX, y - anchorY) > radius - 2,
    );
    const lead = parent.selectAll('g.lead').data(leads).join('g').attr('class', 'lead');
    lead.append('path').attr('d', ({ x, y, anchorX, anchorY }) => `M${anchorX},${anchorY}L${x},${y}`);
    lead
      .append('circle')
      .attr('cx', ({ anchorX }) => anchorX)
      .attr('cy', ({ anchorY }) => anchorY)
      .attr('r', 2.2 * scale);
    this.clusters = parent
      .selectAll<SVGGElement, Place>('g.cluster')
      .data(places)
      .join('g')
      .attr('class', 'cluster')
      .attr('data-test', 'cluster')
      .attr('data-cluster', ({ cluster }) => header.clusters[cluster].name)
      .attr('role', 'img')
      .attr('tabindex', 0)
      .attr('transform', ({ x, y }) => `translate(${x.toFixed(1)},${y.toFixed(1)})`)
      .on('pointermove', (event: PointerEvent, { cluster }) => showTip(this.describe(cluster), event))
      .on('pointerleave', hideTip) as unknown as typeof this.clusters;
    this.clusters
      .append('circle')
      .attr('class', 'plate')
      .attr('r', ({ radius }) => radius);
    this.clusters
      .append('text')
      .attr('class', 'jobs')
      .attr('dy', '0.35em')
      .style('font-size', `${11 * scale}px`);
    this.clusters
      .append('text')
      .attr('class', 'name')
      .attr('y', ({ radius }) => radius + 12 * scale)
      .style('font-size', `${11.5 * scale}px`)
      .text(({ cluster }) => header.clusters[cluster].label);
    this.marks = this.clusters
      .nodes()
      .map((element, i) =>
        drawMarks(select(element), header, places[i].marks, scale, () => this.frame),
      ) as typeof this.marks;
  }

  private update(): void {
    const { frames, index } = this.store;
    const { frame } = this;
    this.links.update(frames, index);
    for (const marks of this.marks) updateMarks(marks, frame, this.layout.scale);
    this.clusters.select('.jobs').text(({ marks }) => {
      const jobs = marks.reduce((sum, { node }) => sum + (frame?.loads[node] ?? 0), 0);
      return jobs === 0 ? '' : String(jobs);
    });
    this.clusters.attr('aria-label', ({ cluster }) => this.describe(cluster).join('; '));
  }

  private showRoute(): void {
    this.svg.classed('has-route', this.store.selected !== null);
    drawRoute(this.route, this.store.selected, this.store.header, this.layout);
  }

  /** Says in words what the map shows; while it plays this would only be noise. */
  private speak(): void {
    const { isPlaying, isFollowing, header } = this.store;
    if (isPlaying || isFollowing) return;
    const out = this.frame?.states.filter((state) => state !== 'up').length ?? header.nodes.length;
    const up = `${header.nodes.length - out} of ${header.nodes.length} nodes up`;
    const { cutCount, silentCount } = this.links;
    const silent = silentCount === 0 ? '' : ` ${silentCount} without a session.`;
    const doubted = this.frame?.regards?.length ?? 0;
    const regarded =
      doubted === 0 ? '' : ` ${doubted} suspected, given up or gone in the eyes of their clusters.`;
    this.text.textContent = `${up}, ${cutCount} of ${header.peerings.length} links cut.${silent}${regarded}`;
  }

  private describe(cluster: number): string[] {
    const { header } = this.store;
    const { frame } = this;
    const { name, label, region } = header.clusters[cluster];
    const nodes = header.nodes.flatMap((node, i) => (node.cluster === name ? [i] : []));
    const lines = [label, `${region}, ${nodes.length} nodes`];
    if (frame === null) return lines;
    const jobs = nodes.reduce((sum, node) => sum + frame.loads[node], 0);
    lines.push(`${jobs} ${jobs === 1 ? 'job' : 'jobs'} at work or waiting`);
    for (const node of nodes) {
      const state = frame.states[node];
      const regard = regardIn(frame, node);
      const told = [...(state === 'up' ? [] : [state]), ...(regard === null ? [] : [REGARD_LABELS[regard]])];
      if (told.length > 0) lines.push(`${shortOf(header.nodes[node].name)}: ${told.join(', ')}`);
    }
    return lines;
  }
}

/** Shapes, shades and strokes of the map, and what each means. */
function drawLegend(parent: HTMLElement): void {
  const item = (className: string, content: string, label: string): string =>
    `<span class="item"><svg class="mark ${className}" viewBox="-8 -8 16 16" aria-hidden="true">${content}</svg>${label}</span>`;
  const types = MAIN_TYPES.map((_, rank) =>
    item('trust-3', `<path class="shape" d="${shapeOf(rank, 1)}"/>`, nameOfType(rank)),
  );
  const trusts = [1, 2, 3, 4].map((trust) =>
    item(`trust-${trust}`, '<circle class="shape" r="5"/>', TRUST_LABELS[trust]),
  );
  const cross = '<path class="gone" d="M-4,-4L4,4M4,-4L-4,4"/>';
  const regarded = '<circle class="shape" r="3.5"/><circle class="regard" r="6.5"/>';
  const states = [
    item('trust-3" data-state="starting', '<circle class="shape" r="4.5"/>', 'starting'),
    item('trust-3" data-state="paused', '<path class="frozen" d="M-2,-4V4M2,-4V4"/>', 'frozen'),
    item('trust-3" data-state="down', cross, 'down'),
    item('trust-3" data-regard="suspect', regarded, 'suspected'),
    item('trust-3" data-regard="dead', regarded, 'given up'),
    item('link" data-cut="both', '<path class="line" d="M-8,0H8"/>', 'cut link'),
    item('link" data-silent="both', '<path class="line" d="M-8,0H8"/>', 'no session'),
  ];
  const row = (name: string, items: string[]): string =>
    `<div class="row"><span class="what">${name}</span>${items.join('')}</div>`;
  parent.innerHTML = row('Type', types) + row('Trust', trusts) + row('State', states);
}
