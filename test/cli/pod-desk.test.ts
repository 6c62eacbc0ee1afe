import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
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
  this.timeout(240_000);
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

  function run(words: readonly string[], input = '', owner: string | null = 'owner'): Said {
    const args = [CLI, 'pod', ...words, ...(owner === null ? [] : ['--owner', join(folder, owner)])];
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

  it('as many begin at once as are asked for, under one key', async () => {
    const names = [1, 2, 3, 4, 5, 6].map((n) => `side-${n}`);
    const begun = await Promise.all(
      names.map((name) => {
        const args = [CLI, 'pod', 'create', name, '--home', 'eu/fr', '--owner', join(folder, 'crowd'), ...at];
        const child = spawn(process.execPath, args, { stdio: 'ignore' });
        return once(child, 'exit').then(([status]) => status as number);
      }),
    );
    expect(begun).to.deep.equal(names.map(() => 0));
    const listed = run(['list', ...at], '', 'crowd').out;
    for (const name of names) expect(listed).to.match(new RegExp(`^${name}  in eu/fr`, 'm'));
  });

  it('a pod is noted before it is asked for, and asked for again it is the same', () => {
    const book = join(folder, 'later', 'pods.json');
    const noted = (): { name: string; number: number; isBegun: boolean }[] =>
      (
        JSON.parse(readFileSync(book, 'utf8')) as {
          pods: { name: string; number: number; isBegun: boolean }[];
        }
      ).pods;
    const nobody = run(['create', 'late', '--home', 'eu/fr', '--at', '127.0.0.1:9'], '', 'later');
    expect([nobody.status, nobody.err]).to.satisfy(
      ([status, err]: [number, string]) => status === 75 && /Nothing was done; another time/.test(err),
    );
    const { number, isBegun } = noted()[0]!;
    expect(isBegun).to.equal(false);
    expect(run(['create', 'late', '--home', 'eu/fr', ...at], '', 'later').status).to.equal(0);
    expect(noted().map((pod) => [pod.number, pod.isBegun])).to.deep.equal([[number, true]]);
    const refused = run(['create', 'nowhere', '--home', 'asia-pac/japan', ...at], '', 'later');
    expect([refused.status, noted().length], refused.err).to.deep.equal([1, 1]);
  });

  it('is read, told of and taken along where only a gateway asked later may have it', () => {
    run(['create', 'there', '--home', 'eu/de', ...at]);
    run(['write', 'there', ...at], 'zwei');
    expect(run(['read', 'there', ...at])).to.deep.equal({ status: 0, out: 'zwei', err: '' });
    expect(run(['history', 'there', ...at]).out).to.match(/4 bytes .*europe\/berlin/);
    expect(run(['log', 'there', ...at]).out).to.equal('nobody else has read it\n');
    expect(run(['export', 'there', 'there.zip', ...at]).err).to.equal('');
    const again = run(['export', 'there', 'there.zip', ...at]);
    expect([again.status, again.err]).to.deep.equal([
      64,
      'there.zip: there is such a file; --force replaces it\n',
    ]);
    expect(run(['export', 'there', 'there.zip', '--force', ...at]).status).to.equal(0);
  });

  it('a name is free again when it is certified that its pod is gone', () => {
    run(['create', 'short', '--home', 'eu/fr', ...at]);
    let deleted = run(['delete', 'short', ...at]);
    for (let i = 0; deleted.status === 75 && i < 10; i++) deleted = run(['certificate', 'short', ...at]);
    expect(deleted.out).to.match(/^short is gone from every pod host\n/);
    expect(run(['list', ...at]).out).to.match(/^short {2}gone from every pod host, \d{4}/m);
    expect(run(['create', 'short', '--home', 'eu/de', ...at]).out).to.include('short has begun');
    expect(run(['list', ...at]).out).to.match(/^short {2}in eu\/de/m);
  });

  it('mistakes are said in a line', () => {
    run(['create', 'plain', '--home', 'eu/fr', ...at]);
    run(['write', 'plain', ...at], 'x');
    mkdirSync(join(folder, 'bad'));
    writeFileSync(join(folder, 'bad', 'key.pem'), '');
    mkdirSync(join(folder, 'half'));
    copyFileSync(join(folder, 'owner', 'key.pem'), join(folder, 'half', 'key.pem'));
    writeFileSync(join(folder, 'half', 'pods.json'), '{"format": 1, "po');
    mkdirSync(join(folder, 'new'));
    copyFileSync(join(folder, 'owner', 'key.pem'), join(folder, 'new', 'key.pem'));
    writeFileSync(join(folder, 'new', 'pods.json'), '{"format": 3, "pods": []}');
    writeFileSync(join(folder, 'file'), 'of mine');
    const cases: [string[], RegExp, string?][] = [
      [['write', 'plain', 'nofile.txt'], /^nofile\.txt: there is no such file/],
      [['write', 'plain', '.'], /^\.: it is a folder/],
      [['read', 'plain', '--out', 'nonexist/x'], /^nonexist\/x: there is no such file or folder/],
      [['read', 'plain', '--out', 'file'], /^file: there is such a file; --force/],
      [['list'], /bad\/key\.pem: a private Ed25519 key is expected/, 'bad'],
      [['list'], /half\/pods\.json: it is not whole/, 'half'],
      [['list'], /new\/pods\.json: format 2 is known here, found 3/, 'new'],
      [['list'], /mistyped: no key is there/, 'mistyped'],
      [['create', 'x', '--home', 'eu/fr'], /^.*file: it is there already, and no folder/, 'file'],
      [['create', '', '--home', 'eu/fr'], /^"" is no name for a pod/],
      [['create', 'we ird/../x', '--home', 'eu/fr'], /^"we ird\/\.\.\/x" is no name for a pod/],
      [['create', '--home', 'eu/fr', '--', '-x'], /^"-x" is no name for a pod/],
    ];
    for (const [words, expected, owner] of cases) {
      const { status, err } = words.includes('--')
        ? run(['create', ...at, '--owner', join(folder, 'owner'), ...words.slice(1)], '', null)
        : run([...words, ...at], '', owner);
      expect([status, err.trimEnd().split('\n').length], err).to.deep.equal([64, 1]);
      expect(err).to.match(expected);
    }
    expect(existsSync(join(folder, 'mistyped'))).to.equal(false);
    expect(readFileSync(join(folder, 'file'), 'utf8')).to.equal('of mine');
    expect(run(['create', 'x', '--home', 'eu/fr', '--days', '99999999', ...at]).err).to.match(/1 to 365000/);
    expect(run(['show', 'x', ...at]).err).to.match(/unknown option '--at'/);
  });

  it('who is no gateway, or answers nothing, is told of as that; an address needs no http', async () => {
    const page = createServer((_, response) => response.end('<html>'));
    await once(page.listen(0, '127.0.0.1'), 'listening');
    const place = `127.0.0.1:${(page.address() as AddressInfo).port}`;
    // It must answer while the command runs.
    const args = [CLI, 'pod', 'read', 'plain', '--owner', join(folder, 'owner'), '--at', place];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const said = text(child.stderr);
    const [status] = (await once(child, 'exit')) as [number];
    page.close();
    expect([status, await said]).to.satisfy(
      ([code, line]: [number, string]) => code === 64 && /is no node of a federation/.test(line),
    );
    const nobody = run(['read', 'plain', '--at', '127.0.0.1:9']);
    expect(nobody.status).to.equal(75);
    expect(nobody.err).not.to.include('It may have been done');
    const url = federation.nodes[0]!.url.replace('http://', '');
    expect(run(['read', 'plain', '--at', url]).out).to.equal('x');
  });
});
