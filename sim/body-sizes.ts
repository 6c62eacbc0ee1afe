import { sizeOfBody } from '../core/machine/codec.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import { KINDS } from '../core/machine/kinds.ts';

const PLACES = 1 << 10;

/** The bytes of bodies. Those that were sent last are known: most nodes say the same over and over, and many say what others say. */
export class BodySizes {
  /** By place, which machines share: the body that one of them sent last, under what kind, and its bytes. */
  private readonly bodies = new Array<unknown>(PLACES).fill(null);
  private readonly kinds = new Int32Array(PLACES);
  private readonly bytes = new Int32Array(PLACES);

  /** @param sender its number, any way of telling machines apart */
  of(sender: number, { kind, body }: Envelope): number {
    const place = sender & (PLACES - 1);
    if (this.bodies[place] === body && this.kinds[place] === kind) return this.bytes[place];
    this.bodies[place] = body;
    this.kinds[place] = kind;
    return (this.bytes[place] = sizeOfBody(KINDS[kind]!.body, body));
  }

  /** What a checkpoint has of it: what is not known is worked out again. */
  clone(): BodySizes {
    return new BodySizes();
  }
}
