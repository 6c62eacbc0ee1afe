/** Where the nodes of a running federation listen, in a file of its folder: for whoever comes from another terminal. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from './durable-file.ts';
import type { RunningNode } from './federation.ts';
import { fieldsOf } from './json-shape.ts';

const FILE = 'federation.json';

export function writeFederationFile(folder: string, nodes: readonly RunningNode[]): void {
  const told = nodes.map(({ name, types, url }) => ({ name, types, url }));
  writeDurably(join(folder, FILE), `${JSON.stringify({ format: 1, nodes: told }, null, 1)}\n`);
}

/** Nobody listens there any more. */
export function removeFederationFile(folder: string): void {
  rmSync(join(folder, FILE), { force: true });
}

/** A node of a running federation. */
export interface ListedNode {
  readonly name: string;
  readonly types: readonly string[];
  readonly url: string;
}

/** The nodes of the federation that runs in a folder; null if none does. */
export function readNodes(folder: string): readonly ListedNode[] | null {
  const path = join(folder, FILE);
  if (!existsSync(path)) return null;
  return fieldsOf(JSON.parse(readFileSync(path, 'utf8')), path)['nodes'] as readonly ListedNode[];
}

/** URLs of the gateways of the federation that runs in a folder; null if none does. Throws if the file is none of ours. */
export function readGatewayUrls(folder: string): string[] | null {
  const path = join(folder, FILE);
  if (!existsSync(path)) return null;
  const { nodes } = fieldsOf(JSON.parse(readFileSync(path, 'utf8')), path);
  return (nodes as { types: string[]; url: string }[])
    .filter(({ types }) => types.includes('gateway'))
    .map(({ url }) => url);
}

/** The folder, of those below a parent, in which a federation was started last and runs; null if there is none. */
export function findRunningFederation(parent: string): string | null {
  if (!existsSync(parent)) return null;
  const found = readdirSync(parent)
    .map((name) => join(parent, name))
    .filter((folder) => existsSync(join(folder, FILE)))
    .map((folder) => ({ folder, startedMs: statSync(join(folder, FILE)).mtimeMs }))
    .sort((left, right) => right.startedMs - left.startedMs);
  return found[0]?.folder ?? null;
}
