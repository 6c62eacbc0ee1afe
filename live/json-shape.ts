/** Values of the core's shapes as JSON, with names or ids in place of a driver's numbers for peers. */
import type { Ids, Peer } from '../core/base/peers.ts';
import type { Ref, Shape } from '../core/machine/shape.ts';

export function toJson<T>(shape: Shape<T>, value: T, nameOf: (peer: Peer) => string): unknown {
  return write(shape as Shape, value, nameOf);
}

function write(shape: Shape, value: unknown, nameOf: (peer: Peer) => string): unknown {
  switch (shape.tag) {
    case 'peer':
      return nameOf(value as Peer);
    case 'optional':
      return value === null ? null : write(shape.item, value, nameOf);
    case 'list':
      return (value as unknown[]).map((item) => write(shape.item, item, nameOf));
    case 'record': {
      const fields = value as Record<string, unknown>;
      return Object.fromEntries(
        shape.names.map((name, i) => [name, write(shape.shapes[i]!, fields[name], nameOf)]),
      );
    }
    case 'shared':
      return write(shape.shape, value, nameOf);
    case 'table':
    case 'own':
      throw new TypeError(`a ${shape.tag} is state, and is not written`);
    default:
      return value;
  }
}

/** What a file says is not what was expected there. */
export class JsonFault extends Error {
  override readonly name = 'JsonFault';
}

/** Reads what `toJson` wrote with ids for names. Throws JsonFault, naming the place. */
export function fromJson<T>(shape: Shape<T>, json: unknown, ids: Ids, place: string): T {
  return read(shape as Shape, json, ids, place) as T;
}

function read(shape: Shape, json: unknown, ids: Ids, place: string): unknown {
  switch (shape.tag) {
    case 'integer':
      if (Number.isSafeInteger(json) && (json as number) >= shape.least && (json as number) <= shape.most)
        return json;
      throw fault(place, `a whole number of ${shape.least} to ${shape.most}`, json);
    case 'flag':
      if (typeof json === 'boolean') return json;
      throw fault(place, 'true or false', json);
    case 'text':
      if (typeof json === 'string' && Buffer.byteLength(json) <= shape.maxBytes) return json;
      throw fault(place, `a text of at most ${shape.maxBytes} bytes`, json);
    case 'peer':
      if (typeof json === 'string' && /^[0-9a-f]{64}$/.test(json)) return ids.peerOf(json);
      throw fault(place, 'an id of 64 hexadecimal digits', json);
    case 'ref': {
      const { hash, sizeBytes, keyId } = fieldsOf(json, place) as unknown as Ref;
      return { hash, sizeBytes, keyId };
    }
    case 'optional':
      return json === null ? null : read(shape.item, json, ids, place);
    case 'list':
      if (!Array.isArray(json) || json.length > shape.maxItems)
        throw fault(place, `a list of at most ${shape.maxItems}`, json);
      return json.map((item, i) => read(shape.item, item, ids, `${place}[${i}]`));
    case 'record': {
      const fields = fieldsOf(json, place);
      return Object.fromEntries(
        shape.names.map((name, i) => [name, read(shape.shapes[i]!, fields[name], ids, `${place}.${name}`)]),
      );
    }
    case 'shared':
      return read(shape.shape, json, ids, place);
    default:
      throw new TypeError(`a ${shape.tag} is state, and is not written`);
  }
}

export function fieldsOf(json: unknown, place: string): Record<string, unknown> {
  if (typeof json === 'object' && json !== null && !Array.isArray(json))
    return json as Record<string, unknown>;
  throw fault(place, 'an object', json);
}

function fault(place: string, expected: string, found: unknown): JsonFault {
  const shown = found === undefined ? 'nothing' : JSON.stringify(found);
  return new JsonFault(`${place}: ${expected} is expected, found ${shown.slice(0, 80)}`);
}
