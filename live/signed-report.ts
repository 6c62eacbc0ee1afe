/** Reports of conformance, signed with the key of whoever has tested: anybody can see that nobody has changed them since. */
import type { ConformanceReport } from '../sim/conform/report.ts';
import { hashBytes, LiveIds, signHash, type Identity } from './identity.ts';

export interface SignedReport {
  readonly report: ConformanceReport;
  /** The id of the tester: the hash of its public key, which the signature brings along. */
  readonly tester: string;
  readonly signature: string;
}

export function signReport(report: ConformanceReport, tester: Identity): SignedReport {
  return { report, tester: tester.id, signature: signHash(tester, hashOf(report)) };
}

/** What is wrong with a text that should be a signed report, or the report. */
export function readSignedReport(
  text: string,
): { readonly fault: string } | { readonly fault: null; readonly signed: SignedReport } {
  let signed: Partial<SignedReport> | null;
  try {
    signed = JSON.parse(text) as Partial<SignedReport> | null;
  } catch (error) {
    return { fault: `no JSON: ${(error as Error).message}` };
  }
  const { report, tester, signature } = signed ?? {};
  if (report?.format !== 1 || typeof tester !== 'string' || typeof signature !== 'string')
    return { fault: 'no report of `watershed conform`' };
  const ids = new LiveIds([]);
  if (!ids.verify(ids.peerOf(tester), hashOf(report), signature))
    return { fault: `the signature is not that of ${tester} on this report: one of them was changed` };
  return { fault: null, signed: signed as SignedReport };
}

/** JSON keeps the order of fields, so a report that was read is written as it was. */
function hashOf(report: ConformanceReport): string {
  return hashBytes(`watershed conformance report\n${JSON.stringify(report)}`);
}
