import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { startFederation, type Federation } from '../../live/federation.ts';
import { makeFolder, metricsWhen, pilotNode, pilotOf, removeFolder } from '../live/pilot.ts';

const CLI = fileURLToPath(new URL('../../cli/watershed.js', import.meta.url));

describe('watershed pod, where pods come and go', function () {
  this.timeout(180_000);
  const folder = makeFolder();
  const said: string[] = [];
  let federation: Federation;
  let at: string[];

  before(async () => {
    const names = ['france/paris', 'france/lyon'];
    const pilot = pilotOf(names.map((name) => pilotNode(name, 'eu/fr', ['gateway', 'pod-host', 'index'])));
    federation = await startFederation(pilot, { folder: join(folder, 'federation') });
    await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 2, 30_000);
    at = ['--at', federation.nodes.map(({ url }) => url).join(',')];
    mkdirSync(join(folder, 'mine', 'profile'), { recursive: true });
    writeFileSync(
      join(folder, 'mine', 'profile', 'card$.ttl'),
      '<#me> <http://xmlns.com/foaf/0.1/name> "Cleo" .',
    );
    writeFileSync(join(folder, 'mine', 'profile', 'a note.txt'), 'hello');
  });

  after(async () => {
    for (const line of said) expect(line.length, line).to.be.at.most(80);
    await federation?.stop();
    removeFolder(folder);
  });

  function run(...words: string[]): { status: number | null; out: string; err: string } {
    const args = [CLI, 'pod', ...words, '--owner', join(folder, 'owner')];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    const err = stderr.replace(/^watershed: building once …\n/, '');
    said.push(...stdout.split('\n'), ...err.split('\n'));
    return { status, out: stdout, err };
  }

  it('takes a folder to a pod, the pod to an archive, and the archive to hosts', () => {
    const packed = run('pack', 'mine', 'diary.tree');
    expect(packed.out).to.match(
      /^ {10}5 bytes {2}profile\/a%20note\.txt\n {9}1 triple {2}profile\/card\ndiary\.tree: /,
    );
    run('create', 'diary', '--home', 'eu/fr', ...at);
    run('write', 'diary', 'diary.tree', ...at);
    expect(run('export', 'diary', '--form', 'json-ld', ...at).out).to.match(
      /^diary: 2 resources in JSON-LD\ndiary\.pod\.zip: [\d,]+ bytes, signed by you\n$/,
    );
    expect(run('show', 'diary.pod.zip').out).to.match(
      /: 2 resources in JSON-LD\nmade .*hold\npolicy 1: at home in eu\/fr\n/,
    );
    expect(run('import', 'diary', 'diary.pod.zip', ...at).out).to.equal(
      'diary: 2 resources in JSON-LD, was there already\npolicy 1: at home in eu/fr\n',
    );
    run('read', 'diary', '--out', 'back.tree', ...at);
    expect(readFileSync(join(folder, 'back.tree')).equals(readFileSync(join(folder, 'diary.tree')))).to.equal(
      true,
    );
    run('write', 'diary', 'mine/profile/a note.txt', ...at);
    expect(run('import', 'diary', 'diary.pod.zip', ...at)).to.deep.include({ status: 1, out: '' });
    expect(run('import', 'other', 'diary.pod.zip', ...at).err).to.equal(
      'NAME_TAKEN: your book calls this pod diary\n',
    );
  });

  it('says what is wrong, and where', async () => {
    run('pack', 'mine', 'tree');
    const taken = run('pack', 'mine', 'tree');
    expect([taken.status, taken.err]).to.deep.equal([
      64,
      'tree: there is such a file; --force replaces it\n',
    ]);
    expect(run('pack', 'nowhere').err).to.equal('nowhere: there is no such file or folder\n');
    writeFileSync(join(folder, 'mine', 'profile', 'broken.ttl'), '<#me> <p> .');
    const broken = run('pack', 'mine', 'tree', '--force');
    expect([broken.status, broken.err]).to.deep.equal([
      1,
      'mine/profile/broken.ttl: Expected entity but got . on line 1.\n',
    ]);
    const none = run('show', 'nothing.pod.zip');
    expect([none.status, none.err]).to.deep.equal([64, 'nothing.pod.zip: there is no such file or folder\n']);
    expect(run('show', 'tree').err).to.equal('archive: begins with manifest.json and manifest.sig\n');
    expect(run('carry', 'tree', 'http://localhost/pod', '--web-id', 'https://a/').status).to.equal(64);
    const server = createServer((_, response) => response.writeHead(403).end()).listen(0, '127.0.0.1');
    const url = `http://127.0.0.1:${await new Promise((resolve) => server.once('listening', () => resolve((server.address() as AddressInfo).port)))}/ann/`;
    server.close();
    const away = run('fetch', url, 'back.zip');
    expect(away.status).to.equal(1);
    expect(away.err).to.match(/^http:\/\/127\.0\.0\.1:\d+\/ann\/: /);
  });
});
