import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { MEMBER_STATES } from '../core/cluster/membership/member.ts';
import { AGENT_STATES } from '../core/roles/agents/agent-plan.ts';
import type { GatewayUser } from './gateway-user.ts';
import type { LiveNode } from './live-node.ts';
import { turnedAwayBy, viewOf } from './node-view.ts';
import { shelfOf, type PodShelf } from './pod-shelf.ts';
import type { PodVisitors } from './pod-visitors.ts';

/** What a node counts, read when it is asked for. Nothing in it names a user or what was asked. */
export class Metrics {
  private readonly registry = new Registry();
  private readonly seconds: Histogram | null;

  constructor(live: LiveNode, user: GatewayUser | null, visitors: PodVisitors | null) {
    const { driver, transport, journal, contents } = live;
    this.gauge('phase', '0 down, 1 loading, 2 storing, 3 signing, 4 ready', () => driver.node.phase);
    this.gauge('inbox_waiting', 'envelopes that wait', () => driver.waiting);
    this.gauge('jobs_running', 'requests on the accelerator', () => driver.node.compute?.running ?? 0);
    this.gauge('jobs_queued', 'requests that wait for the accelerator', () => {
      const { compute } = driver.node;
      return compute === null ? 0 : compute.jobs.length - compute.running;
    });
    this.gauge('contents_bytes', 'prompts and answers held in memory', () => contents.totalBytes);
    this.gaugeBy('members', 'members of its cluster as the node sees them', 'state', () =>
      named(MEMBER_STATES, viewOf(driver.node).members),
    );
    this.gauge('directory_size', 'nodes in its directory', () => viewOf(driver.node).directory ?? 0);
    this.gaugeBy('agents', 'agents that it hosts', 'state', () =>
      named(AGENT_STATES, viewOf(driver.node).agents),
    );
    if (driver.node.config.manifest.podStorage !== null) this.watchPods(live);
    if (visitors !== null) this.watchVisitors(visitors);
    this.count('boots', 'boots of the node', () => live.bootCount);
    this.count('steps', 'steps of this boot', () => driver.steps);
    this.count('inbox_dropped', 'envelopes that found no room', () => driver.dropped);
    this.count('received', 'envelopes from other nodes that were taken', () => transport.received);
    this.count('journal_entries', 'steps in the journal', () => journal.entries);
    this.countBy(
      'refused',
      'envelopes from other nodes that were refused',
      'reason',
      () => transport.refused,
    );
    this.count(
      'content_served_bytes',
      'bytes of large contents handed out',
      () => transport.carrier.servedBytes,
    );
    this.count(
      'content_fetched_bytes',
      'bytes of large contents fetched',
      () => transport.carrier.fetchedBytes,
    );
    this.countBy(
      'lies',
      'contents of models that were not true, by who handed them out',
      'node',
      () => live.lies,
    );
    this.countBy('unsent', 'envelopes to other nodes that were dropped', 'reason', () => transport.unsent);
    this.countBy('undelivered', 'words of devices and users not taken', 'reason', () => driver.undelivered);
    this.countBy('turned_away', 'envelopes of which the node took nothing in', 'reason', () =>
      turnedAwayBy(driver.node),
    );
    this.seconds = user === null ? null : this.watchQuestions(user);
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  read(): Promise<string> {
    return this.registry.metrics();
  }

  /** To be called with the time that a question took. */
  observe(seconds: number): void {
    this.seconds?.observe(seconds);
  }

  private watchPods({ driver, names }: LiveNode): void {
    const read = (): PodShelf => shelfOf(driver.node, names) ?? NO_PODS;
    this.gauge('pods_held', 'pods of which a copy is on its disk', () => read().held);
    this.gauge('pods_bytes', 'bytes of these copies', () => read().bytes);
    this.gauge('pods_short', 'of these, pods with fewer holders than there should be', () => read().short);
    this.gauge('pods_deleting', 'deletions asked of it that are not certified', () => read().deleting);
    this.gaugeBy(
      'pods_missing',
      'pod hosts that have not confirmed one of them',
      'node',
      () => new Map(read().missing.map((name) => [name, 1])),
    );
  }

  private watchVisitors(visitors: PodVisitors): void {
    this.gauge('pod_requests_open', 'requests about pods over HTTP that wait', () => visitors.openCount);
    this.countBy(
      'pod_requests',
      'requests about pods over HTTP that ended',
      'outcome',
      () => visitors.outcomes,
    );
  }

  private watchQuestions(user: GatewayUser): Histogram {
    this.gauge('questions_open', 'questions over HTTP that wait', () => user.openCount);
    this.countBy('questions', 'questions over HTTP that ended', 'outcome', () => user.outcomes);
    this.countBy(
      'agent_results',
      'results of agents: first, the same again, another',
      'came',
      () => user.owner.calls.results,
    );
    return new Histogram({
      name: 'watershed_question_seconds',
      help: 'from question to answer',
      buckets: [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60],
      registers: [this.registry],
    });
  }

  private gauge(name: string, help: string, readValue: () => number): void {
    new Gauge({
      name: `watershed_${name}`,
      help,
      registers: [this.registry],
      collect() {
        this.set(readValue());
      },
    });
  }

  private gaugeBy(name: string, help: string, label: string, readValues: () => Map<string, number>): void {
    new Gauge({
      name: `watershed_${name}`,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [value, count] of readValues()) this.set({ [label]: value }, count);
      },
    });
  }

  private count(name: string, help: string, readValue: () => number): void {
    new Counter({
      name: `watershed_${name}_total`,
      help,
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(readValue());
      },
    });
  }

  private countBy(
    name: string,
    help: string,
    label: string,
    readCounts: () => ReadonlyMap<string, number>,
  ): void {
    new Counter({
      name: `watershed_${name}_total`,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [value, count] of readCounts()) this.inc({ [label]: value }, count);
      },
    });
  }
}

const NO_PODS: PodShelf = { held: 0, bytes: 0, short: 0, deleting: 0, missing: [] };

function named(names: readonly string[], counts: readonly number[] | null): Map<string, number> {
  return new Map(names.map((name, i) => [name, counts?.[i] ?? 0]));
}
