import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { copyEnvelope, Envelope, Outbox } from '../core/machine/envelope.ts';
import { decodeEnvelope, Encoder } from '../core/machine/codec.ts';
import { KINDS, nameOfKind } from '../core/machine/kinds.ts';
import { receive, wake } from '../core/machine/node.ts';
import { cloneNode } from '../core/machine/node-state.ts';
import { loadScenario } from '../sim/scenario/load.ts';
import { simulate } from '../sim/simulate.ts';
import type { World } from '../sim/world.ts';
import type { Figures } from './main.ts';

/** One step in so many is taken again on a clone of its node, and timed. */
const EVERY = 23;

/**
 * What a step costs by kind of envelope, µs: the step itself on a clone of a node in the middle of a run, and
 * with the decoding of its bytes and the check of its signature, which a live node adds. The costs in the protocol table are
 * those of the check, and the 95th percentile of step and decoding together, rounded up to 5 µs. What sockets cost is not in them.
 */
export function measure(args: readonly string[]): Figures {
  const file = args.find((arg) => arg.endsWith('.yaml')) ?? 'scenarios/quickstart.yaml';
  const samples = new Map<string, { step: number[]; decode: number[] }>();
  let seen = 0;
  const out = new Outbox();
  const envelope = new Envelope();
  const take = (name: string, stepUs: number, decodeUs: number): void => {
    let sample = samples.get(name);
    if (sample === undefined) samples.set(name, (sample = { step: [], decode: [] }));
    sample.step.push(stepUs);
    sample.decode.push(decodeUs);
  };
  const onHandled = (world: World, handled: Envelope): void => {
    const machine = world.machines[handled.to];
    if (seen++ % EVERY !== 0 || machine === undefined) return;
    const node = cloneNode(machine.node);
    const now = { monoUs: world.nowUs - machine.clock.anchorUs, wallUs: 2 ** 40 + world.nowUs };
    copyEnvelope(handled, envelope);
    const bytes = new Encoder(world.identities).envelope(envelope);
    const startUs = microseconds();
    decodeEnvelope(bytes, world.identities, envelope);
    const decodedUs = microseconds();
    receive(node, now, envelope, out);
    const doneUs = microseconds();
    take(nameOfKind(handled.kind), doneUs - decodedUs, decodedUs - startUs);
    out.clear();
    const wokenUs = microseconds();
    wake(node, { monoUs: Math.max(now.monoUs, node.wakeAtUs), wallUs: now.wallUs }, out);
    take('(alarm)', microseconds() - wokenUs, 0);
    out.clear();
  };
  simulate(loadScenario(file), { watchers: [{ onHandled }] });
  const rows = [...samples].map(([name, { step, decode }]) => ({
    name,
    samples: step.length,
    stepMedianUs: quantile(step, 0.5),
    decodeMedianUs: quantile(decode, 0.5),
    togetherP95Us: quantile(
      step.map((us, i) => us + decode[i]),
      0.95,
    ),
    inTableUs: KINDS.find((entry) => entry?.name === name)?.costUs ?? null,
  }));
  rows.sort((left, right) => (left.name < right.name ? -1 : 1));
  return {
    checkSignatureUs: measureCheck(),
    ...Object.fromEntries(rows.map(({ name, ...figures }) => [name, figures])),
  };
}

/** What checking one Ed25519 signature of an envelope of 300 bytes costs, µs. */
function measureCheck(): number {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const bytes = Buffer.alloc(300, 7);
  const signature = sign(null, bytes, privateKey);
  const times = Array.from({ length: 2_000 }, () => {
    const startUs = microseconds();
    verify(null, bytes, publicKey, signature);
    return microseconds() - startUs;
  });
  return quantile(times, 0.5);
}

function microseconds(): number {
  return Number(process.hrtime.bigint()) / 1_000;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] * 10) / 10;
}
