import { join } from 'node:path';
import { ClusterWatch } from '../live/cluster-watch.ts';
import { startFederation, type Federation } from '../live/federation.ts';
import type { Provider } from '../live/accelerator.ts';
import type { ResolvedScenario } from '../sim/scenario/resolved.ts';
import { findSinglePoints } from '../sim/topology.ts';
import { serveView, type ServedView } from '../viz/server.ts';
import { ViewError } from '../viz/view.ts';
import { loadForCli } from './errors.ts';
import { complain, counted, say } from './lines.ts';
import { USAGE } from './usage.ts';

export interface RunLiveOptions {
  /** Of the page. */
  readonly port?: number;
  readonly provider?: string;
  readonly dir?: string;
  /** Models of the user's own, `name=path`. */
  readonly model?: readonly string[];
  /** A node whose process has ended is started again. */
  readonly restart?: boolean;
  /** False: no page. */
  readonly page?: boolean;
}

const PROVIDERS: readonly string[] = ['cpu', 'webgpu', 'cuda'];
/** The federation did not start (EX_UNAVAILABLE). */
const UNAVAILABLE = 69;
const DEFAULT_PORT = 4173;
const WATCH_MS = 1_000;
const RESTART_MS = 2_000;

/** `watershed live`: runs a scenario's nodes as processes until Ctrl-C. Returns the exit code. */
export async function runLive(file: string, options: RunLiveOptions): Promise<number> {
  const scenario = loadForCli(file);
  if (scenario === null) return USAGE;
  const provider = options.provider ?? 'cpu';
  if (!PROVIDERS.includes(provider)) {
    complain(`--provider ${provider}: one of ${PROVIDERS.join(', ')} is expected`);
    return USAGE;
  }
  const modelFiles = parseModels(options.model ?? [], scenario);
  if (modelFiles === null) return USAGE;
  const folder = options.dir ?? join('runs', `live-${scenario.name}`);
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  say(`starting ${counted(scenario.nodes.length, 'node')} of ${scenario.name} …`);
  let federation: Federation;
  try {
    federation = await startFederation(scenario, {
      folder,
      provider: provider as Provider,
      modelFiles,
      signal: stopped.signal,
      onLost: (name, reason) => complain(`${name} is gone: ${reason}`),
      ...(options.restart === true ? { restartAfterMs: RESTART_MS } : {}),
    });
  } catch (error) {
    if (stopped.signal.aborted) return 0;
    complain((error as Error).message);
    return UNAVAILABLE;
  }
  const page = options.page === false ? null : await openPage(federation, options.port ?? DEFAULT_PORT);
  report(scenario, federation, folder, page);
  const endWatch = watch(federation);
  if (!stopped.signal.aborted)
    await new Promise((resolve) => stopped.signal.addEventListener('abort', resolve));
  endWatch();
  console.log('stopping …');
  await Promise.all([federation.stop(), page?.close()]);
  return 0;
}

/** Paths by name of model, or null if one cannot be meant; that is told. */
function parseModels(
  pairs: readonly string[],
  scenario: ResolvedScenario,
): Readonly<Record<string, string>> | null {
  const files: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, at);
    if (at <= 0 || at === pair.length - 1) {
      complain(`--model ${pair}: a name and a path are expected, as lifeos/sense-maker-v1=model.onnx`);
      return null;
    }
    if (!scenario.models.some((model) => model.name === name)) {
      const known = scenario.models.map((model) => model.name).join(', ');
      complain(`--model ${pair}: ${scenario.name} knows no model ${name}; it knows ${known}`);
      return null;
    }
    files[name] = pair.slice(at + 1);
  }
  return files;
}

/** The nodes run without a page too: why there is none is told. */
async function openPage(federation: Federation, port: number): Promise<ServedView | null> {
  try {
    return await serveView({ source: federation.source, port });
  } catch (error) {
    if (!(error instanceof ViewError)) throw error;
    complain(`no page: ${error.message}`);
    return null;
  }
}

/** Tells what the nodes say of their clusters whenever that has changed. Returns how to end it. */
function watch(federation: Federation): () => void {
  const clusters = new ClusterWatch();
  const tell = (): void => clusters.takeNews(federation.nodes).forEach((line) => say(`  ${line}`));
  const timer = setInterval(tell, WATCH_MS);
  return () => clearInterval(timer);
}

function report(
  scenario: ResolvedScenario,
  federation: Federation,
  folder: string,
  page: ServedView | null,
): void {
  const { nodes, gatewayUrls } = federation;
  const width = Math.max(...nodes.map(({ name }) => name.length)) + 2;
  const typesWidth = Math.max(...nodes.map(({ types }) => types.join(' ').length)) + 2;
  console.log();
  for (const { name, types, url } of nodes)
    console.log(`  ${name.padEnd(width)}${types.join(' ').padEnd(typesWidth)}${url}`);
  console.log();
  const [gateway] = gatewayUrls;
  if (gateway !== undefined && scenario.models.length > 0) {
    const regions = [...new Set(scenario.regions.map(({ path }) => path.split('/')[0]))];
    const question = { model: scenario.models[0]?.name ?? '', text: 'Where does the water go?', regions };
    console.log('  Ask:');
    console.log(`  curl -s ${gateway}/v1/ask -H 'content-type: application/json' \\`);
    const fields = Object.entries(question).map(([key, value]) => `"${key}": ${JSON.stringify(value)}`);
    // A field a line fits a narrow window, and can be pasted as it is.
    console.log(`    -d '{${fields.join(',\n         ')}}'`);
    console.log();
  }
  if (nodes.some(({ types }) => types.includes('pod-host'))) {
    console.log('  Keep something:   watershed pod create NAME --home REGION');
    console.log('                    watershed pod --help');
    console.log();
  }
  const singlePoints = findSinglePoints(scenario);
  if (singlePoints.length > 0) console.log('  Single points of failure:');
  for (const point of singlePoints) say(`    ${point}`);
  if (page !== null) console.log(`  Page      ${page.url}`);
  console.log(`  Journals  ${folder}`);
  if (scenario.workloads.length + scenario.faults.length > 0)
    console.log('  Users and faults are for the simulator: here you ask, and kill.');
  console.log('  Ctrl-C stops all nodes.');
}
