import { appendFileSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { replayJournalFile } from '../../cli/replay.ts';
import { BEAT, FOUND, nameOfKind } from '../../core/machine/kinds.ts';
import { createNode } from '../../core/machine/node-state.ts';
import { chainLine, chainOf, JOURNAL_FORMAT, JournalWriter } from '../../live/journal.ts';
import { readNodeConfig, type LiveConfig } from '../../live/config.ts';
import { Contents } from '../../live/contents.ts';
import { Disk } from '../../live/disk.ts';
import { Driver } from '../../live/driver.ts';
import { startFederation } from '../../live/federation.ts';
import { LiveIds, openIdentity } from '../../live/identity.ts';
import { Keys } from '../../live/keys.ts';
import { JournalFault, replayJournal, type ReplayDifference } from '../../live/replay.ts';
import { askUntil, journalsOf, makeFolder, pilotNode, pilotOf, removeFolder, until } from './pilot.ts';

describe('the journal of a live node', function () {
  this.timeout(30_000);
  const folder = makeFolder();
  let path: string;
  let nodeFolder: string;
  let lines: string[];

  before(async () => {
    const federation = await startFederation(
      pilotOf([
        pilotNode('france/gateway', 'eu/fr', ['gateway', 'index']),
        pilotNode('france/compute', 'eu/fr', ['compute'], ['near']),
      ]),
      { folder },
    );
    const question = { model: 'near', text: 'to be written down' };
    await askUntil(federation.gatewayUrls[0]!, question, ({ status }) => status === 200);
    await federation.stop();
    nodeFolder = federation.nodes[0]!.folder;
    path = journalsOf(federation.nodes[0]!)[0]!;
    lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  });

  after(() => removeFolder(folder));

  /** Replays these lines from a file of their own. */
  function replayLines(changed: readonly string[]): ReturnType<typeof replayJournal> {
    return replayJournal(writeLines(changed));
  }

  function writeLines(changed: readonly string[]): string {
    const file = join(folder, 'changed.jsonl');
    writeFileSync(file, `${changed.join('\n')}\n`);
    return file;
  }

  function differenceOf(changed: readonly string[]): ReplayDifference {
    const { verdict } = replayLines(changed);
    if (verdict === 'equal') expect.fail('a difference was expected');
    return verdict;
  }

  /** As someone would who knows how chains are made, but has no key. */
  function rechain(changed: readonly string[]): string[] {
    let chain = '';
    return changed.map((line) => {
      const text = textOf(line);
      chain = chainOf(chain, text);
      return chainLine(text, chain);
    });
  }

  function textOf(line: string): string {
    return `${line.slice(0, line.lastIndexOf(',"chain":"'))}}`;
  }

  /** The first entry, from 2 on, that has such a field; entry k stands in line k. */
  function findEntry(isMeant: (entry: { input: string | null; outputs: string[] }) => boolean): number {
    return lines.findIndex((line, i) => i > 1 && i < lines.length - 1 && isMeant(JSON.parse(line)));
  }

  function changeCharacter(text: string): string {
    const middle = text.length >> 1;
    return text.slice(0, middle) + (text[middle] === 'A' ? 'B' : 'A') + text.slice(middle + 1);
  }

  it('replays to equal outboxes, and is sealed by the node', () => {
    const { verdict, isSealed, inputs, name } = replayLines(lines);
    expect(verdict).to.equal('equal');
    expect(isSealed).to.equal(true);
    expect(inputs).to.equal(lines.length - 2);
    expect(name).to.equal('france/gateway');
  });

  it('shows at which entry a byte of an input or an output was changed', () => {
    const withInput = findEntry(({ input }) => input !== null);
    const withOutput = findEntry(({ outputs }) => outputs.length > 0);
    for (const [at, field] of [
      [withInput, 'input'],
      [withOutput, 'outputs'],
    ] as const) {
      const entry = JSON.parse(textOf(lines[at]!)) as Record<string, never>;
      const bytes = field === 'input' ? entry['input'] : entry['outputs'][0];
      const changed = lines.with(at, lines[at]!.replace(bytes, changeCharacter(bytes)));
      expect(differenceOf(changed)).to.include({ entry: at, what: 'chain: the entry was changed' });
    }
  });

  it('shows where entries were removed or moved, and that the header was changed', () => {
    expect(differenceOf(lines.toSpliced(7, 1)).entry).to.equal(7);
    expect(differenceOf(lines.toSpliced(7, 2, lines[8]!, lines[7]!)).entry).to.equal(7);
    expect(differenceOf(lines.toSpliced(7, 0, lines[6]!)).entry).to.equal(7);
    expect(differenceOf(lines.with(0, lines[0]!.replace('"eu/fr"', '"eu/de"'))).entry).to.equal(0);
  });

  it('shows what the core would have sent, in words, where an output was changed and all chains were made anew', () => {
    const at = findEntry(({ outputs }) => outputs.length > 0);
    const entry = JSON.parse(textOf(lines[at]!)) as { outputs: string[] };
    const other = lines.map((line) => (JSON.parse(line) as { outputs?: string[] }).outputs ?? []).flat();
    const foreign = other.find((output) => output !== entry.outputs[0])!;
    const forged = JSON.stringify({ ...entry, outputs: [foreign, ...entry.outputs.slice(1)] });
    const {
      entry: located,
      what,
      expected,
      found,
    } = differenceOf(rechain(lines.with(at, chainLine(forged, '0'.repeat(64)))));
    expect(located).to.equal(at);
    expect(what).to.equal('output 1');
    for (const text of [expected, found]) expect(text).to.match(/^[A-Z]+\/[a-z]+ france\/gateway → /);
    expect(expected).not.to.equal(found);
  });

  it('shows by the seal that the end was cut off, though all chains were made anew', () => {
    const seal = lines.at(-1)!;
    const cut = [...lines.slice(0, -3), seal];
    expect(differenceOf(rechain(cut)).what).to.equal('entries under the seal');
    const counted = textOf(seal).replace(/"entries":\d+/, `"entries":${cut.length - 2}`);
    const forged = rechain([...cut.slice(0, -1), chainLine(counted, '0'.repeat(64))]);
    expect(differenceOf(forged)).to.include({ what: 'seal', expected: 'a signature of france/gateway' });
  });

  it('passes over a last line that is torn, as a kill leaves it', () => {
    const file = writeLines(lines.slice(0, -2));
    appendFileSync(file, lines.at(-2)!.slice(0, 40));
    const { verdict, isSealed, inputs } = replayJournal(file);
    expect([verdict, isSealed, inputs]).to.deep.equal(['equal', false, lines.length - 3]);
  });

  it('is told from other files', () => {
    for (const content of [
      '',
      'no journal\n',
      '{}\n',
      '\u0000\u0001\n',
      `${chainLine('{"format":9}', 'a'.repeat(64))}\n`,
    ]) {
      const file = join(folder, 'other');
      writeFileSync(file, content);
      expect(() => replayJournal(file), content).to.throw(JournalFault, file);
    }
    expect(() => replayJournal(join(folder, 'nothing'))).to.throw(JournalFault, 'ENOENT');
    expect(() => replayJournal(folder)).to.throw(JournalFault);
  });

  it('`replay` says which of these it was, to people and by its exit code', async () => {
    const told: string[] = [];
    const [log, error] = [console.log, console.error];
    const codeOf = async (file: string): Promise<number> => {
      console.log = console.error = (text: string) => void told.push(text);
      try {
        return await replayJournalFile(file);
      } finally {
        [console.log, console.error] = [log, error];
      }
    };
    expect(await codeOf(path)).to.equal(0);
    expect(told[0]).to.match(/^equal: \d+ inputs, \d+ outputs$/);
    // Its node runs, for all that can be seen; then an older one of the same node.
    const own = join(folder, 'running');
    mkdirSync(own);
    writeFileSync(join(own, 'pid'), `${process.pid}\n`);
    for (const n of [1, 2]) copyFileSync(writeLines(lines.slice(0, -1)), join(own, `journal-${n}.jsonl`));
    told.length = 0;
    for (const n of [2, 1]) expect(await codeOf(join(own, `journal-${n}.jsonl`))).to.equal(0);
    expect(told.join(' ')).to.match(/gateway is running, and writes on .* was killed, or what followed/);
    told.length = 0;
    expect(await codeOf(path)).to.equal(0);
    expect(await codeOf(writeLines(lines.toSpliced(7, 1)))).to.equal(5);
    expect(told[2]).to.contain('not equal: france/gateway, entry 7');
    expect(await codeOf(join(folder, 'nothing'))).to.equal(64);
    told.length = 0;
    expect(await codeOf(writeLines(lines.slice(0, -1)))).to.equal(0);
    expect(told[0]).to.match(
      /^equal as far as it goes, and cut off after entry \d+: \d+ inputs, \d+ outputs$/,
    );
  });

  it('keeps the step in which our own code broke, and a replay tells that it did not break again', async () => {
    const config = JSON.parse(readFileSync(join(nodeFolder, 'config.json'), 'utf8')) as LiveConfig;
    const identity = openIdentity(nodeFolder);
    const ids = new LiveIds(config.roster);
    const file = join(folder, 'broken.jsonl');
    const boot = { bootCount: 9, seedWords: [1, 2, 3, 4] };
    const journal = new JournalWriter(file, {
      format: JOURNAL_FORMAT,
      version: 'test',
      name: config.name,
      self: identity.id,
      startedWallUs: 0,
      boot,
      roster: config.roster,
      node: config.node,
    });
    const sent: string[] = [];
    let broken: unknown = null;
    const [disk, keys] = [
      new Disk(nodeFolder, ids, new Contents(), (error) => (broken = error)),
      new Keys(nodeFolder, identity, new Contents(), (error) => (broken = error)),
    ];
    const node = createNode(ids.peerOf(identity.id), readNodeConfig(config.node, ids), ids);
    const driver = new Driver(node, {
      journal,
      deviceOf: ({ to }) => (to === -1 ? disk : keys),
      send: ({ kind }) => void sent.push(nameOfKind(kind)),
      onNoted: () => undefined,
      onBroken: (error) => (broken = error),
    });
    driver.start(boot);
    // Its heartbeat goes to itself, for it is its own index node.
    expect(await until(() => driver.steps > 8, 5_000)).to.equal(true);
    expect(driver.node.index!.directory.size).to.equal(1);
    driver.node.presence = null as never;
    expect(await until(() => broken !== null, 5_000)).to.equal(true);
    journal.leave();
    driver.stop();
    expect(sent.filter((name) => name === nameOfKind(FOUND))).to.deep.equal([]);
    expect(nameOfKind(BEAT)).to.equal('HEARTBEAT/beat');
    const { verdict } = replayJournal(file);
    expect(verdict).to.include({ what: 'how the step ended', found: 'well' });
    expect((verdict as ReplayDifference).expected).to.match(/^TypeError/);
  });
});
