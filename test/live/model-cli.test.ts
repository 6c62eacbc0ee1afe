import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runModelVerb } from '../../cli/model.ts';
import { findEmptyRegions } from '../../cli/model-file.ts';
import { PUBLISHER_FOLDER } from '../../live/federation.ts';
import { openIdentity } from '../../live/identity.ts';
import { MODEL, ModelTown, townNode, writeModel } from './model-town.ts';
import { pilotNode } from './pilot.ts';

/** What people see who publish models from a terminal, and tell nodes what to have. */
describe('watershed model', function () {
  this.timeout(90_000);
  let town: ModelTown;
  let said: string[] = [];

  before(async () => {
    const front = pilotNode('france/front', 'eu/fr', ['gateway', 'index']);
    town = await ModelTown.open([front, ...['one', 'two'].map((name) => townNode(`france/${name}`))]);
  });
  after(() => town?.close());

  async function type(verb: string, node: string, key: string, ...words: unknown[]): Promise<number> {
    return listen(() => runModelVerb(verb, { node: town.node(node).url, key: town.path(key) }, words));
  }

  async function listen(act: () => Promise<number>): Promise<number> {
    said = [];
    const { log, error } = console;
    console.log = console.error = (line: string) => void said.push(line.trim());
    try {
      return await act();
    } finally {
      Object.assign(console, { log, error });
    }
  }

  const OPERATOR = join('operators', 'france', '1');
  const published = {
    name: MODEL,
    licence: 'MIT',
    purpose: '',
    regions: ['eu'],
    keptIn: ['eu/fr'],
    point: true,
  };

  it('R7.1-1: publish signs a file and brings it; versions and list show it', async () => {
    writeModel(town.path('one.onnx'), 3e6);
    expect(await type('publish', 'one', PUBLISHER_FOLDER, town.path('one.onnx'), published)).to.equal(0);
    expect(said.join(' ')).to.match(
      /^lifeos\/sense-maker-v1@sha256:[0-9a-f]{64} is version 1, at france\/one$/,
    );
    expect(await type('versions', 'one', PUBLISHER_FOLDER, MODEL)).to.equal(0);
    expect(said[0]).to.match(/^1 {2}lifeos\/sense-maker-v1@sha256:[0-9a-f]{64}$/);
    expect(said[1]).to.equal('stable');
    expect(said.join(' ')).to.match(/3\.1 MB in 1 chunk, 6\.3 MB of memory; licence MIT; in eu/);
    expect(await type('list', 'one', PUBLISHER_FOLDER)).to.equal(0);
    expect(said[0]).to.equal(MODEL);
    expect(said[1]).to.match(/has 1$/);
  });

  it('R7.2-1: pull, check, a second version, update, remove: each says what came of it', async () => {
    expect(await type('pull', 'one', OPERATOR, MODEL)).to.equal(0);
    expect(said.join(' ')).to.match(/france\/one (runs|has) version 1/);
    // The other node hears of it with the next round of news.
    const heardBy = Date.now() + 15_000;
    while ((await type('pull', 'two', OPERATOR, MODEL)) !== 0) expect(Date.now()).to.be.below(heardBy);
    writeModel(town.path('two.onnx'), 3e6, 2);
    const held = { ...published, point: false };
    expect(await type('publish', 'one', PUBLISHER_FOLDER, town.path('two.onnx'), held)).to.equal(0);
    expect(said.join(' ')).to.match(/Nobody runs it yet/);
    expect(await type('check', 'two', OPERATOR, MODEL)).to.equal(0);
    expect(said.join(' ')).to.match(/version 1 is what its publisher points at/);
    expect(await type('point', 'one', PUBLISHER_FOLDER, MODEL, 2)).to.equal(0);
    expect(await type('update', 'one', OPERATOR, MODEL)).to.equal(0);
    expect(said.join(' ')).to.match(/france\/one runs version 2, loaded,/);
    // The only copy of the first version, which the region is promised, would not go.
    expect(await type('update', 'two', OPERATOR, MODEL)).to.equal(0);
    expect(await type('remove', 'two', OPERATOR, MODEL)).to.equal(0);
    expect(said.join(' ')).to.match(/^france\/two runs none/);
  });

  it('R7.2-2: revoke withdraws a version; whoever is not its publisher is told that nothing came of it', async () => {
    expect(await type('revoke', 'one', PUBLISHER_FOLDER, MODEL, 1, 60)).to.equal(0);
    expect(await type('versions', 'one', PUBLISHER_FOLDER, MODEL)).to.equal(0);
    expect(said.join('\n')).to.match(/withdrawn from/);
    openIdentity(town.path('stranger'));
    expect(await type('revoke', 'one', 'stranger', MODEL, 2, 60)).to.equal(1);
    expect(said.join(' ')).to.match(/is this its publisher\?/);
    expect(await type('pull', 'one', 'stranger', MODEL)).to.equal(1);
    expect(said[0]).to.match(/^NOT_ADMITTED/);
    expect(await type('point', 'one', PUBLISHER_FOLDER, MODEL, 9)).to.equal(64);
    expect(said.join(' ')).to.match(/has no version 9; it has 2, 1/);
  });

  it('signs no file that no node could run, and no odd name', async () => {
    const publish = (file: string, changes: object): Promise<number> =>
      type('publish', 'one', PUBLISHER_FOLDER, file, { ...published, version: 9, ...changes });
    writeFileSync(town.path('text.onnx'), '# No model\n');
    expect(await publish(town.path('text.onnx'), {})).to.equal(64);
    expect(said.join(' ')).to.match(/^\S+text\.onnx: onnxruntime cannot load it/);
    writeModel(town.path('own.onnx'), 1e6, 3);
    expect(await publish(town.path('own.onnx'), { name: 'bad name!' })).to.equal(64);
    expect(said.join(' ')).to.equal('--name bad name!: a name as lifeos/sense-maker-v1 is expected');
    expect(await publish(town.path('own.onnx'), { regions: ['eu', 'Mars!'] })).to.equal(64);
    expect(said.join(' ')).to.equal('Mars!: a region is expected, as eu or eu/fr');
    expect(findEmptyRegions(['eu', 'nowhere/x', 'e'], ['eu/fr', 'us'])).to.deep.equal(['nowhere/x', 'e']);
    await type('versions', 'one', PUBLISHER_FOLDER, MODEL);
    expect(said.join(' ')).not.to.match(/^9/);
  });

  it('makes no key for a path that was mistyped, and says in words that nobody answers', async () => {
    expect(await type('pull', 'one', 'nobody', MODEL)).to.equal(64);
    expect(said.join(' ')).to.match(/nobody: there is no key\.pem/);
    expect(existsSync(town.path('nobody'))).to.equal(false);
    for (const [verb, ...words] of [['pull', MODEL], ['list'], ['versions', MODEL]] as const) {
      const url = 'http://127.0.0.1:9';
      const code = await listen(() => runModelVerb(verb, { node: url, key: town.path(OPERATOR) }, words));
      expect([verb, code, said.join(' ')]).to.deep.equal([verb, 1, `no node answers at ${url}: bad port`]);
    }
  });
});
