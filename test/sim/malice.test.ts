import { expect } from 'chai';
import type { Envelope } from '../../core/machine/envelope.ts';
import {
  BEAT,
  FOUND,
  MANIFEST,
  nameOfKind,
  NOTE_DEAD,
  NOTE_REFUTED,
  ROWS,
  RUN,
  type Found,
  type Noted,
} from '../../core/machine/kinds.ts';
import { ERROR_CODES, OK } from '../../core/routing/outcomes.ts';
import { loadScenarioText } from '../../sim/scenario/load.ts';
import type {
  MaliciousRole,
  ResolvedMalice,
  ResolvedNode,
  ResolvedScenario,
} from '../../sim/scenario/resolved.ts';
import { MALICIOUS_ROLES } from '../../sim/scenario/resolved-malice.ts';
import { simulate } from '../../sim/simulate.ts';
import { World } from '../../sim/world.ts';
import { tinyNode, tinyScenario } from './tiny-scenario.ts';
import { countRefusals } from '../rig.ts';

const SECOND_US = 1_000_000;
const FRONT = ['gateway', 'index', 'bridge'];

function malicious(node: string, as: MaliciousRole, changes: Partial<ResolvedMalice> = {}): ResolvedMalice {
  return { node, as, fromUs: 0, untilUs: null, sharePpm: 500_000, region: '', ...changes };
}

/** France with a gateway and two compute nodes of its own besides; the second is of the lowest trust, in America. */
const NODES: readonly ResolvedNode[] = [
  tinyNode('france/front', 'france', 'eu/fr', FRONT),
  tinyNode('france/compute', 'france', 'eu/fr', ['compute'], ['a']),
  { ...tinyNode('france/stray', 'france', 'americas/us-east', ['compute'], ['a']), attestedTrust: 1 },
  tinyNode('france/door', 'france', 'eu/fr', ['gateway']),
  tinyNode('us-east/front', 'us-east', 'americas/us-east', FRONT),
  tinyNode('us-east/compute', 'us-east', 'americas/us-east', ['compute'], ['b']),
  tinyNode('us-east/faces', 'us-east', 'americas/us-east', ['orrery']),
];

function withMalice(malice: readonly ResolvedMalice[], minTrust = 1): ResolvedScenario {
  const base = tinyScenario();
  const asks = base.workloads[0].asks.map((ask) => ({ ...ask, minTrust }));
  return {
    ...base,
    nodes: NODES,
    durationUs: 80e6,
    faults: [],
    workloads: [{ ...base.workloads[0], meanGapUs: 400_000, asks }],
    expectations: { ...base.expectations, okAtLeastPpm: 0, sometimes: [], never: [] },
    malice,
  };
}

const ALL: readonly ResolvedMalice[] = [
  malicious('france/front', 'equivocating-index'),
  malicious('france/compute', 'capability-liar'),
  malicious('france/stray', 'region-liar', { region: 'eu/fr' }),
  malicious('us-east/front', 'replaying-bridge'),
  malicious('france/door', 'selective-gateway'),
  malicious('us-east/compute', 'forger', { fromUs: 0, untilUs: 40e6 }),
  malicious('us-east/faces', 'equivocator'),
];

function finish(scenario: ResolvedScenario, watch?: (world: World, envelope: Envelope) => void): World {
  const world = new World(scenario, watch === undefined ? null : { onHandled: watch });
  world.start();
  world.run(scenario.durationUs);
  return world;
}

/** Who answered the requests that ended well. */
function servers({ users, machines }: World): string[] {
  return users.requests.flatMap(({ answer }) =>
    answer === null ? [] : [machines[answer.servedBy].spec.name],
  );
}

describe('malice', () => {
  it('has one test scenario with every role, and each is counted', () => {
    // Those that lie about pods, that forge what crosses borders, who tampers with agents, who lies about models and who spreads rumours have tests of their own.
    const elsewhere = [
      'record-forger',
      'peering-forger',
      'plan-tamperer',
      'rumour-monger',
      'lying-holder',
      'keeping-holder',
      'region-lying-host',
      'consent-forger',
      'captured-voucher',
      'certificate-forger',
      'address-borrower',
    ];
    const roles = [...ALL.map(({ as }) => as), ...elsewhere];
    expect(new Set(roles)).to.deep.equal(new Set(MALICIOUS_ROLES));
    const { villains } = finish(withMalice(ALL));
    for (const { label, armed, fired, affected } of villains) {
      expect([armed, fired], label).to.deep.equal([1, 1]);
      expect(affected, label).to.be.greaterThan(0);
    }
  });

  it('keeps the digest: again, from JSON, and in runs that check', () => {
    const scenario = withMalice(ALL);
    const copied = JSON.parse(JSON.stringify(scenario)) as ResolvedScenario;
    const worlds = [finish(scenario), finish(copied), simulate(scenario, { isChecking: true }).world];
    expect(new Set(worlds.map((world) => world.digest())).size).to.equal(1);
    const affected = worlds.map(({ villains }) => villains.map((villain) => villain.affected));
    expect(affected[2]).to.deep.equal(affected[0]);
    expect(finish(withMalice([])).digest()).not.to.equal(worlds[0].digest());
  });

  it('goes on from a checkpoint as if there had been none', () => {
    const world = new World(withMalice(ALL));
    world.start();
    world.run(20 * SECOND_US);
    const again = World.restore(world.checkpoint());
    world.run(60 * SECOND_US);
    again.run(60 * SECOND_US);
    expect(again.digest()).to.equal(world.digest());
    expect(again.villains.map(({ affected }) => affected)).to.deep.equal(
      world.villains.map(({ affected }) => affected),
    );
  });

  it('acts in its time only', () => {
    const late = finish(withMalice([malicious('us-east/compute', 'forger', { fromUs: 81e6 })]));
    expect(late.villains[0]).to.include({ fired: 0, affected: 0 });
    expect(late.digest()).to.equal(finish(withMalice([])).digest());
  });

  it('does not change what a request meets that it has nothing to do with: draws are keyed', () => {
    const asked = ({ users }: World) =>
      users.requests.map(({ askedUs, want }) => [askedUs, want.model, want.prompt.hash]);
    expect(asked(finish(withMalice(ALL)))).to.deep.equal(asked(finish(withMalice([]))));
  });

  it('ends every request once, whatever all of them do together', () => {
    const { users, tally } = finish(withMalice(ALL));
    expect(users.open).to.equal(0);
    expect(users.requests.filter(({ code }) => code === OK).length).to.be.greaterThan(10);
    expect(tally.dropped.withheld + tally.dropped.forged).to.be.greaterThan(0);
  });
});

describe('an equivocating index node', () => {
  it('tells different askers different things at the same time', () => {
    const told = new Map<number, Set<string>>();
    const world = finish(
      withMalice([malicious('france/front', 'equivocating-index')]),
      ({ nowUs }, { kind, to, body }) => {
        if (kind !== FOUND || nowUs < 10 * SECOND_US) return;
        const candidates = (body as Found).candidates.map(({ peer, trust }) => `${peer}:${trust}`);
        const lists = told.get(to) ?? new Set();
        told.set(to, lists.add(candidates.join(' ')));
      },
    );
    const byAsker = [...told.values()].map((lists) => [...lists].filter((list) => list !== '').join(' | '));
    expect(new Set(byAsker).size).to.be.greaterThan(1);
    expect(world.villains[0].affected).to.be.greaterThan(5);
  });

  it('cannot be told from an honest one by a gateway: a prompt goes too low, where an honest node does not touch it', () => {
    // What prevents it is for gateways to see the attestations themselves, or to ask two index nodes.
    const low = NODES.map((node) => (node.types.includes('compute') ? { ...node, attestedTrust: 1 } : node));
    const base = { ...withMalice([malicious('france/front', 'equivocating-index')], 3), nodes: low };
    for (const [malice, isMisled] of [
      [base.malice ?? [], true],
      [[], false],
    ] as const) {
      let brought = 0;
      for (const seed of [1, 2, 3, 4]) {
        const world = finish(
          { ...base, malice, seed },
          (_world, { kind }) => (brought += kind === RUN ? 1 : 0),
        );
        expect(servers(world)).to.deep.equal([]);
      }
      expect(brought > 0).to.equal(isMisled);
    }
  });
});

describe('an index node that lies to index nodes', () => {
  it('poisons none: what is not signed is refused, and nobody is robbed of trust for long', () => {
    const second = tinyNode('france/index', 'france', 'eu/fr', ['index']);
    const nodes = [...NODES, second];
    const honest = { ...withMalice([], 3), nodes };
    const lying = { ...honest, malice: [malicious('france/front', 'equivocating-index', { sharePpm: 0 })] };
    let told = 0;
    const world = finish(lying, (_world, { kind, from }) => (told += kind === ROWS && from === 0 ? 1 : 0));
    expect(told).to.be.greaterThan(0);
    const index = world.machines[nodes.length - 1].node.index!;
    for (const { manifest, isQuarantined } of index.directory.members()) {
      expect([isQuarantined, manifest.region]).to.deep.equal([false, nodes[manifest.id].region]);
    }
    const { breaches } = simulate(lying).checker.invariants.find(
      ({ name }) => name === 'manifests-authentic',
    )!;
    expect(breaches).to.deep.equal([]);
  });
});

describe('an equivocator', () => {
  it('is quarantined everywhere, though no index node was told two things by it, and asked no more (R4-3)', () => {
    const nodes = [...NODES, tinyNode('france/index', 'france', 'eu/fr', ['index'])];
    const base = { ...withMalice([malicious('france/compute', 'equivocator')]), nodes };
    const always = ['manifests-authentic', 'quarantine-holds'] as const;
    const simulation = simulate({ ...base, expectations: { ...base.expectations, always: [...always] } });
    expect(simulation.verdict()).to.deep.include({ verdict: 'pass' });
    for (const at of [0, nodes.length - 1]) {
      const { index } = simulation.world.machines[at].node;
      expect(index!.directory.get(1)!.isQuarantined).to.equal(true);
      expect([...index!.evidence.keys()]).to.deep.equal([1]);
    }
    expect(servers(simulation.world)).not.to.include('france/compute');
  });
});

describe('a liar about capabilities', () => {
  /** Requests for what only the other cluster has, one in so many µs. */
  function outcomesWithLiar(meanGapUs: number): { world: World; isHeard: boolean } {
    const asks = tinyScenario().workloads[0].asks.filter(({ allowedRegions }) => allowedRegions.length === 2);
    const base = withMalice([malicious('france/compute', 'capability-liar')]);
    const scenario = { ...base, workloads: [{ ...base.workloads[0], meanGapUs, asks }] };
    let isHeard = false;
    const world = finish(scenario, (_world, { kind, from }) => {
      if (from === 1 && nameOfKind(kind) === 'RESPONSE/refused') isHeard = true;
    });
    return { world, isHeard };
  }

  it('gets requests for what it has not, refuses them, and others answer in its place', () => {
    const { world, isHeard } = outcomesWithLiar(4 * SECOND_US);
    expect(isHeard).to.equal(true);
    expect(new Set(servers(world))).to.deep.equal(new Set(['us-east/compute']));
    expect(world.users.requests.length).to.be.greaterThan(5);
    expect(world.users.requests.every(({ code }) => code === OK)).to.equal(true);
  });

  it('makes requests fail when they are many: each detour by it is a retry, and retries have a budget (R5.3-3)', () => {
    // What prevents it is a breaker that ejects whoever refuses what it offers.
    const { requests } = outcomesWithLiar(400_000).world.users;
    const codes = new Set(requests.map(({ code }) => ERROR_CODES[code]));
    expect(codes).to.deep.equal(new Set(['OK', 'NO_CAPABLE_NODE']));
    expect(requests.filter(({ code }) => code === OK).length).to.be.greaterThan(requests.length / 2);
  });

  it('gets no trust by claiming it: what counts is attested (R4-4)', () => {
    const world = finish(withMalice([malicious('france/stray', 'capability-liar')], 2));
    const entry = [...world.machines[0].node.index!.directory.members()].find(
      ({ manifest }) => manifest.id === 2,
    )!;
    expect(entry.manifest.claimedTrust).to.equal(4);
    expect(servers(world)).not.to.include('france/stray');
    expect(servers(world)).to.include('france/compute');
  });
});

describe('a liar about its region', () => {
  const liar = malicious('france/stray', 'region-liar', { region: 'eu/fr' });

  it('gets prompts that must not leave eu: no region is attested today, and only the world knows', () => {
    const world = finish(withMalice([liar]));
    const betrayed = world.users.requests.filter(
      ({ answer, want }) => answer?.servedBy === 2 && !want.allowedRegions.includes('americas'),
    );
    expect(betrayed.length).to.be.greaterThan(0);
    for (const { answer } of betrayed) expect(answer!.region, 'as it says').to.equal('eu/fr');
    const { verdict, reasons } = simulate(withMalice([liar])).verdict();
    expect(verdict).to.equal('violated');
    expect(reasons.join('\n')).to.match(/americas\/us-east/);
  });

  it('gets none that asks for a trust which it has not earned, wherever it says it is', () => {
    expect(servers(finish(withMalice([liar], 2)))).not.to.include('france/stray');
  });

  it('and without the lie none that must not leave eu', () => {
    const world = finish(withMalice([]));
    for (const { answer, want } of world.users.requests)
      if (answer?.servedBy === 2) expect(want.allowedRegions).to.include('americas');
  });
});

describe('a replaying bridge', () => {
  const scenario = withMalice([malicious('france/front', 'replaying-bridge')]);

  it('sends true duplicates, old and new, and what was meant for it, which nobody takes', () => {
    const first = new Map<string, number>();
    let again = 0;
    let old = 0;
    const world = finish(scenario, ({ nowUs }, { kind, from, to, origin, originBoot, n, attempt }) => {
      if (from !== 0) return;
      const id = [kind, to, origin, originBoot, n, attempt].join('/');
      const before = first.get(id);
      if (before === undefined) first.set(id, nowUs);
      else {
        again++;
        if (nowUs - before > 20 * SECOND_US) old++;
      }
    });
    expect(again).to.be.greaterThan(20);
    expect(old).to.be.greaterThan(5);
    expect(world.tally.dropped.forged).to.be.greaterThan(20);
    expect(world.villains[0].affected).to.be.greaterThan(world.tally.dropped.forged);
  });

  it('brings no second outcome and no second answer (R5.3-2), and all is answered as without it', () => {
    const simulation = simulate(scenario);
    expect(simulation.verdict().verdict).to.equal('pass');
    const codes = ({ users }: World) => users.requests.map(({ code }) => ERROR_CODES[code]);
    expect(codes(simulation.world)).to.deep.equal(codes(finish(withMalice([]))));
  });
});

describe('a selective gateway', () => {
  const only = (sharePpm: number): World =>
    finish(withMalice([malicious('france/door', 'selective-gateway', { sharePpm })]));

  it('harms its share of the requests that go by it, and asking again is of no use', () => {
    const { users, villains, tally } = only(1_000_000);
    const byDoor = users.requests.filter((request) => users.gatewayOf(request).spec.name === 'france/door');
    expect(byDoor.length).to.be.greaterThan(3);
    const codes = byDoor.map(({ code }) => ERROR_CODES[code]);
    expect(new Set(codes)).to.deep.equal(new Set(['NO_CAPABLE_NODE', 'UNKNOWN_OUTCOME']));
    expect(villains[0].affected).to.equal(tally.dropped.withheld);
    expect(users.open).to.equal(0);
  });

  it('with a share of nothing it is honest', () => {
    const world = only(0);
    expect(world.villains[0]).to.include({ fired: 1, affected: 0 });
    expect(world.digest()).to.equal(finish(withMalice([])).digest());
  });
});

describe('a forger', () => {
  it('is heard in its own name only; a manifest that it signs for another is refused', () => {
    const scenario = withMalice([malicious('france/stray', 'forger', { fromUs: 0 })]);
    let forgedHeard = 0;
    const world = finish(scenario, (_world, { kind, from, origin, body }) => {
      if (kind === BEAT && from !== 2 && origin === 2) forgedHeard++;
      const isForeign = kind === MANIFEST && from !== (body as { manifest: { id: number } }).manifest.id;
      if (isForeign) expect(from).to.equal(2);
    });
    expect(forgedHeard).to.equal(0);
    const index = world.machines[0].node.index!;
    expect(countRefusals(world.machines[0].node, 'forged')).to.be.greaterThan(20);
    expect(world.tally.dropped.forged).to.be.greaterThan(20);
    for (const entry of index.directory.members()) {
      expect(entry.isQuarantined).to.equal(false);
      expect(entry.version.epoch).to.be.lessThan(2 ** 39);
    }
    const ok = ({ users }: World) => users.requests.filter(({ code }) => code === OK).length;
    expect(ok(world)).to.equal(ok(finish(withMalice([]))));
  });
});

describe('a rumour-monger', () => {
  it('has all suspected again and again, and kills nobody', () => {
    const scenario = withMalice([
      malicious('france/stray', 'rumour-monger', { fromUs: 10e6, sharePpm: 1e6 }),
    ]);
    const dead: number[] = [];
    let refuted = 0;
    const world = new World(scenario, {
      onNoted: (_world, { body }) => {
        const { note, chosen } = body as Noted;
        if (note === NOTE_DEAD) dead.push(chosen);
        if (note === NOTE_REFUTED) refuted++;
      },
    });
    world.start();
    world.run(scenario.durationUs);
    expect(world.villains[0].affected).to.be.greaterThan(100);
    expect(refuted).to.be.greaterThan(50);
    expect(dead).to.deep.equal([]);
  });
});

describe('malice in the scenario language', () => {
  const text = (malice: string): string => `
scenario: bad
duration: 2min
regions: { eu/fr: { label: France, latitude: 48.9, longitude: 2.3 } }
roundTrips: {}
models: { small: { memory: 8GB, reads: 8000, writes: 60 } }
clusters:
  france:
    region: eu/fr
    nodes:
      index: { count: 2, types: [gateway, index] }
      helper: { types: [compute], gpuMemory: 24GB, models: [small] }
malice:
  - ${malice}
`;

  it('resolves to plain data, nothing if there is none', () => {
    const resolved = loadScenarioText(
      text('{ node: france/index-1, as: equivocating-index, from: 30s, share: 20% }'),
      'x.yaml',
    );
    expect(resolved.malice).to.deep.equal([
      malicious('france/index-1', 'equivocating-index', { fromUs: 30e6, sharePpm: 200_000 }),
    ]);
    const without = loadScenarioText(text('').replace(/malice:[^]*/, ''), 'x.yaml');
    expect('malice' in without).to.equal(false);
  });

  const mistakes: readonly [what: string, written: string, found: RegExp][] = [
    ['a role that there is not', '{ node: france/index-1, as: forgery }', /did you mean "forger"/],
    [
      'a node that cannot be it',
      '{ node: france/index-1, as: replaying-bridge }',
      /france\/index-1 is no bridge node/,
    ],
    [
      'a region-liar that does not say where',
      '{ node: france/helper-1, as: region-liar }',
      /does not say where it is/,
    ],
    [
      'an end before the beginning',
      '{ node: france, as: forger, from: 1min, until: 30s }',
      /ends before it begins/,
    ],
    [
      'the same node twice',
      '{ node: [france/index-1], as: forger }\n  - { node: france, as: forger }',
      /malicious already/,
    ],
  ];
  for (const [what, written, found] of mistakes) {
    it(`tells of ${what}`, () => expect(() => loadScenarioText(text(written), 'x.yaml')).to.throw(found));
  }
});
