import { expect } from 'chai';
import { plainConfig } from '../../sim/shared-config.ts';
import { World } from '../../sim/world.ts';
import { tinyScenario } from './tiny-scenario.ts';

describe('the configuration of a simulated node', () => {
  const { machines } = new World(tinyScenario());
  const [one, other] = machines.filter(({ spec }) => spec.cluster === machines[0].spec.cluster);

  it('shares with its cluster what is the same there, and has papers of its own, written once', () => {
    const [left, right] = [one.node.config, other.node.config];
    expect(left.parameters).to.equal(right.parameters);
    expect(left.genesis).to.equal(right.genesis);
    expect([left.manifest.id, right.manifest.id]).to.deep.equal([one.peer, other.peer]);
    expect(left.certificate!.subject).to.equal(one.peer);
    expect(left.certificate).to.equal(left.certificate);
    expect(left.manifest).to.equal(left.manifest);
  });

  it('is the same as a plain record', () => {
    const { config } = one.node;
    const plain = plainConfig(config);
    for (const [name, value] of Object.entries(plain)) expect(config).to.have.property(name, value);
    const getters = Object.getOwnPropertyNames(Object.getPrototypeOf(config) as object);
    expect(Object.keys(plain)).to.have.members(getters.filter((name) => name !== 'constructor'));
  });
});
