import type { Shape } from '../machine/shape.ts';
import { levelBody, testimonyBody, testimonySumBody } from './standing-documents.ts';

/** Operations 6 … 8 of ANNOUNCE are about trust that is earned. */
export const TESTIMONY = 1 * 32 + 6;
export const LEVEL = 1 * 32 + 7;
export const TESTIMONY_SUM = 1 * 32 + 8;

const CONTROL = 2;
const REPLICATION = 4;
type Row = readonly [
  kind: number,
  operation: string,
  direction: string,
  body: Shape,
  messageClass: 2 | 4,
  costUs: number,
  section: string,
];

/** What is said of trust, for the protocol table. */
export function standingRows(checkUs: number): readonly Row[] {
  return [
    [TESTIMONY, 'testimony', 'node → index → index', testimonyBody, CONTROL, 5 * checkUs, 'R8.1-3'],
    [LEVEL, 'level', 'index → node', levelBody, CONTROL, checkUs + 5, 'R8.1-3'],
    [TESTIMONY_SUM, 'testimony-sum', 'index → index', testimonySumBody, REPLICATION, checkUs + 30, 'R8.1-3'],
  ];
}
