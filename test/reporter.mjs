// The spec reporter, closed by one line that a machine can read, and by a check that no test is skipped
// without a reason on file: test/skips.json maps a test's full title to why it may skip.
import { readFileSync } from 'node:fs';
import mocha from 'mocha';

const allowed = JSON.parse(readFileSync(new URL('./skips.json', import.meta.url), 'utf8'));

export default class CountingReporter extends mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const unexplained = [];
    runner.on('pending', (test) => {
      if (!(test.fullTitle() in allowed)) unexplained.push(test.fullTitle());
    });
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats;
      for (const title of unexplained) console.error(`skipped without a reason in test/skips.json: ${title}`);
      if (unexplained.length > 0) process.exitCode = 1;
      const failed = failures + unexplained.length;
      const skipped = pending - unexplained.length;
      process.on('exit', () => {
        if (unexplained.length > 0) process.exitCode = 1;
        console.log(`${passes} passed, ${failed} failed, ${skipped} skipped`);
      });
    });
  }
}
