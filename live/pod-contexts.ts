/**
 * Contents of pods that came to be given to models here. They are held for as long as a job waits with them: once it has begun, or is given
 * up, they are nowhere on this node, if it does not keep the pod itself (R6.1-2).
 */
import type { Envelope } from '../core/machine/envelope.ts';
import { POD_FOUND } from '../core/machine/kinds.ts';
import type { Node } from '../core/machine/node-state.ts';
import type { PodFound } from '../core/roles/pods/pod-records.ts';
import type { Contents } from './contents.ts';

/** What has just come is taken up by then, by whoever it came for: a job, or somebody who reads at this gateway. */
const TAKEN_UP_MS = 5_000;
const SWEEP_MS = 1_000;

export class PodContexts {
  private readonly node: Node;
  private readonly contents: Contents;
  /** When each came last, by hash. */
  private readonly came = new Map<string, number>();
  private timer: NodeJS.Timeout | null = null;

  constructor(node: Node, contents: Contents) {
    this.node = node;
    this.contents = contents;
  }

  /** Of all that comes over the network. */
  hear({ kind, body }: Envelope): void {
    if (kind !== POD_FOUND || this.node.compute === null) return;
    for (const { content } of (body as PodFound).copy.versions)
      this.came.set(content.hash, performance.now());
    this.timer ??= setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  /** A model has been given it. Others that begin in the same step of the node have theirs before it is forgotten. */
  used(hash: string): void {
    setImmediate(() => {
      if (!this.isAwaited(hash)) this.forget(hash);
    });
  }

  close(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private sweep(): void {
    const nowMs = performance.now();
    const beforeMs = nowMs - TAKEN_UP_MS;
    // What came sealed waits here as it was opened.
    for (const hash of this.awaited()) this.came.set(hash, nowMs);
    for (const [hash, cameMs] of [...this.came]) if (cameMs < beforeMs) this.forget(hash);
    if (this.came.size === 0) this.close();
  }

  private forget(hash: string): void {
    this.came.delete(hash);
    this.contents.forget(hash);
  }

  private isAwaited(hash: string): boolean {
    return this.awaited().includes(hash);
  }

  /** What jobs wait with that have not begun. */
  private awaited(): string[] {
    const waiting = (this.node.compute?.jobs ?? []).filter(({ isStarted }) => !isStarted);
    return waiting.flatMap(({ fetches }) =>
      fetches.flatMap(({ contents }) => contents.map(({ hash }) => hash)),
    );
  }
}
