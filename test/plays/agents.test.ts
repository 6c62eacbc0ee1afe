import { expect } from 'chai';
import * as kinds from '../../core/machine/kinds.ts';
import { planOf } from '../agent-plans.ts';
import { envelopeOf, Rig, SECOND_US } from '../rig.ts';
import { Play } from './play.ts';

const TOLD = [
  kinds.AGENT,
  kinds.AGENT_STATE,
  kinds.AGENT_STOP,
  kinds.AGENTS,
  kinds.AGENTS_FOUND,
  kinds.STEP_RESULT,
  kinds.FIND,
  kinds.FOUND,
  kinds.RUN,
  kinds.ANSWER,
  kinds.INFER,
  kinds.REFUSED,
];

describe('plays of agents', () => {
  it('R4-6: an agent stopped in mid-work', () => {
    const rig = new Rig().start();
    rig.isInferring = false;
    const play = new Play(rig);
    play.act('A cluster at rest', []);
    const say = (kind: number, body: unknown, attempt: number): void => {
      const id = { origin: rig.peer('ann'), n: 1, attempt };
      rig.wire.push(envelopeOf(kind, rig.peer('ann'), rig.peer('front'), body, id));
      rig.pump();
    };
    const infer = (name: string): void => {
      rig.infer(name);
      rig.pump();
    };
    say(kinds.AGENT, planOf(rig, 'ann', {}, false), 0);
    play.act('Nobody has asked ann', TOLD);
    const plan = planOf(rig, 'ann');
    rig.wire.push(
      envelopeOf(kinds.AGENT, rig.peer('ann'), rig.peer('front'), plan, { origin: rig.peer('ann'), n: 2 }),
    );
    rig.pump();
    play.act('She has understood and authorised it: it is on disk before she hears of it', [
      ...TOLD,
      kinds.STORE,
    ]);
    const host = [...rig.stations.values()].find(({ node }) => node.agents !== null)!;
    infer(host.name);
    play.act('Its first step is done; the second is given what the first has made', [...TOLD, kinds.STORE]);
    const id = { origin: rig.peer('ann'), n: 2, attempt: 1 };
    const tell = (kind: number, body: unknown): void => {
      rig.wire.push(envelopeOf(kind, rig.peer('ann'), rig.peer('front'), body, id));
      rig.pump();
    };
    tell(kinds.AGENTS, {});
    play.act('She asks what acts for her', TOLD);
    tell(kinds.AGENT_STOP, { host: host.node.self, isRevoked: false });
    play.act('She stops it', [...TOLD, kinds.STORE]);
    infer(host.name);
    rig.advance(5 * SECOND_US);
    play.act('What was at work is not used, and no step begins', TOLD);
    expect(host.inferring).to.deep.equal([]);
    play.compare('an-agent-stopped-in-mid-work');
  });
});
