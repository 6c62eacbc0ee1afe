import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { brotliDecompressSync } from 'node:zlib';
import { expect } from 'chai';
import ts from 'typescript';
import { Accelerator, AcceleratorError } from '../../live/accelerator.ts';
import type { AcceleratorErrorCode, Provider } from '../../live/accelerator.ts';
import {
  EMBEDDING_LENGTH,
  FEATURE_COUNT,
  embedReference,
  hashFnv1a32,
  hashNgrams,
  writeEmbeddingModel,
} from '../../live/embedding-model.ts';
import { encodeModel } from '../../live/onnx-writer.ts';
import type { GraphNode, ModelGraph } from '../../live/onnx-writer.ts';

const runFile = promisify(execFile);
const SOURCE_URL = new URL('../../live/', import.meta.url);
const MODULES_FOLDER = fileURLToPath(new URL('../../node_modules', import.meta.url));
const TOLERANCE = 1e-6;

const TEXTS = [
  '',
  'a',
  'Where does the water go when the river is full?',
  'WHERE DOES THE WATER GO WHEN THE RIVER IS FULL?',
  'Größe, naïveté, Ærøskøbing, İstanbul',
  'वर्षा जल संचयन',
  '水は低きに流れる',
  '🏞️🌊 emoji and a lone surrogate \ud83c',
  'long '.repeat(5_000),
];

let folder: string;
let modelPath: string;

/** A graph over the features of one text, with the signature that the accelerator expects unless told otherwise. */
function createGraph(nodes: readonly GraphNode[], changes: Partial<ModelGraph> = {}): ModelGraph {
  return {
    name: 'test',
    description: '',
    inputs: [{ name: 'features', shape: ['batch', FEATURE_COUNT] }],
    outputs: [{ name: 'output', shape: ['rows', 'columns'] }],
    initializers: [],
    nodes,
    ...changes,
  };
}

async function writeGraph(fileName: string, graph: ModelGraph): Promise<string> {
  const path = join(folder, fileName);
  await writeFile(path, encodeModel(graph));
  return path;
}

async function withAccelerator<T>(
  path: string,
  use: (accelerator: Accelerator) => Promise<T>,
  workerUrl?: URL,
): Promise<T> {
  const models = [{ name: 'model', path }];
  const accelerator = await Accelerator.create({
    models,
    provider: 'cpu',
    ...(workerUrl === undefined ? {} : { workerUrl }),
  });
  try {
    return await use(accelerator);
  } finally {
    await accelerator.close();
  }
}

async function expectRefusal(attempt: Promise<unknown>, code: AcceleratorErrorCode): Promise<string> {
  const error: unknown = await attempt.then(
    () => expect.fail(`expected ${code}, but it succeeded`),
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(AcceleratorError);
  expect((error as AcceleratorError).code, (error as Error).message).to.equal(code);
  return (error as Error).message;
}

function openPath(path: string, provider: Provider = 'cpu'): Promise<Accelerator> {
  return Accelerator.create({ models: [{ name: 'mine', path }], provider });
}

function measureDistance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(found.length).to.equal(expected.length);
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(found[i]! - expected[i]!));
  return largest;
}

function multiply(left: ArrayLike<number>, right: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += left[i]! * right[i]!;
  return sum;
}

/** Forty products of 512 × 512 matrices: long enough, on any machine, to tell a blocked event loop from a free one. */
function createSlowGraph(): ModelGraph {
  const nodes: GraphNode[] = [
    {
      name: 'square',
      operator: 'Gemm',
      inputs: ['features', 'features'],
      outputs: ['product0'],
      attributes: { transA: { type: 'int', value: 1 } },
    },
  ];
  for (let i = 0; i < 40; i++) {
    const inputs = [`product${i}`, `product${i}`];
    nodes.push({ name: `multiply${i}`, operator: 'MatMul', inputs, outputs: [`product${i + 1}`] });
  }
  const attributes = { axes: { type: 'ints', value: [0] } } as const;
  nodes.push({ name: 'sum', operator: 'ReduceL2', inputs: ['product40'], outputs: ['output'], attributes });
  return createGraph(nodes);
}

interface ProcessOutcome {
  readonly provider?: Provider;
  readonly output?: readonly number[];
  readonly code?: AcceleratorErrorCode;
  readonly message?: string;
}

/** Embeds TEXTS[2] in a process of its own, and says what came of it. */
async function inferInProcess(
  flags: readonly string[],
  acceleratorUrl: URL,
  path: string,
  provider: Provider,
  environment: Readonly<Record<string, string>>,
): Promise<ProcessOutcome> {
  const script = `
    const { Accelerator } = await import(${JSON.stringify(acceleratorUrl.href)});
    const say = (outcome) => process.stdout.write(JSON.stringify(outcome));
    const options = { models: [{ name: 'model', path: ${JSON.stringify(path)} }], provider: '${provider}' };
    const accelerator = await Accelerator.create(options).catch(({ code, message }) => say({ code, message }));
    if (accelerator instanceof Accelerator) {
      const result = await accelerator.infer({ model: 'model', text: ${JSON.stringify(TEXTS[2])} });
      await accelerator.close();
      say({ provider: result.provider, output: [...result.output] });
    }`;
  const scriptPath = join(folder, 'infer.mjs');
  await writeFile(scriptPath, script);
  const env = { ...process.env, NODE_OPTIONS: '', ...environment };
  const { stdout } = await runFile(process.execPath, [...flags, scriptPath], { env, timeout: 60_000 });
  return JSON.parse(stdout) as ProcessOutcome;
}

function expectEmbedding(outcome: ProcessOutcome, provider: Provider): void {
  expect(outcome.message).to.equal(undefined);
  expect(outcome.provider).to.equal(provider);
  expect(measureDistance(outcome.output!, embedReference(hashNgrams(TEXTS[2]!)))).to.be.below(TOLERANCE);
}

/** SwiftShader, a Vulkan driver for the processor, comes with the headless browser; so does a Vulkan loader. */
async function unpackSoftwareVulkan(): Promise<Record<string, string>> {
  const archive = join(MODULES_FOLDER, '@sparticuz/chromium/bin/swiftshader.tar.br');
  const target = join(folder, 'vulkan');
  await mkdir(target);
  await writeFile(`${target}.tar`, brotliDecompressSync(await readFile(archive)));
  await runFile('tar', ['-xf', `${target}.tar`, '-C', target]);
  const driver = join(target, 'vk_swiftshader_icd.json');
  return { LD_LIBRARY_PATH: target, VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver };
}

describe('live accelerator', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'watershed-accelerator-'));
    modelPath = join(folder, 'embedding.onnx');
    await writeEmbeddingModel(modelPath);
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  describe('embedding model: features', () => {
    it('hashes with FNV-1a as published', () => {
      expect(hashFnv1a32('')).to.equal(0x811c9dc5);
      expect(hashFnv1a32('a')).to.equal(0xe40c292c);
      expect(hashFnv1a32('foobar')).to.equal(0xbf9cf968);
    });

    it('counts marked 3-grams and scales to length 1', () => {
      const expected = new Float32Array(64);
      for (const gram of ['\u0002aa', 'aaa', 'aaa', 'aa\u0003']) expected[hashFnv1a32(gram) % 64]! += 1;
      const length = Math.hypot(...expected);
      expect(
        measureDistance(
          hashNgrams('AAAA', 64),
          expected.map((count) => count / length),
        ),
      ).to.be.below(1e-7);
      expect(multiply(hashNgrams(TEXTS[2]!), hashNgrams(TEXTS[2]!))).to.be.closeTo(1, 1e-6);
      expect([...hashNgrams('')].every((value) => value === 0)).to.equal(true);
    });

    it('is blind to case and to composed or decomposed letters, not to order', () => {
      expect(hashNgrams('CAFÉ au lait')).to.deep.equal(hashNgrams('cafe\u0301 AU LAIT'));
      expect(hashNgrams('abcd')).not.to.deep.equal(hashNgrams('dcba'));
      expect(() => hashNgrams('a', 0)).to.throw(RangeError, 'buckets');
    });
  });

  describe('embedding model: file', () => {
    it('is the same bytes every time, and is described by them', async () => {
      const path = join(folder, 'again.onnx');
      const written = await writeEmbeddingModel(path);
      const bytes = await readFile(path);
      expect(bytes.equals(await readFile(modelPath))).to.equal(true);
      expect(written.sizeBytes).to.equal(bytes.length);
      expect(written.sha256).to.equal(createHash('sha256').update(bytes).digest('hex'));
      // Changing the model is allowed, but never by accident: answers and hashes on record depend on it.
      expect(written.sha256).to.equal('09637521b2151195d9dd7ab84173d3a5ef25c68937634b38a5f6cc25215c2324');
    });

    it('refuses shapes that are none', () => {
      const data = new Float32Array(5);
      const graph = createGraph([], { initializers: [{ name: 'w', shape: [2, 3], data }] });
      expect(() => encodeModel(graph)).to.throw(RangeError, 'holds 6 elements, the data 5');
      const inputs = [{ name: 'features', shape: [1.5] }];
      expect(() => encodeModel(createGraph([], { inputs }))).to.throw(RangeError, 'found 1.5');
    });
  });

  describe('accelerator: answers', () => {
    it('equals the reference on every text, and says what ran', async () => {
      await withAccelerator(modelPath, async (accelerator) => {
        expect(accelerator.provider).to.equal('cpu');
        const results = await Promise.all(TEXTS.map((text) => accelerator.infer({ model: 'model', text })));
        results.forEach((result, index) => {
          const reference = embedReference(hashNgrams(TEXTS[index]!, FEATURE_COUNT));
          expect(result.output).to.be.instanceOf(Float32Array).with.lengthOf(EMBEDDING_LENGTH);
          expect(measureDistance(result.output, reference), TEXTS[index]).to.be.below(TOLERANCE);
          expect(multiply(result.output, result.output)).to.be.closeTo(TEXTS[index] === '' ? 0 : 1, 1e-5);
          expect(result.provider).to.equal('cpu');
          expect(result.computeUs).to.satisfy((us: number) => Number.isSafeInteger(us) && us > 0);
        });
        expect(results.slice(0, 4).map((result) => result.inputTokens)).to.deep.equal([0, 1, 47, 47]);
      });
    });

    it('puts near-duplicates near and other texts far', async () => {
      await withAccelerator(modelPath, async (accelerator) => {
        const embed = async (text: string): Promise<Float32Array> =>
          (await accelerator.infer({ model: 'model', text })).output;
        const text = await embed('The upper gauge reads two metres ten at noon.');
        const near = await embed('The upper gauge reads two metres ten at noon');
        const far = await embed('Ballots close on Friday; each cluster casts one.');
        expect(multiply(text, near)).to.be.above(0.9);
        expect(multiply(text, far)).to.be.below(0.5);
      });
    });

    it('keeps the two models of one thread apart, attributes included', async () => {
      const attributes = {
        alpha: { type: 'float', value: -2.5 },
        transB: { type: 'int', value: 1 },
      } as const;
      const eye = new Float32Array(3 * FEATURE_COUNT);
      for (let row = 0; row < 3; row++) eye[row * FEATURE_COUNT + row] = 1;
      const nodes: GraphNode[] = [
        { name: 'pick', operator: 'Gemm', inputs: ['features', 'eye'], outputs: ['picked'], attributes },
        {
          name: 'sum',
          operator: 'ReduceL1',
          inputs: ['picked'],
          outputs: ['output'],
          attributes: { axes: { type: 'ints', value: [-1] } },
        },
      ];
      const initializers = [{ name: 'eye', shape: [3, FEATURE_COUNT], data: eye }];
      const path = await writeGraph('picks.onnx', createGraph(nodes, { initializers }));
      const models = [
        { name: 'embedding', path: modelPath },
        { name: 'picks', path },
      ];
      const accelerator = await Accelerator.create({ models, provider: 'cpu' });
      try {
        const text = TEXTS[8]!;
        const [embedding, picks] = await Promise.all([
          accelerator.infer({ model: 'embedding', text }),
          accelerator.infer({ model: 'picks', text }),
        ]);
        const features = hashNgrams(text);
        expect(measureDistance(embedding.output, embedReference(features))).to.be.below(TOLERANCE);
        const expected = 2.5 * (features[0]! + features[1]! + features[2]!);
        expect(measureDistance(picks.output, [expected])).to.be.below(TOLERANCE);
      } finally {
        await accelerator.close();
      }
    });
  });

  describe('accelerator: refusals', () => {
    it('names the file that is missing, or is no file', async () => {
      const missing = join(folder, 'nowhere.onnx');
      expect(await expectRefusal(openPath(missing), 'MODEL_MISSING'))
        .to.include(missing)
        .and.include('mine');
      expect(await expectRefusal(openPath(folder), 'MODEL_MISSING')).to.include('is not a file');
    });

    it('names the file that is corrupt', async () => {
      const whole = await readFile(modelPath);
      const noise = join(folder, 'noise.onnx');
      await writeFile(noise, 'this is no model');
      expect(await expectRefusal(openPath(noise), 'MODEL_REFUSED')).to.include(noise);
      const cut = join(folder, 'cut.onnx');
      await writeFile(cut, whole.subarray(0, whole.length / 2));
      expect(await expectRefusal(openPath(cut), 'MODEL_REFUSED')).to.include(cut);
    });

    it('says which signature it expects and which it found', async () => {
      const nodes = [{ name: 'squash', operator: 'Tanh', inputs: ['tokens'], outputs: ['output'] }];
      const shape = ['batch', 7];
      const inputs = [{ name: 'tokens', shape }];
      const outputs = [{ name: 'output', shape }];
      const path = await writeGraph('tokens.onnx', createGraph(nodes, { inputs, outputs }));
      const message = await expectRefusal(openPath(path), 'MODEL_SIGNATURE');
      expect(message).to.include('expected one input features: float32 [N, 512]');
      expect(message).to.include('found inputs tokens: float32 [batch, 7]');

      const narrow = { ...nodes[0]!, inputs: ['features'] };
      const wrongSizes = [
        { name: 'features', shape: ['batch', 511] },
        { name: 'features', shape: [2, 512] },
      ];
      for (const [index, input] of wrongSizes.entries()) {
        const graph = createGraph([narrow], { inputs: [input], outputs: [{ ...input, name: 'output' }] });
        const file = await writeGraph(`narrow-${index}.onnx`, graph);
        expect(await expectRefusal(openPath(file), 'MODEL_SIGNATURE')).to.include(
          `[${input.shape.join(', ')}]`,
        );
      }
    });

    it('names the provider that this machine lacks, and why', async function () {
      const attempt = openPath(modelPath, 'cuda');
      if (existsSync('/dev/nvidiactl')) {
        // A machine with the card may have CUDA's libraries or not; either way nothing but CUDA may answer.
        const outcome = await attempt.catch((error: unknown) => error as AcceleratorError);
        if (outcome instanceof Accelerator) {
          expect((await outcome.infer({ model: 'mine', text: 'a' })).provider).to.equal('cuda');
          await outcome.close();
        } else expect(outcome.code).to.equal('PROVIDER_UNAVAILABLE');
        return;
      }
      const message = await expectRefusal(attempt, 'PROVIDER_UNAVAILABLE');
      expect(message).to.match(/provider 'cuda' is not available on this machine: .*\w+.* brings cpu/s);
      const unknown = await expectRefusal(openPath(modelPath, 'gpu' as Provider), 'PROVIDER_UNAVAILABLE');
      expect(unknown).to.include("provider 'gpu' is unknown; known are cpu, webgpu, cuda");
    });

    it('refuses requests that contradict themselves', async () => {
      const twice = [1, 2].map(() => ({ name: 'mine', path: modelPath }));
      const repeated = Accelerator.create({ models: twice, provider: 'cpu' });
      expect(await expectRefusal(repeated, 'BAD_REQUEST')).to.include('mine is given twice');
      const threadless = Accelerator.create({ models: [], provider: 'cpu', cpuThreads: 0 });
      expect(await expectRefusal(threadless, 'BAD_REQUEST')).to.include('cpuThreads');
      await withAccelerator(modelPath, async (accelerator) => {
        const unknown = accelerator.infer({ model: 'other', text: 'a' });
        expect(await expectRefusal(unknown, 'UNKNOWN_MODEL')).to.include('known are model');
        const late = accelerator.infer({ model: 'model', text: 'a', timeoutMs: 0 });
        expect(await expectRefusal(late, 'BAD_REQUEST')).to.include('timeoutMs');
      });
    });
  });

  describe('accelerator: thread', () => {
    it('leaves the event loop free during a run', async () => {
      const path = await writeGraph('slow.onnx', createSlowGraph());
      await withAccelerator(path, async (accelerator) => {
        let isAnswered = false;
        let turns = 0;
        const answer = accelerator
          .infer({ model: 'model', text: 'flood' })
          .finally(() => (isAnswered = true));
        while (!isAnswered) {
          await new Promise((resolve) => setImmediate(resolve));
          turns += 1;
        }
        // A run in this thread would let the loop turn a handful of times before it and after it, and never within.
        expect(turns).to.be.above(100);
        expect((await answer).output).to.have.lengthOf(FEATURE_COUNT);
      });
    });

    it('gives up waiting at the timeout, and goes on', async () => {
      const path = await writeGraph('slow.onnx', createSlowGraph());
      await withAccelerator(path, async (accelerator) => {
        const ask = (text: string, timeoutMs?: number) =>
          accelerator.infer({ model: 'model', text, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
        const begun = expectRefusal(ask('begun', 1), 'TIMED_OUT');
        const waiting = expectRefusal(ask('waiting', 1), 'TIMED_OUT');
        const patient = ask('patient');
        expect(await begun).to.include('model model: no answer within 1 ms');
        await waiting;
        expect((await patient).inputTokens).to.equal('patient'.length);
      });
    });

    it('answers nothing after close, and closes twice', async () => {
      const accelerator = await openPath(await writeGraph('slow.onnx', createSlowGraph()));
      const pending = ['a', 'b', 'c'].map((text) =>
        expectRefusal(accelerator.infer({ model: 'mine', text }), 'CLOSED'),
      );
      const closed = accelerator.close();
      await Promise.all(pending);
      await expectRefusal(accelerator.infer({ model: 'mine', text: 'd' }), 'CLOSED');
      await closed;
      await accelerator.close();
    });

    for (const [text, statement, reason] of [
      ['burst', "throw new Error('burst pipe')", 'burst pipe'],
      ['leave', 'process.exit(3)', 'exit code 3'],
    ] as const) {
      it(`rejects all that is pending when the thread dies (${statement})`, async () => {
        const workerPath = join(folder, `${text}.mjs`);
        const script = [
          `import ${JSON.stringify(new URL('accelerator-worker.ts', SOURCE_URL).href)};`,
          `import { parentPort } from 'node:worker_threads';`,
          `parentPort.on('message', (message) => { if (message.text === '${text}') ${statement}; });`,
        ];
        await writeFile(workerPath, script.join('\n'));
        const use = async (accelerator: Accelerator): Promise<void> => {
          const infer = (asked: string) => accelerator.infer({ model: 'model', text: asked });
          expect((await infer('before')).inputTokens).to.equal(6);
          const pending = [text, 'after', 'later'].map((asked) => expectRefusal(infer(asked), 'WORKER_DIED'));
          for (const message of await Promise.all(pending)) expect(message).to.include(reason);
          expect(await expectRefusal(infer('too late'), 'WORKER_DIED')).to.include(reason);
        };
        await withAccelerator(modelPath, use, pathToFileURL(workerPath));
      });
    }

    it('says so when the thread cannot start', async () => {
      const workerUrl = pathToFileURL(join(folder, 'absent.mjs'));
      const models = [{ name: 'model', path: modelPath }];
      const attempt = Accelerator.create({ models, provider: 'cpu', workerUrl });
      expect(await expectRefusal(attempt, 'WORKER_DIED')).to.include('absent.mjs');
    });

    it('says what to do where npm has left out the runtime, which is optional', async () => {
      const workerUrl = pathToFileURL(join(folder, 'without-runtime.mjs'));
      await writeFile(workerUrl, "import 'onnxruntime-node';\n");
      const models = [{ name: 'model', path: modelPath }];
      const attempt = Accelerator.create({ models, provider: 'cpu', workerUrl });
      expect(await expectRefusal(attempt, 'RUNTIME_MISSING')).to.match(/`npm install onnxruntime-node`/);
    });
  });

  describe('accelerator: processes', () => {
    it('runs compiled, under plain node', async () => {
      const compiled = join(folder, 'compiled');
      await mkdir(compiled);
      await symlink(MODULES_FOLDER, join(compiled, 'node_modules'), 'junction');
      await writeFile(join(compiled, 'package.json'), '{ "type": "module" }');
      for (const name of ['accelerator', 'accelerator-worker', 'embedding-model', 'onnx-writer']) {
        const source = await readFile(new URL(`${name}.ts`, SOURCE_URL), 'utf8');
        const { outputText } = ts.transpileModule(source, {
          compilerOptions: {
            module: ts.ModuleKind.ESNext,
            target: ts.ScriptTarget.ES2023,
            verbatimModuleSyntax: true,
            rewriteRelativeImportExtensions: true,
          },
        });
        await writeFile(join(compiled, `${name}.js`), outputText);
      }
      const url = pathToFileURL(join(compiled, 'accelerator.js'));
      const outcome = await inferInProcess([], url, modelPath, 'cpu', {});
      expectEmbedding(outcome, 'cpu');
    });

    // Elsewhere Vulkan is not what WebGPU stands on, or the software renderer at hand is for another processor.
    if (process.platform !== 'linux' || process.arch !== 'x64') return;
    const tsxFlags = ['--import', import.meta.resolve('tsx/esm')];
    const sourceUrl = new URL('accelerator.ts', SOURCE_URL);

    it('refuses WebGPU where there is no adapter', async () => {
      const nowhere = join(folder, 'no-such-driver.json');
      const environment = { VK_DRIVER_FILES: nowhere, VK_ICD_FILENAMES: nowhere };
      const outcome = await inferInProcess(tsxFlags, sourceUrl, modelPath, 'webgpu', environment);
      expect(outcome.code).to.equal('PROVIDER_UNAVAILABLE');
      expect(outcome.message).to.match(/provider 'webgpu' is not available.*adapter/s);
    });

    it('runs WebGPU on a software adapter, and refuses a model that would fall back', async () => {
      const environment = await unpackSoftwareVulkan();
      expectEmbedding(await inferInProcess(tsxFlags, sourceUrl, modelPath, 'webgpu', environment), 'webgpu');
      // No WebGPU kernel exists for Hardmax: left to itself onnxruntime would run that node on the CPU and say nothing.
      const nodes = [{ name: 'pick', operator: 'Hardmax', inputs: ['features'], outputs: ['output'] }];
      const path = await writeGraph('hardmax.onnx', createGraph(nodes));
      const onCpu = await inferInProcess(tsxFlags, sourceUrl, path, 'cpu', {});
      expect(onCpu.provider).to.equal('cpu');
      const outcome = await inferInProcess(tsxFlags, sourceUrl, path, 'webgpu', environment);
      expect(outcome.code).to.equal('MODEL_REFUSED');
      expect(outcome.message).to.include("cannot load it on provider 'webgpu'").and.include('fallback');
    });
  });
});
