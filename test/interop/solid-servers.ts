/** Community Solid Servers on this machine, in memory: https://github.com/CommunitySolidServer/CommunitySolidServer */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { AccessLanguage } from '../../live/portability/solid-access.ts';

const SERVER = fileURLToPath(
  new URL('./node_modules/@solid/community-server/bin/server.js', import.meta.url),
);
const START_MS = 90_000;

/** Not a dependency of the package, which needs no server of others: `npm ci --prefix test/interop` brings it. */
export const isInstalled = existsSync(SERVER);

/** One that believes whom an `Authorization` header names, so that a test can ask as anybody. */
export class SolidServer {
  readonly url: string;
  private readonly child: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.child = child;
  }

  static async start(language: AccessLanguage): Promise<SolidServer> {
    const port = await freePort();
    const url = `http://localhost:${port}/`;
    const config = fileURLToPath(new URL(`./solid-${language}.json`, import.meta.url));
    const child = spawn(
      process.execPath,
      [SERVER, '--config', config, '--port', String(port), '--baseUrl', url, '--loggingLevel', 'warn'],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let said = '';
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (text: Buffer) => (said += text.toString()));
    const byMs = Date.now() + START_MS;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the Solid server ended: ${said}`);
      const answer = await fetch(url).catch(() => null);
      if (answer?.ok) return new SolidServer(url, child);
      if (Date.now() > byMs) throw new Error(`the Solid server does not answer: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill();
    await ended;
  }
}

/** How somebody with a WebID asks such a server. */
export function as(webId: string | null): Record<string, string> {
  return webId === null ? {} : { authorization: `WebID ${webId}` };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
