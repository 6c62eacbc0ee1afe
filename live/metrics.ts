import { Gauge, Registry } from 'prom-client';
import { loadOf } from '../core/roles/compute.ts';
import type { GatewayUser } from './gateway-user.ts';
import type { LiveNode } from './live-node.ts';

/** What a node counts, read when it is asked for. Nothing in it names a user or what was asked. */
export function createMetrics(live: LiveNode, user: GatewayUser | null): Registry {
  const registry = new Registry();
  const { driver, transport, journal, contents } = live;
  const gauge = (name: string, help: string, read: () => number): void => {
    const registers = [registry];
    new Gauge({
      name: `watershed_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  const byReason = (name: string, help: string, counts: ReadonlyMap<string, number>): void => {
    const registers = [registry];
    new Gauge({
      name: `watershed_${name}`,
      help,
      labelNames: ['reason'],
      registers,
      collect() {
        for (const [reason, count] of counts) this.set({ reason }, count);
      },
    });
  };
  gauge('phase', '0 down, 1 loading, 2 storing, 3 signing, 4 ready', () => driver.node.phase);
  gauge('boots', 'how often the node was booted', () => live.bootCount);
  gauge('steps_total', 'steps of this boot', () => driver.steps);
  gauge('ignored_total', 'envelopes that were none for this node', () => driver.node.ignored);
  gauge('late_total', 'envelopes that came too late', () => driver.node.late);
  gauge('inbox_waiting', 'envelopes that wait', () => driver.waiting);
  gauge('inbox_dropped_total', 'envelopes that found no room', () => driver.dropped);
  gauge('received_total', 'envelopes from other nodes that were taken', () => transport.received);
  byReason('refused_total', 'envelopes from other nodes that were refused', transport.refused);
  byReason('unsent_total', 'envelopes to other nodes that were dropped', transport.unsent);
  byReason('undelivered_total', 'words of devices and users that were not taken', driver.undelivered);
  gauge('jobs_running', 'requests on the accelerator', () => loadOf(driver.node).running);
  gauge('jobs_queued', 'requests that wait for the accelerator', () => loadOf(driver.node).queued);
  gauge('contents_bytes', 'prompts and answers held in memory', () => contents.totalBytes);
  gauge('journal_entries_total', 'steps in the journal', () => journal.entries);
  if (user !== null) gauge('questions_open', 'questions over HTTP that wait', () => user.openCount);
  return registry;
}
