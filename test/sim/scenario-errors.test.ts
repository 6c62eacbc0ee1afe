import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { NOTES } from '../../core/machine/kinds.ts';
import { loadScenario } from '../../sim/scenario/load.ts';
import { FAULT_KINDS } from '../../sim/scenario/fault-schema.ts';
import { TRUTHS } from '../../sim/scenario/resolved-expectations.ts';
import { formatProblems, ScenarioError } from '../../sim/scenario/scenario-error.ts';
import { changed, problemsOf, SMALL, told } from './scenario-text.ts';

/** One mistake: what is put for what, where it is told, and what is said. */
type Case = [title: string, from: string, to: string, told: string, expected: string, hint?: string];

const TIME = 'a time with its unit, as 250ms, 30s, 20min or 2h';
const TYPES = 'one of pod-host, compute, gateway, index, bridge';

const CASES: Case[] = [
  ['an unknown section', 'expect:', 'expct:', '36:1: unknown key "expct"', '', 'did you mean "expect"?'],
  [
    'an unknown key',
    'people: 10',
    'people: 10\n    patience: 3s',
    '28:5: unknown key "patience"',
    'one of in, people, rate, from, until, demand, deadline, asks',
    '',
  ],
  [
    'a misspelt key, told once and not as missing besides',
    'rate: 30/min',
    'rates: 30/min',
    '28:5: unknown key "rates"',
    'one of in, people, rate, from, until, demand, deadline, asks',
    'did you mean "rate"?',
  ],
  ['a missing key', '    region: eu/fr\n', '', '17:3: region is missing', 'a region, as eu/fr'],
  [
    'a number without its unit',
    'duration: 2min',
    'duration: 250',
    '2:11: duration is 250',
    TIME,
    'did you mean "250ms", "250s" or "250min"?',
  ],
  [
    'another unit',
    'for: 20s',
    'for: 250 minutes',
    '34:10: for is "250 minutes"',
    TIME,
    'did you mean "250min"?',
  ],
  [
    'a fraction for a share',
    'okAtLeast: 90%',
    'okAtLeast: 0.99',
    '36:22: okAtLeast is 0.99',
    'a share in percent, as 1.5%',
    'did you mean "99%"?',
  ],
  [
    'a rate that no run could come to the end of',
    'rate: 30/min',
    'rate: 4000000000/s',
    '28:11: rate is "4000000000/s"',
    'a rate of at most 100000/s',
  ],
  [
    'a share without %',
    'okAtLeast: 90%',
    'okAtLeast: 1.5',
    '36:22: okAtLeast is 1.5',
    'a share in percent, as 1.5%',
    'did you mean "1.5%"?',
  ],
  [
    'a share above 100%',
    'okAtLeast: 90%',
    'okAtLeast: 101%',
    '36:22: okAtLeast is "101%"',
    'a share between 0% and 100%',
  ],
  ['a negative time', 'at: 1min', 'at: -1min', '33:9: at is "-1min"', TIME, 'did you mean "1min"?'],
  [
    'a negative count',
    'people: 10',
    'people: -10',
    '27:13: people is -10',
    'a whole number from 1 to 1000000',
  ],
  ['a broken count', 'weight: 2', 'weight: 2.5', '31:43: weight is 2.5', 'a whole number from 1 to 1000000'],
  [
    'a negative number of nodes',
    'helper: 2',
    'helper: -2',
    '19:32: helper is -2',
    'a whole number from 1 to 100000',
  ],
  ['a rate of nothing', 'rate: 30/min', 'rate: 0/min', '28:11: rate is "0/min"', 'a rate above 0'],
  [
    'a region that does not exist',
    'region: eu/fr',
    'region: eu/rf',
    '18:13: there is no region "eu/rf"',
    'one of eu/fr, americas/us-east',
    'did you mean "eu/fr"?',
  ],
  [
    'a cut between clusters that do not exist',
    '[france, us-east]',
    '[frnce, us-east]',
    '35:22: there is no cluster or region "frnce"',
    'one of france, us-east, eu, americas',
    'did you mean "france"?',
  ],
  [
    'a cut with a cluster on both sides',
    '[france, us-east]',
    '[france, eu]',
    '35:30: france is on both sides',
    'each cluster on one side',
  ],
  [
    'a cut that does not say which links',
    '{ between: [france, us-east] }',
    '{ from: france }',
    '35:10: this does not say which links',
    '"between" two sides, "from" one "to" another, "within" clusters, or one of isolate, apart, halves, ring',
  ],
  [
    'a fault on an unknown node',
    'cut: { between: [france, us-east] }',
    'crash: [france/helper-1, france/helpr-2]',
    '35:30: there is no node "france/helpr-2"',
    'one of france/front-1, france/front, france/helper-1, france/helper, france/helper-2',
    'did you mean "france/helper-2"?',
  ],
  [
    'a fault on a node of an unknown cluster',
    'cut: { between: [france, us-east] }',
    'pause: frnce/helper-1',
    '35:12: there is no node "frnce/helper-1"',
    'one of france, france/helper-1, us-east, us-east/helper-1',
    'did you mean "france/helper-1"?',
  ],
  [
    'a fault that begins after the end',
    'at: 1min',
    'at: 3min',
    '33:9: this begins at 3min, and the scenario ends at 2min',
    'a time before the end',
  ],
  [
    'a fault of two kinds',
    'for: 20s',
    'for: 20s\n    crash: france',
    '33:5: a fault that is cut and crash',
    `exactly one of ${FAULT_KINDS.join(', ')}`,
  ],
  [
    'a fault of no kind',
    '\n    cut: { between: [france, us-east] }',
    '',
    '33:5: a fault that does nothing',
    `exactly one of ${FAULT_KINDS.join(', ')}`,
  ],
  [
    'a restart that lasts',
    'cut: { between: [france, us-east] }',
    'restart: france',
    '34:5: restart does not last',
    'no "for" here',
  ],
  [
    'an unknown model in an ask',
    '{ model: lifeos/small-v1, weight',
    '{ model: lifeos/smal-v1, weight',
    '31:18: there is no model "lifeos/smal-v1"',
    'one of lifeos/small-v1, lifeos/large-v1',
    'did you mean "lifeos/small-v1"?',
  ],
  [
    'an unknown model on a node',
    'models: [lifeos/small-v1], trust',
    'models: [lifeos/tiny-v9], trust',
    '15:57: there is no model "lifeos/tiny-v9"',
    'one of lifeos/small-v1, lifeos/large-v1',
  ],
  [
    'an unknown model among exports',
    'exports: all',
    'exports: [lifeos/large-v2]',
    '22:15: there is no model "lifeos/large-v2"',
    'one of lifeos/small-v1, lifeos/large-v1',
    'did you mean "lifeos/large-v1"?',
  ],
  [
    'a name that is there twice',
    '  us-east:\n',
    '  france:\n',
    '20:3: "france" stands here a second time',
    'each name once',
  ],
  [
    'an unknown demand',
    'demand: steady',
    'demand: stedy',
    '29:13: there is no demand "stedy"',
    'steady',
    'did you mean "steady"?',
  ],
  [
    'an unknown template',
    'helper: 2',
    'helpr: 2',
    '19:24: there is no template "helpr"',
    'one of front, helper',
    'did you mean "helper"?',
  ],
  [
    'users of a cluster without gateway',
    'front: 1, helper: 2',
    'desk: { types: [index, bridge] }, helper: 2',
    '26:9: france has no gateway for users to ask',
    'a node of type gateway in it',
  ],
  [
    'a cluster without index node',
    'front: 1, helper: 2',
    'desk: { types: [gateway, bridge] }, helper: 2',
    '19:5: france has no index node',
    'one, to know who offers what',
  ],
  [
    'a cluster with a peering and no bridge',
    'front: 1, helper: 2',
    'desk: { types: [gateway, index] }, helper: 2',
    '19:5: france has a peering and no bridge',
    'one, to cross by',
  ],
  [
    'a compute node without gpuMemory (R4-2)',
    'gpuMemory: 24GB, models: [lifeos/small-v1], trust',
    'trust',
    '15:20: a compute node without gpuMemory',
    'gpuMemory with its unit, as 24GB',
  ],
  [
    'a pod host without podStorage (R4-2)',
    'helper: 2',
    'helper: 2, pods: { types: [pod-host] }',
    '19:50: a pod-host node without podStorage',
    'podStorage with its unit, as 2TB',
  ],
  [
    'models that do not fit',
    'models: [lifeos/small-v1], trust',
    'models: [lifeos/large-v1], trust',
    '15:56: these models need 28GB of memory, the node has 24GB',
    'models that fit together',
  ],
  [
    'models where nothing computes',
    'front: { types: [gateway, index, bridge],',
    'front: { types: [gateway, index, bridge], models: [lifeos/small-v1],',
    '14:45: models on a node that is no compute node',
    'compute among its types',
  ],
  [
    'an unknown type of node',
    'types: [compute]',
    'types: [computer]',
    '15:21: types has "computer"',
    TYPES,
    'did you mean "compute"?',
  ],
  [
    'an unknown trust level',
    'trust: community',
    'trust: comunity',
    '15:82: trust is "comunity"',
    'one of experimental, peer, community, verified, or a map of claims and attested',
    'did you mean "community"?',
  ],
  [
    'a level of a phase and of the clock',
    'okAtLeast: 90%',
    'levels: [{ phase: always, from: 10s, ok: 90% }]',
    '36:29: phase is "always", and there are times of the clock',
    'either of them',
  ],
  [
    'an unknown error code',
    'okAtLeast: 90%',
    'never: [INTERNALS]',
    '36:19: never has "INTERNALS"',
    'one of NO_CAPABLE_NODE, NO_ELIGIBLE_NODE, OVERLOADED, DEADLINE_EXCEEDED, CLUSTER_UNREACHABLE, TRUST_TOO_LOW, ' +
      'CONSENT_REQUIRED, UNKNOWN_MODEL, NOT_ADMITTED, NOT_READY, UNKNOWN_OUTCOME, INTERNAL, ' +
      [...NOTES.map((note) => `noted-${note}`), ...TRUTHS.map((truth) => `given-up-${truth}`)].join(', '),
    'did you mean "INTERNAL"?',
  ],
  [
    'a parameter by its name in the code',
    'expect:',
    'parameters: { heartbeatUs: 1s }\nexpect:',
    '36:15: unknown key "heartbeatUs"',
    '',
    'did you mean "heartbeat"?',
  ],
  [
    'a parameter out of its range',
    'expect:',
    'parameters: { heartbeat: 2h }\nexpect:',
    '36:26: heartbeat is "2h"',
    'a time from 1us to 1min',
  ],
  [
    'users who ask beyond the end',
    'people: 10',
    'people: 10\n    until: 3min',
    '28:12: they ask beyond the end of the scenario',
    'at most 2min',
  ],
  [
    'users who stop before they begin',
    'people: 10',
    'people: 10\n    from: 100s',
    '28:11: they would ask from 100s until 80s',
    'some time between the two',
    'without "until" they stop a deadline and 10s before the end',
  ],
  [
    'a deadline beyond what a request may live (R5.3-3)',
    'people: 10',
    'people: 10\n    deadline: 61s',
    '28:15: deadline is "61s"',
    'a time of at most 60s',
  ],
  [
    'a way between regions that nobody has measured',
    'roundTrips:\n  eu/fr: { americas/us-east: 90ms }\n',
    '',
    '4:3: no round trip is given between eu/fr and americas/us-east',
    'one under roundTrips',
  ],
];

describe('mistakes in a scenario', () => {
  it('are none in the one that these tests change', () => {
    expect(problemsOf(SMALL)).to.deep.equal([]);
  });

  for (const [title, from, to, where, expected, hint = ''] of CASES) {
    it(title, () => {
      const problems = problemsOf(changed(from, to));
      expect(problems.map(({ line, column, found }) => `${line}:${column}: ${found}`)[0]).to.equal(where);
      expect(problems).to.have.length(1);
      expect(problems[0].expected).to.equal(expected);
      expect(problems[0].hint).to.equal(hint);
      expect(problems[0].excerpt).to.equal(changed(from, to).split('\n')[problems[0].line - 1]);
    });
  }
});

describe('what owners of pods say to those who ask', () => {
  const problemOf = (people: number, consent: string): string[] => {
    const host = 'host: { types: [pod-host], podStorage: 1GB, trust: verified }';
    const text = changed('  helper: {', `  ${host}\n  helper: {`).replace(
      'front: 1, helper: 2',
      'front: 1, host: 2',
    );
    const pods = `pods:\n  - { in: france, people: ${people}, rate: 1/s, until: 1min, consent: ${consent} }\n`;
    return problemsOf(`${text}${pods}`).map(({ line, found, expected }) => `${line}: ${found}: ${expected}`);
  };

  it('is 100% together at most, what they have allowed beforehand among it', () => {
    expect(problemOf(3, '{ rejected: 40%, standing: 20%, delegated: 20%, emergency: 20% }')).to.deep.equal(
      [],
    );
    expect(problemOf(3, '{ rejected: 40%, standing: 20%, delegated: 20%, emergency: 21% }')).to.deep.equal([
      '39: what owners say at first, or have allowed beforehand, is more than 100% together: at most 100% together',
    ]);
  });

  it('is left to somebody else only where there is a third person', () => {
    expect(problemOf(2, '{ standing: 20% }')).to.deep.equal([]);
    for (const consent of ['{ delegated: 20% }', '{ emergency: 1% }'])
      expect(problemOf(2, consent)).to.deep.equal([
        '39: of 2 people nobody is left to authorise in the place of an owner what another asks for: ' +
          'at least 3 where consent is delegated, or there are emergencies',
      ]);
  });
});

describe('files that are no scenario', () => {
  it('say what they are', () => {
    expect(told('')).to.deep.equal(['small.yaml:0:0: this file is empty']);
    expect(told('# only a comment\n')).to.deep.equal(['small.yaml:0:0: this file is empty']);
    expect(told('---\n')).to.deep.equal(['small.yaml:0:0: this file is empty']);
    expect(told('- a\n- b\n')).to.deep.equal(['small.yaml:1:1: this file is a list']);
    expect(told('hello\n')).to.deep.equal(['small.yaml:1:1: this file is a single text']);
    expect(told('models: {}\n')).to.deep.equal(['small.yaml:0:0: this is a file for scenarios to include']);
  });

  it('tell the first mistake of syntax, not its consequences', () => {
    expect(told(changed('  france:', '\tfrance:'))).to.deep.equal(['small.yaml:17:1: a tab']);
    expect(told(changed('[france, us-east]', '[france, us-east'))).to.have.length(1);
    expect(told(`${SMALL}---\nscenario: b\n`)).to.deep.equal([
      'small.yaml:37:1: a second document begins here',
    ]);
    expect(told(changed('for: 20s', 'for: *long'))).to.deep.equal([
      'small.yaml:34:10: the anchor of *long is missing',
    ]);
  });

  it('do not unfold for ever', () => {
    const levels = 'bcdefgh'.split('').map((name, i) => {
      const before = 'abcdefg'[i];
      return `x-${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(', ')}]\n`;
    });
    expect(told(`${SMALL}x-a: &a [1]\n${levels.join('')}`)).to.deep.equal([
      'small.yaml:1:1: these aliases unfold to more than can be read',
    ]);
    expect(told(changed('people: 10', 'people: &a [*a]'))).to.deep.equal([
      'small.yaml:27:16: people is a list of 1',
    ]);
  });
});

describe('problems, all of them', () => {
  it('are told together, in the order of the lines, whatever kind they are', () => {
    const text = SMALL.replace('region: eu/fr', 'region: eu/rf')
      .replace('people: 10', 'people: many')
      .replace('okAtLeast', 'okAtLest')
      .replace('at: 1min', 'at: 60')
      .replace('models: [lifeos/small-v1], trust', 'models: [lifeos/small-v2], trust');
    expect(told(text)).to.deep.equal([
      'small.yaml:15:57: there is no model "lifeos/small-v2"',
      'small.yaml:18:13: there is no region "eu/rf"',
      'small.yaml:27:13: people is "many"',
      'small.yaml:33:9: at is 60',
      'small.yaml:36:11: unknown key "okAtLest"',
    ]);
  });

  it('are told up to 20, and then counted', () => {
    const asks = Array.from({ length: 30 }, (_, i) => `      - { model: lifeos/no-${i} }\n`).join('');
    const problems = problemsOf(changed('      - { model: lifeos/small-v1, weight: 2 }\n', asks));
    expect(problems).to.have.length(30);
    const text = formatProblems(problems);
    expect(text.match(/there is no model/g)).to.have.length(20);
    expect(text).to.match(/\n\nand 10 more$/);
  });

  it('show the line, with a caret under the place, and what was perhaps meant', () => {
    expect(formatProblems(problemsOf(changed('region: eu/fr', 'region: eu/rf')))).to.equal(
      [
        'small.yaml:18:13: there is no region "eu/rf"; expected one of eu/fr, americas/us-east',
        '  18 |     region: eu/rf',
        '     |             ^^^^^',
        '  did you mean "eu/fr"?',
      ].join('\n'),
    );
  });

  it('show what is around the place where the line is long, and no control characters', () => {
    const long = `people: [${'1, '.repeat(200)}"\\x1b"]`;
    const lines = formatProblems(problemsOf(changed('people: 10', long))).split('\n');
    for (const line of lines.slice(1)) expect(line.length).to.be.below(100);
    const bell = formatProblems(problemsOf(changed('people: 10', 'people: "\\e[31m"')));
    expect(bell).not.to.match(/\x1b/);
  });

  it('are never a crash, whatever line is cut, doubled or broken', () => {
    const lines = SMALL.split('\n');
    const edit = fc.record({
      line: fc.nat(lines.length - 2),
      column: fc.nat(40),
      put: fc.oneof(
        fc.constantFrom(':', '- ', '[', '}', '*a', '&a ', '"', 'null', '\n', '__proto__: 1', '!!js x'),
        fc.string(),
      ),
      cut: fc.nat(12),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const broken = [...lines];
        for (const { line, column, put, cut } of edits) {
          const old = broken[line];
          broken[line] = old.slice(0, column) + put + old.slice(column + cut);
        }
        for (const problem of problemsOf(broken.join('\n'))) {
          expect(problem.found).not.to.equal('');
          if (problem.line > 0) expect(problem.column).to.be.at.least(1);
        }
      }),
      { seed: 53, numRuns: 300 },
    );
  });
});

describe('files on disk', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'watershed-scenario-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function write(name: string, content: string | Uint8Array): string {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  }

  function problemOf(path: string): string {
    try {
      loadScenario(path);
    } catch (error) {
      if (!(error instanceof ScenarioError)) throw error;
      expect(error.problems).to.have.length(1);
      expect(error.message).to.contain(path);
      return error.problems[0].found;
    }
    throw new Error('there is a problem');
  }

  it('an absent file, a directory, a pipe', function () {
    expect(problemOf(join(folder, 'absent.yaml'))).to.equal('there is no such file');
    expect(problemOf(folder)).to.equal('this is a directory');
    if (process.platform === 'win32') return;
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(problemOf(pipe)).to.equal('this is not a file');
  });

  it('an empty file, a binary file, a text that is no UTF-8, a file of more than 1 MiB', () => {
    expect(problemOf(write('empty.yaml', ''))).to.equal('this file is empty');
    expect(problemOf(write('nul.yaml', 'a: \0'))).to.equal('this is a binary file');
    expect(problemOf(write('latin1.yaml', new Uint8Array([0x61, 0x3a, 0x20, 0xe9, 0x0a])))).to.equal(
      'this is a binary file',
    );
    const size = 1_048_577;
    expect(problemOf(write('huge.yaml', '#'.repeat(size)))).to.equal('this file has 1048577 bytes');
  });

  it('an included file that is missing, with the name of one that is there', () => {
    write('regions.yaml', 'regions: {}\n');
    const path = write(
      'scenario.yaml',
      changed('duration: 2min\n', 'duration: 2min\ninclude: [region.yaml]\n'),
    );
    const [problem, ...others] = problemsOf(readFileSync(path, 'utf8'), path);
    expect(others).to.deep.equal([]);
    expect(problem).to.include({ file: path, line: 3, column: 11, hint: 'did you mean "regions.yaml"?' });
    expect(problem.found).to.equal('region.yaml: there is no such file');
  });

  it('more requests than memory holds', () => {
    const [problem] = problemsOf(
      changed('rate: 30/min', 'rate: 100000/s').replace('duration: 2min', 'duration: 1h'),
    );
    expect(problem.found).to.equal('these users would ask about 355 million times');
    expect(problem.expected).to.equal('at most 20 million requests in one run');
  });

  it('an included file by its whole path', () => {
    const path = join(folder, 'more.yaml');
    writeFileSync(path, 'regions: {}\n');
    const text = changed('duration: 2min\n', `duration: 2min\ninclude: [${JSON.stringify(path)}]\n`);
    expect(told(text, join(folder, 'elsewhere', 'small.yaml'))).to.deep.equal([]);
  });

  it('what is wrong in an included file is told of that file', () => {
    const library = write('more.yaml', 'models:\n  lifeos/more-v1: { memory: 8, reads: 1, writes: 1 }\n');
    const path = join(folder, 'scenario.yaml');
    const text = changed('duration: 2min\n', 'duration: 2min\ninclude: [more.yaml]\n');
    expect(told(text, path)).to.deep.equal([`${library}:2:29: memory is 8`]);
    write('more.yaml', 'models: [\n');
    expect(told(text, path)).to.have.length(1);
    write('more.yaml', 'clusters: {}\n');
    expect(told(text, path)).to.deep.equal([`${library}:1:1: unknown key "clusters"`]);
  });

  it('a name in two files is told with the place of the other', () => {
    const library = write(
      'more.yaml',
      '\nmodels:\n  lifeos/small-v1: { memory: 8GB, reads: 1, writes: 1 }\n',
    );
    const path = join(folder, 'scenario.yaml');
    const [problem] = problemsOf(changed('duration: 2min\n', 'duration: 2min\ninclude: [more.yaml]\n'), path);
    expect(problem.found).to.equal('lifeos/small-v1 is a second time in models');
    expect(problem.line).to.equal(10);
    expect(problem.expected).to.equal(`each name once: see ${library}:3`);
  });

  it('more files than a scenario may include', () => {
    const files = Array.from({ length: 33 }, (_, i) => `f${i}.yaml`);
    for (const file of files) write(file, 'models: {}\n');
    const text = changed('duration: 2min\n', `duration: 2min\ninclude: [${files.join(', ')}]\n`);
    const [problem, ...others] = problemsOf(text, join(folder, 'scenario.yaml'));
    expect(others).to.deep.equal([]);
    expect(problem).to.include({ line: 3, column: 10, expected: 'a list of at most 32 files' });
  });

  it('a directory or itself is nothing to include', () => {
    mkdirSync(join(folder, 'sub'), { recursive: true });
    const path = write(
      'scenario.yaml',
      changed('duration: 2min\n', 'duration: 2min\ninclude: [sub, sub, ./scenario.yaml]\n'),
    );
    const found = told(readFileSync(path, 'utf8'), path).map((line) => line.slice(path.length));
    expect(found).to.deep.equal([
      ':3:11: sub: this is a directory',
      ':3:16: sub is included a second time',
      ':3:21: this file includes itself',
    ]);
  });
});
