import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { runUnder } from '../../sim/fuzz.ts';
import type { Storm } from '../../sim/nemesis.ts';
import { loadScenario } from '../../sim/scenario/load.ts';

/** What fuzzing has found, by the harm that showed it: a seed alone would draw something else one day. */
interface Regression {
  readonly about: string;
  /** Among the shipped scenarios. */
  readonly file: string;
  readonly seed: number;
  readonly storm: Storm;
}

const REGRESSIONS = JSON.parse(
  readFileSync(new URL('./regressions.json', import.meta.url), 'utf8'),
) as Regression[];

describe('storms that have shown a bug', function () {
  this.timeout(120_000);

  for (const { about, file, seed, storm } of REGRESSIONS) {
    it(`pass: ${about}`, () => {
      const scenario = loadScenario(fileURLToPath(new URL(`../../scenarios/${file}`, import.meta.url)));
      const { failure, reasons, kinds, roles } = runUnder({ ...scenario, seed }, storm);
      expect(failure, reasons.join('\n')).to.equal(null);
      expect(kinds.length + roles.length, 'something was harmed').to.be.greaterThan(0);
    });
  }
});
