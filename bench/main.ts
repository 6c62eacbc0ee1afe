/**
 * Benchmarks: `npm run -s bench -- NAME [options]`. Each prints one JSON object with `--json`, else one line a figure.
 */

/** What a benchmark found: figures by name, units last. */
export type Figures = Record<string, unknown>;

interface Benchmark {
  readonly summary: string;
  readonly load: () => Promise<{ measure: (args: string[]) => Figures | Promise<Figures> }>;
}

const BENCHMARKS: Record<string, Benchmark> = {
  directory: {
    summary: 'what a member of a directory costs in bytes, and finding some, against going through all',
    load: () => import('./directory.ts'),
  },
  phold: {
    summary:
      'the event schedule alone, against a timing wheel in C++  [--lps N] [--per-lp M] [--events E] [--ns3]',
    load: () => import('./phold.ts'),
  },
  quickstart: {
    summary: 'what judging a run costs: the quickstart judged and digested, against bare  [--rounds N]',
    load: () => import('./quickstart.ts'),
  },
  idle: {
    summary: 'what a node weighs that does not run yet, bytes  [--nodes N]',
    load: () => import('./idle.ts'),
  },
  decide: {
    summary: 'one routing decision, against sorting the candidates  [--candidates N]',
    load: () => import('./decide.ts'),
  },
  swim: {
    summary:
      'how soon crashes are told, and how often wrongly  [--seeds N] [--members 3,5,…] [--frozen SEEDS] [--hours H]',
    load: () => import('./swim.ts'),
  },
  membership: {
    summary: 'what simulating the membership of one cluster costs  [--members N] [--seconds S]',
    load: () => import('./membership.ts'),
  },
  pods: {
    summary:
      'a region of pod hosts lost, and every copy made again, seconds of the processor  [--pods P] [--nodes N]',
    load: () => import('./pods.ts'),
  },
  policy: {
    summary: 'a decision where data may be, against a look-up in a map, µs',
    load: () => import('./policy.ts'),
  },
  heartbeats: {
    summary:
      'clusters of a thousand nodes that beat, against PHOLD with as much pending  [--nodes N] [--seconds S]',
    load: () => import('./heartbeats.ts'),
  },
  steps: {
    summary: 'what a step of the core costs by kind of envelope, µs  [FILE]',
    load: () => import('./steps.ts'),
  },
};

function describeUsage(): string {
  const width = Math.max(...Object.keys(BENCHMARKS).map((name) => name.length));
  const lines = Object.entries(BENCHMARKS).map(
    ([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`,
  );
  return ['usage: npm run -s bench -- NAME [options] [--json]', ...lines].join('\n');
}

async function main(): Promise<number> {
  const [name, ...rest] = process.argv.slice(2);
  if (name === '--help') {
    console.log(describeUsage());
    return 0;
  }
  const benchmark = name !== undefined && Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
  if (benchmark === undefined) {
    if (name !== undefined) console.error(`there is no benchmark ${JSON.stringify(name)}`);
    console.error(describeUsage());
    return 2;
  }
  const { measure } = await benchmark.load();
  const figures = await measure(rest.filter((arg) => arg !== '--json'));
  if (rest.includes('--json')) console.log(JSON.stringify(figures));
  else for (const [key, value] of Object.entries(figures)) console.log(`${key}: ${JSON.stringify(value)}`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const isUsage =
    error instanceof TypeError && String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS');
  console.error(isUsage ? `${error.message}\n${describeUsage()}` : error);
  process.exitCode = isUsage ? 2 : 1;
}
