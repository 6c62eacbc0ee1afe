import fc from 'fast-check';
import { copyEnvelope, Envelope } from '../../core/machine/envelope.ts';
import { anyEnvelopes, type Pool } from '../arbitraries.ts';
import { FEDERATION, namesOf, Rig, SECOND_US, WALL_START_US, type NodeSpec } from '../rig.ts';

/** A federation in which one node plays every role, beside nodes that play one. */
export const MIXED: readonly NodeSpec[] = [
  ...FEDERATION.slice(0, 2),
  {
    name: 'all-in-one',
    cluster: 'france',
    region: 'eu/fr',
    types: ['pod-host', 'compute', 'gateway', 'index', 'bridge'],
    models: ['a'],
    exports: ['a'],
    peered: ['brazil-front'],
    parameters: { maxSearches: 3, maxRemembered: 2, maxDirectory: 3 },
  },
  { ...FEDERATION[3], peered: ['front', 'all-in-one'] },
  FEDERATION[4],
];

/** What may happen to a federation. Numbers are taken modulo what there is. */
export type Action =
  | {
      readonly do: 'ask';
      user: number;
      gateway: number;
      n: number;
      model: string;
      regions: readonly string[];
      leftUs: number;
      minTrust: number;
    }
  | { readonly do: 'deliver'; count: number }
  | { readonly do: 'lose'; count: number }
  | { readonly do: 'repeat'; back: number }
  | { readonly do: 'overtake' }
  | { readonly do: 'infer'; node: number; error: string }
  | { readonly do: 'pass'; us: number }
  | { readonly do: 'crash'; node: number }
  | { readonly do: 'reboot'; node: number }
  | { readonly do: 'stray'; envelope: Envelope };

const asks = fc.record({
  do: fc.constant('ask' as const),
  user: fc.nat(1),
  gateway: fc.nat(2),
  n: fc.integer({ min: 1, max: 12 }),
  model: fc.constantFrom('a', 'a', 'a', 'b', 'b', 'c', 'nothing'),
  regions: fc.constantFrom(['eu', 'americas'], ['eu', 'americas/br'], ['eu'], ['americas'], []),
  leftUs: fc.constantFrom(30 * SECOND_US, 30 * SECOND_US, 2 * SECOND_US, 60 * SECOND_US, 0),
  minTrust: fc.constantFrom(1, 1, 1, 4),
});

const node = fc.nat(4);

function strays(pool: Pool): fc.Arbitrary<Action> {
  return fc.record({ do: fc.constant('stray' as const), envelope: anyEnvelopes(pool) });
}

export interface ScriptOptions {
  readonly maxLength?: number;
  readonly withStrays?: boolean;
  readonly withCrashes?: boolean;
}

/** Sequences of things that may happen. */
export function scripts({
  maxLength = 40,
  withStrays = true,
  withCrashes = true,
}: ScriptOptions = {}): fc.Arbitrary<Action[]> {
  const of = <A extends Action>(
    weight: number,
    arbitrary: fc.Arbitrary<A>,
  ): fc.WeightedArbitrary<Action> => ({ weight, arbitrary });
  return fc.array(
    fc.oneof(
      of(12, asks),
      of(12, fc.record({ do: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 20 }) })),
      of(1, fc.record({ do: fc.constant('lose' as const), count: fc.integer({ min: 1, max: 3 }) })),
      of(2, fc.record({ do: fc.constant('repeat' as const), back: fc.nat(30) })),
      of(1, fc.record({ do: fc.constant('overtake' as const) })),
      of(
        3,
        fc.record({
          do: fc.constant('infer' as const),
          node,
          error: fc.constantFrom('', '', 'out of memory'),
        }),
      ),
      of(
        3,
        fc.record({
          do: fc.constant('pass' as const),
          us: fc.constantFrom(1, 1_000, 300_000, 1_100_000, 4_000_000),
        }),
      ),
      of(withCrashes ? 1 : 0, fc.record({ do: fc.constant('crash' as const), node })),
      of(withCrashes ? 2 : 0, fc.record({ do: fc.constant('reboot' as const), node })),
      of(withStrays ? 2 : 0, strays(poolOf(new Rig(MIXED)))),
    ),
    { minLength: maxLength / 2, maxLength },
  );
}

/** What means something to the nodes of `rig`. */
export function poolOf(rig: Rig): Pool {
  return {
    peers: rig.cast.names.map((_, number) => number),
    texts: ['a', 'b', 'c', 'eu', 'eu/fr', 'americas/br', 'france', 'brazil', 'compute', 'gateway', 'prompt'],
    integers: [0, 1, 2, 3, 4, 5, 6, SECOND_US, 30 * SECOND_US, WALL_START_US, WALL_START_US + 60 * SECOND_US],
  };
}

/** A federation that knows itself, with accelerators that wait to be told. */
export function startMixed(order: readonly string[] = namesOf(MIXED)): Rig {
  const rig = new Rig(MIXED, order).start();
  rig.isInferring = false;
  return rig;
}

/** Lets something happen. */
export function play(rig: Rig, action: Action): void {
  const stationAt = (number: number) => [...rig.stations.values()][number % rig.stations.size];
  switch (action.do) {
    case 'ask': {
      const gateways = ['front', 'all-in-one', 'brazil-front'];
      const { model, regions, leftUs: timeLeftUs, minTrust } = action;
      const allowedRegions = [...regions];
      rig.ask(['ann', 'ben'][action.user], gateways[action.gateway], action.n, {
        model,
        allowedRegions,
        timeLeftUs,
        minTrust,
      });
      return;
    }
    case 'deliver':
      for (let i = 0; i < action.count; i++) rig.pumpOne();
      return;
    case 'lose':
      rig.wire.splice(0, action.count);
      return;
    case 'repeat': {
      const old = rig.sent.at(-1 - action.back);
      if (old !== undefined && old.to >= 0) rig.wire.push(copyEnvelope(old, new Envelope()));
      return;
    }
    case 'overtake': {
      const last = rig.wire.pop();
      if (last !== undefined) rig.wire.unshift(last);
      return;
    }
    case 'infer': {
      const busy = [...rig.stations.values()].filter(({ inferring }) => inferring.length > 0);
      if (busy.length > 0) rig.infer(busy[action.node % busy.length].name, action.error);
      return;
    }
    case 'pass':
      rig.advance(action.us);
      return;
    case 'crash':
      rig.crash(stationAt(action.node).name);
      return;
    case 'reboot':
      rig.boot(stationAt(action.node).name);
      return;
    case 'stray':
      if (rig.stations.has(action.envelope.to)) rig.deliver(action.envelope);
  }
}
