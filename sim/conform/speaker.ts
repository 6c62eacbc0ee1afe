import type { Peer } from '../../core/base/peers.ts';
import { REFUSED, type Refused } from '../../core/machine/kinds.ts';
import { ERROR_CODES, NOT_READY } from '../../core/routing/outcomes.ts';
import type { Heard, Mouth, Wire } from './wire.ts';

/** What was heard longest ago is forgotten. */
const MAX_HEARD = 4_096;

/** Somebody who speaks and waits for answers. */
export class Speaker {
  readonly heard: Heard[] = [];
  readonly mouth: Mouth;
  private readonly wire: Wire;
  private nextN: number;

  constructor(wire: Wire, mouth: Mouth) {
    this.wire = wire;
    this.mouth = mouth;
    // Whoever comes a second time under the same key must not be taken for its earlier self.
    this.nextN = Math.floor(wire.wallUs() / 1_000);
    mouth.onHear = (heard) => this.hear(heard);
  }

  get peer(): Peer {
    return this.mouth.peer;
  }

  /** Says something to the node under test; returns the number by which it will be answered. */
  say(kind: number, body: unknown, rest: Partial<Pick<Heard, 'origin' | 'attempt'>> = {}): number {
    const n = this.nextN++;
    const id = { origin: this.peer, originBoot: 1, n, attempt: 0, ...rest };
    this.mouth.send(this.wire.target, { kind, ...id, body });
    return n;
  }

  /** Answers something that was heard. */
  answer({ from, origin, originBoot, n, attempt }: Heard, kind: number, body: unknown): void {
    this.mouth.send(from, { kind, origin, originBoot, n, attempt, body });
  }

  /** What is answered with one of these kinds, or refused; null: nothing in time. Time passes meanwhile. */
  async ask(
    kind: number,
    body: unknown,
    kinds: readonly number[],
    withinUs: number,
    rest: Partial<Pick<Heard, 'origin' | 'attempt'>> = {},
  ): Promise<Heard | null> {
    const n = this.say(kind, body, rest);
    return await this.listen(
      (one) => one.n === n && (one.kind === REFUSED || kinds.includes(one.kind)),
      withinUs,
    );
  }

  /** The same, of a node that may have just started: it is asked again until it is ready, so long as that is in time. */
  async askReady(
    kind: number,
    body: unknown,
    kinds: readonly number[],
    withinUs: number,
  ): Promise<Heard | null> {
    const untilUs = this.wire.wallUs() + withinUs;
    for (;;) {
      const heard = await this.ask(kind, body, kinds, withinUs);
      if (codeOf(heard) !== NOT_READY || this.wire.wallUs() >= untilUs) return heard;
      await this.wire.pass(this.wire.heardUs);
    }
  }

  /** The first that is so, of all that was heard: what came before this was asked counts, too. */
  async listen(isIt: (heard: Heard) => boolean, withinUs: number): Promise<Heard | null> {
    const untilUs = this.wire.wallUs() + withinUs;
    for (;;) {
      const found = this.heard.find(isIt);
      if (found !== undefined) return found;
      if (this.wire.wallUs() >= untilUs) return null;
      await this.wire.pass(this.wire.lookUs);
    }
  }

  protected hear(heard: Heard): void {
    this.heard.push(heard);
    if (this.heard.length > MAX_HEARD) this.heard.shift();
  }
}

/** Lets time go by until it is so. */
export async function until(wire: Wire, isSo: () => boolean, withinUs: number): Promise<boolean> {
  const untilUs = wire.wallUs() + withinUs;
  while (!isSo()) {
    if (wire.wallUs() >= untilUs) return false;
    await wire.pass(wire.lookUs);
  }
  return true;
}

/** An answer in words: what was refused and why, or that there was none. */
export function describeAnswer(heard: Heard | null): string {
  if (heard === null) return 'no answer';
  if (heard.kind !== REFUSED) return 'accepted';
  const { code, detail } = heard.body as Refused;
  return `refused with ${ERROR_CODES[code]}${detail === '' ? '' : `: ${detail}`}`;
}

/** The code of a refusal; −1: it was none. */
export function codeOf(heard: Heard | null): number {
  return heard?.kind === REFUSED ? (heard.body as Refused).code : -1;
}
