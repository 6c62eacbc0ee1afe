import { forceCollide, forceSimulation, forceX, forceY, geoNaturalEarth1, type GeoProjection } from 'd3';
import type { FrameHeader } from '../../sim/frame.ts';

export interface Mark {
  readonly node: number;
  /** From the middle of its cluster, px. */
  readonly dx: number;
  readonly dy: number;
}

/** Where a cluster is drawn: its anchor is its place on earth, its middle as near to that as there is room. */
export interface Place {
  readonly cluster: number;
  readonly anchorX: number;
  readonly anchorY: number;
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly marks: readonly Mark[];
}

export interface MapLayout {
  readonly width: number;
  readonly height: number;
  readonly projection: GeoProjection;
  readonly places: readonly Place[];
  /** How large marks and texts are: 1 on a small map. */
  readonly scale: number;
}

/** Degrees shown around the outermost clusters, and at least in all. */
const MARGIN_DEGREES = 12;
const LEAST_DEGREES = 40;
/** Where the land ends in the north. */
const POLE_LATITUDE = 84;
/** Between two marks of a ring, and two rings, px at scale 1. */
const MARK_PITCH = 12.5;
const LABEL_HEIGHT = 15;

export function layOutMap(header: FrameHeader, width: number, height: number): MapLayout {
  const scale = Math.min(Math.max(Math.min(width / 940, height / 470), 0.8), 1.7);
  const projection = fitProjection(header, width, height, scale);
  const rings = header.clusters.map(({ name }) => {
    const nodes = header.nodes.flatMap((node, i) => (node.cluster === name ? [i] : []));
    return arrangeMarks(orderByType(header, nodes), scale);
  });
  const anchors = header.clusters.map(({ region }): [number, number] => {
    const place = header.regions.find(({ path }) => path === region);
    return projection([place?.longitude ?? 0, place?.latitude ?? 0]) ?? [width / 2, height / 2];
  });
  const middles = spread(anchors, rings, width, height, scale);
  const places = rings.map(({ radius, marks }, cluster) => ({
    cluster,
    anchorX: anchors[cluster][0],
    anchorY: anchors[cluster][1],
    x: middles[cluster].x,
    y: middles[cluster].y,
    radius,
    marks,
  }));
  return { width, height, projection, places, scale };
}

function fitProjection(header: FrameHeader, width: number, height: number, scale: number): GeoProjection {
  const longitudes = header.regions.map(({ longitude }) => longitude);
  const latitudes = header.regions.map(({ latitude }) => latitude);
  const [west, east] = widen(Math.min(...longitudes), Math.max(...longitudes), 180);
  const [south, north] = widen(Math.min(...latitudes), Math.max(...latitudes), 85);
  const middle = (south + north) / 2;
  const frame = {
    type: 'MultiPoint' as const,
    coordinates: [
      [west, middle],
      [east, middle],
      [(west + east) / 2, south],
      [(west + east) / 2, north],
    ],
  };
  const inset = 34 * scale;
  const projection = geoNaturalEarth1().fitExtent(
    [
      [inset, inset],
      [width - inset, height - inset],
    ],
    frame,
  );
  // No empty sky above the pole where there is earth to show below.
  const [x, y] = projection.translate();
  const sky = projection([(west + east) / 2, POLE_LATITUDE])?.[1] ?? 0;
  const room = (projection([(west + east) / 2, north])?.[1] ?? 0) - inset;
  return projection.translate([x, y - Math.max(0, Math.min(sky, room))]);
}

function widen(least: number, most: number, limit: number): [number, number] {
  const margin = Math.max(MARGIN_DEGREES, (LEAST_DEGREES - (most - least)) / 2);
  return [Math.max(least - margin, -limit), Math.min(most + margin, limit)];
}

/** Nodes of one kind stand together, entry to the cluster first. */
function orderByType(header: FrameHeader, nodes: readonly number[]): number[] {
  const rank = (node: number): number => mainTypeRank(header.nodes[node].types);
  return [...nodes].sort((left, right) => rank(left) - rank(right) || left - right);
}

/** The type by which a node is drawn: the first of these that it has. */
export const MAIN_TYPES = ['gateway', 'compute', 'bridge', 'index', 'pod-host'] as const;

export function mainTypeRank(types: readonly string[]): number {
  const rank = MAIN_TYPES.findIndex((type) => types.includes(type));
  return rank < 0 ? MAIN_TYPES.length - 1 : rank;
}

/** Marks on rings around the middle; from about 150 on they stand closer, so that no cluster covers a continent. */
function arrangeMarks(nodes: readonly number[], scale: number): { radius: number; marks: Mark[] } {
  const pitch = MARK_PITCH * scale * Math.min(1, Math.sqrt(150 / Math.max(nodes.length, 1)));
  const marks: Mark[] = [];
  let ringRadius = Math.max(17 * scale, Math.min((nodes.length * pitch) / (2 * Math.PI), 30 * scale));
  let placed = 0;
  while (placed < nodes.length) {
    const room = Math.floor((2 * Math.PI * ringRadius) / pitch);
    const count = Math.min(room, nodes.length - placed);
    for (let i = 0; i < count; i++) {
      const angle = (2 * Math.PI * i) / count - Math.PI / 2;
      marks.push({
        node: nodes[placed + i],
        dx: ringRadius * Math.cos(angle),
        dy: ringRadius * Math.sin(angle),
      });
    }
    placed += count;
    ringRadius += pitch;
  }
  return { radius: ringRadius - pitch + 10 * scale, marks };
}

/** Moves clusters apart that would cover one another, as little as need be; the same each time. */
function spread(
  anchors: readonly (readonly [number, number])[],
  rings: readonly { radius: number }[],
  width: number,
  height: number,
  scale: number,
): { x: number; y: number }[] {
  const label = LABEL_HEIGHT * scale;
  const bodies = anchors.map(([x, y], i) => ({
    // Two at one place need a direction in which to part.
    x: x + (i % 2 === 0 ? -0.5 : 0.5),
    y: y + label / 2,
    anchorX: x,
    anchorY: y + label / 2,
    radius: rings[i].radius + label * 0.7 + 3,
  }));
  const simulation = forceSimulation(bodies)
    .force('x', forceX<(typeof bodies)[number]>((body) => body.anchorX).strength(0.12))
    .force('y', forceY<(typeof bodies)[number]>((body) => body.anchorY).strength(0.12))
    .force('apart', forceCollide<(typeof bodies)[number]>((body) => body.radius).iterations(4))
    .stop();
  for (let i = 0; i < 240; i++) {
    simulation.tick();
    for (const body of bodies) {
      const edge = body.radius + 4;
      body.x = Math.min(Math.max(body.x, edge), width - edge);
      body.y = Math.min(Math.max(body.y, edge), height - edge);
    }
  }
  return bodies.map(({ x, y }) => ({ x, y: y - label / 2 }));
}
