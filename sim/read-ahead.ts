import type { Peer } from '../core/base/peers.ts';
import { readAhead, readAheadFrom, touch, touchTables, type Node } from '../core/machine/node-state.ts';
import type { Identities } from './identities.ts';
import type { Machine, Rows } from './machine.ts';
import type { EnvelopePool } from './envelope-pool.ts';
import { ALARM } from './stepper.ts';
import { ARRIVE } from './transport.ts';

/**
 * Reads what the next events begin with. Of a million machines each lies far away in memory, and one thing there tells where the
 * next one lies: so it goes through all events for the first things, then for the second, and so on. Reads that do not depend
 * on each other are waited for together.
 */
export class ReadAhead {
  private readonly machines: readonly Machine[];
  private readonly rows: Rows;
  private readonly pool: EnvelopePool;
  private readonly identities: Identities;
  private readonly woken: Machine[] = [];
  private readonly nodes: Node[] = [];
  private readonly senders: Peer[] = [];
  private readonly receivers: Machine[] = [];
  private readonly hearers: Node[] = [];
  /** Of no meaning: what is read must be used somehow. */
  protected touched = 0;

  constructor(machines: readonly Machine[], rows: Rows, pool: EnvelopePool, identities: Identities) {
    this.machines = machines;
    this.rows = rows;
    this.pool = pool;
    this.identities = identities;
  }

  /** @param slots of the events that come next, `count` of them, with their kinds */
  look(slots: Int32Array, count: number, kinds: Uint8Array): void {
    const { machines, rows, pool, identities, woken, nodes, senders, receivers, hearers } = this;
    let alarms = 0;
    let arrivals = 0;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      if (kinds[i] === ALARM) {
        sum += rows.touch(slots[i]);
        woken[alarms++] = machines[slots[i]];
      } else if (kinds[i] === ARRIVE) {
        const { from, to } = pool.at(slots[i]);
        if (from < 0 || from >= machines.length || to >= machines.length) continue;
        sum += identities.rank(from) + rows.touch(to);
        senders[arrivals] = from;
        receivers[arrivals++] = machines[to];
      }
    }
    for (let i = 0; i < alarms; i++) {
      sum += woken[i].key;
      nodes[i] = woken[i].node;
    }
    for (let i = 0; i < arrivals; i++) {
      sum += receivers[i].key;
      hearers[i] = receivers[i].node;
    }
    for (let i = 0; i < alarms; i++) sum += touch(nodes[i]);
    for (let i = 0; i < arrivals; i++) sum += touch(hearers[i]);
    for (let i = 0; i < alarms; i++) sum += readAhead(nodes[i]);
    for (let i = 0; i < arrivals; i++) sum += touchTables(hearers[i]);
    for (let i = 0; i < arrivals; i++) sum += readAheadFrom(hearers[i], senders[i]);
    this.touched = sum;
  }
}
