import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConformError, openLiveWire, type LiveWire } from '../live/conform-wire.ts';
import { openIdentity } from '../live/identity.ts';
import { readSignedReport, signReport } from '../live/signed-report.ts';
import { examine } from '../sim/conform/conform.ts';
import { tellReport, type ConformanceReport } from '../sim/conform/report.ts';
import { putTesterBeside } from '../sim/conform/simulated.ts';
import type { Wire } from '../sim/conform/wire.ts';
import { nearestSpelling } from '../sim/scenario/spelling.ts';
import { loadForCli, USAGE } from './errors.ts';

export interface ConformOptions {
  readonly node?: string;
  readonly key: string;
  readonly json?: boolean;
  readonly out?: string;
  readonly verify?: string;
  readonly host: string;
  readonly operator?: readonly string[];
  readonly publisher?: string;
}

/** Not fully tested is never a pass. */
const EXIT_CODES: Readonly<Record<ConformanceReport['verdict'], number>> = {
  conforms: 0,
  'does not conform': 1,
  'not fully tested': 2,
};

/** `watershed conform`: tests a node by the protocol. Returns the exit code. */
export async function conform(subject: string | undefined, options: ConformOptions): Promise<number> {
  if (options.verify !== undefined) return verifyReport(options.verify);
  if (subject === undefined)
    return refuse('name a scenario, or the address of a live node; or a report to --verify');
  const wire = await openWire(subject, options);
  if (wire === null) return USAGE;
  const report = await examine(wire, options.json === true ? undefined : showSuite).finally(() =>
    (wire as Partial<LiveWire>).close?.(),
  );
  const signed = signReport(report, openIdentity(options.key));
  const text = JSON.stringify(signed, null, 1);
  if (options.out !== undefined) writeFileSync(options.out, `${text}\n`);
  if (options.json === true) console.log(text);
  else {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    for (const line of tellReport(report)) console.log(line);
    console.log(`signed by ${signed.tester}, whose key is in ${join(options.key, 'key.pem')}`);
  }
  return EXIT_CODES[report.verdict];
}

/** A file is a scenario; all else is where a live node listens. */
async function openWire(subject: string, options: ConformOptions): Promise<Wire | null> {
  if (existsSync(subject)) return openSimulated(subject, options.node);
  const isAddress = /^https?:\/\//.test(subject) || /^[^/]+:\d+$/.test(subject);
  if (!isAddress) {
    refuse(`${subject}: there is no such file, and an address has a port, as 127.0.0.1:9000`);
    return null;
  }
  const { host, operator = [], publisher = null } = options;
  const keyless = [...operator, ...(publisher === null ? [] : [publisher])].find((folder) => !hasKey(folder));
  if (keyless !== undefined) {
    refuse(`${keyless}: there is no key.pem in this folder`);
    return null;
  }
  try {
    return await openLiveWire({ address: subject, host, operators: operator, publisher });
  } catch (error) {
    if (!(error instanceof ConformError)) throw error;
    refuse(error.message);
    return null;
  }
}

function hasKey(folder: string): boolean {
  return existsSync(join(folder, 'key.pem'));
}

function showSuite(requirement: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${requirement} …\x1b[K`);
}

/** A world with a tester beside a node: the one that is named, or the one that plays the most roles. */
function openSimulated(file: string, name: string | undefined): Wire | null {
  const scenario = loadForCli(file);
  if (scenario === null) return null;
  const names = scenario.nodes.map((node) => node.name);
  const [busiest] = scenario.nodes.toSorted((left, right) => right.types.length - left.types.length);
  const wanted = name ?? busiest.name;
  if (names.includes(wanted)) return putTesterBeside(scenario, wanted).wire;
  const near = nearestSpelling(wanted, names);
  refuse(`${file} has no node ${wanted}${near === null ? '' : `; ${near}?`}`);
  return null;
}

function verifyReport(file: string): number {
  if (!existsSync(file)) return refuse(`${file}: there is no such file`);
  const read = readSignedReport(readFileSync(file, 'utf8'));
  if (read.fault !== null) {
    console.error(`${file}: ${read.fault}`);
    return 1;
  }
  const { report, tester } = read.signed;
  console.log(
    `${file}: as ${tester} has signed it: ${report.node.name} ${report.verdict === 'not fully tested' ? 'was not fully tested' : report.verdict}`,
  );
  return 0;
}

function refuse(message: string): number {
  console.error(message);
  return USAGE;
}
