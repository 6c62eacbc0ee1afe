import type { Lineage } from '../lineage.ts';
import { AdmissionHonoured } from './admission-honoured.ts';
import { AgentStepsOnce } from './agent-steps-once.ts';
import { AgentsConsented } from './agents-consented.ts';
import { AgentsStopped } from './agents-stopped.ts';
import { AccessConsented } from './access-consented.ts';
import { AnswersDerived } from './answers-derived.ts';
import { BreakersBounded } from './breakers-bounded.ts';
import { ClocksSteady } from './clocks-steady.ts';
import { ContentsDeclared } from './contents-declared.ts';
import { CopiesAllowed } from './copies-allowed.ts';
import { CutsRespected } from './cuts-respected.ts';
import { DeadlinesKept } from './deadlines-kept.ts';
import { DeletionTrue } from './deletion-true.ts';
import { PodsAtHome } from './pods-at-home.ts';
import { SealedPods } from './sealed-pods.ts';
import { WritesSurvive } from './writes-survive.ts';
import { ExportsHonoured } from './exports-honoured.ts';
import { LastCopyKept } from './last-copy-kept.ts';
import { MemoryReserved } from './memory-reserved.ts';
import { ModelsWhole } from './models-whole.ts';
import { RevokedNotServed } from './revoked-not-served.ts';
import { ManifestsAuthentic } from './manifests-authentic.ts';
import { IncarnationOwn } from './incarnation-own.ts';
import type { Invariant } from './invariant.ts';
import { MessagesConserved } from './messages-conserved.ts';
import { NoFalseDeath } from './no-false-death.ts';
import { OneCrossing } from './one-crossing.ts';
import { OneOutcome } from './one-outcome.ts';
import { ReceiptsTrue } from './receipts-true.ts';
import { RecordsAuthentic } from './records-authentic.ts';
import { QuarantineHolds } from './quarantine-holds.ts';
import { RefusedForCause } from './refused-for-cause.ts';
import { RegionsHonoured } from './regions-honoured.ts';
import { TablesBounded } from './tables-bounded.ts';
import { TrustEarned } from './trust-earned.ts';
import { TrustHonoured } from './trust-honoured.ts';
import { WorkOnce } from './work-once.ts';

/** Every promise there is, made anew for each run. They hold in any weather, unless a scenario says otherwise. */
export function createInvariants(lineage: Lineage, isChecking: boolean): Invariant[] {
  const invariants: Invariant[] = [
    new OneOutcome(lineage),
    new RefusedForCause(lineage),
    new TrustHonoured(lineage),
    new TrustEarned(lineage),
    new RegionsHonoured(lineage),
    new AnswersDerived(lineage),
    new AgentsConsented(lineage),
    new AgentsStopped(lineage),
    new AgentStepsOnce(lineage),
    new DeadlinesKept(lineage),
    new BreakersBounded(lineage),
    new WorkOnce(lineage),
    new TablesBounded(lineage),
    new MessagesConserved(lineage),
    new CutsRespected(lineage),
    new AdmissionHonoured(lineage),
    new ClocksSteady(lineage),
    new ExportsHonoured(lineage),
    new OneCrossing(lineage),
    new RecordsAuthentic(lineage),
    new ManifestsAuthentic(lineage),
    new QuarantineHolds(lineage),
    new IncarnationOwn(lineage),
    new NoFalseDeath(lineage),
    new PodsAtHome(lineage),
    new WritesSurvive(lineage),
    new DeletionTrue(lineage),
    new AccessConsented(lineage),
    new SealedPods(lineage),
    new ReceiptsTrue(lineage),
    new ModelsWhole(lineage),
    new CopiesAllowed(lineage),
    new MemoryReserved(lineage),
    new LastCopyKept(lineage),
    new RevokedNotServed(lineage),
  ];
  return isChecking ? [...invariants, new ContentsDeclared(lineage)] : invariants;
}
