import { assert } from '../../core/base/assert.ts';
import { hexWord } from '../../core/base/digest.ts';
import { mixWord } from '../../core/base/rng.ts';
import {
  INFERRED,
  MODEL_LOADED,
  MODEL_UNLOADED,
  type Infer,
  type Inferred,
} from '../../core/machine/kinds.ts';
import type { LoadModel, ModelLoaded } from '../../core/models/model-bodies.ts';
import type { Ref } from '../../core/machine/shape.ts';
import { actingOn } from '../faults/acting.ts';
import type { ArmedFault } from '../faults/harm.ts';
import type { Machine } from '../machine.ts';
import { drawKeyed, keyOfName } from '../seeds.ts';
import type { World } from '../world.ts';
import type { DeviceAnswer } from './device-answer.ts';

/** Until an accelerator that fails says so. */
const FAILURE_US = 1_000;

/** The name of the content that a model makes of a prompt and of what it is given besides: the world's record of what derives from what. */
export function hashOfAnswer(promptHash: string, model: string, contexts: readonly Ref[] = []): string {
  let word = mixWord(keyOfName(promptHash), keyOfName(model));
  for (const { hash } of contexts) word = mixWord(word, keyOfName(hash));
  return `answer-${hexWord(word)}`;
}

/** Whether an answer is what that model makes of that prompt; otherwise some device has made it up. */
export function isDerived(answer: Ref, prompt: Ref, model: string): boolean {
  return answer.hash === hashOfAnswer(prompt.hash, model);
}

/** A request takes as long as reading its prompt and writing its answer, whatever else is at work. */
export function infer(world: World, machine: Machine, n: number, body: Infer): DeviceAnswer {
  const { model, prompt, contexts, contextTokens, maxTokens } = body;
  const error = failureOf(machine, n);
  if (error !== '') return answer({ ...NOTHING, error }, FAILURE_US);
  const rates = world.scenario.models.find(({ name }) => name === model);
  assert(rates !== undefined, 'an accelerator runs models of the scenario');
  const version = world.library?.find(body.version);
  if (
    version !== undefined &&
    drawKeyed(machine.key, machine.lives, n, version.version) * 1_000_000 < version.failsPpm * 4294967296
  )
    return answer({ ...NOTHING, error: 'the model yields nothing' }, FAILURE_US);
  const secondsPpm = contextTokens / rates.readTokensPerSecond + maxTokens / rates.writeTokensPerSecond;
  const slowPpm = version?.slowPpm ?? 1_000_000;
  const computedUs = Math.ceil((secondsPpm * 1e6 * slowPpm) / speedOf(machine));
  const bytesPerToken = contextTokens === 0 ? 4 : Math.ceil(prompt.sizeBytes / contextTokens);
  const isWrong = actingOn(machine, 'wrongAccelerator').some((fault) => strikes(fault, machine, n));
  const hash = isWrong
    ? `wrong-${hexWord(drawKeyed(machine.key, machine.lives, n))}`
    : hashOfAnswer(prompt.hash, model, contexts);
  return answer(
    {
      answer: { hash, sizeBytes: maxTokens * bytesPerToken, keyId: 0 },
      generatedTokens: maxTokens,
      provider: 'simulated',
      computedUs,
      error: '',
    },
    computedUs,
  );
}

/** Assumed: weights are read into memory at 2 GB/s, and let go of in a hundredth of a second. */
const LOAD_BYTES_PER_US = 2_000;
const UNLOAD_US = 10_000;

export function loadModel({ chunks, id }: LoadModel): DeviceAnswer {
  let bytes = 0;
  for (const { sizeBytes } of chunks) bytes += sizeBytes;
  const body: ModelLoaded = { id, error: '', isUnread: false };
  return { kind: MODEL_LOADED, body, delayUs: Math.max(1, Math.ceil(bytes / LOAD_BYTES_PER_US)) };
}

export function unloadModel(id: string): DeviceAnswer {
  return { kind: MODEL_UNLOADED, body: { id }, delayUs: UNLOAD_US };
}

const NOTHING = { answer: null, generatedTokens: 0, provider: 'simulated', computedUs: 0 };

function answer(body: Inferred, delayUs: number): DeviceAnswer {
  return { kind: INFERRED, body, delayUs };
}

function failureOf(machine: Machine, n: number): string {
  const [exhausted] = actingOn(machine, 'outOfMemory');
  if (exhausted !== undefined) {
    exhausted.affected++;
    return 'out of memory';
  }
  return actingOn(machine, 'failingAccelerator').some((fault) => strikes(fault, machine, n))
    ? 'device lost'
    : '';
}

/** Whether a fault that strikes by chance strikes at this job; counted if so. */
function strikes(
  armed: ArmedFault & { readonly fault: { readonly ppm: number } },
  machine: Machine,
  n: number,
): boolean {
  const word = drawKeyed(armed.key, machine.key, machine.lives, n);
  if (word * 1_000_000 >= armed.fault.ppm * 4294967296) return false;
  armed.affected++;
  return true;
}

function speedOf(machine: Machine): number {
  let { speedPpm } = machine;
  for (const slow of actingOn(machine, 'slowAccelerator')) {
    slow.affected++;
    speedPpm = Math.max(1, Math.floor((speedPpm * slow.fault.toPpm) / 1_000_000));
  }
  return speedPpm;
}
