import type { Manifest, NodeType } from '../../core/cluster/manifest.ts';
import { NODE_TYPES } from '../../core/cluster/manifest.ts';
import { SECOND_US } from '../../core/base/time.ts';
import { ALIVE, bitOfType, type Member } from '../../core/cluster/membership/member.ts';
import type { Want } from '../../core/routing/want.ts';
import type { CheckReport, Outcome } from './report.ts';
import { Speaker } from './speaker.ts';
import { TestNode } from './test-node.ts';
import type { Wire } from './wire.ts';

/** No node lies there: whatever may only be there must be refused. */
export const ELSEWHERE = 'conform/elsewhere';
const PROMPT_BYTES = 256;

export interface Finding {
  readonly outcome: Outcome;
  readonly detail: string;
}

export const passed = (detail = ''): Finding => ({ outcome: 'passed', detail });
export const failed = (detail: string): Finding => ({ outcome: 'failed', detail });
/** `reason` goes on from “not tested, because”. */
export const untested = (reason: string): Finding => ({ outcome: 'not tested', detail: reason });

export interface Check {
  readonly what: string;
  readonly rule: string;
  /** What only a member can see. */
  readonly isForMembers?: true;
  /** What only a node can be tested for that plays it. */
  readonly role?: NodeType;
  find(exam: Exam): Promise<Finding>;
}

export interface Suite {
  readonly name: string;
  readonly requirement: string;
  readonly checks: readonly Check[];
  /** Without these the requirement has not been tested: all of them, or any. */
  readonly core: { readonly of: 'all' | 'any'; readonly checks: readonly Check[] };
  /** Made when all suites are done: what ends the test, and is a part of it. */
  readonly closing: readonly Check[];
}

/** One test of one node: who takes part, and what has been found out of the node so far. */
export class Exam {
  readonly wire: Wire;
  readonly node: TestNode;
  readonly person: Speaker;
  /** Whether the node under test has the test node for a member. */
  isMember = false;
  /** What the test leaves at the node, in words. */
  readonly left: string[] = [];

  constructor(wire: Wire) {
    this.wire = wire;
    this.node = new TestNode(wire);
    this.person = new Speaker(wire, wire.person);
  }

  /** What the node under test says of itself among members. */
  get member(): Member | null {
    return this.node.members.get(this.wire.target) ?? null;
  }

  get manifest(): Manifest | null {
    return this.node.manifests.get(this.wire.target)?.manifest ?? null;
  }

  get types(): NodeType[] {
    const types = this.member?.types ?? 0;
    return NODE_TYPES.filter((type) => (types & bitOfType(type)) !== 0);
  }

  get region(): string {
    return this.manifest?.region ?? this.node.region;
  }

  is(type: NodeType): boolean {
    return this.types.includes(type);
  }

  /** Live members of a type besides the test node, as the node under test has said. */
  membersOf(type: NodeType): Member[] {
    return [...this.node.members.values()].filter(
      ({ peer, state, types }) =>
        state === ALIVE && peer !== this.node.peer && (types & bitOfType(type)) !== 0,
    );
  }

  /** A model that a node offers by its own heartbeat, or null. */
  modelAt(peer: number): string | null {
    return this.node.beats.get(peer)?.last.load.installedModels[0] ?? null;
  }

  /** A model that anybody in the cluster offers. */
  modelAnywhere(): string | null {
    for (const { last } of this.node.beats.values())
      if (last.load.installedModels.length > 0) return last.load.installedModels[0];
    return null;
  }

  want(model: string, allowedRegions: readonly string[], minTrust = 1): Want {
    return {
      model,
      prompt: this.wire.makeContent(PROMPT_BYTES, 1),
      contextTokens: 16,
      maxTokens: 4,
      minTrust,
      allowedRegions: [...allowedRegions],
      pods: [],
      timeLeftUs: 20 * SECOND_US,
      notAfterWallUs: this.wire.wallUs() + 20 * SECOND_US,
    };
  }
}

export async function runChecks(exam: Exam, checks: readonly Check[]): Promise<CheckReport[]> {
  const reports: CheckReport[] = [];
  for (const check of checks) {
    const { what, rule } = check;
    reports.push({ what, rule, ...(obstacleTo(exam, check) ?? (await check.find(exam))) });
  }
  return reports;
}

const ROLES: Readonly<Record<NodeType, string>> = {
  'pod-host': 'pod host',
  compute: 'compute node',
  gateway: 'gateway',
  index: 'index node',
  bridge: 'bridge',
};

function obstacleTo(exam: Exam, { isForMembers, role }: Check): Finding | null {
  if (isForMembers === true && !exam.isMember) return NOT_MEMBER;
  return role === undefined || exam.is(role) ? null : untested(`it is no ${ROLES[role]}`);
}

/** For what only a member can see. */
export const NOT_MEMBER = untested('the test node has not been admitted');
