import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { startFederation, type Federation } from '../../live/federation.ts';
import { makeFolder, metricsWhen, pilotNode, pilotOf, removeFolder } from '../live/pilot.ts';

const CLI = fileURLToPath(new URL('../../cli/watershed.js', import.meta.url));

interface Said {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

describe('watershed pod, at the terminal', function () {
  this.timeout(180_000);
  const folder = makeFolder();
  let federation: Federation;
  let at: string[];

  before(async () => {
    const host = (name: string, region: string): ReturnType<typeof pilotNode> =>
      pilotNode(name, region, ['gateway', 'pod-host', 'index']);
    const nodes = [
      host('europe/paris', 'eu/fr'),
      host('europe/lyon', 'eu/fr'),
      host('europe/berlin', 'eu/de'),
    ];
    federation = await startFederation(pilotOf(nodes), { folder: join(folder, 'federation') });
    await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 3, 30_000);
    at = ['--at', join(folder, 'federation')];
  });

  after(async () => {
    await federation?.stop();
    removeFolder(folder);
  });

  function run(words: readonly string[], input = '', owner = 'owner'): Said {
    const args = [CLI, 'pod', ...words, '--owner', join(folder, owner)];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: folder,
      encoding: 'utf8',
      input,
    });
    return { status, out: stdout, err: stderr.replace(/^watershed: building once …\n/, '') };
  }

  it('a policy keeps the terms that are not named, and what holds is shown', () => {
    const begun = run(['create', 'kept', '--home', 'eu/fr', '--hold', '--encrypt', '--days', '30', ...at]);
    expect(begun.out).to.equal(
      'kept has begun, in eu/fr and nowhere else\n' +
        '  sealed on every disk; legal hold: nothing is deleted; deleted 30 days after it began\n',
    );
    run(['write', 'kept', ...at], 'geheimnis');
    const moved = run(['policy', 'kept', '--home', 'eu/de', ...at]);
    expect(moved.out).to.equal(
      'kept lies in eu/de and nowhere else: in force at every pod host\n' +
        '  sealed on every disk; legal hold: nothing is deleted; deleted 30 days after it began\n',
    );
    expect(run(['delete', 'kept', ...at]).err).to.include('a legal hold keeps the pod');
    expect(run(['list', ...at]).out).to.include('sealed on every disk; legal hold: nothing is deleted');
    const shown = run(['policy', 'kept', ...at]).out;
    for (const line of [
      /^kept lies in eu\/de and nowhere else \(policy 2\)$/m,
      /^ {2}crossing {2}no border$/m,
      /^ {2}contents {2}sealed on every disk$/m,
      /^ {2}kept {6}until \d{4}-\d\d-\d\d$/m,
      /^ {2}hold {6}legal hold: nothing is deleted$/m,
    ])
      expect(shown).to.match(line);
    const freed = run(['policy', 'kept', '--no-hold', '--no-days', '--no-encrypt', ...at]);
    expect(freed.out).to.equal('kept lies in eu/de and nowhere else: in force at every pod host\n');
    expect(run(['delete', 'kept', ...at]).err).to.equal('');
  });

  it('a policy follows the one in force, though it was set from elsewhere', () => {
    run(['create', 'twice', '--home', 'eu/fr', ...at]);
    run(['write', 'twice', ...at], 'one');
    const book = join(folder, 'owner', 'pods.json');
    const old = readFileSync(book);
    run(['policy', 'twice', '--hold', ...at]);
    writeFileSync(book, old);
    expect(run(['policy', 'twice', '--days', '9', ...at]).out).to.equal(
      'twice lies in eu/fr and nowhere else: in force at every pod host\n' +
        '  legal hold: nothing is deleted; deleted 9 days after it began\n',
    );
  });

  it('what may cross borders may stay at home, too, and stops crossing when it is told to', () => {
    const begun = run(['create', 'abroad', '--home', 'eu/de', '--allow', 'eu/fr', ...at]);
    expect(begun.out).to.equal('abroad has begun, anywhere in eu/de, eu/fr\n');
    expect(run(['create', 'wide', '--home', 'eu/de', '--allow', 'eu', ...at]).out).to.equal(
      'wide has begun, anywhere in eu\n',
    );
    expect(run(['policy', 'abroad', '--no-allow', ...at]).out).to.equal(
      'abroad lies in eu/de and nowhere else: in force at every pod host\n',
    );
  });
});
