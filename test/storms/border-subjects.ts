import { copyEnvelope, Envelope } from '../../core/machine/envelope.ts';
import { cloneNode, LOADING, READY, SIGNING, STORING, type Node } from '../../core/machine/node-state.ts';
import type { Now } from '../../core/base/time.ts';
import { play, startMixed } from '../laws/play.ts';
import { SECOND_US, type Rig } from '../rig.ts';

/** A node in some state, to which what comes over the border is given. */
export interface Subject {
  readonly state: string;
  readonly node: Node;
  readonly now: Now;
}

/** The node of all roles while it starts, when it is ready, and with work of every sort open; and others with theirs. */
export function makeSubjects(rig: Rig): Subject[] {
  const subjects: Subject[] = [];
  const add = (state: string, name: string): void => {
    const station = rig.station(name);
    subjects.push({ state, node: cloneNode(station.node), now: rig.nowOf(station) });
  };
  add('ready', 'all-in-one');
  for (let n = 1; n <= 3; n++) {
    ask(rig, 'all-in-one', n, 'a');
    ask(rig, 'front', n, 'b');
    ask(rig, 'brazil-front', n, 'a');
  }
  add('asked of an index node', 'front');
  for (let i = 0; i < 60; i++) rig.pumpOne();
  for (const name of ['all-in-one', 'front', 'brazil-front', 'compute-1', 'brazil-compute'])
    add('busy', name);
  rig.isInferring = true;
  rig.pump();
  add('with outcomes to remember', 'all-in-one');

  rig.crash('all-in-one');
  rig.advance(SECOND_US);
  rig.boot('all-in-one');
  const seen = new Set<number>();
  for (let { phase } = rig.node('all-in-one'); phase !== READY; { phase } = rig.node('all-in-one')) {
    if (!seen.has(phase)) add(PHASES[phase], 'all-in-one');
    seen.add(phase);
    rig.pumpOne();
  }
  return subjects;
}

const PHASES: Readonly<Record<number, string>> = {
  [LOADING]: 'loading',
  [STORING]: 'storing',
  [SIGNING]: 'signing',
};

function ask(rig: Rig, gateway: string, n: number, model: string): void {
  rig.ask('ann', gateway, n, { model });
  rig.pumpOne();
}

/** What nodes say to each other in a lively federation, devices left out. */
export function recordTraffic(): Envelope[] {
  const rig = startMixed();
  for (let n = 1; n <= 4; n++) {
    for (const [model, gateway] of [
      ['a', 0],
      ['b', 1],
      ['c', 2],
    ] as const) {
      const regions = ['eu', 'americas'];
      const wish = { user: n % 2, gateway, n, model, regions, leftUs: 30 * SECOND_US, minTrust: 1 };
      play(rig, { do: 'ask', ...wish });
      rig.pump();
    }
    rig.advance(SECOND_US);
  }
  rig.isInferring = true;
  rig.pump();
  return rig.sent
    .filter(({ to }) => rig.stations.has(to))
    .map((envelope) => copyEnvelope(envelope, new Envelope()));
}
