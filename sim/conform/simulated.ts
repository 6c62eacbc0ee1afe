import { Envelope } from '../../core/machine/envelope.ts';
import { sizeOfEnvelope } from '../../core/machine/codec.ts';
import { hexWord } from '../../core/base/digest.ts';
import { mixWord } from '../../core/base/rng.ts';
import { WALL_EPOCH_US } from '../clocks.ts';
import type { Machine } from '../machine.ts';
import type { Guise } from '../malice/malice.ts';
import type { ResolvedNode, ResolvedScenario } from '../scenario/resolved.ts';
import { keyOfName } from '../seeds.ts';
import { World } from '../world.ts';
import type { Heard, Mouth, Operator, Wire } from './wire.ts';

const TEST_NODE = 'conform-node';
const TEST_PERSON = 'conform-person';
const TEST_PUBLISHER = 'conform publisher';
/** Before a tester comes, the cluster has found itself. */
const SETTLED_US = 10_000_000;
const LOOK_US = 100_000;
/** Each envelope takes its own time on its way. */
const HEARD_US = 1_000_000;

/** A world with a tester in it, beside one of its nodes. `prepare` may change the world before it begins. */
export function putTesterBeside(
  scenario: ResolvedScenario,
  name: string,
  prepare: (world: World, target: Machine) => void = () => undefined,
): { readonly world: World; readonly wire: Wire } {
  const spec = scenario.nodes.find((node) => node.name === name)!;
  const world = new World(withTester(scenario, spec));
  const machineOf = (wanted: string): Machine => world.machines.find((one) => one.spec.name === wanted)!;
  const target = machineOf(name);
  prepare(world, target);
  const node = new Puppet(world, machineOf(`${spec.cluster}/${TEST_NODE}`));
  const person = new Puppet(world, machineOf(`${spec.cluster}/${TEST_PERSON}`));
  world.start();
  world.run(SETTLED_US);
  const publisher = world.identities.find(TEST_PUBLISHER)!;
  const makeContent: Wire['makeContent'] = (sizeBytes, seed) => {
    const word = mixWord(keyOfName('conform'), seed);
    return { hash: `conform-${hexWord(word)}${hexWord(mixWord(word, sizeBytes))}`, sizeBytes, keyId: 0 };
  };
  const wire: Wire = {
    driver: 'simulated',
    pure: world.identities,
    target: target.peer,
    name,
    node,
    person,
    operators: operatorsOf(world, target),
    publisher: { peer: publisher, sign: (hash) => world.identities.mint(publisher, hash) },
    wallUs: () => WALL_EPOCH_US + world.nowUs,
    lookUs: LOOK_US,
    heardUs: HEARD_US,
    pass: (us) => {
      world.run(world.nowUs + us);
      return Promise.resolve();
    },
    makeContent,
    makeModel: (version, sizeBytes, chunkBytes) => {
      const count = Math.ceil(sizeBytes / chunkBytes);
      return Array.from({ length: count }, (_, i) =>
        makeContent(Math.min(chunkBytes, sizeBytes - i * chunkBytes), count * version + i),
      );
    },
    metrics: null,
  };
  return { world, wire };
}

/** Two more nodes of the cluster that nobody has admitted, and a publisher whose word counts there. */
function withTester(scenario: ResolvedScenario, target: ResolvedNode): ResolvedScenario {
  const { cluster, region } = target;
  const tester = (name: string): ResolvedNode => ({
    name: `${cluster}/${name}`,
    cluster,
    region,
    types: ['compute'],
    claimedTrust: 1,
    attestedTrust: 1,
    podStorage: null,
    compute: { gpuMemoryBytes: 1_000_000_000, supportedModels: [] },
    installedModels: [],
    slots: 1,
    queueLimit: 1,
    bandwidthBytesPerSecond: target.bandwidthBytesPerSecond,
    speedPpm: 1_000_000,
    isAdmitted: false,
  });
  return {
    ...scenario,
    nodes: [...scenario.nodes, tester(TEST_NODE), tester(TEST_PERSON)],
    publishers: [...(scenario.publishers ?? []), TEST_PUBLISHER],
  };
}

/** A machine whose node is silent and hears nothing: a tester speaks in its place. */
class Puppet implements Mouth, Guise {
  readonly tickUs = 0;
  readonly peer: number;
  readonly address: string;
  onHear: ((heard: Heard) => void) | null = null;
  private readonly world: World;
  private readonly machine: Machine;

  constructor(world: World, machine: Machine) {
    this.world = world;
    this.machine = machine;
    this.peer = machine.peer;
    this.address = machine.spec.name;
    machine.villain = this;
  }

  sign(hash: string): string {
    return this.world.identities.mint(this.peer, hash);
  }

  send(to: number, said: Omit<Heard, 'from'>): void {
    const envelope = Object.assign(new Envelope(), said);
    envelope.from = this.peer;
    envelope.to = to;
    envelope.sizeBytes = sizeOfEnvelope(envelope);
    this.world.sendFromVillain(this.machine, envelope);
  }

  letsIn({ kind, from, origin, originBoot, n, attempt, body }: Envelope): boolean {
    this.onHear?.({ kind, from, origin, originBoot, n, attempt, body });
    return false;
  }

  letsOut(): boolean {
    return false;
  }

  tick(): void {
    // It speaks when the tester does.
  }
}

function operatorsOf(world: World, target: Machine): Operator[] {
  const { operators, identities } = world;
  return target.node.config.genesis.operators.map((peer) => ({
    peer,
    sign: (hash) => identities.mint(peer, hash),
    order: (kind, body, hear) =>
      operators.orderBy(peer, target, kind, body, (told) => hear(told.kind, told.body)),
  }));
}
