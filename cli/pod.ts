import { buffer } from 'node:stream/consumers';
import { patternShape, type Pattern } from '../core/policy/consent-documents.ts';
import { compilePolicy } from '../core/policy/location-policy.ts';
import { AUTHORISATIONS } from '../core/policy/documents.ts';
import { hashBytes, KeyFault } from '../live/identity.ts';
import { fieldsOf, JsonFault } from '../live/json-shape.ts';
import { PodBook, type BookedPod } from '../live/pod-book.ts';
import { PodAgents } from '../live/pod-agents.ts';
import { PodOwner, PodRefused, type PodContents } from '../live/pod-owner.ts';
import type { FormName } from '../live/portability/forms.ts';
import { beginAgent, showAgents, stopAgent } from './pod-agents.ts';
import {
  carryArchive,
  exportArchive,
  fetchArchive,
  importArchive,
  packFolder,
  refusing,
  showArchive,
  type SolidOptions,
} from './pod-archives.ts';
import {
  asksForChange,
  describeTerms,
  otherTermsOf,
  placesOf,
  policyOf,
  type PolicyOptions,
} from './pod-policies.ts';
import { checkOutput, describeFileFault, readInput, writeOutput } from './pod-files.ts';
import { checkName, gatewaysAt, identityFor } from './pod-who.ts';
import { Misused, USAGE } from './usage.ts';

interface ExportOptions {
  readonly form: FormName;
  readonly version?: string;
  readonly force?: boolean;
  readonly grant?: readonly string[];
}

const DAY_US = 86_400_000_000;
/** What was asked was refused; or may be tried again (EX_TEMPFAIL). */
const REFUSED = 1;
const AGAIN = 75;
const HASH_DIGITS = 12;
/** Verbs for which no gateway of a federation is asked. */
const ALONE: readonly string[] = ['key', 'pack', 'show', 'carry', 'fetch'];
/** `watershed pod VERB`: returns the exit code. */
export async function runPodVerb(
  verb: string,
  where: { readonly at?: string; readonly owner: string },
  words: readonly unknown[],
): Promise<number> {
  try {
    const gateways = ALONE.includes(verb) ? [] : gatewaysAt(where.at);
    const owner = new PodOwner(identityFor(verb, where.owner), gateways);
    const agents = new PodAgents(owner, gateways);
    const desk = new PodDesk(owner, new PodBook(where.owner, owner), agents);
    const act = desk[verb as keyof PodDesk] as (...words: readonly unknown[]) => Promise<number> | number;
    return await act.call(desk, ...words);
  } catch (error) {
    if (error instanceof PodRefused) {
      console.error(`${error.code}: ${error.message}`);
      if (!error.definite) console.error('It may have been done: asking again does no harm.');
      else if (error.retryable) console.error('Nothing was done; another time it may be.');
      return error.retryable ? AGAIN : error.code === 'NOT_A_NODE' ? USAGE : REFUSED;
    }
    const isOurs = [JsonFault, KeyFault, Misused].some((kind) => error instanceof kind);
    const told = isOurs ? (error as Error).message : describeFileFault(error);
    if (told === null) throw error;
    console.error(told);
    return USAGE;
  }
}

/** What a person does at the terminal with pods: one method a verb. */
class PodDesk {
  private readonly owner: PodOwner;
  private readonly book: PodBook;
  private readonly agentsOfOwner: PodAgents;

  constructor(owner: PodOwner, book: PodBook, agents: PodAgents) {
    this.owner = owner;
    this.book = book;
    this.agentsOfOwner = agents;
  }

  key(): number {
    console.log(this.owner.id);
    return 0;
  }

  async create(name: string, options: PolicyOptions): Promise<number> {
    if (options.home === undefined) {
      console.error('--home REGION: where is it at home? as eu/fr');
      return USAGE;
    }
    checkName(name);
    const { home } = options;
    const places = policyOf(home, options);
    const { pod, isNew } = this.book.begin(name, (number, before) => {
      if (before === null) return this.owner.signPolicy(number, 1, home, places);
      // The same again is the very same; another policy comes after what hosts may have heard.
      const isSame = JSON.stringify([home, places]) === JSON.stringify([before.homeRegion, before.policy]);
      const version = before.version + (isSame ? 0 : 1);
      return this.owner.signPolicy(number, version, home, places, before.sinceWallUs);
    });
    try {
      await this.owner.setPolicy(pod.policy);
    } catch (error) {
      const isNever = error instanceof PodRefused && error.definite && !error.retryable;
      if (isNever && isNew) this.book.forget(pod.number);
      throw error;
    }
    this.book.update(pod.number, { isBegun: true });
    tell(`${name} has begun, ${placesOf(home, places)}`, otherTermsOf(places));
    return 0;
  }

  async write(name: string, file: string | undefined, key: string | undefined): Promise<number> {
    const pod = this.book.find(name);
    const bytes = file === undefined ? await buffer(process.stdin) : readInput(file);
    const { vector, isFragile, primary } = await this.owner.write(
      pod.policy,
      bytes,
      pod.vector,
      key ?? keyOf(pod, bytes),
    );
    this.book.update(pod.number, { vector: [...vector] });
    console.log(`${name}: ${count(bytes.length, 'byte')} written at ${primary}`);
    if (isFragile) console.log('Fragile: one host has it, and its policy lets no second one have it now.');
    return 0;
  }

  async read(
    name: string,
    options: { readonly out?: string; readonly version?: string; readonly force?: boolean },
  ): Promise<number> {
    if (options.out !== undefined) checkOutput(options.out, options.force);
    const found = await this.contentsOf(name);
    const chosen = found.versions.filter(({ content }) => content.hash.startsWith(options.version ?? ''));
    if (chosen.length !== 1) {
      const which = found.versions.map(({ content }) => content.hash.slice(0, HASH_DIGITS)).join(', ');
      console.error(`${chosen.length} versions are meant; choose with --version: ${which}`);
      return REFUSED;
    }
    if (options.out === undefined) process.stdout.write(chosen[0]!.bytes);
    else writeOutput(options.out, chosen[0]!.bytes, options.force);
    return 0;
  }

  async list(): Promise<number> {
    const deleted = await this.askHosts();
    const living = this.book.pods.filter(({ goneWallUs }) => goneWallUs === 0);
    for (const { name, number, policy, isBegun } of living) {
      const { homeRegion, policy: places, version } = policy.terms;
      if (deleted.has(number)) console.log(`${name}  deleted`);
      else tell(`${name}  ${placesOf(homeRegion, places)} (policy ${version})`, otherTermsOf(places));
      if (!isBegun) console.log('  whether it has begun is not known: create it again');
      console.log(`  ${this.owner.id}/${number}`);
    }
    if (living.length === 0) console.log('none yet: watershed pod create NAME --home REGION');
    for (const { name, goneWallUs } of this.book.pods)
      if (goneWallUs > 0) console.log(`${name}  gone from every pod host, ${dateOf(goneWallUs)}`);
    return 0;
  }

  /** What was done at other devices pod hosts know; without them there is what was done here. */
  private async askHosts(): Promise<ReadonlySet<number>> {
    try {
      return this.book.heed(await this.owner.pods());
    } catch (error) {
      if (!(error instanceof PodRefused)) throw error;
      console.error(`${error.message}: these are the pods that are known at this device`);
      return new Set();
    }
  }

  async history(name: string): Promise<number> {
    const { versions, names } = await this.owner.look(this.book.find(name).number);
    for (const { content, wallUs, dot } of versions) {
      const host = this.owner.ids.idOf(dot.host);
      const at = `${dateOf(wallUs)}  ${names[host] ?? host.slice(0, HASH_DIGITS)}`;
      console.log(`${content.hash.slice(0, HASH_DIGITS)}  ${count(content.sizeBytes, 'byte')}  ${at}`);
    }
    if (versions.length > 1)
      console.log(
        'They were written without knowledge of each other; read, and write what is to follow them.',
      );
    return 0;
  }

  async where(name: string): Promise<number> {
    const places = await this.owner.where(this.book.find(name).number);
    const width = Math.max(0, ...places.map(({ host }) => host.length)) + 2;
    for (const { host, isSilent, region, sizes } of places) {
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      const held =
        sizes.length === 0 ? 'nothing' : `${count(sizes.length, 'version')}, ${count(bytes, 'byte')}`;
      console.log(`${host.padEnd(width)}${isSilent ? 'does not answer' : `${region}  ${held}`}`);
    }
    const silent = places.filter(({ isSilent }) => isSilent).map(({ host }) => host);
    if (places.length > 0 && silent.length === 0) return 0;
    console.error(
      places.length === 0
        ? 'The gateway knows of no pod host yet.'
        : `What ${silent.join(', ')} ${silent.length === 1 ? 'has' : 'have'} is not known.`,
    );
    return AGAIN;
  }

  grant(name: string, reader: string, days: number, purpose: string): number {
    if (!/^[0-9a-f]{64}$/.test(reader)) {
      console.error(
        'reader: an id of 64 hexadecimal digits is expected, as `watershed pod key` shows theirs',
      );
      return USAGE;
    }
    const { number, policy } = this.book.find(name);
    const { homeRegion, policy: places } = policy.terms;
    const regions = compilePolicy(homeRegion, places).selectors;
    const pattern = this.owner.consentTo(number, reader, purpose, Date.now() * 1_000 + days * DAY_US);
    const consent = this.owner.toJson(patternShape, pattern);
    const json = { owner: this.owner.id, number, regions, consent };
    console.log(Buffer.from(JSON.stringify(json)).toString('base64url'));
    return 0;
  }

  async policy(name: string, options: PolicyOptions): Promise<number> {
    const pod = this.book.find(name);
    const { terms } = await this.inForce(pod);
    if (!asksForChange(options)) {
      const { homeRegion, policy, version } = terms;
      tell(`${name} lies ${placesOf(homeRegion, policy)} (policy ${version})`, describeTerms(terms));
      return 0;
    }
    const home = options.home ?? terms.homeRegion;
    const places = policyOf(home, options, terms.policy);
    const next = this.owner.signPolicy(pod.number, terms.version + 1, home, places, terms.sinceWallUs);
    await this.owner.setPolicy(next);
    this.book.update(pod.number, { policy: next as BookedPod['policy'], isBegun: true });
    tell(`${name} lies ${placesOf(home, places)}: in force at every pod host`, otherTermsOf(places));
    return 0;
  }

  async log(name: string): Promise<number> {
    const { receipts } = await this.owner.look(this.book.find(name).number);
    for (const { reader, authorisation, purpose, wallUs } of receipts)
      console.log(
        `${dateOf(wallUs)}  ${this.owner.ids.idOf(reader)}  ${AUTHORISATIONS[authorisation]}  ${purpose}`,
      );
    if (receipts.length === 0) console.log('nobody else has read it');
    return 0;
  }

  async withdraw(name: string): Promise<number> {
    await this.owner.withdraw(this.book.find(name).number);
    console.log(`nobody else may read ${name} any more: in force at every pod host`);
    return 0;
  }

  agent(file: string, key: string | undefined): Promise<number> {
    return beginAgent(this.agentsOfOwner, this.book, file, key);
  }

  agents(agent: string | undefined): Promise<number> {
    return showAgents(this.agentsOfOwner, this.book, agent);
  }

  stop(agent: string, isRevoked: boolean): Promise<number> {
    return stopAgent(this.agentsOfOwner, agent, isRevoked);
  }

  /** Asked again it is the question how far it has come. */
  async delete(name: string): Promise<number> {
    const pod = this.book.find(name);
    const { isCertified, missing, by, atWallUs } = await this.owner.remove(pod.number);
    if (isCertified) {
      this.book.update(pod.number, { goneWallUs: atWallUs });
      console.log(`${name} is gone from every pod host`);
      console.log(`certified by ${by}, ${dateOf(atWallUs)}`);
      return 0;
    }
    console.log(`${name} is deleted; not certified yet: ${missing.join(', ')} has not confirmed`);
    return AGAIN;
  }

  export(name: string, file: string | undefined, options: ExportOptions): Promise<number> {
    const patterns = (options.grant ?? []).map((grant) => this.patternOf(readGrant(grant)));
    return refusing(() => exportArchive(this.owner, this.book, name, file, { ...options, patterns }));
  }

  import(name: string, file: string, options: { readonly home?: string }): Promise<number> {
    checkName(name);
    return refusing(() => importArchive(this.owner, this.book, name, file, options));
  }

  show(file: string): Promise<number> {
    return refusing(() => showArchive(this.owner, file));
  }

  pack(folder: string, file: string | undefined, options: { readonly force?: boolean }): Promise<number> {
    return refusing(() => packFolder(folder, file, options.force));
  }

  carry(file: string, url: string, options: SolidOptions): Promise<number> {
    return refusing(() => carryArchive(this.owner, file, url, options));
  }

  fetch(url: string, file: string, options: SolidOptions): Promise<number> {
    return refusing(() => fetchArchive(this.owner, url, file, options));
  }

  /** A policy that hosts know of and the book does not, as it was set from elsewhere, is the one that counts. */
  private async inForce(pod: BookedPod): Promise<BookedPod['policy']> {
    const places = await this.owner.where(pod.number);
    const known = Math.max(0, ...places.map(({ policyVersion }) => policyVersion));
    if (known <= pod.policy.terms.version) return pod.policy;
    const { policy } = await this.owner.look(pod.number);
    if (policy.terms.version <= pod.policy.terms.version) return pod.policy;
    this.book.update(pod.number, { policy: policy as BookedPod['policy'] });
    return policy as BookedPod['policy'];
  }

  private patternOf({ consent }: Record<string, unknown>): Pattern {
    return this.owner.fromJson(patternShape, consent, 'grant.consent') as Pattern;
  }

  private async contentsOf(name: string): Promise<PodContents> {
    if (this.book.pods.some((one) => one.name === name)) {
      const pod = this.book.find(name);
      const found = await this.owner.read(pod.number);
      this.book.update(pod.number, { vector: [...found.vector] });
      return found;
    }
    // A grant is long, and no name of a pod is like one.
    const grant = name.length > 256 ? readGrant(name) : null;
    if (grant === null) return this.owner.read(this.book.find(name).number);
    const { owner, number, regions } = grant;
    const pattern = this.patternOf(grant);
    const places = Array.isArray(regions) ? regions.map(String) : [];
    return this.owner.read(Number(number), String(owner), this.owner.readingUnder(pattern, places));
  }
}

function readGrant(text: string): Record<string, unknown> {
  try {
    return fieldsOf(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')), 'grant');
  } catch {
    throw new JsonFault('grant: what `watershed pod grant` has printed is expected');
  }
}

/** Whoever asks for the same once more, as nobody knows what came of it, asks under the same key. */
function keyOf({ policy, vector }: BookedPod, bytes: Uint8Array): string {
  return hashBytes(JSON.stringify([policy.signature, vector, hashBytes(bytes)]));
}

function tell(first: string, more: readonly string[]): void {
  console.log([first, ...more].join('\n'));
}

function dateOf(wallUs: number): string {
  return new Date(wallUs / 1_000).toISOString().slice(0, 19).replace('T', ' ');
}

function count(n: number, what: string): string {
  return `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;
}
