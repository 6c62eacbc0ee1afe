import { expect } from 'chai';
import { copyEnvelope, Envelope } from '../../core/machine/envelope.ts';
import { ANSWER, ASK, REFUSED } from '../../core/machine/kinds.ts';
import { SECOND_US, type Rig } from '../rig.ts';
import { law } from './law.ts';
import { play, scripts, startMixed, type Action } from './play.ts';

/** Those that remember every outcome; the node of all roles remembers two. */
const REMEMBERING = ['front', 'brazil-front'];

/** What each user was told of each request, each text once, by whom it was asked of. */
function outcomesOf(rig: Rig): Map<string, Set<string>> {
  const told = new Map<string, Set<string>>();
  for (const { kind, from, to, n, body } of rig.mail) {
    if ((kind !== ANSWER && kind !== REFUSED) || !REMEMBERING.includes(rig.cast.nameOf(from))) continue;
    const key = `${rig.cast.nameOf(to)} of ${rig.cast.nameOf(from)}, ${n}`;
    if (!told.has(key)) told.set(key, new Set());
    told.get(key)!.add(JSON.stringify([kind, body]));
  }
  return told;
}

function settle(rig: Rig): void {
  rig.isInferring = true;
  rig.pump();
  rig.advance(65 * SECOND_US);
}

describe('laws of outcomes', () => {
  law(
    'R5.3-2: nothing that was ever said, said again later, changes what a user was told',
    scripts({ withStrays: false, withCrashes: false, maxLength: 40 }),
    (script) => {
      const rig = startMixed();
      const asked: Envelope[] = [];
      rig.drops = (envelope) => {
        if (envelope.kind === ASK) asked.push(envelope);
        return false;
      };
      for (const action of script) play(rig, action);
      settle(rig);
      const before = outcomesOf(rig);
      const said = [...rig.sent, ...asked].filter(({ from, to }) => from >= 0 && rig.stations.has(to));
      for (const envelope of said) rig.deliver(copyEnvelope(envelope, new Envelope()));
      settle(rig);
      expect(asked.length).to.be.at.least(before.size);
      for (const [request, told] of outcomesOf(rig)) {
        if (before.has(request)) expect([...told], request).to.deep.equal([...before.get(request)!]);
      }
      return before.size > 2;
    },
    { seed: 51, runs: 100 },
  );

  law(
    'R5.3-2: every request that reaches a gateway ends, though compute nodes crash and messages are lost',
    scripts({ withStrays: false, maxLength: 50 }),
    (script) => {
      const rig = startMixed();
      const reached = new Set<string>();
      rig.drops = ({ kind, from, to, n }) => {
        if (kind === ASK) reached.add(`${from} ${to} ${n}`);
        return false;
      };
      for (const action of script) play(rig, sparingGateways(action));
      settle(rig);
      const ended = new Set(
        rig.sent
          .filter(({ kind }) => kind === ANSWER || kind === REFUSED)
          .map(({ from, to, n }) => `${to} ${from} ${n}`),
      );
      for (const request of reached) expect(ended.has(request), request).to.equal(true);
      return reached.size > 2;
    },
    { seed: 52, runs: 150 },
  );
});

/** The second and the fifth node only compute. */
function sparingGateways(action: Action): Action {
  if (action.do !== 'crash' && action.do !== 'reboot') return action;
  return { ...action, node: action.node % 2 === 0 ? 1 : 4 };
}
