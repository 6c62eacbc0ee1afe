/**
 * Writes ONNX models: the protobuf wire format and the few ONNX messages that a feed-forward graph needs
 * (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, ValueInfoProto). Field numbers are those of onnx.proto.
 * Equal graphs give equal bytes: nothing here depends on time, host or library version.
 */

/** A dimension of a tensor: a size ≥ 0, or the name of a size known only when the model runs. */
export type Dimension = number | string;

/** An input or output of a graph: float32, with one entry in `shape` for each dimension. */
export interface FloatValue {
  readonly name: string;
  readonly shape: readonly Dimension[];
}

/** A constant of a graph, row-major; `data.length` is the product of `shape` (an empty shape is a scalar). */
export interface FloatInitializer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** An attribute of a node. The type is said outright, for 1 may be an int or a float. */
export type Attribute =
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'ints'; readonly value: readonly number[] };

/** One operation. Inputs name graph inputs, initializers or outputs of earlier nodes; '' leaves an optional input out. */
export interface GraphNode {
  readonly name: string;
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** A graph of the default operator domain; nodes in topological order. */
export interface ModelGraph {
  readonly name: string;
  readonly description: string;
  readonly inputs: readonly FloatValue[];
  readonly outputs: readonly FloatValue[];
  readonly initializers: readonly FloatInitializer[];
  readonly nodes: readonly GraphNode[];
}

/** IR version 8 and operator set 17 belong to one ONNX release (1.12) and are read by every runtime since. */
const IR_VERSION = 8;
const OPERATOR_SET_VERSION = 17;

const ELEMENT_TYPE_FLOAT = 1;
const ATTRIBUTE_TYPE = { float: 1, int: 2, ints: 7 } as const;

const WIRE_VARINT = 0;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

/** Encodes a model. Throws RangeError for a dimension that is no size, or data that does not fill its shape. */
export function encodeModel(graph: ModelGraph): Uint8Array {
  const operatorSet = concat([encodeString(1, ''), encodeInt(2, OPERATOR_SET_VERSION)]);
  return concat([
    encodeInt(1, IR_VERSION),
    encodeString(2, 'watershed'),
    encodeBytes(7, encodeGraph(graph)),
    encodeBytes(8, operatorSet),
  ]);
}

function encodeGraph(graph: ModelGraph): Uint8Array {
  return concat([
    ...graph.nodes.map((node) => encodeBytes(1, encodeNode(node))),
    encodeString(2, graph.name),
    ...graph.initializers.map((initializer) => encodeBytes(5, encodeInitializer(initializer))),
    encodeString(10, graph.description),
    ...graph.inputs.map((value) => encodeBytes(11, encodeValue(value))),
    ...graph.outputs.map((value) => encodeBytes(12, encodeValue(value))),
  ]);
}

function encodeNode(node: GraphNode): Uint8Array {
  return concat([
    ...node.inputs.map((input) => encodeString(1, input)),
    ...node.outputs.map((output) => encodeString(2, output)),
    encodeString(3, node.name),
    encodeString(4, node.operator),
    ...Object.entries(node.attributes ?? {}).map(([name, attribute]) =>
      encodeBytes(5, encodeAttribute(name, attribute)),
    ),
  ]);
}

function encodeAttribute(name: string, attribute: Attribute): Uint8Array {
  return concat([
    encodeString(1, name),
    ...encodeAttributeValue(attribute),
    encodeInt(20, ATTRIBUTE_TYPE[attribute.type]),
  ]);
}

function encodeAttributeValue(attribute: Attribute): Uint8Array[] {
  switch (attribute.type) {
    case 'float':
      return [encodeFloat(2, attribute.value)];
    case 'int':
      return [encodeInt(3, attribute.value)];
    case 'ints':
      return attribute.value.map((value) => encodeInt(8, value));
  }
}

function encodeInitializer(initializer: FloatInitializer): Uint8Array {
  const elements = initializer.shape.reduce(
    (product, size) => product * checkSize(initializer.name, size),
    1,
  );
  if (elements !== initializer.data.length) {
    throw new RangeError(
      `initializer ${initializer.name}: shape [${initializer.shape.join(', ')}] holds ${elements} elements, ` +
        `the data ${initializer.data.length}`,
    );
  }
  return concat([
    ...initializer.shape.map((size) => encodeInt(1, size)),
    encodeInt(2, ELEMENT_TYPE_FLOAT),
    encodeString(8, initializer.name),
    encodeBytes(9, encodeFloatsLittleEndian(initializer.data)),
  ]);
}

function encodeValue(value: FloatValue): Uint8Array {
  const shape = concat(
    value.shape.map((dimension) => encodeBytes(1, encodeDimension(value.name, dimension))),
  );
  const tensorType = concat([encodeInt(1, ELEMENT_TYPE_FLOAT), encodeBytes(2, shape)]);
  return concat([encodeString(1, value.name), encodeBytes(2, encodeBytes(1, tensorType))]);
}

function encodeDimension(name: string, dimension: Dimension): Uint8Array {
  return typeof dimension === 'string'
    ? encodeString(2, dimension)
    : encodeInt(1, checkSize(name, dimension));
}

function checkSize(name: string, size: number): number {
  if (Number.isSafeInteger(size) && size >= 0) return size;
  throw new RangeError(`${name}: a dimension is an integer of 0 or more, found ${size}`);
}

/** Tensors are little-endian in ONNX, whatever the machine's own order is. */
function encodeFloatsLittleEndian(data: Float32Array): Uint8Array {
  const bytes = new Uint8Array(data.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < data.length; i++) view.setFloat32(i * 4, data[i]!, true);
  return bytes;
}

function encodeFloat(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concat([encodeTag(field, WIRE_FIXED32), bytes]);
}

function encodeInt(field: number, value: number): Uint8Array {
  return concat([encodeTag(field, WIRE_VARINT), encodeVarint(value)]);
}

function encodeString(field: number, value: string): Uint8Array {
  return encodeBytes(field, new TextEncoder().encode(value));
}

function encodeBytes(field: number, bytes: Uint8Array): Uint8Array {
  return concat([encodeTag(field, WIRE_BYTES), encodeVarint(bytes.length), bytes]);
}

function encodeTag(field: number, wireType: number): Uint8Array {
  return encodeVarint(field * 8 + wireType);
}

/** Seven bits a byte, low bits first; a negative int64 is written as its 64-bit two's complement, as protobuf asks. */
function encodeVarint(value: number): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
