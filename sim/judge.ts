import type { Envelope } from '../core/machine/envelope.ts';
import { NOTE_OUTCOME, type Noted } from '../core/machine/kinds.ts';
import { ERROR_CODES, OK } from '../core/routing/outcomes.ts';
import type { UserRequest } from './users.ts';
import type { Watcher, World } from './world.ts';

export type Verdict = 'pass' | 'violated' | 'stalled' | 'unknown' | 'vacuous' | 'nondeterministic';

/** What the process exits with, by verdict. */
export const EXIT_CODES: Readonly<Record<Verdict, number>> = {
  pass: 0,
  violated: 1,
  unknown: 2,
  stalled: 3,
  vacuous: 4,
  nondeterministic: 5,
};

/** How many violations are told in full. */
const MAX_TOLD = 20;

/**
 * Judges a run by what the world knows, never by asking the code it judges: each request one outcome and at
 * most one released answer (R5.3-2), computed where its asker allowed it and by a node of the trust asked for.
 */
export class Judge implements Watcher {
  readonly violations: string[] = [];
  private violated = 0;
  /** Requests whose answer a gateway has released, by index, with the gateway's peer number and boot. */
  private readonly released = new Map<number, string>();

  onNoted(world: World, envelope: Envelope): void {
    const { note, code } = envelope.body as Noted;
    if (note !== NOTE_OUTCOME || code !== OK) return;
    const request = world.users.requestOf(envelope);
    if (request === null) return;
    const machine = world.machines[envelope.from];
    const gateway = `${machine.spec.name}, boot ${machine.bootCount}`;
    const before = this.released.get(request.index);
    if (before === undefined) this.released.set(request.index, gateway);
    else
      this.violate(
        world,
        `request r${request.index + 1}: a second answer by ${gateway}, after one by ${before}`,
      );
  }

  onEnded(world: World, request: UserRequest): void {
    if (request.answer === null) return;
    const { minTrust, allowedRegions, model } = request.want;
    const server = world.machines[request.answer.servedBy]?.spec;
    const named = `request r${request.index + 1} for ${model}`;
    if (server === undefined) {
      this.violate(world, `${named}: answered by nobody in the world`);
      return;
    }
    const trust = Math.min(server.claimedTrust, server.attestedTrust);
    if (trust < minTrust)
      this.violate(world, `${named}: wanted trust ${minTrust}, answered by ${server.name} of trust ${trust}`);
    if (!allowedRegions.some((selector) => `${server.region}/`.startsWith(`${selector}/`)))
      this.violate(
        world,
        `${named}: answered in ${server.region}, allowed were ${allowedRegions.join(', ')}`,
      );
    if (!server.installedModels.includes(model))
      this.violate(world, `${named}: answered by ${server.name}, which does not have it`);
  }

  /** The verdict on a run that has come to its end, or was stopped before it. */
  verdict(world: World, isComplete: boolean): { verdict: Verdict; reasons: string[] } {
    const { requests, open } = world.users;
    const { expectations } = world.scenario;
    const reasons = [...this.violations];
    if (this.violated > MAX_TOLD) reasons.push(`and ${this.violated - MAX_TOLD} more`);
    const ended = requests.length - open;
    const ok = requests.filter(({ code }) => code === OK).length;
    const seen = new Set(requests.filter(({ code }) => code >= 0).map(({ code }) => ERROR_CODES[code]));
    for (const code of expectations.never) {
      if ((seen as Set<string>).has(code))
        reasons.push(`a request ended in ${code}, which the scenario says never happens`);
    }
    if (isComplete && ended > 0 && ok * 1_000_000 < expectations.okAtLeastPpm * ended) {
      const wanted = expectations.okAtLeastPpm / 10_000;
      reasons.push(
        `${((100 * ok) / ended).toFixed(2)} % of the requests ended well, expected at least ${wanted} %`,
      );
    }
    if (reasons.length > 0) return { verdict: 'violated', reasons };
    if (!isComplete) return { verdict: 'unknown', reasons: ['stopped before the end of the scenario'] };
    if (open > 0) return { verdict: 'stalled', reasons: stallsOf(world) };
    for (const code of expectations.sometimes) {
      if (!(seen as Set<string>).has(code))
        reasons.push(`no request ended in ${code}, which the scenario is to show`);
    }
    for (const fault of world.faults.counts) {
      if (fault.fired === 0) reasons.push(`the fault “${fault.label}” never came`);
    }
    return { verdict: reasons.length > 0 ? 'vacuous' : 'pass', reasons };
  }

  private violate(world: World, what: string): void {
    this.violated++;
    if (this.violated <= MAX_TOLD)
      this.violations.push(`${what} (at ${world.nowUs} µs, event ${world.events})`);
  }
}

function stallsOf(world: World): string[] {
  const waiting = world.users.requests.filter(({ code }) => code < 0);
  return waiting
    .slice(0, MAX_TOLD)
    .map(
      (request) =>
        `request r${request.index + 1} for ${request.want.model}, asked at ${request.askedUs} µs, still waits for ` +
        world.users.gatewayOf(request).spec.name,
    );
}
