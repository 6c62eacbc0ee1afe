/**
 * A text embedding by hashed n-grams and a random projection, as an ONNX model written on the spot.
 *
 * What it is: a real graph that an accelerator really runs (two matrix products, a tanh, a norm), whose answer means
 * something: texts that share most of their character 3-grams get vectors that point the same way, so near-duplicates
 * are near. What it is not: a trained language model. No weight was learnt; it knows nothing of words or meaning, and
 * two texts that say the same in other words are as far apart as any.
 *
 * Text becomes features here, in plain code; features become the embedding in the graph.
 */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { encodeModel } from './onnx-writer.ts';
import type { ModelGraph } from './onnx-writer.ts';

/** Length of a feature vector: the buckets into which n-grams are hashed. */
export const FEATURE_COUNT = 512;
/** Length of an embedding. */
export const EMBEDDING_LENGTH = 64;
/** The model's one input, float32 [batch, FEATURE_COUNT], and one output, float32 [batch, EMBEDDING_LENGTH]. */
export const INPUT_NAME = 'features';
export const OUTPUT_NAME = 'embedding';

const HIDDEN_COUNT = 256;
const GRAM_LENGTH = 3;
const START_MARK = '\u0002';
const END_MARK = '\u0003';
const UTF8 = new TextEncoder();
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const WEIGHT_SEED = 0x57a7e25d;
const FIRST_LAYER = 1;
const SECOND_LAYER = 2;
/** Keeps the zero vector (the empty text) at zero instead of 0 / 0; too small to move any other. */
const NORM_EPSILON = 1e-12;

/** What `writeEmbeddingModel` wrote: the SHA-256 of the file in lower-case hex, and its size in bytes. */
export interface WrittenModel {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/**
 * The character 3-grams of a text, in order: lower case, Unicode NFC, one mark before and one after, by code points.
 * A text of n code points (after folding) has n of them; the empty text none.
 */
export function listNgrams(text: string): string[] {
  const folded = text.toLowerCase().normalize('NFC');
  const points = [START_MARK, ...folded, END_MARK];
  const grams: string[] = [];
  for (let i = 0; i + GRAM_LENGTH <= points.length; i++) {
    grams.push(points.slice(i, i + GRAM_LENGTH).join(''));
  }
  return grams;
}

/**
 * Features of a text: how often its 3-grams fall into each of `buckets` (≥ 1), scaled to Euclidean length 1. The empty
 * text gives all zeros. Depends on the text and `buckets` alone. Throws RangeError where `buckets` is no count.
 */
export function hashNgrams(text: string, buckets: number = FEATURE_COUNT): Float32Array {
  return hashGramList(listNgrams(text), buckets);
}

/** `hashNgrams` for 3-grams that are already listed. */
export function hashGramList(grams: readonly string[], buckets: number): Float32Array {
  if (!Number.isSafeInteger(buckets) || buckets < 1) {
    throw new RangeError(`buckets is an integer of 1 or more, found ${buckets}`);
  }
  const counts = new Float64Array(buckets);
  for (const gram of grams) counts[hashFnv1a32(gram) % buckets]! += 1;
  let squares = 0;
  for (const count of counts) squares += count * count;
  const length = Math.sqrt(squares);
  return length === 0 ? new Float32Array(buckets) : Float32Array.from(counts, (count) => count / length);
}

/** FNV-1a, 32 bits, over the UTF-8 bytes of a text. */
export function hashFnv1a32(text: string): number {
  let hash = FNV_OFFSET;
  for (const byte of UTF8.encode(text)) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return hash >>> 0;
}

/**
 * Writes the model to `path`, replacing what is there. The same bytes for a seed every time, on every machine; models of
 * different seeds differ in their weights only.
 */
export async function writeEmbeddingModel(path: string, seed = WEIGHT_SEED): Promise<WrittenModel> {
  const bytes = encodeModel(createEmbeddingGraph(seed));
  await writeFile(path, bytes);
  return { sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.length };
}

/**
 * The embedding of one feature vector (FEATURE_COUNT entries), computed without ONNX in double precision: what the
 * model should answer, up to float32 rounding. Throws RangeError for another length.
 */
export function embedReference(features: Float32Array, seed = WEIGHT_SEED): Float64Array {
  if (features.length !== FEATURE_COUNT) {
    throw new RangeError(`features has ${FEATURE_COUNT} entries, found ${features.length}`);
  }
  const hidden = new Float64Array(HIDDEN_COUNT);
  for (let column = 0; column < HIDDEN_COUNT; column++) {
    let sum = 0;
    for (let row = 0; row < FEATURE_COUNT; row++) {
      sum += features[row]! * drawWeight(seed, FIRST_LAYER, row * HIDDEN_COUNT + column);
    }
    hidden[column] = Math.tanh(sum);
  }
  const embedding = new Float64Array(EMBEDDING_LENGTH);
  let squares = 0;
  for (let column = 0; column < EMBEDDING_LENGTH; column++) {
    let sum = 0;
    for (let row = 0; row < HIDDEN_COUNT; row++) {
      sum += hidden[row]! * drawWeight(seed, SECOND_LAYER, row * EMBEDDING_LENGTH + column);
    }
    embedding[column] = sum;
    squares += sum * sum;
  }
  const scale = 1 / (Math.sqrt(squares) + NORM_EPSILON);
  return embedding.map((value) => value * scale);
}

/** No layer has a bias, so that the empty text, with no features, stays the zero vector and is near to nothing. */
function createEmbeddingGraph(seed: number): ModelGraph {
  return {
    name: 'hashed-ngram-embedding',
    description:
      'Text embedding by hashed character 3-grams and a fixed random projection; not a trained language model.',
    inputs: [{ name: INPUT_NAME, shape: ['batch', FEATURE_COUNT] }],
    outputs: [{ name: OUTPUT_NAME, shape: ['batch', EMBEDDING_LENGTH] }],
    initializers: [
      {
        name: 'firstWeights',
        shape: [FEATURE_COUNT, HIDDEN_COUNT],
        data: drawWeights(seed, FIRST_LAYER, FEATURE_COUNT * HIDDEN_COUNT),
      },
      {
        name: 'secondWeights',
        shape: [HIDDEN_COUNT, EMBEDDING_LENGTH],
        data: drawWeights(seed, SECOND_LAYER, HIDDEN_COUNT * EMBEDDING_LENGTH),
      },
      { name: 'epsilon', shape: [], data: Float32Array.of(NORM_EPSILON) },
    ],
    nodes: [
      { name: 'first', operator: 'MatMul', inputs: [INPUT_NAME, 'firstWeights'], outputs: ['sums'] },
      { name: 'squash', operator: 'Tanh', inputs: ['sums'], outputs: ['hidden'] },
      { name: 'second', operator: 'Gemm', inputs: ['hidden', 'secondWeights'], outputs: ['direction'] },
      {
        name: 'measure',
        operator: 'ReduceL2',
        inputs: ['direction'],
        outputs: ['length'],
        attributes: { axes: { type: 'ints', value: [1] }, keepdims: { type: 'int', value: 1 } },
      },
      { name: 'guard', operator: 'Add', inputs: ['length', 'epsilon'], outputs: ['divisor'] },
      { name: 'normalise', operator: 'Div', inputs: ['direction', 'divisor'], outputs: [OUTPUT_NAME] },
    ],
  };
}

function drawWeights(seed: number, layer: number, count: number): Float32Array {
  const weights = new Float32Array(count);
  for (let index = 0; index < count; index++) weights[index] = drawWeight(seed, layer, index);
  return weights;
}

/**
 * Weight `index` of a layer, uniform in [−2, 2): 16 bits of a mixed counter, so that every weight is exact in float32
 * and the file and the reference hold the very same numbers. With features of length 1 a hidden sum has a standard
 * deviation near 1.15, where tanh bends but seldom saturates.
 */
function drawWeight(seed: number, layer: number, index: number): number {
  return (mixBits(mixBits(seed ^ layer) ^ index) >>> 16) / 0x4000 - 2;
}

/** A bijective mix of 32 bits in which each bit of the input sways each of the result (the finaliser of MurmurHash3). */
function mixBits(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
