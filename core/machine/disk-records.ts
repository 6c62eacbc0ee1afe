import { conductRecordShape, evidenceRecordShape } from '../cluster/registry/index-records.ts';
import { modelRecordShape } from '../models/model-record.ts';
import { agentRecordShape } from '../roles/agents/agent-plan.ts';
import { certificateShape, seedShape } from '../trust/documents.ts';
import { flag, integer, list, optional, record, text, type Of } from './shape.ts';
import { circleRecordShape, podLawShape, podRecordShape } from '../roles/pods/pod-records.ts';

/** What a node holds on its disk: records by key, each of one sort. Keys are texts, `node` or `agent/…`, compared by code units. */
export const MAX_DISK_KEY_BYTES = 160;
export const diskKey = text(MAX_DISK_KEY_BYTES);

/** What a node must know of itself to go on from where it was. */
export const nodeRecordShape = record({ epoch: integer, manifestVersion: integer });
export type NodeRecord = Readonly<Of<typeof nodeRecordShape>>;
export const NODE_KEY = 'node';

/** The most members that a node remembers over its boots. */
export const MAX_KNOWN = 16;
/** What it must know of its cluster: no incarnation below this one has it ever used, and whom to ask who is there (R5.1-1). */
export const membershipRecordShape = record({ incarnation: integer, known: list(seedShape, MAX_KNOWN) });
export type MembershipRecord = Readonly<Of<typeof membershipRecordShape>>;
export const MEMBERSHIP_KEY = 'membership';

/** How it has come to belong to its cluster, or to leave it, since it was configured. */
export const affiliationRecordShape = record({ certificate: optional(certificateShape), hasLeft: flag });
export type AffiliationRecord = Readonly<Of<typeof affiliationRecordShape>>;
export const AFFILIATION_KEY = 'affiliation';

/** One field a sort of record; all but one are null. */
export const diskRecordShape = record({
  node: optional(nodeRecordShape),
  membership: optional(membershipRecordShape),
  agent: optional(agentRecordShape),
  affiliation: optional(affiliationRecordShape),
  circle: optional(circleRecordShape),
  pod: optional(podRecordShape),
  podLaw: optional(podLawShape),
  model: optional(modelRecordShape),
  evidence: optional(evidenceRecordShape),
  conduct: optional(conductRecordShape),
});
export type DiskRecord = Readonly<Of<typeof diskRecordShape>>;

/**
 * Whether a node may go on from a record that a backup brings back. Not from its counts of what it has said of itself, or it would say
 * other things under the same numbers; and not from agents, which may have ended since.
 */
export function outlivesBackup({ node, agent }: DiskRecord): boolean {
  return node === null && agent === null;
}

/** A record of one sort. */
export function recordOf(sort: Partial<DiskRecord>): DiskRecord {
  // Field by field: an object that is put together of others has a layout of its own in memory, half a kilobyte each.
  return {
    node: sort.node ?? null,
    membership: sort.membership ?? null,
    agent: sort.agent ?? null,
    affiliation: sort.affiliation ?? null,
    circle: sort.circle ?? null,
    pod: sort.pod ?? null,
    podLaw: sort.podLaw ?? null,
    model: sort.model ?? null,
    evidence: sort.evidence ?? null,
    conduct: sort.conduct ?? null,
  };
}

export const diskEntryShape = record({ key: diskKey, record: diskRecordShape });
export type DiskEntry = Readonly<Of<typeof diskEntryShape>>;

/** One change of a disk: a record in the place of what was there, or nothing. */
export const diskWriteShape = record({ key: diskKey, record: optional(diskRecordShape) });
export type DiskWrite = Readonly<Of<typeof diskWriteShape>>;

/** Writes that a STORE may hold: all of them take effect, or none. */
export const MAX_DISK_WRITES = 16;
export const storeShape = record({ writes: list(diskWriteShape, MAX_DISK_WRITES) });

/** Entries that one LOADED may hold. */
export const MAX_DISK_PAGE = 64;
