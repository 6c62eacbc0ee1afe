#!/usr/bin/env node
// Runs the built command line. In a checkout that has not been built yet, it builds first.
import { existsSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const home = fileURLToPath(new URL('..', import.meta.url));
const built = new URL('../dist/cli/main.js', import.meta.url);
if (!existsSync(built)) {
  console.error('watershed: building once …');
  const { status } = spawnSync('npm', ['run', '-s', 'build'], { cwd: home, stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    console.error('watershed: the build failed; run `npm ci` in the checkout, then `npm run build`');
    process.exit(70);
  }
}
await import(built.href);
