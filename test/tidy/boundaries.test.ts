import { fileURLToPath } from 'node:url';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { ESLint } from 'eslint';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

// Code is linted as if it stood in files that exist, because the rules that need types know only those.
const CORE = 'core/base/time.ts';
const DEEP_CORE = 'core/machine/node.ts';
const WORLD = 'sim/world.ts';
const SCHEDULE = 'sim/schedule.ts';
const FILES = 'sim/files.ts';
const LIVE = 'live/driver.ts';
const ARCHIVE = 'live/portability/archive.ts';
const PAGE = 'viz/build.ts';

const eslint = new ESLint({ cwd: ROOT });

/** The rules that `code` breaks when it stands in `file`; unused names do not count. */
async function brokenRules(file: string, code: string): Promise<string[]> {
  const [{ messages }] = await eslint.lintText(code, { filePath: join(ROOT, file) });
  const rules = messages.map(({ ruleId, message }) => ruleId ?? `not understood: ${message}`);
  return [...new Set(rules)].filter((rule) => rule !== '@typescript-eslint/no-unused-vars').sort();
}

const IMPORTS = 'no-restricted-imports';
const GLOBALS = 'no-restricted-globals';
const MATH = 'no-restricted-properties';
const SYNTAX = 'no-restricted-syntax';

describe('the linter refuses', function () {
  this.timeout(60_000);

  const imports: [string, string][] = [
    [CORE, `import { readFileSync } from 'node:fs';\nexport const a = readFileSync;`],
    [CORE, `import fs from 'fs';\nexport const a = fs;`],
    [CORE, `import seedrandom from 'seedrandom';\nexport const a = seedrandom;`],
    [CORE, `import type { Server } from 'node:http';\nexport type A = Server;`],
    [CORE, `export { World } from '../../sim/world.ts';`],
    [CORE, `export * from '../../live/driver.ts';`],
    [DEEP_CORE, `import { World } from '../../sim/world.ts';\nexport const a = World;`],
    [DEEP_CORE, `import type { Frame } from '../../sim/frame.ts';\nexport type A = Frame;`],
    [DEEP_CORE, `import '../../test/rig.ts';`],
    [WORLD, `import { readFileSync } from 'node:fs';\nexport const a = readFileSync;`],
    [WORLD, `import { z } from 'zod';\nexport const a = z;`],
    [SCHEDULE, `import { Worker } from 'node:worker_threads';\nexport const a = Worker;`],
    [WORLD, `import '../live/driver.ts';`],
    [FILES, `import '../cli/main.ts';`],
    [FILES, `import '../test/rig.ts';`],
    ['sim/scenario/resolved.ts', `import '../../live/driver.ts';`],
    [LIVE, `import './portability/archive.ts';`],
    [ARCHIVE, `import '../../sim/world.ts';`],
    [ARCHIVE, `import '../../cli/main.ts';`],
    [ARCHIVE, `import { LiveNode } from '../live-node.ts';\nexport const a = LiveNode;`],
    [LIVE, `import '../cli/main.ts';`],
    [LIVE, `import '../test/rig.ts';`],
    [PAGE, `import { READY } from '../core/machine/node-state.ts';\nexport const a = READY;`],
    [PAGE, `import type { Node } from '../core/machine/node-state.ts';\nexport type A = Node;`],
    [PAGE, `import '../live/driver.ts';`],
  ];
  for (const [file, code] of imports) {
    it(`in ${file}: ${code.split('\n')[0]}`, async () => {
      expect(await brokenRules(file, code)).to.include(IMPORTS);
    });
  }

  const names: [string, string][] = [
    [GLOBALS, 'export const a = Date.now();'],
    [GLOBALS, 'export const a = new Date();'],
    [GLOBALS, 'export const a = Promise.resolve(1);'],
    [GLOBALS, 'export const a = globalThis;'],
    [GLOBALS, `export const a = new Intl.Collator();`],
    [GLOBALS, 'setTimeout(() => undefined, 1);'],
    [GLOBALS, 'setInterval(() => undefined, 1);'],
    [GLOBALS, 'queueMicrotask(() => undefined);'],
    [GLOBALS, `console.log('x');`],
    [GLOBALS, 'export const a = process.env;'],
    [GLOBALS, 'export const a = performance.now();'],
    [GLOBALS, `export const a = fetch('x');`],
    [GLOBALS, 'export const a = crypto.randomUUID();'],
    [GLOBALS, 'export const a = structuredClone({});'],
    [GLOBALS, 'export const a = new WeakRef({});'],
    [GLOBALS, `export const a = eval('1');`],
    [GLOBALS, `export const a = Function('return 1');`],
    [MATH, 'export const a = Math.random();'],
    [MATH, 'export const a = Math.log(2);'],
    [MATH, 'export const a = Math.exp(2);'],
    [MATH, 'export const a = Math.sqrt(2);'],
    [MATH, 'export const a = Math.pow(2, 0.5);'],
    [MATH, `export const a = Math['sin'](2);`],
    [MATH, 'export const { random } = Math;'],
    [SYNTAX, 'export const a = async () => 1;'],
    [SYNTAX, 'export async function a() {}'],
    [SYNTAX, 'export class A {\n  async a() {}\n}'],
    [SYNTAX, 'export const a = await 1;'],
    [SYNTAX, `export const a = import('node:fs');`],
    [SYNTAX, 'for (const key in {}) if (key) break;'],
    [SYNTAX, 'export const a = [3, 1].sort();'],
    [SYNTAX, 'export const a = [3, 1].toSorted();'],
    [SYNTAX, `export const a = 'a'.localeCompare('b');`],
    [SYNTAX, 'export const a = (1).toLocaleString();'],
    [SYNTAX, `export const a = 'a'.toLocaleUpperCase();`],
    [SYNTAX, 'export const a = (x: number) => x ** 0.5;'],
  ];
  for (const [rule, code] of names) {
    it(`in a step: ${code.replaceAll('\n', ' ')}`, async () => {
      expect(await brokenRules(CORE, code), CORE).to.include(rule);
      expect(await brokenRules(SCHEDULE, code), SCHEDULE).to.include(rule);
    });
  }

  const faults: [string, string, string][] = [
    ['eqeqeq', 'core/base/time.ts', 'export const a = (b: number) => b == 1;'],
    [
      '@typescript-eslint/no-floating-promises',
      'live/driver.ts',
      'export const a = () => {\n  Promise.resolve(1);\n};',
    ],
    [
      'max-lines',
      'core/base/time.ts',
      Array.from({ length: 451 }, (_, i) => `export const a${i} = ${i};`).join('\n'),
    ],
  ];
  for (const [rule, file, code] of faults) {
    it(`in ${file}: what breaks ${rule}`, async () => expect(await brokenRules(file, code)).to.include(rule));
  }
});

describe('the linter accepts', function () {
  this.timeout(60_000);

  const good: [string, string][] = [
    [CORE, `import { assert } from './assert.ts';\nexport const a = assert;`],
    [DEEP_CORE, `import { NEVER_US } from '../base/time.ts';\nexport const a = NEVER_US;`],
    [CORE, 'export const a = [3, 1].sort((left, right) => left - right);'],
    [CORE, 'export const a = Math.floor(Math.max(1, 2) / 3) + Math.imul(3, 4) + 2 ** 51;'],
    [CORE, 'for (const item of [1]) if (item) break;'],
    ['sim/seeds.ts', `import seedrandom from 'seedrandom';\nexport const a = seedrandom;`],
    [WORLD, `import { boot } from '../core/machine/node.ts';\nexport const a = boot;`],
    [FILES, `import { readFileSync } from 'node:fs';\nexport const a = readFileSync;`],
    [
      LIVE,
      `import { boot } from '../core/machine/node.ts';\nexport const a = [boot, Date.now(), Math.random()];`,
    ],
    [PAGE, `import type { Frame } from '../sim/frame.ts';\nexport type A = Frame;`],
  ];
  for (const [file, code] of good) {
    it(`in ${file}: ${code.split('\n')[0]}`, async () =>
      expect(await brokenRules(file, code)).to.deep.equal([]));
  }
});

describe('the compiler of core/', function () {
  this.timeout(60_000);

  const configPath = join(ROOT, 'core/tsconfig.json');
  const { config } = ts.readConfigFile(configPath, (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, dirname(configPath));
  const NAME = join(ROOT, 'core/base/bad.ts');

  /** What the compiler says of each line, under the configuration of core/. */
  function complaintsOf(lines: readonly string[]): string[] {
    const host = ts.createCompilerHost(options);
    const { getSourceFile, fileExists } = host;
    host.fileExists = (path) => path === NAME || fileExists.call(host, path);
    host.getSourceFile = (path, ...rest) =>
      path === NAME
        ? ts.createSourceFile(path, lines.join('\n'), ts.ScriptTarget.ES2023, true)
        : getSourceFile.call(host, path, ...rest);
    const program = ts.createProgram([NAME], options, host);
    const file = program.getSourceFile(NAME)!;
    const found = new Map<number, string>();
    for (const { start, messageText } of program.getSemanticDiagnostics(file)) {
      const { line } = file.getLineAndCharacterOfPosition(start!);
      if (!found.has(line)) found.set(line, ts.flattenDiagnosticMessageText(messageText, ' '));
    }
    return lines.map((_, line) => found.get(line) ?? '');
  }

  it('is strict, and knows ES2023 and nothing else', () => {
    expect(options.lib!.map((path) => path.replace(/^.*lib\.(es\d+).*$/i, '$1'))).to.deep.equal(['es2023']);
    expect(options.types).to.deep.equal([]);
    for (const flag of [
      'strict',
      'exactOptionalPropertyTypes',
      'verbatimModuleSyntax',
      'erasableSyntaxOnly',
    ]) {
      expect(options[flag], flag).to.equal(true);
    }
  });

  it('does not know what is not deterministic', () => {
    const names = [
      'setTimeout',
      'setInterval',
      'setImmediate',
      'queueMicrotask',
      'process',
      'console',
      'fetch',
      'performance',
      'crypto',
      'structuredClone',
      'Buffer',
      'require',
      'window',
      'document',
      'TextEncoder',
      'URL',
    ];
    const lines = ['export const known = [1].toSorted((left, right) => left - right);'];
    const complaints = complaintsOf([...lines, ...names.map((name, i) => `export const a${i} = ${name};`)]);
    expect(complaints[0], 'what ES2023 has').to.equal('');
    names.forEach((name, i) => expect(complaints[i + 1]).to.match(new RegExp(`^Cannot find name '${name}'`)));
  });

  it('finds no package of Node', () => {
    const [complaint] = complaintsOf([
      `import { readFileSync } from 'node:fs';`,
      'export const a = readFileSync;',
    ]);
    expect(complaint).to.match(/Cannot find (module|name) 'node:fs'/);
  });
});
