/** The verbs of `watershed model`, for the one table of commands. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { ModelWhere } from './model.ts';

export function addModelCommands(program: Command): void {
  const model = program
    .command('model')
    .description('publish models at a live federation, and tell its nodes what models to have');
  const add = (usage: string, description: string): Command =>
    model
      .command(usage)
      .description(description)
      .addOption(
        new Option('--dir <dir>', 'folder of a live federation; else the newest in runs/').env(
          'WATERSHED_AT',
        ),
      )
      .option('--node <node>', 'which of its nodes to speak with, by name; or the URL of any node')
      .option(
        '--key <dir>',
        "where the key is; else the federation's publisher, or the operator of the node",
      );
  const run = async (verb: string, where: ModelWhere, ...words: readonly unknown[]): Promise<void> => {
    const { runModelVerb } = await import('./model.ts');
    process.exitCode = await runModelVerb(verb, where, words);
  };

  add('publish <file>', 'sign a model, bring it to a node, and point at it')
    .requiredOption('--name <name>', 'as lifeos/sense-maker-v1')
    .option('--version <n>', 'its number; one more than the newest, by default', wholeNumber)
    .option('--licence <text>', 'under which it may be used', 'unknown')
    .option('--purpose <text>', 'what it is for', '')
    .option('--memory <MB>', 'memory that it needs; twice its size by default', wholeNumber)
    .option('--regions <region...>', "where copies may be; the node's by default")
    .option('--kept-in <region...>', 'regions that are promised a copy')
    .option('--approved-by <who...>', 'who has looked at it and found it fit')
    .option('--no-point', 'nodes that run the model stay at the version that they have')
    .action((file: string, options: ModelWhere) => run('publish', options, file, options));
  add('list', 'the models that are known, and which nodes have them').action((where: ModelWhere) =>
    run('list', where),
  );
  add('versions <name>', 'the versions of a model').action((name: string, where: ModelWhere) =>
    run('versions', where, name),
  );
  add('point', 'let nodes run another version: one tries it first')
    .argument('<name>')
    .argument('<version>', 'its number', wholeNumber)
    .action((name: string, version: number, where: ModelWhere) => run('point', where, name, version));
  add('revoke', 'withdraw a version: nobody runs it any more')
    .argument('<name>')
    .argument('<version>', 'its number', wholeNumber)
    .option('--in <seconds>', 'from so long after', wholeNumber, 60)
    .action((name: string, version: number, options: ModelWhere & { in: number }) =>
      run('revoke', options, name, version, options.in),
    );
  for (const [verb, description] of [
    ['pull', 'let a node have a model; waits until all of it is there'],
    ['update', 'let a node try the newest version; waits until it has proven itself'],
    ['remove', 'let a node drop a model, unless it is the last copy that a region is promised'],
    ['check', 'what a node runs of a model, and what is newest'],
  ] as const)
    add(`${verb} <name>`, description).action((name: string, where: ModelWhere) => run(verb, where, name));
}

function wholeNumber(text: string): number {
  if (!/^\d{1,12}$/.test(text))
    throw new InvalidArgumentError('a whole number is expected, of at most 12 digits');
  return Number(text);
}
