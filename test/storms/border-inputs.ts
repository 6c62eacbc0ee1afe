import fc from 'fast-check';
import { createRandom, drawBelow, type RandomState } from '../../core/base/rng.ts';
import { Encoder, MAX_ENVELOPE_BYTES, WIRE_VERSION } from '../../core/machine/codec.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { ALL_KINDS, envelopesOfKind, type Pool } from '../arbitraries.ts';
import type { Cast } from '../cast.ts';

/** Envelopes of each kind from which inputs are made. */
const SAMPLES_OF_A_KIND = 60;
const MAX_CHANCE_BYTES = 300;

/** Bytes as they may come over a border: of chance, sound, sent before, or sound once and damaged. */
export class BorderInputs {
  private readonly random: RandomState;
  private readonly sound: readonly Uint8Array[];
  private readonly sent: readonly Uint8Array[];
  private readonly oversized = new Uint8Array(MAX_ENVELOPE_BYTES + 1);

  /** `sent` is what nodes have really said to each other. */
  constructor(seed: number, cast: Cast, pool: Pool, sent: readonly Envelope[]) {
    const encoder = new Encoder(cast);
    this.random = createRandom([seed, 2, 3, 4]);
    const samples = ALL_KINDS.flatMap((entry) =>
      fc.sample(envelopesOfKind(entry, pool), { seed: seed + entry.kind, numRuns: SAMPLES_OF_A_KIND }),
    );
    // Whatever comes from a device of another stops at the border: a few of that sort will do.
    this.sound = samples
      .filter(({ from, origin }, i) => (from >= 0 && origin >= 0) || i % 8 === 0)
      .map((envelope) => encoder.envelope(envelope));
    this.sent = sent.map((envelope) => encoder.envelope(envelope));
    this.oversized.set(this.sound[0]);
  }

  next(): Uint8Array {
    const draw = this.below(100);
    if (draw < 8) return this.chance(this.below(MAX_CHANCE_BYTES));
    if (draw < 16) return this.headedChance();
    if (draw < 40) return this.original();
    if (draw < 43) return this.original().with(1, (WIRE_VERSION + 1 + this.below(255)) % 256);
    if (draw === 43 && this.below(20) === 0) return this.oversized;
    let bytes = this.original();
    for (let faults = 1 + this.below(3); faults > 0 && bytes.length > 0; faults--) bytes = this.damage(bytes);
    return bytes;
  }

  below(bound: number): number {
    return drawBelow(this.random, bound);
  }

  private original(): Uint8Array {
    const source = this.below(3) === 0 ? this.sent : this.sound;
    return source[this.below(source.length)];
  }

  private chance(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** A known kind, and then anything. */
  private headedChance(): Uint8Array {
    const { kind } = ALL_KINDS[this.below(ALL_KINDS.length)];
    const written = kind < 128 ? [kind] : [(kind % 128) | 128, Math.floor(kind / 128)];
    return Uint8Array.of(0x57, WIRE_VERSION, ...written, ...this.chance(this.below(MAX_CHANCE_BYTES)));
  }

  private damage(bytes: Uint8Array): Uint8Array {
    const at = this.below(bytes.length);
    switch (this.below(8)) {
      case 0:
        return bytes.with(at, this.below(256));
      case 1:
        return bytes.with(at, bytes[at] ^ (1 << this.below(8)));
      case 2:
        return bytes.slice(0, at);
      case 3:
        return Uint8Array.of(...bytes, ...this.chance(1 + this.below(40)));
      case 4:
        return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1 + this.below(4)));
      case 5:
        return Uint8Array.of(
          ...bytes.subarray(0, at),
          ...this.chance(1 + this.below(4)),
          ...bytes.subarray(at),
        );
      case 6: {
        // A number that is far too large, where perhaps a length stood.
        const digits = Array.from({ length: 1 + this.below(8) }, () => 255);
        return Uint8Array.of(...bytes.subarray(0, at), ...digits, 1, ...bytes.subarray(at + 1));
      }
      default: {
        const other = this.original();
        return Uint8Array.of(...bytes.subarray(0, at), ...other.subarray(this.below(other.length)));
      }
    }
  }
}
