import { expect } from 'chai';
import type { ResolvedFault } from '../../sim/scenario/resolved.ts';
import { changed, load, problemsOf, SMALL } from './scenario-text.ts';

const CUT = 'at: 1min\n    for: 20s\n    cut: { between: [france, us-east] }';

/** Five clusters more or less alike; `fault` is written under `- `, in one line. */
function loadFive(fault: string): ResolvedFault[] {
  const nodes = 'nodes: { front: 1, helper: 2 }';
  const clusters = [
    `clusters:`,
    `  paris: { region: eu/fr, ${nodes} }`,
    `  lyon: { region: eu/fr, ${nodes} }`,
    `  nice: { region: eu/fr, ${nodes} }`,
    `  boston: { region: americas/us-east, ${nodes} }`,
    `  miami: { region: americas/us-east, ${nodes} }`,
    `peerings: full-mesh`,
    `faults:`,
    `  - ${fault}`,
  ].join('\n');
  return [...load(`${SMALL.slice(0, SMALL.indexOf('clusters:'))}${clusters}\n`).faults];
}

const linksOf = (on: string): object => {
  const [{ from, to, bothWays, more, only }, ...others] = loadFive(`{ at: 1s, cut: ${on} }`) as never[];
  expect(others).to.deep.equal([]);
  return JSON.parse(JSON.stringify({ from, to, bothWays, more, only })) as object;
};

const timesOf = (fields: string): object[] =>
  load(changed(CUT, `${fields}\n    crash: france`)).faults.map((fault) => {
    const { kind, nodes, ...times } = fault as ResolvedFault & { nodes: string[] };
    expect([kind, nodes.length]).to.deep.equal(['crash', 3]);
    return times;
  });

describe('shapes of harm to links', () => {
  it('isolate a cluster, or a node: against all others', () => {
    const others = ['paris', 'lyon', 'boston', 'miami'];
    expect(linksOf('{ isolate: nice }')).to.deep.equal({ from: ['nice'], to: others, bothWays: true });
    expect(linksOf('{ isolate: nice/helper-1 }')).to.deep.equal({
      from: ['nice/helper-1'],
      to: ['paris', 'lyon', 'nice', 'boston', 'miami'],
      bothWays: true,
    });
  });

  it('halves, and with a bridge that is on neither side', () => {
    const halves = { from: ['paris', 'lyon', 'nice'], to: ['boston', 'miami'], bothWays: true };
    expect(linksOf('{ halves: all }')).to.deep.equal(halves);
    expect(linksOf('{ between: [eu, others] }')).to.deep.equal(halves);
    expect(linksOf('{ halves: all, bridge: nice }')).to.deep.equal({
      ...halves,
      from: ['paris', 'lyon'],
    });
    expect(linksOf('{ between: [eu, americas], bridge: [paris, miami] }')).to.deep.equal({
      from: ['lyon', 'nice'],
      to: ['boston'],
      bothWays: true,
    });
  });

  it('a ring of majorities: each hears one, and no two the same', () => {
    const neighbours = new Map<string, string[]>();
    for (const [names, all] of [
      ['all', ['paris', 'lyon', 'nice', 'boston', 'miami']],
      ['[eu, boston]', ['paris', 'lyon', 'nice', 'boston']],
      ['eu', ['paris', 'lyon', 'nice']],
    ] as const) {
      const { from, to, bothWays, more } = linksOf(`{ ring: ${names} }`) as Record<string, never>;
      expect(bothWays).to.equal(false);
      const heard = [{ from, to }, ...(more as { from: string[]; to: string[] }[])].map((pair) => {
        const { from, to } = pair as { from: string[]; to: string[] };
        expect(to).to.have.length(1);
        const rest = all.filter((name) => !from.includes(name));
        expect(rest, 'each hears itself').to.include(to[0]);
        expect(rest.length, 'a majority').to.equal(Math.floor(all.length / 2) + 1);
        if (all.length === 5) neighbours.set(to[0], rest);
        return rest.join(' ');
      });
      expect(new Set(heard).size).to.equal(all.length);
    }
    expect(neighbours.get('paris'), 'of five, itself and one on each side').to.have.members([
      'miami',
      'paris',
      'lyon',
    ]);
  });

  it('regions apart, or sides one names', () => {
    expect(linksOf('{ apart: regions }')).to.deep.equal(linksOf('{ between: [eu, americas] }'));
    expect(linksOf('{ apart: [paris, [lyon, nice], miami] }')).to.deep.equal({
      from: ['paris'],
      to: ['lyon', 'nice'],
      bothWays: true,
      more: [
        { from: ['paris'], to: ['miami'] },
        { from: ['lyon', 'nice'], to: ['miami'] },
      ],
    });
  });

  it('nodes and groups on a side, beside clusters', () => {
    expect(linksOf('{ from: [boston/helper, paris], to: nice/front-1 }')).to.deep.equal({
      from: ['paris', 'boston/helper-1', 'boston/helper-2'],
      to: ['nice/front-1'],
      bothWays: false,
    });
  });

  it('of types and operations only', () => {
    expect(linksOf('{ isolate: nice, only: [REQUEST, ANNOUNCE/manifest] }')).to.include.keys('only');
  });
});

describe('kinds of harm to links', () => {
  it('resolve to what the world carries out', () => {
    const on = { from: ['france'], to: ['us-east'], bothWays: true, atUs: 60e6, untilUs: 80e6 };
    const kindOf = (text: string): object =>
      load(changed('cut: { between: [france, us-east] }', text)).faults[0];
    for (const [text, harm] of [
      ['hold: { isolate: france }', { kind: 'hold' }],
      ['slow: { isolate: france, factor: 2.5 }', { kind: 'slow', factorPpm: 2_500_000 }],
      ['delay: { isolate: france, by: 1s }', { kind: 'delay', addUs: 1e6 }],
      ['delay: { isolate: france, by: [0s, 10ms, 1s] }', { kind: 'delay', addUs: [0, 10_000, 1e6] }],
      ['reorder: { isolate: france, by: 1s }', { kind: 'reorder', ppm: 1_000_000, byUs: 1e6 }],
      ['reorder: { isolate: france, by: 1s, chance: 5% }', { kind: 'reorder', ppm: 50_000, byUs: 1e6 }],
      [
        'bandwidth: { isolate: france, limit: 1Mb/s }',
        { kind: 'bandwidth', bytesPerSecond: 125_000, queueBytes: 1e6 },
      ],
      [
        'bandwidth: { isolate: france, limit: 8kb/s, queue: 20kB }',
        { kind: 'bandwidth', bytesPerSecond: 1_000, queueBytes: 20_000 },
      ],
    ] as const)
      expect(kindOf(text), text).to.deep.equal({ ...harm, ...on });
  });
});

describe('times of faults', () => {
  it('every so often: so many times, until then, or to the end', () => {
    const at = (...starts: number[]): object[] =>
      starts.map((s) => ({ atUs: s * 1e6, untilUs: (s + 5) * 1e6 }));
    expect(timesOf('every: 30s\n    for: 5s')).to.deep.equal(at(30, 60, 90));
    expect(timesOf('every: 30s\n    at: 0s\n    for: 5s')).to.deep.equal(at(0, 30, 60, 90));
    expect(timesOf('every: 30s\n    times: 2\n    for: 5s')).to.deep.equal(at(30, 60));
    expect(timesOf('every: 20s\n    until: 1min\n    for: 5s')).to.deep.equal(at(20, 40));
  });

  it('flapping, with turns that are fixed or drawn', () => {
    expect(timesOf('at: 10s\n    flap: { down: 2s, up: [1s, 3s, 10s] }')).to.deep.equal([
      { atUs: 10e6, untilUs: null, flap: { onUs: [2e6, 2e6], offUs: [1e6, 3e6, 10e6] } },
    ]);
  });

  it('after an event, with whom it happens to', () => {
    const anchor = { nth: 1, delayUs: 0, forUs: null };
    const helpers = ['france/helper-1', 'france/helper-2'];
    expect(timesOf('after: node.down(france/helper)')).to.deep.equal([
      { atUs: 0, untilUs: null, after: { event: 'node.down', of: helpers, ...anchor } },
    ]);
    expect(
      timesOf(
        'after: { event: "request.outcome(OVERLOADED, CLUSTER_UNREACHABLE)", delay: 2s, nth: 3 }\n    for: 5s',
      ),
    ).to.deep.equal([
      {
        atUs: 0,
        untilUs: null,
        after: {
          event: 'request.outcome',
          of: ['OVERLOADED', 'CLUSTER_UNREACHABLE'],
          nth: 3,
          delayUs: 2e6,
          forUs: 5e6,
        },
      },
    ]);
    const two =
      'at: 1s\n    name: first\n    cut: { isolate: france }\n  - after: fault.ended(first)\n    at: 5s\n    mustFire: true';
    const [, second] = load(changed(CUT, `${two}\n    crash: france`)).faults;
    expect(second).to.deep.include({ atUs: 5e6, mustFire: true });
    expect(second.after).to.deep.equal({ event: 'fault.ended', of: ['first'], ...anchor });
  });
});

type Mistake = [what: string, fault: string, found: string, expected?: string | undefined, hint?: string];

/** Each is written in place of the cut of SMALL, which stands at 33:5. */
const MISTAKES: readonly Mistake[] = [
  [
    'no time',
    'crash: france',
    '33:5: at is missing',
    'a time as 30s, or "every" so often, or "after" an event',
  ],
  [
    'silence by type',
    'at: 1s\n    cut: { isolate: france, only: [HEARTBEAT] }',
    '34:36: only has "HEARTBEAT"',
    'another type: were heartbeats alone silent, the living would seem dead. A cut of everything silences them, too',
  ],
  [
    'an operation that there is not',
    'at: 1s\n    cut: { isolate: france, only: [ANNOUNCE/manifests] }',
    '34:36: only has "ANNOUNCE/manifests"',
    undefined,
    'did you mean "ANNOUNCE/manifest"?',
  ],
  [
    'two ways to say which links',
    'at: 1s\n    cut: { isolate: france, halves: all }',
    '34:10: this does not say which links',
    '"between" two sides, "from" one "to" another, "within" clusters, or one of isolate, apart, halves, ring',
  ],
  [
    'a node that does not exist on a side',
    'at: 1s\n    cut: { between: [france/helpr-1, us-east] }',
    '34:22: there is no node "france/helpr-1"',
    undefined,
    'did you mean "france/helper-1"?',
  ],
  ['a ring of two', 'at: 1s\n    cut: { ring: all }', '34:18: these are 2 clusters', 'at least 3'],
  [
    'halves of one',
    'at: 1s\n    cut: { halves: all, bridge: france }',
    '34:20: this is 1 cluster',
    'at least 2',
  ],
  [
    'a bridge over a ring',
    'at: 1s\n    cut: { ring: all, bridge: france }',
    '34:23: a bridge over a ring',
    'none',
  ],
  [
    'everybody isolated',
    'at: 1s\n    cut: { isolate: [france, us-east] }',
    '34:21: there are no other clusters',
    'some cluster on each side',
  ],
  [
    'one cluster on two sides',
    'at: 1s\n    cut: { apart: [france, us-east, eu] }',
    '34:37: france is on both sides',
    'each cluster on one side',
  ],
  [
    'turns that are too short',
    'at: 1s\n    flap: { down: 50ms, up: 1s }\n    crash: france',
    '34:19: down is "50ms"',
    'a time of at least 100ms, as 3s, or a list of them at evenly spaced quantiles, from 0 to 1',
  ],
  [
    'a moment that flaps',
    'at: 1s\n    flap: { down: 1s, up: 1s }\n    heal: all',
    '34:5: heal does not last',
    'no "flap" here',
  ],
  [
    'a fault that comes again before it has ended',
    'every: 10s\n    for: 10s\n    crash: france',
    '34:10: it comes again before it has ended',
    'less than 10s',
  ],
  [
    'too many of a fault',
    'every: 1ms\n    crash: france',
    '33:12: this comes 119999 times',
    'at most 1000 times',
  ],
  [
    'more of them than there is time for',
    'every: 50s\n    times: 3\n    crash: france',
    '34:12: there is time for 2 of them',
    'fewer, or before the end',
  ],
  [
    'times of a fault that comes once',
    'at: 1s\n    times: 3\n    crash: france',
    '34:5: times of a fault that comes once',
    '"every" as well',
  ],
  [
    'an event that there is not',
    'after: node.dwon\n    crash: france',
    '33:12: there is no event "node.dwon"',
    undefined,
    'did you mean "node.down"?',
  ],
  ['an event that is none', 'after: soon\n    crash: france', '33:12: after is "soon"', undefined],
  [
    'an outcome that there is not',
    'after: request.outcome(OVERLODED)\n    crash: france',
    '33:12: there is no outcome "OVERLODED"',
    undefined,
    'did you mean "OVERLOADED"?',
  ],
  [
    'a fault of another name',
    'after: fault.ended(atlantic)\n    crash: france',
    '33:12: there is no fault of the name "atlantic"',
  ],
  [
    'two faults of one name',
    'at: 1s\n    name: a\n    crash: france\n  - at: 1s\n    name: a\n    crash: france',
    '37:11: a is a second fault of this name',
    'each name once',
  ],
  [
    'a queue on a link that is none',
    'at: 1s\n    bandwidth: { isolate: france, limit: 10b/s }',
    '34:42: limit is "10b/s"',
  ],
  [
    'a link that is faster than usual',
    'at: 1s\n    slow: { isolate: france, factor: 0.5 }',
    '34:38: factor is 0.5',
    'a number from 1 to 1000',
  ],
];

describe('mistakes in faults', () => {
  for (const [what, fault, found, expected, hint] of MISTAKES) {
    it(`${what}: ${found}`, () => {
      const problems = problemsOf(changed(CUT, fault));
      expect(problems.map((one) => `${one.line}:${one.column}: ${one.found}`)).to.deep.equal([found]);
      if (expected !== undefined) expect(problems[0].expected).to.equal(expected);
      if (hint !== undefined) expect(problems[0].hint).to.equal(hint);
    });
  }
});
