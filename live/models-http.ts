/** What a node knows of models, and has of them, for whoever asks over HTTP: the registry is for everybody to read (R7.1-1). */
import type { Express, Response } from 'express';
import { countChunks, type ModelEntry } from '../core/models/documents.ts';
import { isLoaded } from '../core/models/loading.ts';
import { keysInOrder, type ModelHost } from '../core/models/model-state.ts';
import { sendFault } from './http-replies.ts';
import type { LiveNode } from './live-node.ts';

/** A version as a node knows it. */
export interface ListedVersion {
  readonly id: string;
  readonly version: number;
  readonly publisher: string;
  readonly sizeBytes: number;
  readonly requiredMemoryBytes: number;
  readonly licence: string;
  readonly purpose: string;
  readonly approvals: readonly string[];
  readonly regions: readonly string[];
  readonly keptIn: readonly string[];
  readonly chunks: number;
  /** How many of them lie here; all: the node hands the version out. */
  readonly held: number;
  readonly withdrawnFrom: string | null;
  /** How it has fared where it was tried for this cluster. */
  readonly verdict: 'good' | 'bad' | null;
}

export interface StablePointer {
  readonly id: string;
  readonly sequence: number;
  /** What it pointed at before, or ''. */
  readonly previous: string;
}

export interface ListedModel {
  readonly name: string;
  /** What its publisher points at. */
  readonly stable: StablePointer | null;
  /** What runs here. */
  readonly runs: { readonly id: string; readonly isTrial: boolean; readonly isLoaded: boolean } | null;
  /** The newest first. */
  readonly versions: readonly ListedVersion[];
}

export function routeModels(app: Express, live: LiveNode): void {
  app.get('/v1/models', (_request, response) => sendModels(live, response));
}

function sendModels(live: LiveNode, response: Response): void {
  const { models } = live.driver.node;
  if (models === null) sendFault(response, 404, 'NOT_FOUND', 'this node keeps no registry of models');
  else response.json({ node: live.config.name, models: listModels(live, models) });
}

function listModels(live: LiveNode, host: ModelHost): ListedModel[] {
  const { registry, currents } = host;
  const byName = new Map<string, ListedVersion[]>();
  for (const id of keysInOrder(registry.entries)) {
    const entry = registry.entries.get(id)!;
    byName.set(entry.name, [...(byName.get(entry.name) ?? []), listVersion(live, host, id, entry)]);
  }
  return keysInOrder(byName).map((name) => {
    const channel = registry.channels.get(name);
    const current = currents.get(name);
    return {
      name,
      stable:
        channel === undefined
          ? null
          : { id: channel.id, sequence: channel.sequence, previous: channel.previous },
      runs:
        current === undefined || current.id === ''
          ? null
          : { id: current.id, isTrial: current.isTrial, isLoaded: isLoaded(host, current.id) },
      versions: byName.get(name)!.sort((left, right) => right.version - left.version),
    };
  });
}

function listVersion({ ids }: LiveNode, host: ModelHost, id: string, entry: ModelEntry): ListedVersion {
  const { version, sizeBytes, requiredMemoryBytes, licence, purpose, approvals, regions, keptIn } = entry;
  const { withdrawals, verdicts } = host.registry;
  const withdrawal = withdrawals.get(id);
  const verdict = verdicts.get(id);
  const held = host.held.get(id)?.pages.reduce((sum, page) => sum + (page?.count ?? 0), 0) ?? 0;
  return {
    id,
    version,
    publisher: ids.idOf(entry.publisher),
    ...{ sizeBytes, requiredMemoryBytes, licence, purpose, approvals, regions, keptIn },
    chunks: countChunks(entry),
    held,
    withdrawnFrom: withdrawal === undefined ? null : new Date(withdrawal.untilWallUs / 1_000).toISOString(),
    verdict: verdict === undefined ? null : verdict.isGood ? 'good' : 'bad',
  };
}
