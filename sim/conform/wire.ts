import type { Peer, Pure } from '../../core/base/peers.ts';
import type { Ref } from '../../core/machine/shape.ts';

/** What was said to a tester: an envelope without its size. */
export interface Heard {
  readonly kind: number;
  readonly from: Peer;
  readonly origin: Peer;
  readonly originBoot: number;
  readonly n: number;
  readonly attempt: number;
  readonly body: unknown;
}

/** Somebody with a key of its own who speaks the protocol: the test node, or the person who asks and owns a test pod. */
export interface Mouth {
  readonly peer: Peer;
  /** Where it is found, in the words of the driver. */
  readonly address: string;
  sign(hash: string): string;
  send(to: Peer, envelope: Omit<Heard, 'from'>): void;
  /** Called with all that is said to it. */
  onHear: ((heard: Heard) => void) | null;
}

/** Who runs the node under test, or admits nodes to its cluster, and lends the tester their hand. */
export interface Operator {
  readonly peer: Peer;
  sign(hash: string): string;
  /** Says something to the node under test; `hear` is told what it answers. */
  order(kind: number, body: unknown, hear: (kind: number, body: unknown) => void): void;
}

/**
 * How a tester reaches the node under test, simulated or live. It knows of the node what anybody can find out by the protocol,
 * and nothing else.
 */
export interface Wire {
  readonly driver: 'simulated' | 'live';
  readonly pure: Pure;
  /** The node under test, and what people call it. */
  readonly target: Peer;
  readonly name: string;
  readonly node: Mouth;
  readonly person: Mouth;
  /** Empty: nobody who runs the node takes part. */
  readonly operators: readonly Operator[];
  /** A key that the node under test takes for one of a publisher of models; null: none. */
  readonly publisher: { readonly peer: Peer; sign(hash: string): string } | null;
  wallUs(): number;
  /** How often somebody who waits for an answer looks. */
  readonly lookUs: number;
  /** After so long, what was said has been heard, whatever is said next. */
  readonly heardUs: number;
  /** Lets so much time go by. */
  pass(us: number): Promise<void>;
  /** A content of so many bytes that this tester can hand out: its bytes are its own. */
  makeContent(sizeBytes: number, seed: number): Ref;
  /** The chunks of a model that a node of this driver can load, of so many bytes, another for each version. */
  makeModel(version: number, sizeBytes: number, chunkBytes: number): Ref[];
  /** Further checks that only this driver can make of the node's metrics; null: there are none to be had. */
  readonly metrics: (() => Promise<string>) | null;
}
