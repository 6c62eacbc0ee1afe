import { MODEL, MODEL_STATE, REFUSED, type Refused } from '../core/machine/kinds.ts';
import {
  ORDER_CHECK,
  ORDER_PULL,
  ORDER_REMOVE,
  ORDER_UPDATE,
  type ModelOrder,
  type ModelState,
} from '../core/models/model-bodies.ts';
import { ERROR_CODES, isRetryable } from '../core/routing/outcomes.ts';
import type { NodeConsole } from './cluster-discovery.ts';

/** A version of a model: the one that runs on the node, and the newest that its publisher points at. */
export interface ModelVersion {
  readonly modelId: string;
  /** `lifeos/sense-maker-v1@sha256:…`; null: the node does not run it. */
  readonly installed: string | null;
  /** Null: no publisher has released it, as far as the node knows. */
  readonly latest: string | null;
  readonly installedVersion: number;
  readonly latestVersion: number;
  readonly isLoaded: boolean;
}

/** §7.2 of the specification, as written. */
export interface ModelSync {
  pullModel(modelId: string): Promise<void>;
  removeModel(modelId: string): Promise<void>;
  checkVersion(modelId: string): Promise<ModelVersion>;
  updateModel(modelId: string): Promise<void>;
}

/** It was not done, and why. */
export class ModelRefused extends Error {
  override readonly name = 'ModelRefused';
  readonly code: string;
  readonly canBeTriedAgain: boolean;

  constructor(code: string, detail: string, canBeTriedAgain: boolean) {
    super(`${code}: ${detail}`);
    this.code = code;
    this.canBeTriedAgain = canBeTriedAgain;
  }
}

/** The interface of the specification over a node, simulated or live: the node does it, and this waits for its answers. */
export class NodeModels implements ModelSync {
  private readonly console: NodeConsole;

  constructor(console: NodeConsole) {
    this.console = console;
  }

  /** Resolves when all of it is on the disk. */
  async pullModel(modelId: string): Promise<void> {
    await this.order(ORDER_PULL, modelId);
  }

  /** Refused where it would be the last copy that a region is promised. */
  async removeModel(modelId: string): Promise<void> {
    await this.order(ORDER_REMOVE, modelId);
  }

  async checkVersion(modelId: string): Promise<ModelVersion> {
    const { installed, latest, isLoaded } = await this.order(ORDER_CHECK, modelId);
    return {
      modelId,
      installed: installed === null ? null : addressOf(modelId, installed.id),
      latest: latest === null ? null : addressOf(modelId, latest.id),
      installedVersion: installed?.version ?? 0,
      latestVersion: latest?.version ?? 0,
      isLoaded,
    };
  }

  /** Resolves when the newest version has proven itself here; rejects when it was rolled back. */
  async updateModel(modelId: string): Promise<void> {
    await this.order(ORDER_UPDATE, modelId);
  }

  private order(order: number, model: string): Promise<ModelState> {
    const body: ModelOrder = { order, model };
    return new Promise((resolve, reject) => {
      this.console.ask(MODEL, body, (kind, said) => {
        if (kind === MODEL_STATE) resolve(said as ModelState);
        else if (kind === REFUSED) {
          const { code, detail } = said as Refused;
          reject(new ModelRefused(ERROR_CODES[code], detail, isRetryable(code)));
        } else return false;
        return true;
      });
    });
  }
}

/** How a version is called outside: by what it is. */
export function addressOf(model: string, id: string): string {
  return `${model}@sha256:${id}`;
}
