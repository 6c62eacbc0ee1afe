import { parseArgs } from 'node:util';
import { NOTE_DEAD, NOTE_SUSPECTED, type Noted } from '../core/machine/kinds.ts';
import type { Parameters } from '../core/machine/parameters.ts';
import type { ResolvedFault, ResolvedScenario } from '../sim/scenario/resolved.ts';
import { World } from '../sim/world.ts';
import { lanCluster, nameOf, quantile, SECOND_US } from './lan-cluster.ts';
import { wholeNumber } from './arguments.ts';
import type { Figures } from './main.ts';

const OPTIONS = {
  seeds: { type: 'string', default: '20' },
  frozen: { type: 'string', default: '4' },
  members: { type: 'string', default: '3,5,10,20,100' },
  hours: { type: 'string', default: '4' },
} as const;

/** SWIM as it was before Lifeguard: fixed timeouts, no score, no nacks, and suspects are not told. */
const PLAIN: Partial<Parameters> = { healthMax: 0, suspicionMaxMult: 1, nacks: 0, buddy: 0 };
/** By then all know one another: whoever has missed news of who joined has exchanged tables twice. */
const SETTLED_US = 70 * SECOND_US;

interface Verdict {
  readonly atUs: number;
  readonly about: number;
  readonly isDead: boolean;
}

/**
 * Membership on a local network. How soon a crash is suspected and declared, over many seeds; as in the paper on Lifeguard, how many
 * members that never froze are declared dead while others freeze, with Lifeguard and without; and how many are with loss and jitter alone.
 */
export function measure(args: readonly string[]): Figures {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const seeds = wholeNumber('--seeds', values.seeds, 1, 1_000_000);
  const frozen = wholeNumber('--frozen', values.frozen, 0, 1_000_000);
  const hours = wholeNumber('--hours', values.hours, 0, 1_000_000);
  const sizes = values.members.split(',').map((size) => wholeNumber('--members', size, 0, 1_000));
  const figures: Figures = {};
  for (const members of sizes)
    if (members > 1) figures[`crash, N = ${members}`] = measureCrash(members, seeds);
  figures['false deaths without Lifeguard'] = measureFreezes(frozen, PLAIN);
  figures['false deaths with Lifeguard'] = measureFreezes(frozen, {});
  figures[`false deaths in ${hours} node-hours of loss and jitter`] = measureNoise(hours);
  return figures;
}

function measureCrash(members: number, seeds: number): Figures {
  const suspected: number[] = [];
  const dead: number[] = [];
  const everywhere: number[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const atUs = SETTLED_US + ((seed * 7_919_123) % (5 * SECOND_US));
    const victim = 1 + (seed % (members - 1));
    const crash: ResolvedFault = { kind: 'crash', atUs, untilUs: null, nodes: [nameOf(victim)] };
    const heard = runUntil(lanCluster(members, seed, atUs + 60 * SECOND_US, {}, [crash]), atUs, (all) => {
      const deaths = all.filter(({ about, isDead }) => about === victim && isDead);
      return deaths.length === members - 1;
    }).filter(({ about }) => about === victim);
    suspected.push(first(heard, false) - atUs);
    dead.push(first(heard, true) - atUs);
    const deaths = heard.filter(({ isDead }) => isDead);
    everywhere.push(deaths.length < members - 1 ? Infinity : deaths[deaths.length - 1].atUs - atUs);
  }
  const seconds = (values: readonly number[]) =>
    [0.5, 0.99, 1].map((share) => Math.round(quantile(values, share) / 10_000) / 100);
  return {
    'suspectedS p50 p99 max': seconds(suspected),
    'deadS p50 p99 max': seconds(dead),
    'deadEverywhereS p50 p99 max': seconds(everywhere),
  };
}

function first(heard: readonly Verdict[], isDead: boolean): number {
  return heard.find((one) => one.isDead === isDead)?.atUs ?? Infinity;
}

/**
 * 100 members, of which some freeze for a while, over and over: members that never froze and were declared dead, by all together. As in
 * the paper, a frozen member's messages wait and its timers run.
 */
function measureFreezes(seeds: number, parameters: Partial<Parameters>): Figures {
  const members = 100;
  let runs = 0;
  let wrong = 0;
  let right = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    for (const [count, forS] of [
      [1, 4],
      [4, 8],
      [8, 16],
      [16, 32],
    ]) {
      const nodes = Array.from({ length: count }, (_, i) => 1 + ((seed * 31 + i * 7) % (members - 1)));
      const faults: ResolvedFault[] = Array.from({ length: 3 }, (_, round) => ({
        kind: 'hold',
        atUs: SETTLED_US + round * (forS + 1) * SECOND_US,
        untilUs: SETTLED_US + (round * (forS + 1) + forS) * SECOND_US,
        from: nodes.map(nameOf),
        to: ['lan'],
        bothWays: true,
      }));
      const heard = run(lanCluster(members, seed, SETTLED_US + 200 * SECOND_US, parameters, faults));
      const deaths = heard.filter(({ isDead }) => isDead);
      wrong += deaths.filter(({ about }) => !nodes.includes(about)).length;
      right += deaths.filter(({ about }) => nodes.includes(about)).length;
      runs++;
    }
  }
  return { runs, ofHealthyMembers: wrong, ofFrozenMembers: right };
}

/** 2 % loss and 100 ms of jitter, and nobody ever stops. */
function measureNoise(nodeHours: number): Figures {
  const members = 20;
  const durationUs = Math.ceil((nodeHours * 3_600) / members) * SECOND_US;
  const noise = { p95Us: 100_000, fixedPpm: 10_000, lossPpm: 20_000 };
  const heard = run(lanCluster(members, 1, durationUs, {}, [], noise));
  return {
    deaths: heard.filter(({ isDead }) => isDead).length,
    suspicions: heard.filter(({ isDead }) => !isDead).length,
  };
}

/** What members thought of one another, in order. */
function run(scenario: ResolvedScenario): Verdict[] {
  return runUntil(scenario, scenario.durationUs, () => false);
}

/** The same, until there is no more to be heard, which is asked each second from `fromUs` on. */
function runUntil(
  scenario: ResolvedScenario,
  fromUs: number,
  isAll: (heard: readonly Verdict[]) => boolean,
): Verdict[] {
  const heard: Verdict[] = [];
  const onNoted = (world: World, { body }: { readonly body: unknown }): void => {
    const { note, chosen } = body as Noted;
    if (note === NOTE_SUSPECTED || note === NOTE_DEAD)
      heard.push({ atUs: world.nowUs, about: chosen, isDead: note === NOTE_DEAD });
  };
  const world = new World(scenario, { onNoted });
  world.start();
  for (let untilUs = fromUs; ; untilUs += SECOND_US) {
    world.run(Math.min(untilUs, scenario.durationUs));
    if (untilUs >= scenario.durationUs || isAll(heard)) return heard;
  }
}
