// Starts a federation as a process that a test can kill: prints the ids of its processes, and stays.
import { startFederation } from '../../live/federation.ts';
import { threeClusters } from './pilot.ts';

const federation = await startFederation(threeClusters(), { folder: process.argv[2]! });
console.log(JSON.stringify({ pids: federation.nodes.map(({ pid }) => pid), url: federation.gatewayUrls[0] }));
setInterval(() => undefined, 1_000);
