import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { addModelCommands } from './model-commands.ts';
import { addPodCommands } from './pod-commands.ts';
import { VERSION } from '../sim/version.ts';
import type { ConformOptions } from './conform.ts';
import { complain, fit } from './lines.ts';
import { isOutside, USAGE } from './usage.ts';

const program = new Command('watershed')
  .description('A deterministic simulator of federations of regional clusters, and the same core live.')
  .version(VERSION)
  // Some verbs have a --version of their own: after the name of a command its options are meant.
  .enablePositionalOptions()
  .configureOutput({ outputError: (text, write) => write(fit(text).join('\n')) })
  .showHelpAfterError('(watershed --help lists the commands)')
  .exitOverride();

program
  .command('run')
  .description('run a scenario, print what came of it, and write the run to a folder')
  .argument('<file>', 'scenario, YAML; or JSON: the scenario.json of a run, or what `resolve` printed')
  .option('--seed <n>', 'instead of the seed in the file', wholeNumber)
  .option('--until <time>', 'stop there, as 90s or 5min; the verdict is then at best unknown')
  .option('--out <dir>', 'instead of runs/<scenario>-<seed>, and what is special about the run')
  .option('--storm', 'under the storm that `fuzz` draws for the seed, instead of its own faults')
  .option('--trace', 'write every envelope to trace.jsonl')
  .option('--json', 'print the summary as one JSON object, and nothing else')
  .option('--quiet', 'print the verdict only')
  .action(async (file: string, options: object) => {
    const { runScenario } = await import('./run.ts');
    process.exitCode = await runScenario(file, options);
  });

program
  .command('check')
  .description('run a scenario twice and compare; name the first event at which the runs part')
  .argument('<file>', 'scenario, YAML')
  .option('--seed <n>', 'instead of the seed in the file', wholeNumber)
  .option('--json', 'print the finding as one JSON object')
  .action(async (file: string, options: object) => {
    const { checkScenario } = await import('./check.ts');
    process.exitCode = await checkScenario(file, options);
  });

program
  .command('fuzz')
  .description('run scenarios under storms, a seed each; tell each distinct failure once')
  .argument('<file...>', 'scenarios, YAML')
  .option('--seeds <range>', 'as 1..10000', '1..200')
  .option('--jobs <n>', 'worker threads; one for each core by default', oneOrMore)
  .option('--minutes <n>', 'stop after so long', oneOrMore)
  .option('--json', 'print findings and coverage as one JSON object')
  .action(async (files: string[], options: object) => {
    const { fuzzScenarios } = await import('./fuzz.ts');
    process.exitCode = await fuzzScenarios(files, options);
  });

program
  .command('shrink')
  .description('find the smallest storm under which a seed fails, and write it as a file')
  .argument('<file>', 'scenario, YAML')
  .requiredOption('--seed <n>', 'the seed that fails', wholeNumber)
  .option('--out <file>', 'instead of runs/found-<scenario>-<seed>.json')
  .action(async (file: string, options: { seed: number; out?: string }) => {
    const { shrinkFinding } = await import('./fuzz.ts');
    process.exitCode = await shrinkFinding(file, options);
  });

program
  .command('validate')
  .description('say whether scenarios are well-formed, and where not')
  .argument('<file...>', 'scenarios, YAML, or JSON as `resolve` prints it')
  .action(async (files: string[]) => {
    const { validateFiles } = await import('./validate.ts');
    process.exitCode = await validateFiles(files);
  });

program
  .command('resolve')
  .description('print a scenario with nothing left to guess, and its hash')
  .argument('<file>', 'scenario, YAML')
  .action(async (file: string) => {
    const { resolveFile } = await import('./resolve.ts');
    process.exitCode = await resolveFile(file);
  });

program
  .command('schema')
  .description('print the JSON Schema of scenarios')
  .action(async () => {
    const { printSchema } = await import('./schema.ts');
    process.exitCode = await printSchema();
  });

program
  .command('view')
  .description('show a run in the browser; the newest in runs/ if none is named')
  .argument('[run]', 'folder of a run')
  .option('--port <n>', 'port to listen on', portNumber, 4173)
  .action(async (run: string | undefined, options: { port: number }) => {
    const { viewRun } = await import('./view.ts');
    process.exitCode = await viewRun(run, options);
  });

program
  .command('why')
  .description('say why a pod, a model or a node of a run is as it is')
  .argument('<run>', 'folder of a run')
  .argument('<subject>', 'pod, model or node')
  .argument('<name>', 'as it stands in the run: france/pod-3, lifeos/sense-maker-v1, france/compute-1')
  .option('--at <time>', 'as things stood then, as 90s or 5min; at the end by default')
  .action(async (run: string, subject: string, name: string, options: { at?: string }) => {
    const { whyRun } = await import('./why.ts');
    process.exitCode = await whyRun(run, subject, name, options);
  });

program
  .command('conform')
  .description('test by the protocol whether a node does what a federation asks of it; sign what was found')
  .argument('[subject]', 'scenario, YAML; or where a live node listens: host:port or a URL')
  .option('--node <name>', 'which node of the scenario; the one of the most types by default')
  .option(
    '--operator <dir...>',
    'live: folders with keys of operators of its cluster, who admit the test node',
  )
  .option('--publisher <dir>', 'live: a folder with the key of a publisher whom the node knows')
  .option('--host <address>', 'live: where the node can call this machine back', '127.0.0.1')
  .option('--key <dir>', 'where the key of the tester lies, or is made', 'runs/tester')
  .option('--out <file>', 'write the signed report there, too')
  .option('--json', 'print the signed report as JSON, and nothing else')
  .option('--verify <file>', 'say whether a report is as its tester has signed it, and test nothing')
  .action(async (subject: string | undefined, options: ConformOptions) => {
    const { conform } = await import('./conform.ts');
    process.exitCode = await conform(subject, options);
  });

program
  .command('live')
  .description("start a scenario's nodes as processes on this machine")
  .argument('<file>', 'scenario, YAML')
  .option('--port <n>', 'port of the page', portNumber, 4173)
  .option('--provider <name>', 'what runs the models: cpu, webgpu or cuda', 'cpu')
  .option('--dir <dir>', 'instead of runs/live-<scenario>')
  .option('--model <name=path...>', 'a model of your own, ONNX, for a name in the scenario')
  .option('--restart', 'start a node again whose process has ended')
  .action(async (file: string, options: object) => {
    const { runLive } = await import('./live.ts');
    process.exitCode = await runLive(file, options);
  });

addModelCommands(program);
addPodCommands(program);

program
  .command('replay')
  .description("run a live node's journal through the core again and compare what it sent")
  .argument('<journal>', 'journal of one node')
  .action(async (journal: string) => {
    const { replayJournalFile } = await import('./replay.ts');
    process.exitCode = await replayJournalFile(journal);
  });

// A reader that has seen enough, as `head`, closes the pipe: that is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new InvalidArgumentError('a whole number is expected, of at most 15 digits');
  return Number(text);
}

function oneOrMore(text: string): number {
  if (!/^0*[1-9]\d{0,5}$/.test(text))
    throw new InvalidArgumentError('a whole number is expected, 1 to 999999');
  return Number(text);
}

function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Infinity;
  if (port > 65_535)
    throw new InvalidArgumentError('a port is expected, 0 to 65535; 0 takes any that is free');
  return port;
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  else if (isOutside(error)) {
    complain(error.message);
    process.exitCode = USAGE;
  } else throw error;
}
