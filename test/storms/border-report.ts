import { expect } from 'chai';
import { ALL_KINDS } from '../arbitraries.ts';
import type { BorderReport } from './borders.ts';

/** Why the codec may refuse bytes; each must have happened. */
const REFUSALS = [
  ...[
    'truncated',
    'trailing-bytes',
    'too-large',
    'bad-magic',
    'bad-version',
    'unknown-type',
    'unknown-operation',
  ],
  ...['out-of-range', 'too-many-items', 'bad-text', 'bad-peer', 'not-canonical', 'a device of another'],
];
const STATES = [
  'loading',
  'storing',
  'signing',
  'ready',
  'busy',
  'asked of an index node',
  'with outcomes to remember',
];
/** Far more than it takes; a step that has to look at all of something large takes longer. */
const MAX_MEAN_US = 5_000;

/** A storm that has not been everywhere has shown nothing. */
export function expectThorough(report: BorderReport): void {
  const { refused, receivedOfKind, taken, counted, inputs, meanUs } = report;
  const total = (counts: ReadonlyMap<string, number>): number =>
    [...counts.values()].reduce((sum, more) => sum + more, 0);
  expect(total(refused) + total(receivedOfKind), 'each was refused with a reason, or received').to.equal(
    inputs,
  );
  expect(total(taken) + total(counted)).to.equal(total(receivedOfKind));
  for (const refusal of REFUSALS) expect(refused.get(refusal) ?? 0, refusal).to.be.greaterThan(0);
  for (const { name } of ALL_KINDS) expect(receivedOfKind.get(name) ?? 0, name).to.be.greaterThan(10);
  for (const state of STATES) expect(counted.get(state) ?? 0, `refused when ${state}`).to.be.greaterThan(10);
  for (const state of STATES.slice(3))
    expect(taken.get(state) ?? 0, `taken when ${state}`).to.be.greaterThan(10);
  expect(total(receivedOfKind) / inputs, 'a fair share comes through').to.be.within(0.2, 0.8);
  expect(meanUs).to.be.below(MAX_MEAN_US);
}
