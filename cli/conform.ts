import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConformError, openLiveWire, type LiveWire } from '../live/conform-wire.ts';
import { KeyFault, openIdentity, type Identity } from '../live/identity.ts';
import { readSignedReport, signReport } from '../live/signed-report.ts';
import { examine } from '../sim/conform/conform.ts';
import { tellReport, type ConformanceReport } from '../sim/conform/report.ts';
import { putTesterBeside } from '../sim/conform/simulated.ts';
import type { Wire } from '../sim/conform/wire.ts';
import { nearestSpelling } from '../sim/scenario/spelling.ts';
import { loadForCli, USAGE } from './errors.ts';
import { complain, say } from './lines.ts';
import { isOutside } from './usage.ts';

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
  const wire: (Wire & Partial<LiveWire>) | null = await openWire(subject, options);
  if (wire === null) return USAGE;
  // Before all else: nobody waits for a report that cannot be signed or written.
  const tester = openTester(options);
  if (tester === null) {
    await wire.close?.();
    return USAGE;
  }
  const report = await examine(wire, options.json === true ? undefined : showSuite).finally(() =>
    wire.close?.(),
  );
  const signed = signReport(report, tester);
  const text = JSON.stringify(signed, null, 1);
  if (options.out !== undefined) writeFileSync(options.out, `${text}\n`);
  if (options.json === true) console.log(text);
  else {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    for (const line of tellReport(report)) say(line);
    say(`signed by ${signed.tester}, whose key is in ${join(options.key, 'key.pem')}`);
  }
  return EXIT_CODES[report.verdict];
}

/** The key of the tester, which is made if there is none; null if it cannot be had, or the report not be written. That is told. */
function openTester({ key, out }: ConformOptions): Identity | null {
  try {
    if (out !== undefined) closeSync(openSync(out, 'a'));
    return openIdentity(key);
  } catch (error) {
    if (!(error instanceof KeyFault || isOutside(error))) throw error;
    refuse(error.message);
    return null;
  }
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
  try {
    return await openLiveWire({ address: subject, host, operators: operator, publisher });
  } catch (error) {
    if (!(error instanceof ConformError || error instanceof KeyFault)) throw error;
    refuse(error.message);
    return null;
  }
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
  if (!existsSync(file) || !statSync(file).isFile()) return refuse(`${file}: there is no such file`);
  const read = readSignedReport(readFileSync(file, 'utf8'));
  if (read.fault !== null) {
    complain(`${file}: ${read.fault}`);
    return 1;
  }
  const { report, tester } = read.signed;
  const found = report.verdict === 'not fully tested' ? 'was not fully tested' : report.verdict;
  say(`${file}: ${report.node.name} ${found}; as ${tester} has signed it`);
  return 0;
}

function refuse(message: string): number {
  complain(message);
  return USAGE;
}
