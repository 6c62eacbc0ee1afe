import type { Envelope } from '../../core/machine/envelope.ts';
import type { TestimonyHeard } from '../../core/trust/standing-documents.ts';
import { WALL_EPOCH_US } from '../clocks.ts';
import type { Machine } from '../machine.ts';
import type { ResolvedNode } from '../scenario/resolved.ts';
import type { World } from '../world.ts';

/** What was really said by whom, and since when. */
interface Said {
  readonly level: number;
  readonly untilWallUs: number;
  readonly sinceUs: number;
}

/**
 * What every node can be worth at most, by the world's own record: what attestors have attested, and each vouch that its
 * voucher has itself said. It gives credit for all that is doubtful (withdrawals on their way, nodes that were away), so
 * whoever does more than this has not earned it by any reading.
 */
export class TrueStanding {
  /** By subject, then by voucher: the highest that was ever said. */
  private readonly said = new Map<number, Map<number, Said>>();

  /** A testimony as its own speaker sends it, whoever drives it. */
  onTestimony(world: World, { from, body }: Envelope): void {
    const { speaker, vouches } = (body as TestimonyHeard).testimony;
    if (from !== speaker) return;
    for (const { subject, voucher, level, untilWallUs } of vouches) {
      if (voucher !== speaker || level === 0) continue;
      let ofSubject = this.said.get(subject);
      if (ofSubject === undefined) this.said.set(subject, (ofSubject = new Map()));
      const before = ofSubject.get(voucher);
      ofSubject.set(voucher, {
        level: Math.max(level, before?.level ?? 0),
        untilWallUs: Math.max(untilWallUs, before?.untilWallUs ?? 0),
        sinceUs: before?.sinceUs ?? world.nowUs,
      });
    }
  }

  /** 1 experimental … 4 verified. */
  mostOf(world: World, { peer, spec }: Machine): number {
    const level = Math.max(spec.attestedTrust, this.earnedBy(world, peer));
    const isVerified = level === 3 && isAudited(world, spec);
    return Math.min(spec.claimedTrust, isVerified ? 4 : level);
  }

  private earnedBy(world: World, peer: number): number {
    if (!this.said.has(peer)) return 1;
    const { risePeerUs, riseCommunityUs, communityVouches, communityControllers, levelUs } =
      world.scenario.parameters;
    // What a node was told holds a while longer.
    const wallUs = WALL_EPOCH_US + world.nowUs - levelUs;
    const counted = [...(this.said.get(peer) ?? [])].filter(
      ([voucher, { untilWallUs }]) => world.machines[voucher].spec.attestedTrust >= 3 && untilWallUs > wallUs,
    );
    const since = (level: number): number[] =>
      counted
        .filter(([, one]) => one.level >= level)
        .map(([, { sinceUs }]) => sinceUs)
        .sort((left, right) => left - right);
    const forCommunity = counted.filter(([, { level }]) => level >= 3);
    const organisations = new Set(forCommunity.map(([voucher]) => world.machines[voucher].spec.runBy ?? ''));
    const first = since(2)[0];
    if (first === undefined || world.nowUs - first < risePeerUs) return 1;
    const isOfCommunity =
      forCommunity.length >= communityVouches &&
      organisations.size >= communityControllers &&
      world.nowUs - first >= riseCommunityUs;
    return isOfCommunity ? 3 : 2;
  }
}

/** Whether an auditor that counts in its cluster has said all that it takes. What a node was told holds a while longer. */
function isAudited({ scenario, nowUs }: World, { name, cluster }: ResolvedNode): boolean {
  if (scenario.audits === undefined) return false;
  const accredited = scenario.clusters.find((one) => one.name === cluster)?.auditors ?? [];
  const { levelUs, auditUs, auditPledgePpm } = scenario.parameters;
  return scenario.audits.some(
    ({ by, subject, promisedPpm, disclosure, fromUs, untilUs }) =>
      subject === name &&
      accredited.includes(by) &&
      disclosure !== '' &&
      promisedPpm >= auditPledgePpm &&
      untilUs - fromUs <= auditUs &&
      nowUs >= fromUs &&
      nowUs < untilUs + levelUs,
  );
}
