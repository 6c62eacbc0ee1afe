import express, { type NextFunction, type Request, type Response } from 'express';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { Server as SocketServer } from 'socket.io';
import type { Frame } from '../sim/frame.ts';
import { viewAffairs } from './affairs-view.ts';
import type { FrameSource } from './frame-source.ts';
import { LiveView } from './live-view.ts';
import { RunView } from './run-view.ts';
import { explainIn, SUBJECTS } from './why/why.ts';
import { rowOf, ViewError, type RequestRow, type View } from './view.ts';

export interface ViewOptions {
  /** The folder of a run, or a source that is alive. */
  readonly source: string | FrameSource;
  /** 0 to 65535; 0 takes any that is free. */
  readonly port: number;
  /** Which address to listen on. Default 127.0.0.1: this machine only. */
  readonly host?: string;
  /** Where the built page lies. Default: dist/viz/page. */
  readonly pageFolder?: string;
}

export interface ServedView {
  /** `http://127.0.0.1:4173/`. */
  readonly url: string;
  close(): Promise<void>;
}

/** At most so many requests in one answer. */
const MAX_REQUESTS = 1_000;
/** Live stories go to the page in bundles, one in so long. */
const BUNDLE_MS = 250;
const MAX_BUNDLE = 500;

/**
 * Serves the window on a run or on a live federation until it is closed.
 * @throws ViewError if the run cannot be shown, the page is not built, or the port cannot be had
 */
export async function serveView(options: ViewOptions): Promise<ServedView> {
  const pageFolder = options.pageFolder ?? findPageFolder();
  if (!existsSync(`${pageFolder}/main.js`))
    throw new ViewError(`${pageFolder}: the page is not built; npm run build builds it`);
  const { source } = options;
  const run = typeof source === 'string' ? await RunView.open(source) : null;
  const view: View = run ?? new LiveView(source as FrameSource);
  const server = createServer(createApp(view, pageFolder));
  const sockets = new SocketServer(server, {
    serveClient: false,
    allowRequest: (request, decide) => {
      // A page of another site must not listen in through the user's own browser.
      const { origin, host } = request.headers;
      decide(null, origin === undefined || hostOf(origin) === host);
    },
  });
  const stop = typeof source === 'string' ? () => undefined : relayNews(source, sockets);
  const host = options.host ?? '127.0.0.1';
  try {
    await listen(server, options.port, host);
  } catch (error) {
    stop();
    await run?.close();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/`,
    close: async () => {
      stop();
      server.closeAllConnections();
      await sockets.close();
      await run?.close();
    },
  };
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}

function findPageFolder(): string {
  // Beside this file once it is compiled; from the sources, where the build puts it.
  const beside = fileURLToPath(new URL('page', import.meta.url));
  return existsSync(`${beside}/main.js`)
    ? beside
    : fileURLToPath(new URL('../dist/viz/page', import.meta.url));
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'something else listens there' : error.message;
      reject(new ViewError(`${host}:${port}: ${reason}`));
    });
    server.listen(port, host, () => resolve());
  });
}

/** Sends what a live source pushes to every page that is open. */
function relayNews(source: FrameSource, sockets: SocketServer): () => void {
  let bundle: RequestRow[] = [];
  const timer = setInterval(() => {
    if (bundle.length > 0) sockets.emit('requests', bundle);
    bundle = [];
  }, BUNDLE_MS);
  const unsubscribe = source.subscribe(
    (frame) => sockets.emit('frame', frame),
    (story) => {
      if (bundle.length < MAX_BUNDLE) bundle.push(rowOf(story));
    },
  );
  return () => {
    clearInterval(timer);
    unsubscribe();
  };
}

/** What the page may load and whom it may call: only its own server. */
const CONTENT_POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'";

function createApp(view: View, pageFolder: string): express.Express {
  const app = express();
  app.disable('x-powered-by');
  app.use((_request, response, next) => {
    response.set({
      'Content-Security-Policy': CONTENT_POLICY,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
    });
    next();
  });
  app.get('/api/header', (_request, response) => {
    response.json({ ...view.header, frameCount: view.frameCount });
  });
  app.get('/api/frames', async (request, response) => {
    const query = {
      ...spanOf(request),
      every: numberIn(request, 'every', 1, 1, Number.MAX_SAFE_INTEGER),
    };
    await sendArray(response, view.frames(query));
  });
  app.get('/api/requests', async (request, response) => {
    const rows = await view.requests({
      ...spanOf(request),
      isOpen: textIn(request, 'open') === 'true',
      outcome: textIn(request, 'outcome'),
      cluster: textIn(request, 'cluster'),
      limit: numberIn(request, 'limit', 100, 1, MAX_REQUESTS),
    });
    response.json(rows);
  });
  app.get('/api/requests/:id', async (request, response) => {
    const story = await view.story(request.params.id);
    if (story === null) response.status(404).json({ error: `there is no request ${request.params.id}` });
    else response.json(story);
  });
  app.get('/api/affairs', async (request, response) => {
    if (!(view instanceof RunView)) throw new QueryError('what is alive has not recorded why');
    response.json(viewAffairs(await view.affairs(spanOf(request).untilUs), view.header));
  });
  app.get('/api/why', async (request, response) => {
    if (!(view instanceof RunView)) throw new QueryError('what is alive has not recorded why');
    const subject = SUBJECTS.find((one) => one === textIn(request, 'subject'));
    if (subject === undefined) throw new QueryError(`subject: ${SUBJECTS.join(', ')} is expected`);
    const { untilUs } = spanOf(request);
    const reasons = await explainIn(view, { subject, name: textIn(request, 'name') ?? '', atUs: untilUs });
    if ('names' in reasons) response.status(404).json({ error: `there is no such ${subject}` });
    else response.json(reasons);
  });
  app.get('/api/summary', (_request, response) => {
    if (view.summary === null) response.status(404).json({ error: 'no summary: the run has not ended' });
    else response.json(view.summary);
  });
  app.use('/api', (request, response) => {
    response.status(404).json({ error: `there is no ${request.originalUrl}` });
  });
  app.use(express.static(pageFolder));
  app.use(answerError);
  return app;
}

class QueryError extends Error {}

function answerError(error: unknown, _request: Request, response: Response, next: NextFunction): void {
  if (response.headersSent) next(error);
  else if (error instanceof QueryError || error instanceof ViewError)
    response.status(400).json({ error: error.message });
  else response.status(500).json({ error: error instanceof Error ? error.message : String(error) });
}

function spanOf(request: Request): { fromUs: number; untilUs: number } {
  return {
    fromUs: numberIn(request, 'from', 0, 0, Number.MAX_SAFE_INTEGER),
    untilUs: numberIn(request, 'until', Number.MAX_SAFE_INTEGER, 0, Number.MAX_SAFE_INTEGER),
  };
}

function numberIn(request: Request, name: string, absent: number, least: number, most: number): number {
  const text = textIn(request, name);
  if (text === null) return absent;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new QueryError(`${name}=${text}: a whole number from ${least} to ${most} is expected`);
}

function textIn(request: Request, name: string): string | null {
  const value = request.query[name];
  if (value === undefined || value === '') return null;
  if (typeof value === 'string') return value;
  throw new QueryError(`${name}: one value is expected`);
}

/** One JSON array, written as its elements come. */
async function sendArray(response: Response, frames: AsyncIterable<Frame>): Promise<void> {
  response.type('application/json');
  await pipeline(Readable.from(jsonArray(frames)), response);
}

async function* jsonArray(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  let separator = '[';
  for await (const value of values) {
    yield separator + JSON.stringify(value);
    separator = ',\n';
  }
  yield separator === '[' ? '[]' : ']';
}
