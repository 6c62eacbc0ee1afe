/** A broken promise of our own code: the run stops, and the driver prints how to see it again. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

/** For what must hold whatever the world does. The world's faults are values, never assertions. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}
