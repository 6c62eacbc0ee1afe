/** The verbs of `watershed pod`, for the one table of commands. */
import { InvalidArgumentError, Option, type Command } from 'commander';

/** Here rather than imported, so that no other command loads libraries of RDF. */
const FORM_NAMES = ['turtle', 'json-ld', 'n-quads'];

/** No policy keeps anything for longer (core/policy/location-policy.ts). */
const MAX_DAYS = 365_000;

interface Where {
  readonly at?: string;
  readonly owner: string;
}

export function addPodCommands(program: Command): void {
  const pod = program
    .command('pod')
    .description('keep, share and delete what is yours, at a live federation; the key stays with you');
  /** For which no federation is asked. */
  const alone = (usage: string, description: string): Command =>
    pod
      .command(usage)
      .description(description)
      .addOption(
        new Option('--owner <dir>', 'where your key and your book of pods are')
          .env('WATERSHED_OWNER')
          .default('runs/owner'),
      );
  const add = (usage: string, description: string): Command =>
    alone(usage, description).addOption(
      new Option(
        '--at <place>',
        'gateways, as URLs with commas, or the folder of a live federation; else the newest in runs/',
      ).env('WATERSHED_AT'),
    );
  const run = async (verb: string, where: Where, ...words: readonly unknown[]): Promise<void> => {
    const { runPodVerb } = await import('./pod.ts');
    process.exitCode = await runPodVerb(verb, where, words);
  };
  const ruled = (command: Command): Command =>
    command
      .option('--home <region>', 'where it is at home; unless borders are open to it, it does not leave')
      .option('--allow <region...>', 'it may cross borders, into these regions besides its home')
      .option('--require <region>', 'where the copies that count must be')
      .option('--encrypt', 'contents are sealed')
      .option('--days <n>', 'it is deleted so many days after it began', days)
      .option('--hold', 'a legal hold: nothing is deleted while it holds');

  alone('key', 'make your key, or show who you are').action((where: Where) => run('key', where));
  ruled(add('create <name>', 'begin a pod under a policy')).action((name: string, options: Where) =>
    run('create', options, name, options),
  );
  add('write <name> [file]', 'write a file, or what comes in, as the newest version')
    .option('--key <key>', 'the same key writes once, however often it is asked')
    .action((name: string, file: string | undefined, options: Where & { key?: string }) =>
      run('write', options, name, file, options.key),
    );
  add('read <name>', "print what is in it; of somebody else's pod with --grant in place of a name")
    .option('--out <file>', 'write it there instead')
    .option('--force', 'replace the file if there is one')
    .option('--version <hash>', 'one of several versions, by the beginning of its hash')
    .action((name: string, options: Where & { out?: string; version?: string }) =>
      run('read', options, name, options),
    );
  add('list', 'your pods').action((where: Where) => run('list', where));
  add('history <name>', 'its versions, side by side where they did not know of each other').action(
    (name: string, where: Where) => run('history', where, name),
  );
  add('where <name>', 'ask every pod host what it has of it on disk').action((name: string, where: Where) =>
    run('where', where, name),
  );
  add('grant <name> <reader>', 'let somebody read it: prints what to give to them')
    .option('--days <n>', 'for so long; default 30', days)
    .option('--purpose <words>', 'what for', 'to read it')
    .action((name: string, reader: string, options: Where & { days?: number; purpose: string }) =>
      run('grant', options, name, reader, options.days ?? 30, options.purpose),
    );
  add('withdraw <name>', 'let nobody else read it any more, whatever was granted').action(
    (name: string, where: Where) => run('withdraw', where, name),
  );
  ruled(add('policy <name>', 'show its policy, or change what is named of it: all else stays as it is'))
    .option('--no-allow', 'it crosses no border any more')
    .option('--no-require', 'copies count wherever it may be')
    .option('--no-encrypt', 'contents are open from now on')
    .option('--no-days', 'it stays until you delete it')
    .option('--no-hold', 'the legal hold ends')
    .action((name: string, options: Where) => run('policy', options, name, options));
  add('log <name>', 'who else has read it').action((name: string, where: Where) => run('log', where, name));
  add('delete <name>', 'delete it everywhere, for good').action((name: string, where: Where) =>
    run('delete', where, name),
  );
  add('certificate <name>', 'whether it is gone everywhere, or who has not confirmed').action(
    (name: string, where: Where) => run('delete', where, name),
  );
  addAgentCommands(add, run);
  addCarryingCommands(add, alone, run);
}

type Add = (usage: string, description: string) => Command;
type Run = (verb: string, where: Where, ...words: readonly unknown[]) => Promise<void>;

/** Verbs by which pods are given to agents. */
function addAgentCommands(add: Add, run: Run): void {
  add(
    'agent <file>',
    'have an agent begun that is given your pods: JSON as for POST /v1/agents, steps with "pods": [NAME…]',
  )
    .option('--key <key>', 'the same key begins one agent, however often it is asked')
    .action((file: string, options: Where & { key?: string }) => run('agent', options, file, options.key));
  add('agents [agent]', 'those that act for you; or how one does, and what it was given').action(
    (agent: string | undefined, where: Where) => run('agents', where, agent),
  );
  add('stop <agent>', 'no further step of it begins, and what is at work is not used')
    .option('--revoke', 'because you do not consent any more')
    .action((agent: string, options: Where & { revoke?: boolean }) =>
      run('stop', options, agent, options.revoke === true),
    );
}

/** Verbs by which pods leave and come. */
function addCarryingCommands(add: Add, alone: Add, run: Run): void {
  const solid = (command: Command): Command =>
    command.option('--header <line...>', 'says who asks, as "Authorization: Bearer …"; the server’s affair');
  add('export <name> [file]', 'take it along: a signed archive that you can open, and import elsewhere')
    .addOption(new Option('--form <form>', 'of what is RDF').choices(FORM_NAMES).default('turtle'))
    .option('--version <hash>', 'one of several versions, by the beginning of its hash')
    .option('--force', 'replace the file if there is one')
    .option('--grant <grant...>', 'take along what `grant` printed')
    .action((name: string, file: string | undefined, options: Where) =>
      run('export', options, name, file, options),
    );
  add('import <name> <file>', 'bring what an archive holds to a federation, for good or as a second place')
    .option('--home <region>', 'another home than it had')
    .action((name: string, file: string, options: Where) => run('import', options, name, file, options));
  alone('show <file>', 'check an archive and list what is in it').action((file: string, where: Where) =>
    run('show', where, file),
  );
  alone('pack <folder> [file]', 'make the contents of a pod of a folder, for `write`')
    .option('--force', 'replace the file if there is one')
    .action((folder: string, file: string | undefined, options: Where) =>
      run('pack', options, folder, file, options),
    );
  solid(alone('carry <file> <url>', 'put an archive on a Solid server, where nothing is yet'))
    .option('--web-id <url>', 'yours there')
    .option('--reader <id=url...>', 'whose key has which WebID: they read there what you let them read here')
    .action((file: string, url: string, options: Where) => run('carry', options, file, url, options));
  solid(alone('fetch <url> <file>', 'take a pod back from a Solid server'))
    .option('--force', 'replace the file if there is one')
    .action((url: string, file: string, options: Where) => run('fetch', options, url, file, options));
}

function days(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text) || Number(text) > MAX_DAYS)
    throw new InvalidArgumentError(`a number of days is expected, 1 to ${MAX_DAYS}`);
  return Number(text);
}
