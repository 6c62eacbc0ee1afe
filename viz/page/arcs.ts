/** A curve between two points that bows to the north, as routes on maps do. */
export interface Arc {
  readonly x1: number;
  readonly y1: number;
  readonly cx: number;
  readonly cy: number;
  readonly x2: number;
  readonly y2: number;
}

/** How far an arc's control point is off the straight line, as a share of the length: more where it is long, px. */
const LEAST_BOW = 0.1;
const BOW_PER_PX = 0.00026;
const MOST_BOW = 0.34;

export function arcBetween(x1: number, y1: number, x2: number, y2: number): Arc {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const bow = Math.min(LEAST_BOW + BOW_PER_PX * Math.hypot(dx, dy), MOST_BOW);
  // The side is chosen by direction from west to east, so that both directions share one curve.
  const side = dx >= 0 ? 1 : -1;
  return { x1, y1, cx: (x1 + x2) / 2 + side * dy * bow, cy: (y1 + y2) / 2 - side * dx * bow, x2, y2 };
}

export function pathOf({ x1, y1, cx, cy, x2, y2 }: Arc): string {
  return `M${r(x1)},${r(y1)}Q${r(cx)},${r(cy)} ${r(x2)},${r(y2)}`;
}

/** The point at `t` from 0 to 1, and the direction there in degrees. */
export function pointOn({ x1, y1, cx, cy, x2, y2 }: Arc, t: number): { x: number; y: number; angle: number } {
  const s = 1 - t;
  const x = s * s * x1 + 2 * s * t * cx + t * t * x2;
  const y = s * s * y1 + 2 * s * t * cy + t * t * y2;
  const dx = s * (cx - x1) + t * (x2 - cx);
  const dy = s * (cy - y1) + t * (y2 - cy);
  return { x, y, angle: (Math.atan2(dy, dx) * 180) / Math.PI };
}

/** The part of an arc between two of its points. */
export function partOf(arc: Arc, from: number, to: number): Arc {
  const start = pointOn(arc, from);
  const end = pointOn(arc, to);
  // The control point of a part is where the tangents of its ends meet: for a quadratic, the blend of both.
  const blend = (a: number, b: number, c: number): number =>
    (1 - from) * (1 - to) * a + ((1 - from) * to + from * (1 - to)) * b + from * to * c;
  return {
    x1: start.x,
    y1: start.y,
    cx: blend(arc.x1, arc.cx, arc.x2),
    cy: blend(arc.y1, arc.cy, arc.y2),
    x2: end.x,
    y2: end.y,
  };
}

function r(value: number): string {
  return value.toFixed(1);
}
