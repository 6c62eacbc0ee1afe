/**
 * The thread in which onnxruntime runs. A run blocks its thread until the answer is there, so it has one of its own:
 * the node's event loop keeps its heartbeats while a model works.
 *
 * The thread loads every model, proves which provider runs it, says `ready` or `refused`, then answers texts one at a
 * time in the order of arrival. A text is run alone, never batched with others: kernels for other batch sizes round
 * otherwise, and an answer must not depend on who else asked.
 */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor, env, listSupportedBackends } from 'onnxruntime-node';
import type { AcceleratorErrorCode, ModelFile, Provider } from './accelerator.ts';
import { FEATURE_COUNT, INPUT_NAME, hashGramList, listNgrams } from './embedding-model.ts';
import { encodeModel } from './onnx-writer.ts';

/** What the thread is started with (`workerData`). */
export interface WorkerSettings {
  readonly models: readonly ModelFile[];
  readonly provider: Provider;
  readonly cpuThreads: number;
}

/** What the thread is told. `cancel` drops a text that has not been begun; `close` drops all of them and ends the thread. */
export type WorkerRequest =
  | { readonly type: 'infer'; readonly id: number; readonly model: string; readonly text: string }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'load'; readonly id: number; readonly model: ModelFile }
  | { readonly type: 'unload'; readonly id: number; readonly name: string }
  | { readonly type: 'close' };

/** What the thread says: once `ready` or `refused`, then a `result` or `failed` for each text not cancelled. */
export type WorkerReply =
  | { readonly type: 'ready' }
  | { readonly type: 'refused'; readonly code: AcceleratorErrorCode; readonly message: string }
  | {
      readonly type: 'result';
      readonly id: number;
      readonly output: Float32Array;
      readonly provider: Provider;
      readonly computeUs: number;
      readonly inputTokens: number;
    }
  | { readonly type: 'failed'; readonly id: number; readonly message: string }
  /** What `load` and `unload` came to. */
  | { readonly type: 'changed'; readonly id: number; readonly error: WorkerError | null };

interface WorkerError {
  readonly code: AcceleratorErrorCode;
  readonly message: string;
}

type QueuedRequest = Extract<WorkerRequest, { type: 'infer' | 'load' | 'unload' }>;
type InferRequest = Extract<WorkerRequest, { type: 'infer' }>;
type ValueMetadata = InferenceSession['inputMetadata'][number];

interface LoadedModel {
  readonly session: InferenceSession;
  readonly outputName: string;
  /** The provider that ran every node of the graph in the trial run. */
  readonly provider: Provider;
}

/** Why the thread does not become ready. */
class Refusal extends Error {
  readonly code: AcceleratorErrorCode;

  constructor(code: AcceleratorErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What onnxruntime's own profile calls each provider. */
const PROFILE_NAME: Readonly<Record<Provider, string>> = {
  cpu: 'CPUExecutionProvider',
  webgpu: 'WebGpuExecutionProvider',
  cuda: 'CUDAExecutionProvider',
};

const EXPECTED_SIGNATURE =
  `one input ${INPUT_NAME}: float32 [N, ${FEATURE_COUNT}], where N is free or 1, ` +
  'and a first output of type float32';

if (parentPort === null)
  throw new Error('accelerator-worker.ts is started by Accelerator.create, as a thread');
const port = parentPort;
const settings = workerData as WorkerSettings;
const loadedModels = new Map<string, LoadedModel>();
const queue: QueuedRequest[] = [];
let isDraining = false;
let isClosing = false;

// Whatever goes wrong is thrown and told with its reason; onnxruntime's own copy of it on stderr would be a second one.
env.logLevel = 'fatal';
port.on('message', onRequest);
await start();

async function start(): Promise<void> {
  try {
    await probeProvider();
    for (const model of settings.models) loadedModels.set(model.name, await loadModelFile(model));
    send({ type: 'ready' });
  } catch (error) {
    const code = error instanceof Refusal ? error.code : 'MODEL_REFUSED';
    send({ type: 'refused', code, message: describeError(error) });
    isClosing = true;
  }
  if (isClosing) await end();
  else void drain();
}

function onRequest(request: WorkerRequest): void {
  switch (request.type) {
    case 'infer':
    case 'load':
    case 'unload':
      queue.push(request);
      void drain();
      return;
    case 'cancel': {
      const index = queue.findIndex((waiting) => waiting.id === request.id);
      if (index >= 0) queue.splice(index, 1);
      return;
    }
    case 'close':
      isClosing = true;
      queue.length = 0;
      void drain();
  }
}

/** Works the queue off. Between two runs the thread hears its port, so a cancel or a close overtakes what waits. */
async function drain(): Promise<void> {
  if (isDraining) return;
  isDraining = true;
  for (let request = queue.shift(); request !== undefined; request = queue.shift()) {
    if (request.type === 'infer') await answer(request);
    else await change(request);
  }
  isDraining = false;
  if (isClosing) await end();
}

async function answer(request: InferRequest): Promise<void> {
  try {
    const model = loadedModels.get(request.model);
    if (model === undefined) throw new Error(`model ${request.model} is not loaded`);
    const startedNs = process.hrtime.bigint();
    const grams = listNgrams(request.text);
    const output = await runModel(model, hashGramList(grams, FEATURE_COUNT));
    const computeUs = Math.round(Number(process.hrtime.bigint() - startedNs) / 1000);
    const { id } = request;
    const { provider } = model;
    const reply: WorkerReply = {
      type: 'result',
      id,
      output,
      provider,
      computeUs,
      inputTokens: grams.length,
    };
    port.postMessage(reply, [output.buffer as ArrayBuffer]);
  } catch (error) {
    send({ type: 'failed', id: request.id, message: describeError(error) });
  }
}

/** Loads a model beside the others, or frees it, in its turn: what was asked of it before has been answered. */
async function change(request: Exclude<QueuedRequest, InferRequest>): Promise<void> {
  const { id } = request;
  try {
    if (request.type === 'load') {
      loadedModels.set(request.model.name, await loadModelFile(request.model));
    } else {
      await loadedModels.get(request.name)?.session.release();
      loadedModels.delete(request.name);
    }
    send({ type: 'changed', id, error: null });
  } catch (error) {
    const code = error instanceof Refusal ? error.code : 'MODEL_REFUSED';
    send({ type: 'changed', id, error: { code, message: describeError(error) } });
  }
}

async function runModel(
  model: Pick<LoadedModel, 'session' | 'outputName'>,
  features: Float32Array,
): Promise<Float32Array> {
  const feeds = { [INPUT_NAME]: new Tensor('float32', features, [1, FEATURE_COUNT]) };
  const results = await model.session.run(feeds, [model.outputName]);
  const output = results[model.outputName]!;
  // A copy, for the original may lie in memory that onnxruntime keeps and that cannot be handed to another thread.
  const copy = Float32Array.from(output.data as Float32Array);
  output.dispose();
  // What is no number is no answer, and nobody could pass it on as JSON.
  if (!copy.every(Number.isFinite)) throw new Error('the model yields what is no number');
  return copy;
}

/**
 * Runs a graph that every provider can run, so that a provider which is absent is told apart from a model it cannot
 * run.
 */
async function probeProvider(): Promise<void> {
  const { provider } = settings;
  if (!Object.hasOwn(PROFILE_NAME, provider)) {
    const known = Object.keys(PROFILE_NAME).join(', ');
    throw new Refusal(
      'PROVIDER_UNAVAILABLE',
      `provider '${String(provider)}' is unknown; known are ${known}`,
    );
  }
  const shape = ['batch', FEATURE_COUNT];
  const graph = encodeModel({
    name: 'probe',
    description: 'The smallest graph with the expected signature.',
    inputs: [{ name: INPUT_NAME, shape }],
    outputs: [{ name: 'output', shape }],
    initializers: [],
    nodes: [{ name: 'squash', operator: 'Tanh', inputs: [INPUT_NAME], outputs: ['output'] }],
  });
  try {
    const probe = await loadModel('probe', graph);
    await probe.session.release();
  } catch (error) {
    const bundled = listSupportedBackends().filter((backend) => backend.bundled);
    throw new Refusal(
      'PROVIDER_UNAVAILABLE',
      `provider '${provider}' is not available on this machine: ${describeError(error)} ` +
        `(onnxruntime-node for ${process.platform} ${process.arch} brings ` +
        `${bundled.map((backend) => backend.name).join(', ')}; anything else must be installed beside it)`,
    );
  }
}

async function loadModelFile(model: ModelFile): Promise<LoadedModel> {
  const file = await stat(model.path).catch((error: unknown) => {
    throw new Refusal('MODEL_MISSING', `model ${model.name}: ${describeError(error)}`);
  });
  if (!file.isFile()) throw new Refusal('MODEL_MISSING', `model ${model.name}: ${model.path} is not a file`);
  return loadModel(`${model.name} (${model.path})`, model.path);
}

/**
 * Loads a model and runs it once. onnxruntime falls back to the CPU in silence, for a whole graph or for single nodes;
 * so only the provider asked for is offered, falling back is switched off, and the profile of the trial run must name
 * that provider for every node. Which node runs where is settled when a session is made, so what the trial run shows
 * holds for all later ones.
 */
async function loadModel(label: string, source: string | Uint8Array): Promise<LoadedModel> {
  const profileFolder = await mkdtemp(join(tmpdir(), 'watershed-profile-'));
  try {
    const session = await createSession(label, source, join(profileFolder, 'trial'));
    try {
      checkSignature(label, session);
      const outputName = session.outputNames[0]!;
      await runModel({ session, outputName }, new Float32Array(FEATURE_COUNT));
      session.endProfiling();
      const provider = settings.provider;
      checkProfile(label, await readProfile(profileFolder));
      return { session, outputName, provider };
    } catch (error) {
      await session.release();
      if (error instanceof Refusal) throw error;
      throw new Refusal('MODEL_REFUSED', `model ${label}: the trial run failed: ${describeError(error)}`);
    }
  } finally {
    await rm(profileFolder, { recursive: true, force: true });
  }
}

async function createSession(
  label: string,
  source: string | Uint8Array,
  profileFilePrefix: string,
): Promise<InferenceSession> {
  const { provider, cpuThreads } = settings;
  const options: InferenceSession.SessionOptions = {
    executionProviders: [provider],
    intraOpNumThreads: cpuThreads,
    interOpNumThreads: 1,
    enableProfiling: true,
    profileFilePrefix,
    ...(provider === 'cpu' ? {} : { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
  };
  try {
    return typeof source === 'string'
      ? await InferenceSession.create(source, options)
      : await InferenceSession.create(source, options);
  } catch (error) {
    throw new Refusal(
      'MODEL_REFUSED',
      `model ${label}: onnxruntime cannot load it on provider '${provider}': ${describeError(error)}`,
    );
  }
}

function checkSignature(label: string, session: InferenceSession): void {
  const input = session.inputMetadata[0];
  const output = session.outputMetadata[0];
  const isExpected =
    session.inputMetadata.length === 1 &&
    input !== undefined &&
    input.isTensor &&
    input.name === INPUT_NAME &&
    input.type === 'float32' &&
    input.shape.length === 2 &&
    (typeof input.shape[0] === 'string' || input.shape[0] === 1) &&
    input.shape[1] === FEATURE_COUNT &&
    output !== undefined &&
    output.isTensor &&
    output.type === 'float32';
  if (isExpected) return;
  const found =
    `inputs ${describeValues(session.inputMetadata)}; ` + `outputs ${describeValues(session.outputMetadata)}`;
  throw new Refusal('MODEL_SIGNATURE', `model ${label}: expected ${EXPECTED_SIGNATURE}; found ${found}`);
}

function describeValues(values: readonly ValueMetadata[]): string {
  if (values.length === 0) return 'none';
  return values
    .map((value) =>
      value.isTensor
        ? `${value.name}: ${value.type} [${value.shape.map((size) => (size === '' ? '?' : size)).join(', ')}]`
        : `${value.name}: no tensor`,
    )
    .join(', ');
}

/** The provider of each node that ran, by node, from the one profile file in a folder. */
async function readProfile(folder: string): Promise<Map<string, string>> {
  const providers = new Map<string, string>();
  for (const file of await readdir(folder)) {
    const events = JSON.parse(await readFile(join(folder, file), 'utf8')) as readonly {
      name?: string;
      cat?: string;
      args?: { provider?: string };
    }[];
    for (const event of events) {
      if (event.cat === 'Node' && event.args?.provider !== undefined) {
        providers.set(event.name ?? '', event.args.provider);
      }
    }
  }
  return providers;
}

function checkProfile(label: string, providers: ReadonlyMap<string, string>): void {
  const expected = PROFILE_NAME[settings.provider];
  const elsewhere = [...providers].filter(([, provider]) => provider !== expected);
  if (providers.size > 0 && elsewhere.length === 0) return;
  const found =
    providers.size === 0
      ? 'the profile names no node that ran'
      : elsewhere
          .slice(0, 5)
          .map(([node, provider]) => `${node} ran on ${provider}`)
          .join(', ');
  throw new Refusal(
    'MODEL_REFUSED',
    `model ${label}: not every node ran on provider '${settings.provider}': ${found}`,
  );
}

async function end(): Promise<void> {
  for (const model of loadedModels.values()) await model.session.release();
  loadedModels.clear();
  port.close();
}

function send(reply: WorkerReply): void {
  port.postMessage(reply);
}

function describeError(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim();
}
