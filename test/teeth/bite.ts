import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runMocha, type RunResult } from './mocha-run.ts';
import { applySabotage, markPlace, PatchError } from './patch.ts';
import { patternOfId, type Rule, type Sabotage } from './rules.ts';
import { readHouse, ROOT } from './house.ts';

/** What the tests of rules need of the tree. */
const COPIED = [
  'cli',
  'core',
  'sim',
  'live',
  'viz',
  'test',
  'scenarios',
  'package.json',
  'tsconfig.json',
  '.mocharc.json',
];
const RUN_LIMIT_MS = 120_000;

export interface Verdict {
  readonly isNoticed: boolean;
  /** Which test went red, or what is wrong. */
  readonly reason: string;
}

/** The tests of a rule as they are, unsabotaged: null if all is well, or what is not. */
export function findSickness(rule: Rule, healthy: ReadonlyMap<string, RunResult>): string | null {
  const pattern = new RegExp(patternOfId(rule.id));
  for (const file of filesOf(rule)) {
    const { passed, failed, trouble } = healthy.get(file)!;
    if (trouble !== null) return `${file}: ${trouble}`;
    const red = failed.find(({ title }) => pattern.test(title));
    if (red !== undefined) return `red without sabotage: ${red.title}`;
    if (!passed.some(({ title }) => pattern.test(title))) return `no test of it ran in ${file}`;
  }
  return null;
}

export function filesOf(rule: Rule): string[] {
  return [...new Set(rule.tests.map(({ file }) => file))];
}

/** Runs the tests of `rules` in one file as they are. */
export function runHealthy(file: string, rules: readonly Rule[], scratch: string): Promise<RunResult> {
  const ids = rules.filter((rule) => filesOf(rule).includes(file)).map(({ id }) => patternOfId(id));
  return runMocha({
    root: ROOT,
    files: [file],
    pattern: ids.join('|'),
    resultPath: join(scratch, `${file.replaceAll('/', '-')}.json`),
    isBailing: false,
    environment: {},
    limitMs: RUN_LIMIT_MS,
  });
}

/** Breaks the rule in a copy of the tree, and tells whether its tests notice. The copy is removed again. */
export async function bite(rule: Rule, sabotage: Sabotage, scratch: string): Promise<Verdict> {
  const root = join(scratch, `${rule.id}-${sabotage.line}`);
  try {
    const source = markPlace(applySabotage(readHouse(sabotage.file), sabotage));
    mkdirSync(root);
    const filter = (path: string): boolean => !path.endsWith('/node_modules');
    for (const path of COPIED) cpSync(join(ROOT, path), join(root, path), { recursive: true, filter });
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    writeFileSync(join(root, sabotage.file), source);
    const mark = join(root, 'was-run');
    const result = await runMocha({
      root,
      files: filesOf(rule),
      pattern: patternOfId(rule.id),
      resultPath: join(root, 'result.json'),
      isBailing: true,
      environment: { SABOTAGE_MARK: mark },
      limitMs: RUN_LIMIT_MS,
    });
    return judge(result, existsSync(mark));
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    return { isNoticed: false, reason: `does not apply: ${error.message}` };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

export function judge({ failed, trouble }: RunResult, wasRun: boolean): Verdict {
  if (trouble !== null) return { isNoticed: false, reason: trouble };
  if (!wasRun) return { isNoticed: false, reason: 'what was sabotaged is not executed' };
  const [red] = failed;
  if (red === undefined) return { isNoticed: false, reason: 'its tests stay green' };
  return { isNoticed: true, reason: red.title };
}
