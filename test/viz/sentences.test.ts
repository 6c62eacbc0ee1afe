import { expect } from 'chai';
import type { RequestStory, StoryStep } from '../../sim/frame.ts';
import { formatClock, formatSpan } from '../../viz/page/clock.ts';
import { hopsOf, tellOutcome, tellQuestion, tellSteps, type Naming } from '../../viz/page/sentences.ts';

const naming: Naming = {
  labelOf: (cluster) => ({ france: 'France', korea: 'Korea' })[cluster] ?? cluster,
  clusterOf: (node) => (node.includes('/') ? node.slice(0, node.indexOf('/')) : null),
};

function step(timeUs: number, node: string, what: StoryStep['what'], rest: Partial<StoryStep>): StoryStep {
  return { timeUs, node, what, stage: 'local', about: null, refusal: null, struck: [], ...rest };
}

const busy = { node: 'france/compute-1', cluster: 'france', reason: 'queue full' };
const silent = { node: 'korea/bridge-1', cluster: 'korea', reason: 'cluster out of reach' };

const answered: RequestStory = {
  id: 'r1',
  askedUs: 0,
  endedUs: 2_340_000,
  cluster: 'france',
  gateway: 'france/gateway-1',
  model: 'm',
  outcome: 'OK',
  servedBy: 'federation',
  server: 'korea/compute-2',
  detail: '',
  steps: [
    step(1_000, 'france/gateway-1', 'opened', {}),
    step(3_000, 'france/gateway-1', 'asked', {
      stage: 'federation',
      about: 'france/bridge-1',
      struck: [busy],
    }),
    step(4_000, 'france/bridge-1', 'asked', { stage: 'federation', about: 'korea/bridge-1' }),
    step(9_000, 'france/bridge-1', 'struck', {
      stage: 'federation',
      about: 'korea/bridge-1',
      struck: [silent],
    }),
    step(9_000, 'france/bridge-1', 'asked', {
      stage: 'federation',
      about: 'korea/bridge-2',
      struck: [silent],
    }),
    step(50_000, 'korea/bridge-2', 'asked', { stage: 'cluster', about: 'korea/compute-2' }),
    step(2_339_000, 'france/gateway-1', 'outcome', { stage: 'federation', about: 'korea/compute-2' }),
  ],
};

describe('the story of a request', () => {
  it('is told in sentences, each candidate that was passed over once', () => {
    const told = tellSteps(answered, naming);
    expect(told.map(({ text }) => text)).to.deep.equal([
      'gateway-1 takes the request.',
      'Nobody is left in France: gateway-1 turns to the federation, through bridge-1.',
      'bridge-1 carries it to Korea: asks bridge-1 in Korea.',
      'bridge-1 gets no answer from bridge-1 in Korea.',
      'bridge-1 carries it to Korea: asks bridge-2 in Korea.',
      'bridge-2 in Korea asks compute-2 in Korea.',
      'gateway-1 hands the user the answer of compute-2 in Korea.',
    ]);
    expect(told.map(({ struck }) => struck.map(({ who, reason }) => `${who}: ${reason}`))).to.deep.equal([
      [],
      ['compute-1 in France: queue full'],
      [],
      ['bridge-1 in Korea: cluster out of reach'],
      [],
      [],
      [],
    ]);
    expect(tellQuestion(answered, naming)).to.equal('A user of France asked gateway-1 for m.');
    expect(tellOutcome(answered, naming)).to.equal('Answered after 2.34 s by compute-2 in Korea.');
  });

  it('says when nobody at home offers the model, and why a request was refused', () => {
    const steps = answered.steps.map((noted) => ({ ...noted, struck: [] }));
    const refused = { ...answered, outcome: 'CLUSTER_UNREACHABLE', servedBy: null, server: null, steps };
    expect(tellSteps(refused, naming)[1].text).to.match(/^Nobody in France offers the model: /);
    expect(tellOutcome(refused, naming)).to.match(/^Refused after 2\.34 s: .* could not be reached\.$/);
    expect(hopsOf(refused).map(({ fate }) => fate)).to.deep.equal(['vain', 'vain', 'vain', 'vain']);
  });

  it('tells a refusal from silence', () => {
    const refuses = (changes: object) => {
      const steps = answered.steps.map((noted) =>
        noted.what === 'struck' ? { ...noted, ...changes } : noted,
      );
      return tellSteps({ ...answered, steps }, naming)[3].text;
    };
    expect(refuses({ refusal: 'OVERLOADED' })).to.equal(
      'bridge-1 is refused by bridge-1 in Korea: every node that could have answered was full.',
    );
    // What an earlier version recorded says nothing of it.
    expect(refuses({ refusal: undefined })).to.equal('bridge-1 gets no answer from bridge-1 in Korea.');
  });

  it('says what whoever is asked was then in the eyes of its cluster', () => {
    const regardOf = (node: string, timeUs: number): string | null =>
      node === 'korea/bridge-1' && timeUs > 5_000 ? 'suspected by its cluster' : null;
    const asides = tellSteps(answered, { ...naming, regardOf }).map(({ aside }) => aside);
    expect(asides.filter((aside) => aside !== null)).to.deep.equal([
      'bridge-1 was then suspected by its cluster.',
    ]);
    expect(tellSteps(answered, naming).every(({ aside }) => aside === null)).to.equal(true);
  });

  it('is drawn with the way of the answer apart from what was tried in vain', () => {
    expect(hopsOf(answered)).to.deep.equal([
      { from: 'france/gateway-1', to: 'france/bridge-1', fate: 'answered' },
      { from: 'france/bridge-1', to: 'korea/bridge-1', fate: 'vain' },
      { from: 'france/bridge-1', to: 'korea/bridge-2', fate: 'answered' },
      { from: 'korea/bridge-2', to: 'korea/compute-2', fate: 'answered' },
    ]);
  });
});

describe('times on the page', () => {
  it('are clocks and spans that people read', () => {
    expect([0, 83_400_000, 3_723_000_000].map((us) => formatClock(us))).to.deep.equal([
      '0:00',
      '1:23',
      '1:02:03',
    ]);
    expect(formatClock(83_460_000, true)).to.equal('1:23.4');
    expect([3_400, 340_000, 12_340_000, 125_000_000].map(formatSpan)).to.deep.equal([
      '3 ms',
      '0.34 s',
      '12.3 s',
      '2 min 5 s',
    ]);
  });
});
