/**
 * The accelerator of a live node: text in, embedding out, by onnxruntime in a thread of its own. It never pretends: the
 * provider asked for runs the whole model, or there is no accelerator and the error says why.
 */
import { Worker } from 'node:worker_threads';
import type { WorkerReply, WorkerRequest, WorkerSettings } from './accelerator-worker.ts';

/** Where a model runs: the processor, any GPU that Dawn drives (Vulkan, Metal, Direct3D), or an NVIDIA GPU. */
export type Provider = 'cpu' | 'webgpu' | 'cuda';

/** A model and the name by which it is asked for. The input is `features`, float32 [N, 512], with N free or 1. */
export interface ModelFile {
  readonly name: string;
  readonly path: string;
}

export interface AcceleratorOptions {
  readonly models: readonly ModelFile[];
  readonly provider: Provider;
  /** Threads for kernels on the CPU, ≥ 1; 1 by default, for the other cores have a node to run. */
  readonly cpuThreads?: number;
  /** Another thread to start in place of accelerator-worker, speaking the same messages. */
  readonly workerUrl?: URL;
}

export interface InferRequest {
  readonly model: string;
  readonly text: string;
  /** How long to wait for the answer, in milliseconds, > 0; without it, for as long as it takes. */
  readonly timeoutMs?: number;
}

export interface InferResult {
  /** The model's first output for this one text; for the embedding model 64 numbers, of length 1 (or all 0). */
  readonly output: Float32Array;
  /** The provider that really runs the model, every node of it. */
  readonly provider: Provider;
  /** From text to output, within the thread, without the wait for earlier texts. Integer µs. */
  readonly computeUs: number;
  /** How many character 3-grams the text was cut into: its code points, lower-cased and in NFC. */
  readonly inputTokens: number;
}

/**
 * PROVIDER_UNAVAILABLE the machine has no such provider · MODEL_MISSING no such file · MODEL_REFUSED a file that is no
 * model, or a model that the provider cannot run in whole · MODEL_SIGNATURE other inputs or outputs than expected ·
 * BAD_REQUEST a request that contradicts its own rules · UNKNOWN_MODEL a name not given to `create` · TIMED_OUT ·
 * INFERENCE_FAILED the run failed, others may succeed · WORKER_DIED the thread is gone, with all it had to do · CLOSED.
 */
export type AcceleratorErrorCode =
  | 'RUNTIME_MISSING'
  | 'PROVIDER_UNAVAILABLE'
  | 'MODEL_MISSING'
  | 'MODEL_REFUSED'
  | 'MODEL_SIGNATURE'
  | 'BAD_REQUEST'
  | 'UNKNOWN_MODEL'
  | 'TIMED_OUT'
  | 'INFERENCE_FAILED'
  | 'WORKER_DIED'
  | 'CLOSED';

export class AcceleratorError extends Error {
  override readonly name = 'AcceleratorError';
  readonly code: AcceleratorErrorCode;

  constructor(code: AcceleratorErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

interface PendingInference {
  readonly resolve: (result: InferResult) => void;
  readonly reject: (error: AcceleratorError) => void;
  readonly timer: NodeJS.Timeout | null;
}

/** A model that is being loaded or freed. */
interface PendingChange {
  readonly resolve: () => void;
  readonly reject: (error: AcceleratorError) => void;
}

export class Accelerator {
  /** The provider that runs every model. */
  readonly provider: Provider;
  /** The names that `infer` knows. */
  readonly #modelNames: Set<string>;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #pending = new Map<number, PendingInference>();
  readonly #changes = new Map<number, PendingChange>();
  #nextId = 1;
  /** Why no further text is taken; null while the thread works. */
  #ended: AcceleratorError | null = null;

  /**
   * Starts the thread, loads every model and runs each once. Rejects with an AcceleratorError (PROVIDER_UNAVAILABLE,
   * MODEL_MISSING, MODEL_REFUSED, MODEL_SIGNATURE, BAD_REQUEST or WORKER_DIED), and leaves no thread behind.
   */
  static async create(options: AcceleratorOptions): Promise<Accelerator> {
    const modelNames = options.models.map((model) => model.name);
    const repeated = modelNames.find((name, index) => modelNames.indexOf(name) !== index);
    if (repeated !== undefined) {
      throw new AcceleratorError('BAD_REQUEST', `model ${repeated} is given twice`);
    }
    const { models, provider, cpuThreads = 1 } = options;
    if (!Number.isSafeInteger(cpuThreads) || cpuThreads < 1) {
      throw new AcceleratorError('BAD_REQUEST', `cpuThreads is an integer of 1 or more, found ${cpuThreads}`);
    }
    const worker = startWorker(options.workerUrl ?? defaultWorkerUrl(), { models, provider, cpuThreads });
    await waitUntilReady(worker);
    return new Accelerator(worker, provider, modelNames);
  }

  private constructor(worker: Worker, provider: Provider, modelNames: readonly string[]) {
    this.#worker = worker;
    this.provider = provider;
    this.#modelNames = new Set(modelNames);
    worker.on('message', (reply: WorkerReply) => this.#onReply(reply));
    worker.on('error', (error: unknown) => this.#end(createDeathError(describeError(error))));
    this.#exited = new Promise((resolve) => {
      worker.once('exit', (exitCode: number) => {
        this.#end(createDeathError(`exit code ${exitCode}`));
        resolve();
      });
    });
  }

  /**
   * Embeds one text. Texts are answered one at a time, in the order asked. Rejects with an AcceleratorError: BAD_REQUEST,
   * UNKNOWN_MODEL, TIMED_OUT (a run once begun is not broken off: only its answer is dropped), INFERENCE_FAILED,
   * WORKER_DIED or CLOSED.
   */
  infer(request: InferRequest): Promise<InferResult> {
    const refusal = this.#refuse(request);
    if (refusal !== null) return Promise.reject(refusal);
    const { model, text, timeoutMs } = request;
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer =
        timeoutMs === undefined ? null : setTimeout(() => this.#expire(id, model, timeoutMs), timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#send({ type: 'infer', id, model, text });
    });
  }

  get modelNames(): readonly string[] {
    return [...this.#modelNames];
  }

  /**
   * Loads one more model, tried as `create` tries those that it is given. Rejects as that does, and with CLOSED or WORKER_DIED;
   * then the model is not there, and all others are.
   */
  async load(model: ModelFile): Promise<void> {
    if (this.#modelNames.has(model.name))
      throw new AcceleratorError('BAD_REQUEST', `model ${model.name} is loaded`);
    await this.#change((id) => ({ type: 'load', id, model }));
    this.#modelNames.add(model.name);
  }

  /** Frees a model, after what was asked of it before. One that is not loaded is as good as freed. */
  async unload(name: string): Promise<void> {
    if (!this.#modelNames.delete(name)) return;
    await this.#change((id) => ({ type: 'unload', id, name }));
  }

  #change(requestOf: (id: number) => WorkerRequest): Promise<void> {
    if (this.#ended !== null)
      return Promise.reject(new AcceleratorError(this.#ended.code, this.#ended.message));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#changes.set(id, { resolve, reject });
      this.#send(requestOf(id));
    });
  }

  /**
   * Ends the thread and frees its models; what is pending rejects with CLOSED. Resolves when the thread is gone, which
   * is after the run in progress, for onnxruntime cannot break one off. Calling it again waits for the same end.
   */
  async close(): Promise<void> {
    if (this.#ended === null) {
      this.#end(new AcceleratorError('CLOSED', 'the accelerator was closed'));
      this.#send({ type: 'close' });
    }
    await this.#exited;
  }

  #refuse(request: InferRequest): AcceleratorError | null {
    if (this.#ended !== null) return new AcceleratorError(this.#ended.code, this.#ended.message);
    if (!this.#modelNames.has(request.model)) {
      const known = this.modelNames.length === 0 ? 'none' : this.modelNames.join(', ');
      return new AcceleratorError('UNKNOWN_MODEL', `model ${request.model} is not known; known are ${known}`);
    }
    const { timeoutMs } = request;
    if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
      return new AcceleratorError(
        'BAD_REQUEST',
        `timeoutMs is above 0 and at most ${MAX_TIMEOUT_MS}, found ${timeoutMs}`,
      );
    }
    return null;
  }

  #onReply(reply: WorkerReply): void {
    if (reply.type === 'ready' || reply.type === 'refused') return;
    if (reply.type === 'changed') {
      const change = this.#changes.get(reply.id);
      this.#changes.delete(reply.id);
      if (reply.error === null) change?.resolve();
      else change?.reject(new AcceleratorError(reply.error.code, reply.error.message));
      return;
    }
    const pending = this.#take(reply.id);
    if (pending === null) return; // Answered after its timeout.
    if (reply.type === 'failed') {
      pending.reject(new AcceleratorError('INFERENCE_FAILED', reply.message));
      return;
    }
    const { output, provider, computeUs, inputTokens } = reply;
    pending.resolve({ output, provider, computeUs, inputTokens });
  }

  #expire(id: number, model: string, timeoutMs: number): void {
    const pending = this.#take(id);
    if (pending === null) return;
    this.#send({ type: 'cancel', id });
    pending.reject(new AcceleratorError('TIMED_OUT', `model ${model}: no answer within ${timeoutMs} ms`));
  }

  #take(id: number): PendingInference | null {
    const pending = this.#pending.get(id);
    if (pending === undefined) return null;
    this.#pending.delete(id);
    if (pending.timer !== null) clearTimeout(pending.timer);
    return pending;
  }

  /** Takes no further text and rejects all that wait; the first reason given stands. */
  #end(reason: AcceleratorError): void {
    this.#ended ??= reason;
    for (const { reject } of this.#changes.values())
      reject(new AcceleratorError(this.#ended.code, this.#ended.message));
    this.#changes.clear();
    for (const id of [...this.#pending.keys()]) {
      this.#take(id)?.reject(new AcceleratorError(this.#ended.code, this.#ended.message));
    }
  }

  #send(request: WorkerRequest): void {
    this.#worker.postMessage(request);
  }
}

/** The longest wait that `setTimeout` keeps; it turns anything longer into 1 ms. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The compiler rewrites imports from .ts to .js, but not URLs: the thread's file has the extension of this one. */
function defaultWorkerUrl(): URL {
  return new URL(`./accelerator-worker${isTypeScript() ? '.ts' : '.js'}`, import.meta.url);
}

function isTypeScript(): boolean {
  return import.meta.url.endsWith('.ts');
}

/**
 * Compiled, the thread is its file. From sources it needs tsx, and on Node 20 tsx registers itself in a process's main
 * thread only, whatever flags a thread inherits; so the thread registers it first and imports its file then.
 */
function startWorker(url: URL, workerData: WorkerSettings): Worker {
  const name = 'accelerator';
  if (!isTypeScript()) return new Worker(url, { workerData, name });
  const script =
    `import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))})` +
    `.then((tsx) => { tsx.register(); return import(${JSON.stringify(url.href)}); });`;
  return new Worker(script, { workerData, name, eval: true, execArgv: [] });
}

/** Resolves at `ready`; rejects, once the thread is gone, when it refuses or dies before. */
function waitUntilReady(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    let reason: AcceleratorError | null = null;
    const onReply = (reply: WorkerReply): void => {
      if (reply.type === 'refused') reason ??= new AcceleratorError(reply.code, reply.message);
      if (reply.type !== 'ready') return;
      worker.off('message', onReply).off('error', onError).off('exit', onExit);
      resolve();
    };
    const onError = (error: unknown): void => {
      reason ??= isRuntimeMissing(error)
        ? new AcceleratorError('RUNTIME_MISSING', RUNTIME_MISSING)
        : createDeathError(describeError(error));
    };
    const onExit = (exitCode: number): void => reject(reason ?? createDeathError(`exit code ${exitCode}`));
    worker.on('message', onReply).on('error', onError).on('exit', onExit);
  });
}

/** The package is optional: npm passes over in silence what does not install, and so does the simulator. */
const RUNTIME_MISSING =
  'onnxruntime-node is not installed, and compute nodes run their models with it. It is an optional package, so npm goes on ' +
  'without it where it does not install: run `npm install onnxruntime-node` in the folder of node_modules and read what it ' +
  `says. It has builds for Linux and Windows (x64, arm64) and macOS (arm64); this is ${process.platform} ${process.arch}. ` +
  'Everything but `live` works without it';

function isRuntimeMissing(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ERR_MODULE_NOT_FOUND' && message.includes('onnxruntime-node');
}

function createDeathError(reason: string): AcceleratorError {
  return new AcceleratorError('WORKER_DIED', `the accelerator's thread died: ${reason}`);
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
