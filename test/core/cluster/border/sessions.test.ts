import { expect } from 'chai';
import {
  chooseCrossing,
  isHeard,
  setOffers,
  type Sessions,
} from '../../../../core/cluster/border/sessions.ts';
import { Outbox } from '../../../../core/machine/envelope.ts';
import * as kinds from '../../../../core/machine/kinds.ts';
import { STRIKE_REGION, STRIKE_UNREACHABLE } from '../../../../core/routing/outcomes.ts';
import {
  deepFreeze,
  envelopeOf,
  FEDERATION,
  Rig,
  SECOND_US,
  type NodeSpec,
  countRefusals,
} from '../../../rig.ts';

const sessionsOf = (rig: Rig, name: string): Sessions => rig.node(name).bridge!.sessions;
const brazil2: NodeSpec = { ...FEDERATION[3], name: 'brazil-front-2' };
const twoBridges = [
  { ...FEDERATION[0], peered: ['brazil-front', 'brazil-front-2'] },
  ...FEDERATION.slice(1),
  brazil2,
];

describe('sessions of bridges', () => {
  it('measure the round trip by what comes back, time held excluded', () => {
    const rig = new Rig().start();
    const { self, bridge } = rig.node('front');
    const session = bridge!.sessions.sessions[0];
    session.rttUs = 0;
    const echo = (echoUs: number, heldUs: number): void => {
      const body: kinds.Session = {
        exportsVersion: 0,
        heardVersion: bridge!.sessions.ownVersion,
        sentUs: 5,
        echoUs,
        heldUs,
        genesis: session.genesis,
        peeringVersion: 1,
      };
      expect(rig.deliver(envelopeOf(kinds.SESSION, session.peer, self, body))).to.deep.equal([]);
    };
    const nowUs = rig.nowOf(rig.station('front')).monoUs;
    echo(nowUs - 100_000, 20_000);
    expect(session.rttUs).to.equal(80_000);
    echo(nowUs - 160_000, 0);
    expect(session.rttUs, 'smoothed: an eighth of the way').to.equal(90_000);
    echo(0, 0);
    echo(nowUs + 1_000, 0);
    expect(session.rttUs, 'nothing echoed, or echoed from another boot, is no measurement').to.equal(90_000);
    expect([session.echoUs, session.lastHeardUs]).to.deep.equal([5, nowUs]);
  });

  it('tell what was echoed and how long it was held', () => {
    const rig = new Rig().start();
    const sent = rig.sent.filter(({ kind, from }) => kind === kinds.SESSION && from === rig.peer('front'));
    const { echoUs, heldUs, sentUs } = sent.at(-1)!.body as kinds.Session;
    const heard = rig.sent.filter(({ kind, to }) => kind === kinds.SESSION && to === rig.peer('front'));
    const echoed = heard.findIndex(({ body }) => (body as kinds.Session).sentUs === echoUs);
    expect(echoed, 'it is a time that the other side has told').to.be.at.least(0);
    expect(heldUs).to.be.within(1, SECOND_US);
    expect(sentUs).to.be.greaterThan(heldUs);
  });

  it('learn exports anew when the other side has another version, and stop when it has this one', () => {
    const rig = new Rig().start();
    const far = sessionsOf(rig, 'brazil-front').sessions[0];
    const { ownVersion } = sessionsOf(rig, 'front');
    expect([far.models, far.exportsVersion]).to.deep.equal([['a'], ownVersion]);
    rig.sent.length = 0;
    rig.advance(5 * SECOND_US);
    expect(rig.sent.filter(({ kind }) => kind === kinds.EXPORTS)).to.deep.equal([]);

    far.exportsVersion = 0;
    far.models = [];
    rig.advance(2 * SECOND_US);
    expect([far.models, far.exportsVersion]).to.deep.equal([['a'], ownVersion]);
    const told = rig.sent.filter(({ kind, from }) => kind === kinds.EXPORTS && from === rig.peer('front'));
    expect(told).to.have.length(1);
  });

  it('give exports another version with each boot, so that the past is not mistaken for the present', () => {
    const rig = new Rig().start();
    const { ownVersion } = sessionsOf(rig, 'front');
    rig.boot('front');
    rig.pump();
    expect(sessionsOf(rig, 'front').ownVersion).to.be.greaterThan(ownVersion);
    rig.advance(8 * SECOND_US);
    const far = sessionsOf(rig, 'brazil-front').sessions[0];
    expect([far.models, far.exportsVersion]).to.deep.equal([['a'], sessionsOf(rig, 'front').ownVersion]);
  });

  it('export what the peering says, and tell every peered bridge once of a change', () => {
    const rig = new Rig([{ ...twoBridges[0], exports: ['b'] }, ...twoBridges.slice(1)]).start();
    const node = rig.node('front');
    const { sessions } = node.bridge!;
    const far = (): string[] => sessionsOf(rig, 'brazil-front').sessions[0].models;
    expect([sessions.ownModels, far()], 'a is offered and not exported').to.deep.equal([['a'], []]);
    const out = new Outbox();
    const version = sessions.ownVersion;
    setOffers(node, node.bridge!, out, ['a', 'b']);
    expect([sessions.ownVersion, out.count]).to.deep.equal([version + 1, 2]);
    for (let i = 0; i < 2; i++) expect(out.at(i).body).to.deep.equal({ version: version + 1, models: ['b'] });
    expect([out.at(0).to, out.at(1).to]).to.deep.equal([
      rig.peer('brazil-front'),
      rig.peer('brazil-front-2'),
    ]);
    setOffers(node, node.bridge!, out, ['a', 'b']);
    expect([sessions.ownVersion, out.count]).to.deep.equal([version + 1, 2]);
  });

  it('ignore, counted, whoever no peering names', () => {
    const rig = new Rig().start();
    const { self, bridge } = rig.node('front');
    const before = countRefusals(rig.node('front'), 'no peering');
    const exports = { version: 9, models: ['forged'] };
    rig.deliver(envelopeOf(kinds.EXPORTS, rig.peer('mallory'), self, exports));
    const { genesis } = bridge!.sessions.sessions[0];
    const clock = { sentUs: 1, echoUs: 0, heldUs: 0 };
    const session = { exportsVersion: 0, heardVersion: 0, ...clock, genesis, peeringVersion: 1 };
    expect(rig.deliver(envelopeOf(kinds.SESSION, rig.peer('mallory'), self, session))).to.deep.equal([]);
    expect(countRefusals(rig.node('front'), 'no peering')).to.equal(before + 2);
    expect(bridge!.sessions.sessions.every(({ models }) => !models.includes('forged'))).to.equal(true);
  });

  it('are heard until they have been silent for three seconds', () => {
    const rig = new Rig().start();
    const station = rig.station('front');
    const session = sessionsOf(rig, 'front').sessions[0];
    const heardUs = session.lastHeardUs;
    const at = (monoUs: number): boolean => isHeard(station.node, session, { monoUs, wallUs: 0 });
    expect([at(heardUs), at(heardUs + 2_999_999), at(heardUs + 3_000_000)]).to.deep.equal([
      true,
      true,
      false,
    ]);
    session.lastHeardUs = 0;
    expect(at(1), 'never heard').to.equal(false);
  });

  it('are chosen by model, region, path, what was tried and who is heard; the nearer of two', () => {
    const rig = new Rig(twoBridges).start();
    const station = rig.station('front');
    const [now, sessions] = [rig.nowOf(station), sessionsOf(rig, 'front')];
    const [near, far] = sessions.sessions;
    [near.rttUs, far.rttUs] = [10, 200_000];
    const choose = (want: object, path: string[] = [], tried: number[] = []) =>
      chooseCrossing(
        station.node,
        sessions,
        now,
        deepFreeze(rig.want({ model: 'b', ...want })),
        path,
        tried,
        new Map(),
      );

    const chosen = Array.from({ length: 400 }, () => choose({}).session!.peer);
    const nearer = chosen.filter((peer) => peer === near.peer).length;
    expect(nearer, 'three of four draws of two hold the nearer').to.be.within(270, 330);
    expect(choose({}, ['france'], [near.peer]).session!.peer).to.equal(far.peer);
    expect(choose({}, ['brazil'])).to.deep.equal({ session: null, struck: [] });
    expect(choose({ model: 'c' })).to.deep.equal({ session: null, struck: [] });

    const struckBy = (reason: number) => [near, far].map(({ peer }) => ({ peer, cluster: 'brazil', reason }));
    expect(choose({ allowedRegions: ['eu'] })).to.deep.equal({
      session: null,
      struck: struckBy(STRIKE_REGION),
    });
    expect(
      choose({ allowedRegions: ['americas/br/bahia'] }).struck,
      'it may know nodes there, and lies elsewhere itself',
    ).to.deep.equal(struckBy(STRIKE_REGION));
    near.lastHeardUs = far.lastHeardUs = now.monoUs - 3 * SECOND_US;
    expect(choose({})).to.deep.equal({ session: null, struck: struckBy(STRIKE_UNREACHABLE) });
  });
});
