/** Programs in C++ that `bench phold` runs in the same turns as the schedule: how each is compiled and run. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export interface Load {
  readonly lps: number;
  readonly perLp: number;
  readonly events: number;
  readonly warmup: number;
  readonly seed: number;
}

export interface Outcome {
  readonly eventsPerSecond: number;
  readonly digest: string;
  readonly rssMb: number;
}

interface Peer {
  readonly source: string;
  readonly libraries: readonly string[];
}

export const WHEEL: Peer = { source: 'wheel.cpp', libraries: [] };
/** Debian and Ubuntu have it as libns3-dev. */
export const NS3: Peer = { source: 'ns3.cpp', libraries: ['-lns3-core'] };

/** A program's path, or why there is none. */
export type Compiled = { readonly program: string } | { readonly reason: string };

export function compile(peer: Peer, compiler: string, folder: string): Compiled {
  const program = join(folder, peer.source.replace('.cpp', ''));
  const source = join(import.meta.dirname, peer.source);
  const flags = ['-std=c++17', '-O3', '-march=native', '-ffp-contract=off', '-o', program, source];
  try {
    execFileSync(compiler, [...flags, ...peer.libraries], {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    return { program };
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: string };
    if (code === 'ENOENT') return { reason: `${compiler} is not installed` };
    if (/ns3\/.*No such file/.test(stderr ?? ''))
      return { reason: 'ns-3 is not installed (Debian, Ubuntu: libns3-dev)' };
    return { reason: `${compiler} failed: ${stderr ?? ''}` };
  }
}

export function runPeer(program: string, load: Load, delays: Float64Array): Outcome {
  const args = [load.lps, load.perLp, load.events, load.warmup, load.seed].map(String);
  const output = execFileSync(program, args, { input: [...delays].join('\n'), encoding: 'utf8' });
  return JSON.parse(output) as Outcome;
}
