import { expect } from 'chai';
import { CROSS, RUN } from '../../../core/machine/kinds.ts';
import { ExportsHonoured } from '../../../sim/invariants/exports-honoured.ts';
import type { Invariant } from '../../../sim/invariants/invariant.ts';
import { OneCrossing } from '../../../sim/invariants/one-crossing.ts';
import { RecordsAuthentic } from '../../../sim/invariants/records-authentic.ts';
import type { ResolvedPeering } from '../../../sim/scenario/resolved.ts';
import type { World } from '../../../sim/world.ts';
import { peeringOf } from '../tiny-scenario.ts';
import { FRANCE_COMPUTE, FRANCE_FRONT, said, setStage, US_COMPUTE, US_FRONT, type Stage } from './stage.ts';

const told = ({ breaches }: Invariant): string[] => breaches.map(({ what }) => what);

describe('exports-honoured', () => {
  const withTerms = (terms: Partial<ResolvedPeering>): Stage =>
    setStage({ peerings: [{ ...peeringOf('france', 'us-east'), ...terms }] });

  /** The first request for `b` of France is brought to a compute node, at a time. */
  function run(stage: Stage, from: number, to: number, atUs = 30e6): Invariant {
    const invariant = new ExportsHonoured(stage.lineage);
    const { worldly, world } = stage;
    world.nowUs = atUs;
    const envelope = said(worldly, { kind: RUN, from, to, body: worldly.want });
    invariant.onHandled(world, envelope);
    return invariant;
  }

  it('asks nothing at home, and is content where a peering exports the model', () => {
    const stage = withTerms({});
    expect(run(stage, FRANCE_FRONT, FRANCE_COMPUTE)).to.include({ checked: 0, violated: 0 });
    expect(run(stage, US_FRONT, US_COMPUTE)).to.include({ checked: 1, violated: 0 });
    expect(run(withTerms({ exports: [[], ['b']] }), US_FRONT, US_COMPUTE)).to.include({ violated: 0 });
  });

  it('sees a model computed that is not exported, or exported the other way only', () => {
    for (const exports of [
      [['*'], ['a']],
      [['*'], []],
    ] as const) {
      const invariant = run(withTerms({ exports }), US_FRONT, US_COMPUTE);
      expect(told(invariant)[0]).to.match(/of france, computed by us-east\/compute, and no peering in force/);
    }
    expect(run(setStage({ peerings: [] }), US_FRONT, US_COMPUTE).violated).to.equal(1);
  });

  it('sees one computed before a peering begins, and later than any request of it can live', () => {
    const stage = withTerms({ fromUs: 10e6, untilUs: 20e6 });
    const at = (atUs: number): number => run(stage, US_FRONT, US_COMPUTE, atUs).violated;
    expect([at(9.9e6), at(10e6), at(79.9e6), at(80e6)]).to.deep.equal([1, 0, 0, 1]);
  });
});

describe('one-crossing', () => {
  function cross(from: number, to: number, path: string[], mayCross = true): Invariant {
    const stage = setStage();
    const invariant = new OneCrossing(stage.lineage);
    const request = mayCross ? stage.worldly : stage.european;
    const body = { want: request.want, path };
    invariant.onHandled(stage.world, said(request, { kind: CROSS, from, to, body }));
    return invariant;
  }

  it('is content with one border, and asks nothing inside a cluster', () => {
    expect(cross(FRANCE_FRONT, US_FRONT, ['france'])).to.include({ checked: 1, violated: 0 });
    expect(cross(FRANCE_COMPUTE, FRANCE_FRONT, [])).to.include({ checked: 0 });
  });

  it('sees a second border, a path that hides one, and who is no bridge', () => {
    expect(told(cross(US_FRONT, FRANCE_FRONT, ['us-east']))[0]).to.match(
      /from us-east\/front to france\/front, a second border/,
    );
    expect(told(cross(FRANCE_FRONT, US_FRONT, ['france', 'brazil']))[0]).to.match(
      /with the path france, brazil/,
    );
    expect(told(cross(FRANCE_FRONT, US_FRONT, []))[0]).to.match(/with the path of none/);
    expect(told(cross(FRANCE_COMPUTE, US_FRONT, ['france']))[0]).to.match(/that is no bridge/);
  });
});

describe('records-authentic', () => {
  const judge = (world: World): Invariant => {
    const invariant = new RecordsAuthentic(setStage().lineage);
    invariant.onTick!(world);
    return invariant;
  };
  /** What the bridge of France has heard of us-east. */
  function heard(world: World) {
    const { entries } = world.machines[FRANCE_FRONT].node.bridge!.directory;
    return [...entries.values()].find(({ record }) => record.genesis.cluster === 'us-east')!;
  }

  it('is content with what operators have signed, and with clusters that anybody founds', () => {
    const { world } = setStage();
    const own = heard(world);
    const operators = [world.machines[US_COMPUTE].peer];
    const genesis = { ...own.record.genesis, operators };
    const founded = { ...own, record: { ...own.record, genesis, bridges: [] } };
    world.machines[FRANCE_FRONT].node.bridge!.directory.entries.set('another', founded);
    const invariant = judge(world);
    expect(invariant.checked).to.be.greaterThan(3);
    expect(told(invariant)).to.deep.equal([]);
  });

  it('sees a record with a bridge that is none, or that lies elsewhere', () => {
    const bridge = { peer: US_COMPUTE, region: 'americas/us-east', address: '' };
    const changes = [
      [{ bridges: [bridge] }, /takes us-east\/compute for a bridge of us-east/],
      [{ region: 'eu/fr' }, /lists us-east in another place/],
    ] as const;
    for (const [change, what] of changes) {
      const { world } = setStage();
      const entry = heard(world);
      entry.record = { ...entry.record, ...change } as typeof entry.record;
      expect(told(judge(world))[0]).to.match(what);
    }
  });

  it('sees a session with whoever is no bridge of that cluster, and one without a peering', () => {
    const { world } = setStage();
    const [session] = world.machines[FRANCE_FRONT].node.bridge!.sessions.sessions;
    session.peer = US_COMPUTE;
    expect(told(judge(world))[0]).to.equal('france/front has a session with us-east/compute for us-east');
    const other = setStage().world;
    Object.assign(other, { scenario: { ...other.scenario, peerings: [] } });
    expect(judge(other).violated, 'from both sides').to.equal(2);
  });
});
