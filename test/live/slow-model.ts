import { writeFileSync } from 'node:fs';
import { FEATURE_COUNT, INPUT_NAME } from '../../live/embedding-model.ts';
import { encodeModel, type GraphNode } from '../../live/onnx-writer.ts';

/**
 * Writes a model that answers with the features of the text, and takes its time: it makes the matrix that projects on them,
 * and multiplies it by itself so many times, which changes nothing but takes a few milliseconds each.
 */
export function writeSlowModel(path: string, products: number): void {
  const power = (i: number): string => `power-${i}`;
  const node = (name: string, operator: string, left: string, right: string, output: string): GraphNode => ({
    name,
    operator,
    inputs: [left, right],
    outputs: [output],
  });
  const outer: GraphNode = {
    ...node('outer', 'Gemm', INPUT_NAME, INPUT_NAME, power(0)),
    attributes: { transA: { type: 'int', value: 1 } },
  };
  const repeated = Array.from({ length: products }, (_, i) =>
    node(`product-${i + 1}`, 'MatMul', power(i), power(0), power(i + 1)),
  );
  writeFileSync(
    path,
    encodeModel({
      name: 'slow-echo',
      description: 'Projects the features of a text on themselves, slowly.',
      inputs: [{ name: INPUT_NAME, shape: [1, FEATURE_COUNT] }],
      outputs: [{ name: 'output', shape: [1, FEATURE_COUNT] }],
      initializers: [],
      nodes: [outer, ...repeated, node('answer', 'MatMul', INPUT_NAME, power(products), 'output')],
    }),
  );
}
