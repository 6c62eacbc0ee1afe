import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { VERSION } from '../../sim/version.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCE_FOLDERS = ['core', 'sim', 'live', 'viz', 'cli'];
const MAX_LINES = 450;

/** DESIGN, section 4, and what tools must find beside package.json. */
const TOP_LEVEL = new Set([
  ...['core', 'sim', 'live', 'viz', 'scenarios', 'test', 'package.json', 'tsconfig.json', 'README.md'],
  ...['cli', 'bench', 'docs', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'LICENSE'],
  ...['package-lock.json', 'tsconfig.build.json', 'eslint.config.js'],
]);
/** Never committed; .gitignore names them. */
const MADE = new Set(['node_modules', 'dist', 'runs', 'coverage']);

/** Paths of the files below a folder, relative to the root, what is made left out. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return MADE.has(entry.name) ? [] : filesBelow(path);
    return [path];
  });
}

const sources = SOURCE_FOLDERS.flatMap(filesBelow);
const tests = filesBelow('test');
const isCode = (path: string): boolean => /\.(ts|js|mjs)$/.test(path);
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

describe('the house', () => {
  it('has at its top what DESIGN names, dot-files of tools, and nothing else', () => {
    const found = readdirSync(ROOT).filter((name) => !name.startsWith('.') && !MADE.has(name));
    expect(found.filter((name) => !TOP_LEVEL.has(name) && !name.endsWith('.tgz'))).to.deep.equal([]);
    for (const name of [
      'core',
      'sim',
      'live',
      'viz',
      'cli',
      'scenarios',
      'test',
      'package.json',
      'tsconfig.json',
    ]) {
      expect(found, name).to.include(name);
    }
  });

  it('keeps what is made out of the repository', () => {
    const ignored = read('.gitignore').split('\n');
    for (const name of MADE) expect(ignored).to.include(`${name}/`);
  });

  it('has one version', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(version).to.equal(VERSION);
    const lock = JSON.parse(read('package-lock.json')) as { version: string };
    expect(lock.version).to.equal(VERSION);
  });

  it('names its files and folders in kebab-case', () => {
    const code = [...sources, ...tests].filter(isCode);
    expect(code.length).to.be.greaterThan(80);
    const odd = code.filter(
      (path) => !path.split('/').every((part) => /^[a-z0-9]+([-.][a-z0-9]+)*$/.test(part)),
    );
    expect(odd).to.deep.equal([]);
  });

  it('has no folder or file whose name says nothing', () => {
    const forbidden = /^(utils?|helpers?|common|shared|misc|managers?|services?|lib)$/;
    const parts = [...sources, ...tests].flatMap((path) =>
      path.split('/').map((part) => ({ path, part: basename(part).replace(/(\.test)?\.[a-z]+$/, '') })),
    );
    expect(parts.filter(({ part }) => forbidden.test(part)).map(({ path }) => path)).to.deep.equal([]);
    expect(forbidden.test('helpers'), 'the pattern finds what it should').to.equal(true);
  });

  for (const path of sources.filter((path) => path.endsWith('.ts'))) {
    it(`${path} has at most ${MAX_LINES} lines and nothing left to do in it`, () => {
      const lines = read(path).split('\n');
      expect(lines.filter((line) => line.trim() !== '').length).to.be.at.most(MAX_LINES);
      const undone = lines.filter((line) => /\b(TODO|FIXME|XXX|HACK)\b/.test(line));
      expect(undone).to.deep.equal([]);
      const left = lines.filter((line) => /\b(it|describe)\.only\(|\bdebugger;/.test(line));
      expect(left).to.deep.equal([]);
    });
  }

  it('runs all its tests: none is singled out', () => {
    const single = tests.filter(
      (path) => path.endsWith('.test.ts') && /\b(it|describe)\.only\(/.test(strip(read(path))),
    );
    expect(single).to.deep.equal([]);
  });

  it('imports with extensions, and only what exists', () => {
    const missing: string[] = [];
    for (const path of [...sources, ...tests].filter((path) => path.endsWith('.ts'))) {
      for (const [, to] of strip(read(path)).matchAll(/^(?:import|export)[^'"`;]*? from '(\.[^']*)';/gm)) {
        if (!existsSync(join(ROOT, path, '..', to))) missing.push(`${path}: ${to}`);
        else if (!/\.(ts|js|mjs|json|css)$/.test(to)) missing.push(`${path}: ${to} has no extension`);
      }
    }
    expect(missing).to.deep.equal([]);
  });

  it('keeps core/ free of comments that switch rules off', () => {
    const off = sources
      .filter((path) => path.startsWith('core/'))
      .filter((path) => /eslint-disable|@ts-(ignore|expect-error|nocheck)|\bas any\b/.test(read(path)));
    expect(off).to.deep.equal([]);
  });
});

/** Source without the texts in it, so that a test that quotes code is not taken for it. */
function strip(source: string): string {
  return source.replace(/`(?:[^`\\]|\\.)*`/g, '``');
}
