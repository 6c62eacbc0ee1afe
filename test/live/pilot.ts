import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { DEFAULT_PARAMETERS } from '../../core/machine/parameters.ts';
import type { Federation, RunningNode } from '../../live/federation.ts';
import { replayJournal } from '../../live/replay.ts';
import { loadScenario } from '../../sim/scenario/load.ts';
import { peeringOf } from '../sim/tiny-scenario.ts';
import type { ResolvedNode, ResolvedScenario } from '../../sim/scenario/resolved.ts';

/** Sessions and offers are learnt within a second, so that a test need not wait for more. */
const QUICK = { heartbeatUs: 300_000, sessionUs: 300_000, offersUs: 500_000 };

/** A node of a pilot; models make it compute, and a pod host has room for pods. */
export function pilotNode(
  name: string,
  region: string,
  types: string[],
  models: string[] = [],
): ResolvedNode {
  return {
    name,
    cluster: name.split('/')[0]!,
    region,
    types,
    claimedTrust: 4,
    // Only who is audited leads pods (R8.1-2).
    attestedTrust: types.includes('pod-host') ? 4 : 3,
    podStorage: types.includes('pod-host')
      ? { availableBytes: 1e9, maxPodBytes: 16e6, encryption: true }
      : null,
    compute: types.includes('compute') ? { gpuMemoryBytes: 24e9, supportedModels: models } : null,
    installedModels: models,
    slots: 4,
    queueLimit: 16,
    bandwidthBytesPerSecond: 125e6,
    speedPpm: 1_000_000,
  };
}

export function pilotOf(nodes: ResolvedNode[], peerings: [string, string][] = []): ResolvedScenario {
  const clusters = [...new Map(nodes.map(({ cluster, region }) => [cluster, region]))];
  const models = [...new Set(nodes.flatMap(({ installedModels }) => installedModels))];
  return {
    format: 1,
    name: 'pilot',
    about: '',
    seed: 1,
    durationUs: 60_000_000,
    parameters: { ...DEFAULT_PARAMETERS, ...QUICK },
    regions: clusters.map(([label, path]) => ({ path, label, latitude: 0, longitude: 0 })),
    network: {
      oneWayP95Us: clusters.map(() => clusters.map(() => 1_000)),
      fixedPpm: 900_000,
      lossPpm: 0,
      duplicatePpm: 0,
    },
    models: models.map((name) => ({
      name,
      requiredMemoryBytes: 8e9,
      readTokensPerSecond: 8_000,
      writeTokensPerSecond: 60,
    })),
    clusters: clusters.map(([name, region]) => ({ name, label: name, region, exports: ['*'] })),
    nodes,
    peerings: peerings.map(([left, right]) => peeringOf(left, right)),
    workloads: [],
    faults: [],
    expectations: { okAtLeastPpm: 0, sometimes: [], never: [] },
  };
}

/** The pilot of nine nodes as it is shipped; quicker to learn of its own parts, and us-east is attested less than it claims. */
export function threeClusters(): ResolvedScenario {
  const file = fileURLToPath(new URL('../../scenarios/pilot-three-clusters.yaml', import.meta.url));
  const shipped = loadScenario(file);
  return {
    ...shipped,
    parameters: { ...shipped.parameters, ...QUICK },
    nodes: shipped.nodes.map((node) => (node.cluster === 'us-east' ? { ...node, attestedTrust: 3 } : node)),
  };
}

export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'watershed-live-'));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** The journals of a node, by boot. */
export function journalsOf(node: Pick<RunningNode, 'folder'>): string[] {
  return readdirSync(node.folder)
    .filter((name) => name.startsWith('journal-'))
    .sort()
    .map((name) => join(node.folder, name));
}

/** What came, as JSON: each test says what it expects of it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = Record<string, any>;

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

export async function ask(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  const response = await fetch(`${url}/v1/ask`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Json,
  };
}

/** Asks again until the answer is as hoped for: a federation needs a moment to learn of its own parts. */
export async function askUntil(
  url: string,
  body: unknown,
  isHopedFor: (reply: Reply) => boolean,
  withinMs = 10_000,
): Promise<Reply> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const reply = await ask(url, body);
    if (isHopedFor(reply) || performance.now() > endMs) return reply;
    await sleep(100);
  }
}

/** Values of a metric of a node by the value of its label; under '' where it has none. */
export async function readMetric(url: string, name: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.matchAll(new RegExp(`^watershed_${name}(?:\\{\\w+="([^"]*)"\\})? (\\S+)$`, 'gm'));
  return Object.fromEntries([...lines].map(([, label, value]) => [label ?? '', Number(value)]));
}

/** Reads a metric of each node until all are as hoped for, or the time is over; returns what was read last. */
export async function metricsWhen(
  nodes: readonly RunningNode[],
  name: string,
  isHopedFor: (values: Record<string, number>) => boolean,
  withinMs: number,
): Promise<Record<string, number>[]> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const read = await Promise.all(nodes.map(({ url }) => readMetric(url, name)));
    if (read.every(isHopedFor) || performance.now() > endMs) return read;
    await sleep(50);
  }
}

/** To be called when all have stopped: each boot of each node did what the core does with what it was given. */
export function expectReplays({ nodes }: Pick<Federation, 'nodes'>): void {
  for (const node of nodes)
    for (const journal of journalsOf(node)) expect(replayJournal(journal).verdict, journal).to.equal('equal');
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export async function until(isSo: () => boolean, withinMs: number): Promise<boolean> {
  const endMs = performance.now() + withinMs;
  while (!isSo() && performance.now() < endMs) await sleep(20);
  return isSo();
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // A process that has ended and was not yet collected is not alive.
  return !existsSync(`/proc/${pid}/stat`) || readState(pid) !== 'Z';
}

function readState(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]![0]!;
  } catch {
    return 'Z';
  }
}
