import { parseArgs } from 'node:util';
import { World } from '../sim/world.ts';
import { lanCluster, SECOND_US } from './lan-cluster.ts';
import type { Figures } from './main.ts';

const OPTIONS = {
  members: { type: 'string', default: '1000' },
  seconds: { type: 'string', default: '3600' },
} as const;

/** How long one core takes to simulate the membership of one cluster. */
export function measure(args: readonly string[]): Figures {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const members = Number(values.members);
  const durationUs = Number(values.seconds) * SECOND_US;
  const world = new World(lanCluster(members, 1, durationUs));
  const startMs = performance.now();
  const cpuStart = process.cpuUsage();
  world.start();
  const settleUs = Math.min(60 * SECOND_US, durationUs);
  world.run(settleUs);
  const settledMs = performance.now() - startMs;
  const settledEvents = world.events;
  world.run(durationUs);
  const cpu = process.cpuUsage(cpuStart);
  const counts = world.machines.map(({ node }) => node.membership?.table.liveCount ?? 0);
  return {
    members,
    simulatedS: durationUs / SECOND_US,
    wallS: Math.round((performance.now() - startMs) / 100) / 10,
    cpuS: Math.round((cpu.user + cpu.system) / 100_000) / 10,
    firstMinuteS: Math.round(settledMs / 100) / 10,
    firstMinuteEvents: settledEvents,
    events: world.events,
    leastKnown: Math.min(...counts),
    tableBytesAMember: Math.round(world.machines[0].node.membership!.table.sizeBytes / members),
  };
}
