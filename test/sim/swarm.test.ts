import { expect } from 'chai';
import { DRAWN_KINDS, drawStorm } from '../../sim/nemesis.ts';
import { hashScenario } from '../../sim/scenario/hash.ts';
import { loadScenarioText } from '../../sim/scenario/load.ts';
import { simulate } from '../../sim/simulate.ts';
import { changed, load, problemsOf, SMALL } from './scenario-text.ts';

const PLANNED = 'faults:\n  - at: 1min\n    for: 20s\n    cut: { between: [france, us-east] }\n';

/** SMALL under a swarm, with nothing planned unless `planned` says so. */
const withSwarm = (swarm: string, planned = ''): string => changed(PLANNED, `${planned}swarm: ${swarm}\n`);
const told = (swarm: string): string[] =>
  problemsOf(withSwarm(swarm)).map(({ found, expected, hint }) => `${found}: ${expected} ${hint}`.trim());

describe('a swarm', () => {
  it('comes to the harm that the storm of its seed is, explicit and in order of time', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { faults, malice = [], ...rest } = loadScenarioText(withSwarm('{}'), 's.yaml', { seed });
      const calm = loadScenarioText(changed(PLANNED, ''), 's.yaml', { seed });
      expect({ faults, malice }).to.deep.equal(drawStorm(calm, seed));
      expect(rest.seed).to.equal(seed);
    }
  });

  it('stays within its bounds', () => {
    const text = withSwarm('{ kinds: [cut, pause], most: 4, from: 30s, until: 90s, malice: 0 }');
    const kinds = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const { faults, malice } = loadScenarioText(text, 's.yaml', { seed });
      expect(malice).to.equal(undefined);
      expect(faults.length).to.be.at.most(4);
      for (const fault of faults) {
        kinds.add(fault.kind);
        expect(fault.atUs).to.be.within(30e6, 90e6);
        if ('untilUs' in fault) expect(fault.untilUs).to.be.within(fault.atUs + 1, 90e6);
      }
    }
    expect([...kinds].toSorted((a, b) => (a < b ? -1 : 1))).to.deep.equal(['cut', 'pause']);
  });

  it('comes besides what is planned, and another seed draws another', () => {
    const text = withSwarm('{ most: 100 }', PLANNED);
    const hashes = [1, 2, 3].map((seed) => {
      const scenario = loadScenarioText(text, 's.yaml', { seed });
      const [planned] = load(SMALL).faults;
      expect(scenario.faults).to.deep.include(planned);
      const times = scenario.faults.map(({ atUs }) => atUs);
      expect(times).to.deep.equal(times.toSorted((left, right) => left - right));
      return hashScenario(scenario);
    });
    expect(new Set(hashes).size).to.equal(3);
  });

  it('runs as the same harm does when it is planned', () => {
    const drawn = load(withSwarm('{ malice: 0 }'));
    const explicit = { ...load(changed(PLANNED, '')), faults: drawn.faults };
    expect(simulate(drawn).world.digest()).to.equal(simulate(explicit).world.digest());
  });

  it('draws of all kinds where it does not say of which', () => {
    expect(load(withSwarm('{ kinds: all }')).swarm!.kinds).to.deep.equal(DRAWN_KINDS);
    expect(load(withSwarm('{}')).swarm).to.include({ most: 10, fromUs: 12e6, untilUs: 72e6, malice: 1 });
    expect(load(withSwarm('{ from: 100s }')).swarm).to.include({ fromUs: 100e6, untilUs: 120e6 });
  });

  it('says what is wrong with it', () => {
    expect(told('{ kinds: [cut, crsh] }')[0]).to.match(/^kinds has "crsh": one of .*did you mean "crash"\?$/);
    expect(told('{ kind: all }')[0]).to.match(/^unknown key "kind": .*did you mean "kinds"\?$/);
    expect(told('{ until: 1h }')).to.deep.equal([
      'this lasts until 1h, and the scenario ends at 2min: a time before the end',
    ]);
    expect(told('{ from: 90s, until: 30s }')).to.deep.equal([
      'it ends before it begins: "from" before "until"',
    ]);
    expect(told('{ most: 1000 }')[0]).to.match(/^most is 1000: a whole number from 0 to 100/);
  });
});
