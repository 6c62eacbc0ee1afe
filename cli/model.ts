import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MODEL, MODEL_STATE } from '../core/machine/kinds.ts';
import { MODEL_ORDERS, type ModelOrder, type ModelState } from '../core/models/model-bodies.ts';
import { Caller, CallFailed, readCard } from '../live/caller.ts';
import { findRunningFederation, readNodes, type ListedNode } from '../live/federation-file.ts';
import { PUBLISHER_FOLDER } from '../live/federation.ts';
import { KeyFault, readIdentity } from '../live/identity.ts';
import type { ListedModel, ListedVersion } from '../live/models-http.ts';
import { listModelsAt, Publisher } from '../live/publisher.ts';
import { addressOf } from '../sim/model-sync.ts';
import { complain, counted, say } from './lines.ts';
import { findEmptyRegions, findFileFault, findNameFault } from './model-file.ts';
import { awaitedOf, awaitOrder, describeWait, type Wait } from './model-wait.ts';
import { USAGE } from './usage.ts';

export interface ModelWhere {
  readonly dir?: string;
  readonly node?: string;
  readonly key?: string;
}

interface PublishOptions {
  readonly name: string;
  readonly version?: number;
  readonly licence: string;
  readonly purpose: string;
  readonly memory?: number;
  readonly regions?: string[];
  readonly keptIn?: string[];
  readonly approvedBy?: string[];
  readonly point: boolean;
}

const RUNS = 'runs';
/** It was refused (as `watershed pod` says it). */
const REFUSED = 1;
const MB = 1_000_000;
/** A pull of a large model, and a trial, take their time. */
const ORDER_MS = 24 * 3_600_000;

/** `watershed model VERB`: returns the exit code. */
export async function runModelVerb(
  verb: string,
  where: ModelWhere,
  words: readonly unknown[],
): Promise<number> {
  try {
    const desk = new ModelDesk(where);
    if ((MODEL_ORDERS as readonly string[]).includes(verb)) await desk.order(verb, words[0] as string);
    else {
      const act = desk[verb as keyof ModelDesk] as (...words: readonly unknown[]) => Promise<void>;
      await act.call(desk, ...words);
    }
    return 0;
  } catch (error) {
    const isMisuse = error instanceof Misused || error instanceof KeyFault;
    if (!(isMisuse || error instanceof CallFailed || error instanceof RangeError)) throw error;
    complain(error.message);
    return isMisuse ? USAGE : REFUSED;
  }
}

class Misused extends Error {
  override readonly name = 'Misused';
}

/** What a publisher or an operator does at the terminal: one method a verb. */
class ModelDesk {
  private readonly where: ModelWhere;
  private readonly folder: string | null;
  private readonly nodes: readonly ListedNode[];

  constructor(where: ModelWhere) {
    this.where = where;
    this.folder = where.dir ?? findRunningFederation(RUNS);
    const nodes = this.folder === null ? null : readNodes(this.folder);
    const isElsewhere = where.node?.includes('://') === true;
    if (nodes === null && !isElsewhere)
      throw new Misused(
        `no live federation runs in ${where.dir ?? `${RUNS}/`}; watershed live <file> starts one, or name a node by its URL with --node`,
      );
    this.nodes = isElsewhere ? [{ name: where.node!, types: ['compute'], url: where.node! }] : nodes!;
  }

  async publish(file: string, options: PublishOptions): Promise<void> {
    if (!existsSync(file)) throw new Misused(`there is no file ${file}`);
    const { keptIn = [] } = options;
    const fault =
      findNameFault(options.name, [...(options.regions ?? []), ...keptIn]) ?? (await findFileFault(file));
    if (fault !== null) throw new Misused(fault);
    const { size } = await stat(file);
    await this.warnOfRegions([...(options.regions ?? []), ...keptIn]);
    await this.speak('publisher', async (caller) => {
      const publisher = new Publisher(caller);
      const known = (await publisher.list()).find(({ name }) => name === options.name);
      const newest = known?.versions[0]?.version ?? 0;
      const release = await publisher.release(file, {
        name: options.name,
        version: options.version ?? newest + 1,
        licence: options.licence,
        purpose: options.purpose,
        approvals: options.approvedBy ?? [],
        requiredMemoryBytes: options.memory === undefined ? 2 * size : options.memory * MB,
        regions: options.regions ?? [caller.card.region],
        keptIn,
      });
      await publisher.bring(release, (done, all) => this.progress(`chunk ${done} of ${all}`, done === all));
      if (options.point) publisher.point(options.name, release.id, known?.stable ?? null);
      await publisher.listed(options.name, release.id, options.point);
      say(
        `${addressOf(options.name, release.id)} is version ${release.entry.version}, at ${caller.card.name}`,
      );
      if (!options.point)
        say(`Nobody runs it yet: watershed model point ${options.name} ${release.entry.version}`);
    });
  }

  async list(): Promise<void> {
    const [lists, silent] = await this.listAll();
    const names = [...new Set(lists.flatMap(({ models }) => models.map(({ name }) => name)))].sort();
    if (names.length === 0) say('Nothing has been published yet.');
    for (const name of names) {
      say(name);
      for (const { node, models } of lists) {
        const model = models.find((one) => one.name === name);
        const running = model?.versions.find(({ id }) => id === model.runs?.id);
        const whole = (model?.versions ?? []).filter(({ chunks, held }) => held === chunks && chunks > 0);
        const parts = (model?.versions ?? []).filter(({ chunks, held }) => held > 0 && held < chunks);
        const told = [
          ...(running === undefined ? [] : [`runs ${describeRun(model!, running)}`]),
          ...(whole.length === 0 ? [] : [`has ${whole.map(({ version }) => version).join(', ')}`]),
          ...parts.map(
            ({ version, held, chunks }) => `pulls ${version}: ${held} of ${counted(chunks, 'chunk')}`,
          ),
        ];
        if (told.length > 0) say(`  ${node.name.padEnd(24)}${told.join('; ')}`);
      }
    }
    if (silent.length > 0) say(`without ${silent.join(', ')}: no answer`);
  }

  async versions(name: string): Promise<void> {
    const model = await this.find(name);
    for (const version of model.versions) {
      const marks = [
        ...(model.stable?.id === version.id ? ['stable'] : []),
        ...(version.verdict === null ? [] : [`found ${version.verdict} where it was tried`]),
        ...(version.withdrawnFrom === null ? [] : [`withdrawn from ${version.withdrawnFrom}`]),
      ];
      console.log(`${version.version}  ${addressOf(name, version.id)}`);
      if (marks.length > 0) say(`   ${marks.join('; ')}`);
      const { sizeBytes, requiredMemoryBytes, licence, purpose, regions, approvals } = version;
      say(
        `   ${megabytes(sizeBytes)} in ${counted(version.chunks, 'chunk')}, ${megabytes(requiredMemoryBytes)} of memory; licence ${licence}; in ${regions.join(', ')}`,
      );
      if (purpose !== '') say(`   ${purpose}`);
      if (approvals.length > 0) say(`   approved by ${approvals.join(', ')}`);
    }
  }

  async point(name: string, version: number): Promise<void> {
    const model = await this.find(name);
    const { id } = versionOf(model, version);
    await this.speak('publisher', async (caller) => {
      const publisher = new Publisher(caller);
      publisher.point(name, id, model.stable);
      await publisher.listed(name, id, true);
    });
    say(`${name} points at version ${version}: one node of each cluster tries it, then the others follow`);
  }

  async revoke(name: string, version: number, inSeconds: number): Promise<void> {
    const { id } = versionOf(await this.find(name), version);
    const untilMs = Date.now() + inSeconds * 1_000;
    await this.speak('publisher', async (caller) => {
      const publisher = new Publisher(caller);
      publisher.withdraw(id, untilMs * 1_000);
      await publisher.withdrawn(name, id);
    });
    say(
      `Nobody who has heard of it runs version ${version} of ${name} from ${new Date(untilMs).toISOString()}`,
    );
  }

  async order(verb: string, name: string): Promise<void> {
    await this.speak('operator', async (caller) => {
      const body: ModelOrder = {
        order: MODEL_ORDERS.indexOf(verb as (typeof MODEL_ORDERS)[number]),
        model: name,
      };
      const asked = caller.ask<ModelState>(MODEL, body, MODEL_STATE, [], ORDER_MS);
      const isLong = verb === 'pull' || verb === 'update';
      const tell = (text: string): void => complain(`${caller.card.name}: ${text}`);
      const { installed, latest, isLoaded } = isLong
        ? await awaitOrder(asked, () => this.lookFor(name), tell)
        : await asked;
      // What is on the disk and not in the accelerator runs nothing.
      const what =
        installed === null
          ? 'runs none'
          : isLoaded
            ? `runs version ${installed.version}, loaded,`
            : `has version ${installed.version}, not loaded yet,`;
      const newest =
        latest === null
          ? 'none has been released'
          : `version ${latest.version} is what its publisher points at`;
      say(`${caller.card.name} ${what} of ${name}; ${newest}`);
    });
  }

  private async lookFor(name: string): Promise<Wait> {
    const { url } = this.target();
    try {
      const model = (await listModelsAt(url)).find((one) => one.name === name);
      if (this.nodes.length === 1) return describeWait(model, null);
      const [lists] = await this.listAll();
      const awaited = model === undefined ? null : awaitedOf(model);
      const hasAll = ({ models }: (typeof lists)[number]): boolean =>
        models.some(({ versions }) =>
          versions.some(({ id, held, chunks }) => id === awaited?.id && held === chunks),
        );
      return describeWait(model, lists.filter((list) => list.node.url !== url && hasAll(list)).length);
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      return { what: error.message, progress: '' };
    }
  }

  /** Other federations may have nodes there: it is no mistake, but often one. */
  private async warnOfRegions(regions: readonly string[]): Promise<void> {
    if (this.folder === null || regions.length === 0) return;
    const cards = await Promise.allSettled(this.nodes.map(({ url }) => readCard(url)));
    const known = cards.flatMap((card) => (card.status === 'fulfilled' ? [card.value.region] : []));
    for (const region of findEmptyRegions(regions, known))
      complain(`warning: no node of this federation is in ${region}`);
  }

  private async find(name: string): Promise<ListedModel> {
    const found = (await listModelsAt(this.target().url)).find((model) => model.name === name);
    if (found === undefined) throw new CallFailed(`${this.target().name} knows no model ${name}`);
    return found;
  }

  /** What nodes list, and the names of those that do not answer. Rejects if none does. */
  private async listAll(): Promise<[{ node: ListedNode; models: readonly ListedModel[] }[], string[]]> {
    const keepers = this.nodes.filter(({ types }) => types.some((type) => KEEPERS.includes(type)));
    const answers = await Promise.allSettled(keepers.map(({ url }) => listModelsAt(url)));
    const lists: { node: ListedNode; models: readonly ListedModel[] }[] = [];
    const silent: string[] = [];
    for (const [i, answer] of answers.entries())
      if (answer.status === 'fulfilled') lists.push({ node: keepers[i]!, models: answer.value });
      else if (lists.length === 0 && i === answers.length - 1) throw answer.reason;
      else silent.push(keepers[i]!.name);
    return [lists, silent];
  }

  /** The node that is meant: the first compute node, unless one is named. */
  private target(): ListedNode {
    const { node } = this.where;
    const found =
      node === undefined
        ? this.nodes.find(({ types }) => types.includes('compute'))
        : this.nodes.find(({ name, url }) => name === node || url === node);
    if (found !== undefined) return found;
    const names = this.nodes.map(({ name }) => name).join(', ');
    throw new Misused(
      node === undefined ? 'no node runs models' : `no node is called ${node}; there are ${names}`,
    );
  }

  private async speak(as: 'publisher' | 'operator', act: (caller: Caller) => Promise<void>): Promise<void> {
    const { url } = this.target();
    const caller = await Caller.open(url, readIdentity(await this.keyFolder(as, url)));
    try {
      await act(caller);
    } finally {
      caller.close();
    }
  }

  private async keyFolder(as: 'publisher' | 'operator', url: string): Promise<string> {
    if (this.where.key !== undefined) return this.where.key;
    if (this.folder === null) throw new Misused('--key: where is the key of whoever speaks?');
    if (as === 'publisher') return join(this.folder, PUBLISHER_FOLDER);
    const { cluster } = await readCard(url);
    return join(this.folder, 'operators', cluster, '1');
  }

  private progress(text: string, isLast: boolean): void {
    if (process.stderr.isTTY) process.stderr.write(`\r${text}${isLast ? '\n' : ''}`);
  }
}

/** Nodes that keep a registry. */
const KEEPERS: readonly string[] = ['compute', 'bridge', 'gateway'];

function versionOf(model: ListedModel, version: number): ListedVersion {
  const found = model.versions.find((one) => one.version === version);
  if (found !== undefined) return found;
  throw new Misused(
    `${model.name} has no version ${version}; it has ${model.versions.map((one) => one.version).join(', ')}`,
  );
}

function describeRun({ runs }: ListedModel, { version }: ListedVersion): string {
  return `${version}${runs!.isTrial ? ' on trial' : ''}${runs!.isLoaded ? '' : ', not loaded'}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / MB).toFixed(1)} MB`;
}
