import type { Envelope } from '../core/machine/envelope.ts';
import { INFER, INFERRED, type Infer, type Inferred } from '../core/machine/kinds.ts';
import { MAX_DEADLINE_US } from '../core/routing/want.ts';
import type { Accelerator } from './accelerator.ts';
import type { Contents } from './contents.ts';
import type { Device, Respond } from './device.ts';

/** Of an error so many characters travel, all of them ASCII: the protocol's field holds 256 bytes, with a prefix. */
const MAX_ERROR_CHARACTERS = 200;

/** Runs the prompt that an INFER names through the accelerator, and keeps the answer as content. */
export class AcceleratorDevice implements Device {
  private readonly accelerator: Accelerator;
  private readonly contents: Contents;

  constructor(accelerator: Accelerator, contents: Contents) {
    this.accelerator = accelerator;
    this.contents = contents;
  }

  handle(asked: Envelope, respond: Respond): void {
    if (asked.kind !== INFER) return;
    this.infer(asked.body as Infer).then(
      (inferred) => respond(INFERRED, inferred),
      (error: unknown) => respond(INFERRED, failureOf(this.accelerator.provider, error)),
    );
  }

  private async infer({ model, prompt }: Infer): Promise<Inferred> {
    const bytes = this.contents.get(prompt);
    if (bytes === undefined) throw new Error('the prompt is no longer held');
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const timeoutMs = MAX_DEADLINE_US / 1_000;
    const { output, provider, computeUs } = await this.accelerator.infer({ model, text, timeoutMs });
    const content = JSON.stringify({ model, embedding: [...output] });
    const answer = this.contents.put(Buffer.from(content));
    if (answer === null) throw new Error('there is no room for the answer');
    // An embedding is read off, not written token by token.
    return { answer, generatedTokens: 0, provider, computedUs: computeUs, error: '' };
  }
}

function failureOf(provider: string, error: unknown): Inferred {
  const text = error instanceof Error ? error.message : String(error);
  const shown = text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, MAX_ERROR_CHARACTERS);
  return { answer: null, generatedTokens: 0, provider, computedUs: 0, error: shown };
}
