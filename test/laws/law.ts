import fc from 'fast-check';

export interface LawOptions {
  /** Fixed, so that a failure today is the same failure tomorrow. */
  readonly seed: number;
  readonly runs: number;
}

/**
 * Runs a property over many cases. `check` returns false where the law says nothing because its premise does not hold;
 * a law that says nothing in more than half of its cases has not been tested, and fails.
 */
export function checkLaw<T>(
  cases: fc.Arbitrary<T>,
  check: (value: T) => boolean,
  { seed, runs }: LawOptions,
): void {
  let said = 0;
  let ran = 0;
  fc.assert(
    fc.property(cases, (value) => {
      ran++;
      if (check(value)) said++;
    }),
    { seed, numRuns: runs },
  );
  if (said * 2 < ran)
    throw new Error(`the premise held in ${said} of ${ran} cases: this law has hardly been tested`);
}

/** A mocha test of one law. */
export function law<T>(
  title: string,
  cases: fc.Arbitrary<T>,
  check: (value: T) => boolean,
  options: LawOptions,
): void {
  it(title, () => checkLaw(cases, check, options));
}
