import { expect } from 'chai';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { whyRun } from '../../cli/why.ts';
import { loadScenario } from '../../sim/scenario/load.ts';
import { ViewError } from '../../viz/view.ts';
import { explain, type Subject } from '../../viz/why/why.ts';
import { at } from '../../viz/why/words.ts';
import { podScenario } from '../sim/pod-scenario.ts';
import { recordRun } from './recorded-run.ts';

const SECOND_US = 1_000_000;

describe('why things are as they are', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'watershed-why-'));
  const pods = join(folder, 'pods');
  const models = join(folder, 'models');

  before(() => {
    const crash = { kind: 'crash' as const, atUs: 30 * SECOND_US, untilUs: null, nodes: ['france/host-1'] };
    recordRun(
      pods,
      podScenario(
        { people: 8, deletesPpm: 30_000, meanGapUs: 300_000 },
        { durationUs: 80 * SECOND_US, faults: [crash] },
      ),
    );
    recordRun(models, loadScenario('scenarios/bad-model.yaml'));
  });
  after(() => rmSync(folder, { recursive: true }));

  async function why(
    run: string,
    subject: Subject,
    name: string,
    atUs: number | null = null,
  ): Promise<string> {
    const reasons = await explain({ run, subject, name, atUs });
    expect(reasons).to.have.property('lines');
    return (reasons as { lines: string[] }).lines.join('\n');
  }

  async function whyEachPod(atUs: number | null = null): Promise<string[]> {
    const told: string[] = [];
    for (let i = 1; i <= 8; i++) told.push(await why(pods, 'pod', `france/pod-${i}`, atUs));
    return told;
  }

  it('a pod: who has it since when and from whom, and why nobody else has it', async () => {
    const told = (await whyEachPod(29 * SECOND_US)).find((text) => text.includes('It lies on'))!;
    expect(told).to.match(/It lies on france\/host-\d, france\/host-\d and france\/host-\d\./);
    expect(told).to.match(/france\/host-\d since 0:\d\d\.\d: its owner wrote there\./);
    expect(told).to.match(/france\/host-\d since 0:\d\d\.\d: brought by france\/host-\d\./);
    expect(told).to.include('version 1 of its policy: in eu/fr');
    expect(told).to.include('Not france/abroad: in americas/us-east, which the policy does not allow.');
    expect(told).not.to.include('under-replicated');
  });

  it('a pod that is under-replicated: how many it has of how many, and who is away', async () => {
    const told = (await whyEachPod()).filter((text) => text.includes('under-replicated'));
    expect(told).not.to.deep.equal([]);
    for (const text of told) {
      expect(text).to.include('It is under-replicated: 2 of 3 copies are where they are to be.');
      expect(text).to.include('Only 2 of its hosts may hold it and are there');
      expect(text).to.match(
        /Not france\/host-1: is not there \(down since 0:30\.0: crash france\/host-1\)\./,
      );
    }
  });

  it('a deletion: certified when, or for whom it waits', async () => {
    const told = (await whyEachPod()).filter((text) => text.includes('deleted'));
    expect(told.some((text) => text.includes('That was certified at 0:2'))).to.equal(true);
    const pending = told.filter((text) => text.includes('is not certified'));
    expect(pending).not.to.deep.equal([]);
    for (const text of pending) {
      expect(text).to.include('of 4 pod hosts that there ever were have not confirmed');
      expect(text).to.include('france/host-1 is given up (down since 0:30.0: crash france/host-1).');
    }
  });

  it('a node: down, suspected and given up by whom, and its level of trust', async () => {
    const told = await why(pods, 'node', 'france/host-1');
    expect(told).to.include('It is down since 0:30.0: crash france/host-1.');
    expect(told).to.match(/Suspected: france\/\S+ said so at 0:\d\d\.\d, since it answers no probe/);
    expect(told).to.match(/Its cluster holds it for dead: france\/\S+ said so at 0:\d\d\.\d/);
    expect(told).to.include('the lower of the two holds, verified');
    expect(await why(pods, 'node', 'france/host-2')).to.include('It runs, and is ready since 0:00');
  });

  it('a model: which version runs where, and why it was rolled back', async () => {
    const told = await why(models, 'model', 'lifeos/memory-retriever-v1', 80 * SECOND_US);
    expect(told).to.match(/Version 1 runs on france\/compute-1,.* and france\/mirror-2\./);
    expect(told).to.match(
      /It runs version 2 after version 1: of those that run version 1 this node is the one/,
    );
    expect(told).to.match(
      /It goes back from version 2 to version 1: this node has tried it: \d of \d+ jobs failed/,
    );
    expect(told).to.include(
      'It has all of version 2, from france/mirror-1; 1 that sent something else left out.',
    );
    const node = await why(models, 'node', 'france/mirror-2');
    expect(node).to.include('france/compute-3 was handed something by it that no publisher has signed');
  });

  it('where facts.jsonl breaks off the answer ends, too, and says so', async () => {
    const cut = join(folder, 'cut');
    cpSync(pods, cut, { recursive: true });
    const text = readFileSync(join(pods, 'facts.jsonl'), 'utf8');
    const lines = text.split('\n').slice(0, 60);
    const last = (JSON.parse(lines[59]) as { timeUs: number }).timeUs;
    const warning = /facts\.jsonl breaks off there, and the run went on to 1:20\.0/;
    // In the middle of a line, and at the end of one.
    for (const rest of [`${lines.join('\n')}\n{"ti`, `${lines.join('\n')}\n`]) {
      writeFileSync(join(cut, 'facts.jsonl'), rest);
      const told = await why(cut, 'pod', 'france/pod-8');
      expect(told).to.match(warning);
      expect(told).to.include(`as it stood at ${at(last)} of`);
      expect(await why(cut, 'pod', 'france/pod-8', last)).not.to.match(warning);
    }
    writeFileSync(join(cut, 'facts.jsonl'), '{"ti');
    const error: unknown = await explain({
      run: cut,
      subject: 'node',
      name: 'france/host-1',
      atUs: null,
    }).catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(ViewError);
    expect(await why(pods, 'pod', 'france/pod-8')).not.to.match(warning);
  });

  it('names that are not there are answered with those that are, the nearest first', async () => {
    expect(await explain({ run: pods, subject: 'pod', name: 'france/pod-9', atUs: null })).to.deep.equal({
      names: [1, 2, 3, 4, 5, 6, 7, 8].map((i) => `france/pod-${i}`),
    });
    const said: string[] = [];
    const { error } = console;
    console.error = (text: string) => said.push(text);
    try {
      expect(await whyRun(pods, 'node', 'france/hots-1', {})).to.equal(64);
      expect(await whyRun(pods, 'pud', 'x', {})).to.equal(64);
      expect(await whyRun(pods, 'model', 'nothing-like-it', {})).to.equal(64);
      expect(await whyRun(pods, 'node', 'france/host-1', { at: '9' })).to.equal(64);
    } finally {
      console.error = error;
    }
    expect(said).to.deep.equal([
      `${pods} has no node france/hots-1; france/host-1?`,
      'pud: a pod, a model or a node is expected; pod?',
      `${pods} has no model nothing-like-it; it has a, b`,
      '--at 9: a time with its unit is expected, as in 90s or 5min',
    ]);
  });

  it('a run that has not recorded why says so', async () => {
    rmSync(join(models, 'facts.jsonl'));
    const asked = explain({ run: models, subject: 'node', name: 'france/mirror-2', atUs: null });
    await asked.then(
      () => expect.fail('it answered'),
      (error: unknown) => {
        expect(error).to.be.instanceOf(ViewError);
        expect((error as Error).message).to.include('this run has not recorded why');
      },
    );
  });
});
