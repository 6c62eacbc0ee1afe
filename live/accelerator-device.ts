import { mkdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Envelope } from '../core/machine/envelope.ts';
import {
  INFER,
  INFERRED,
  LOAD_MODEL,
  MODEL_LOADED,
  MODEL_UNLOADED,
  UNLOAD_MODEL,
  type Infer,
  type Inferred,
} from '../core/machine/kinds.ts';
import type { Ref } from '../core/machine/shape.ts';
import type { LoadModel, ModelLoaded } from '../core/models/model-bodies.ts';
import { MAX_DEADLINE_US } from '../core/routing/want.ts';
import type { Accelerator } from './accelerator.ts';
import type { Contents } from './contents.ts';
import type { Device, Respond } from './device.ts';
import { hashBytes } from './identity.ts';

/** Of an error so many characters travel, all of them ASCII: the protocol's field holds 256 bytes, with a prefix. */
const MAX_ERROR_CHARACTERS = 200;

/**
 * Runs the prompt that an INFER names through the accelerator, and keeps the answer as content. Versions of models that move are
 * loaded from their chunks, which are put together in a file of their own for as long as the version is loaded.
 */
export class AcceleratorDevice implements Device {
  private readonly accelerator: Accelerator;
  private readonly contents: Contents;
  private readonly folder: string;
  private readonly onUsed: (context: Ref) => void;

  /**
   * What lay in the folder was loaded by an earlier boot: it is erased.
   * @param onUsed is told what of pods a model has been given: that is not read here again for the same run
   */
  constructor(
    accelerator: Accelerator,
    contents: Contents,
    folder: string,
    onUsed: (context: Ref) => void = () => undefined,
  ) {
    this.accelerator = accelerator;
    this.contents = contents;
    this.onUsed = onUsed;
    this.folder = folder;
    rmSync(folder, { recursive: true, force: true });
  }

  handle(asked: Envelope, respond: Respond): void {
    switch (asked.kind) {
      case INFER:
        this.infer(asked.body as Infer).then(
          (inferred) => respond(INFERRED, inferred),
          (error: unknown) => respond(INFERRED, failureOf(this.accelerator.provider, error)),
        );
        return;
      case LOAD_MODEL: {
        const body = asked.body as LoadModel;
        const tell = (error: string, isUnread: boolean): void =>
          respond(MODEL_LOADED, { id: body.id, error, isUnread } satisfies ModelLoaded);
        this.load(body).then(
          () => tell('', false),
          (error: unknown) => tell(shorten(error), error instanceof ChunkGone),
        );
        return;
      }
      case UNLOAD_MODEL: {
        const { id } = asked.body as { id: string };
        // A thread that is gone has freed all that it had.
        void this.unload(id)
          .catch(() => undefined)
          .then(() => respond(MODEL_UNLOADED, { id }));
      }
    }
  }

  private textOf(content: Ref): string {
    const bytes = this.contents.get(content);
    if (bytes === undefined) throw new Error('the prompt, or what goes with it, is no longer held');
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  }

  private async infer({ model, version, prompt, contexts }: Infer): Promise<Inferred> {
    // What it is given of pods comes first, each on lines of its own, and then what is asked of it.
    const text = [...contexts, prompt].map((content) => this.textOf(content)).join('\n');
    contexts.forEach(this.onUsed);
    const timeoutMs = MAX_DEADLINE_US / 1_000;
    const name = version === '' ? model : nameOf(version);
    const { output, provider, computeUs } = await this.accelerator.infer({ model: name, text, timeoutMs });
    const content = JSON.stringify({ model, embedding: [...output] });
    const answer = this.contents.put(Buffer.from(content));
    if (answer === null) throw new Error('there is no room for the answer');
    // An embedding is read off, not written token by token.
    return { answer, generatedTokens: 0, provider, computedUs: computeUs, error: '' };
  }

  private async load({ id, chunks }: LoadModel): Promise<void> {
    const path = this.pathOf(id);
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    try {
      await this.assemble(path, chunks);
      await this.accelerator.load({ name: nameOf(id), path });
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    }
  }

  private async unload(id: string): Promise<void> {
    try {
      await this.accelerator.unload(nameOf(id));
    } finally {
      rmSync(this.pathOf(id), { force: true });
    }
  }

  /** Each chunk is checked as it is read: what has rotted on the disk is not run. */
  private async assemble(path: string, chunks: readonly Ref[]): Promise<void> {
    const file = await open(path, 'w', 0o600);
    try {
      for (const chunk of chunks) {
        const bytes = this.contents.get(chunk);
        if (bytes === undefined) throw new ChunkGone('a chunk of the model is no longer held');
        await file.writeFile(bytes);
      }
    } finally {
      await file.close();
    }
  }

  private pathOf(id: string): string {
    return join(this.folder, `${hashBytes(id)}.onnx`);
  }
}

/** It is not the model's fault. */
class ChunkGone extends Error {
  override readonly name = 'ChunkGone';
}

/** What a version is called in the accelerator: no model of the configuration can be called so. */
function nameOf(version: string): string {
  return `@sha256:${version}`;
}

function failureOf(provider: string, error: unknown): Inferred {
  return { answer: null, generatedTokens: 0, provider, computedUs: 0, error: shorten(error) };
}

function shorten(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, MAX_ERROR_CHARACTERS);
}
