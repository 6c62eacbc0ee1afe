import { expect } from 'chai';
import { createRandom } from '../../../core/base/rng.ts';
import type { Load } from '../../../core/cluster/manifest.ts';
import { MAX_STRUCK, type Candidate } from '../../../core/machine/kinds.ts';
import { DEFAULT_PARAMETERS } from '../../../core/machine/parameters.ts';
import type { Target } from '../../../core/routing/breaker.ts';
import {
  decide,
  errorOfStrikes,
  expectedWaitUs,
  findStrike,
  type Asker,
} from '../../../core/routing/decide.ts';
import * as outcomes from '../../../core/routing/outcomes.ts';
import { deepFreeze, Rig } from '../../rig.ts';

const idle: Load = {
  running: 0,
  queued: 0,
  slots: 2,
  room: 4,
  serviceUs: 1_000_000,
  freeMemoryBytes: 0,
  installedModels: [],
  loadedModels: [],
  draining: false,
};

function candidate(changes: Partial<Candidate> = {}, load: Partial<Load> = {}): Candidate {
  const plain = { peer: 1, region: 'eu/fr', trust: 4, gpuMemoryBytes: 24e9, ageUs: 0 };
  const offer = { isOffered: true, isLoaded: true };
  return deepFreeze({ ...plain, ...offer, load: { ...idle, ...load }, ...changes });
}

const target: Target = {
  rttUs: 0,
  failures: 0,
  ejections: 0,
  ejectedUntilUs: 0,
  isOnTrial: false,
  lastAskedUs: 0,
};

function asker(changes: Partial<Asker> = {}): Asker {
  const parameters = DEFAULT_PARAMETERS;
  return {
    cluster: 'france',
    tried: [],
    inFlight: new Map(),
    targets: new Map(),
    monoUs: 10,
    parameters,
    ...changes,
  };
}

const want = deepFreeze(new Rig().want({ allowedRegions: ['eu'], minTrust: 3 }));

describe('the decision', () => {
  const filters: [string, number, Candidate][] = [
    ['nothing is wrong', outcomes.STRIKE_NONE, candidate()],
    ['another region', outcomes.STRIKE_REGION, candidate({ region: 'americas' })],
    ['too little trust', outcomes.STRIKE_TRUST, candidate({ trust: 2 })],
    ['trust that just suffices', outcomes.STRIKE_NONE, candidate({ trust: 3 })],
    ['too little memory', outcomes.STRIKE_MEMORY, candidate({ gpuMemoryBytes: 8e9 - 1 })],
    ['memory that just suffices', outcomes.STRIKE_NONE, candidate({ gpuMemoryBytes: 8e9 })],
    ['the model is not there', outcomes.STRIKE_MODEL, candidate({ isOffered: false })],
    ['draining', outcomes.STRIKE_DRAINING, candidate({}, { draining: true })],
    ['no room', outcomes.STRIKE_BUSY, candidate({}, { room: 0 })],
    ['the law before the load', outcomes.STRIKE_REGION, candidate({ region: 'asia', trust: 1 }, { room: 0 })],
  ];
  for (const [what, strike, of] of filters) {
    it(`filters: ${what}: ${outcomes.STRIKES[strike]}`, () =>
      expect(findStrike(want, 8e9, of)).to.equal(strike));
  }

  it('tells of each that was passed over why, and leaves out those that were tried', () => {
    const candidates = [
      candidate({ peer: 1, trust: 1 }),
      candidate({ peer: 2 }),
      candidate({ peer: 3 }, { room: 0 }),
    ];
    const none = decide(want, 8e9, candidates, asker({ tried: [2] }), createRandom([1, 2, 3, 4]));
    expect(none).to.deep.equal({
      chosen: null,
      struck: [
        { peer: 1, cluster: 'france', reason: outcomes.STRIKE_TRUST },
        { peer: 3, cluster: 'france', reason: outcomes.STRIKE_BUSY },
      ],
    });
    const { chosen } = decide(want, 8e9, candidates, asker(), createRandom([1, 2, 3, 4]));
    expect(chosen).to.equal(candidates[1]);
  });

  it('takes the better of two at random: the shorter expected wait in three of four cases', () => {
    const candidates = [candidate({ peer: 1 }, { running: 2, queued: 3 }), candidate({ peer: 2 })];
    const random = createRandom([1, 2, 3, 4]);
    let better = 0;
    for (let i = 0; i < 4_000; i++) {
      const { chosen } = decide(want, 8e9, candidates, asker(), random);
      if (chosen!.peer === 2) better++;
    }
    expect(better).to.be.within(2_900, 3_100);
  });

  it('takes the nearer of two that are idle, and the farther where the nearer is busy', () => {
    const near = candidate({ peer: 1 });
    const far = candidate({ peer: 2 });
    const targets = new Map([
      [1, { ...target, rttUs: 1_000 }],
      [2, { ...target, rttUs: 200_000 }],
    ]);
    const shareOfNear = (inFlight: Map<number, number>) => {
      const random = createRandom([1, 2, 3, 4]);
      const by = asker({ targets, inFlight });
      const chosen = Array.from({ length: 400 }, () => decide(want, 8e9, [near, far], by, random).chosen);
      return chosen.filter((one) => one === near).length / 400;
    };
    expect(shareOfNear(new Map())).to.be.within(0.7, 0.8);
    expect(shareOfNear(new Map([[1, 2]]))).to.be.within(0.2, 0.3);
  });

  it('passes over whoever fails all the time, and says so', () => {
    const candidates = [candidate({ peer: 1 }), candidate({ peer: 2 })];
    const targets = new Map([[1, { ...target, ejectedUntilUs: 11 }]]);
    const random = createRandom([1, 2, 3, 4]);
    for (let i = 0; i < 20; i++) {
      const { chosen, struck } = decide(want, 8e9, candidates, asker({ targets }), random);
      expect(chosen).to.equal(candidates[1]);
      expect(struck).to.deep.equal([{ peer: 1, cluster: 'france', reason: outcomes.STRIKE_EJECTED }]);
    }
    const { struck } = decide(want, 8e9, candidates, asker({ targets, monoUs: 11 }), random);
    expect(struck, 'its time is over').to.deep.equal([]);
  });

  it('tells of at most as many as a body may hold', () => {
    const many = Array.from({ length: 200 }, (_, peer) => candidate({ peer, trust: 1 }));
    const { struck } = decide(want, 8e9, many, asker(), createRandom([1, 2, 3, 4]));
    expect(struck).to.have.length(MAX_STRUCK);
  });

  it('expects waits by (own in flight + reported, decayed) × service ÷ slots + round trip', () => {
    expect(expectedWaitUs(candidate(), 0, 70_000)).to.equal(70_000);
    expect(expectedWaitUs(candidate(), 0, 0)).to.equal(0);
    expect(expectedWaitUs(candidate(), 3, 0)).to.equal(1_500_000);
    const busy = candidate({}, { running: 2, queued: 2, serviceUs: 500_000 });
    expect(expectedWaitUs(busy, 0, 0)).to.equal(1_000_000);
    expect(expectedWaitUs({ ...busy, ageUs: 2_000_000 }, 0, 0), 'half after two seconds').to.equal(500_000);
    const fresh = candidate({}, { serviceUs: 0, slots: 0 });
    expect(expectedWaitUs(fresh, 2, 0), 'a second a job until it has served').to.equal(2_000_000);
  });

  it('names the error that came nearest to success', () => {
    const { STRIKE_BUSY, STRIKE_UNREACHABLE, STRIKE_SILENT, STRIKE_TRUST, STRIKE_REGION, STRIKE_MODEL } =
      outcomes;
    const cases: [number[], number][] = [
      [[], outcomes.NO_CAPABLE_NODE],
      [[STRIKE_MODEL], outcomes.NO_CAPABLE_NODE],
      [[STRIKE_REGION, STRIKE_MODEL], outcomes.NO_ELIGIBLE_NODE],
      [[STRIKE_REGION, STRIKE_TRUST], outcomes.TRUST_TOO_LOW],
      [[STRIKE_TRUST, STRIKE_SILENT], outcomes.NO_CAPABLE_NODE],
      [[STRIKE_SILENT, STRIKE_UNREACHABLE], outcomes.CLUSTER_UNREACHABLE],
      [[STRIKE_UNREACHABLE, STRIKE_BUSY], outcomes.OVERLOADED],
    ];
    for (const [reasons, code] of cases) {
      const struck = reasons.map((reason) => ({ peer: 1, cluster: 'france', reason }));
      expect(outcomes.ERROR_CODES[errorOfStrikes(struck)]).to.equal(outcomes.ERROR_CODES[code]);
    }
  });
});
