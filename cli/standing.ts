import type { AffairsView, PodRow } from '../viz/affairs-view.ts';
import { clip, wrap } from './lines.ts';

const LEVELS = ['', 'experimental', 'peer', 'community', 'verified'];
/** So many pods, nodes and versions are told one by one. */
const MOST_TOLD = 6;
const WIDTH = 76;

/** What a run came to besides its requests, in numbers; lists name what is not well. */
export interface Standing {
  readonly pods: {
    readonly kept: number;
    readonly underReplicated: readonly string[];
    readonly deletionsPending: Readonly<Record<string, readonly string[]>>;
    readonly deleted: number;
    /** Copies by the region in which they lie. */
    readonly copiesByRegion: Readonly<Record<string, number>>;
    /** Copies that lie where the policy of their pod does not allow them. */
    readonly misplaced: number;
  };
  /** By model, cluster and version (`-`: one that does not move), on how many nodes. */
  readonly models: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>>;
  readonly trust: {
    readonly levels: Readonly<Record<string, number>>;
    /** Nodes that are not worth what they claim, and why. */
    readonly notAsClaimed: Readonly<Record<string, string>>;
  };
}

export function standingFrom({ pods, models, trust }: AffairsView): Standing {
  const of = (state: PodRow['state']): PodRow[] => pods.filter((pod) => pod.state === state);
  const hosts = pods.flatMap((pod) => pod.hosts.filter(({ has }) => has));
  const byModel: Record<string, Record<string, Record<string, number>>> = {};
  for (const { model, cluster, version, nodes } of models)
    ((byModel[model] ??= {})[cluster] ??= {})[version ?? '-'] = nodes.length;
  return {
    pods: {
      kept: of('kept').length,
      underReplicated: of('short').map(({ name }) => name),
      deletionsPending: Object.fromEntries(of('deleting').map(({ name, missing }) => [name, missing])),
      deleted: of('deleted').length,
      copiesByRegion: countBy(hosts, ({ region }) => region),
      misplaced: hosts.filter(({ isAllowed }) => !isAllowed).length,
    },
    models: byModel,
    trust: {
      levels: countBy(trust, ({ level }) => LEVELS[level]),
      notAsClaimed: Object.fromEntries(
        trust
          .filter(({ level, claimed }) => level !== claimed)
          .map(({ node, level, claimed, why }) => [
            node,
            `claims ${LEVELS[claimed]}, is ${LEVELS[level]}${why === '' ? '' : `: ${why}`}`,
          ]),
      ),
    },
  };
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return counts;
}

/** In 80 columns; nothing of what a run has nothing of. */
export function printStanding({ pods, models, trust }: Standing, say: (line?: string) => void): void {
  printPods(pods, say);
  printModels(models, say);
  printTrust(trust, say);
}

function printPods(pods: Standing['pods'], say: (line?: string) => void): void {
  const { kept, underReplicated, deletionsPending, deleted, copiesByRegion, misplaced } = pods;
  const pending = Object.entries(deletionsPending);
  if (kept + deleted + underReplicated.length + pending.length === 0) return;
  say('Where pods are at the end');
  const copies = Object.entries(copiesByRegion).map(([region, count]) => `${count} in ${region}`);
  tell(say, `${kept} kept, ${deleted} deleted${copies.length === 0 ? '' : `; copies: ${copies.join(', ')}`}`);
  if (misplaced > 0) tell(say, `${misplaced} copies where their policy does not allow them`);
  tellSome(say, 'under-replicated', underReplicated);
  tellSome(
    say,
    'deletion waits',
    pending.map(([name, missing]) => `${name} for ${missing.join(', ')}`),
  );
  say();
}

function printModels(models: Standing['models'], say: (line?: string) => void): void {
  const moving = Object.entries(models).filter(([, byCluster]) =>
    Object.values(byCluster).some((versions) => Object.keys(versions).some((version) => version !== '-')),
  );
  if (moving.length === 0) return;
  say('Which versions run at the end');
  for (const [model, byCluster] of moving)
    for (const [cluster, versions] of Object.entries(byCluster).slice(0, MOST_TOLD)) {
      const told = Object.entries(versions).map(([version, count]) =>
        version === '-' ? `for good on ${count}` : `version ${version} on ${count}`,
      );
      tell(say, `${model}, ${cluster}: ${told.join(', ')}`);
    }
  say();
}

/** Where all are worth what they claim there is nothing to tell. */
function printTrust({ levels, notAsClaimed }: Standing['trust'], say: (line?: string) => void): void {
  const others = Object.entries(notAsClaimed);
  if (others.length === 0) return;
  say('How far nodes are trusted at the end');
  const told = Object.entries(levels).map(([level, count]) => `${count} ${level}`);
  tell(say, told.join(', '));
  for (const [node, why] of others.slice(0, MOST_TOLD)) tell(say, `${node} ${why}`);
  if (others.length > MOST_TOLD) tell(say, `and ${others.length - MOST_TOLD} more, in summary.json`);
  say();
}

function tellSome(say: (line?: string) => void, what: string, items: readonly string[]): void {
  if (items.length === 0) return;
  const rest = items.length - MOST_TOLD;
  const more = rest > 0 ? ` and ${rest} more` : '';
  tell(say, `${what}: ${items.slice(0, MOST_TOLD).join(', ')}${more}`);
}

function tell(say: (line?: string) => void, text: string): void {
  wrap(text, WIDTH).forEach((line, i) => say(`  ${i === 0 ? '' : '  '}${clip(line, WIDTH)}`));
}
