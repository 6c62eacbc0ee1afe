/** The process of one node, as whoever started it sees it. */
import { fork, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FromNode, ToNode } from './process-messages.ts';

/** From starting a process to its being ready; generous, for many may start at once on a small machine. */
const START_MS = 90_000;
/** A process that has been told to stop and has not is ended. */
const STOP_MS = 4_000;

export class NodeChild {
  readonly pid: number;
  /** Resolves when the process is gone, to whether it ended in order. */
  readonly exited: Promise<boolean>;
  private readonly name: string;
  private readonly folder: string;
  private readonly child: ChildProcess;
  private failure: string | null = null;
  private isGone = false;
  private hasListened = false;
  private hasBeenReady = false;

  constructor(name: string, folder: string, onMessage: (message: FromNode) => void) {
    this.name = name;
    this.folder = folder;
    const errors = openSync(join(folder, 'stderr.log'), 'w');
    const isTypeScript = import.meta.url.endsWith('.ts');
    // The compiler rewrites imports from .ts to .js, but not URLs: the file has the extension of this one.
    const url = new URL(`./node-process${isTypeScript ? '.ts' : '.js'}`, import.meta.url);
    this.child = fork(fileURLToPath(url), [folder], {
      execArgv: isTypeScript ? ['--import', import.meta.resolve('tsx/esm')] : [],
      stdio: ['ignore', errors, errors, 'ipc'],
    });
    closeSync(errors);
    this.pid = this.child.pid ?? 0;
    this.child.on('message', (message: FromNode) => {
      if (message.type === 'failed') this.failure = message.message;
      if (message.type === 'listening') this.hasListened = true;
      if (message.type === 'ready') this.hasBeenReady = true;
      onMessage(message);
    });
    this.exited = new Promise((resolve) => {
      this.child.once('error', (error) => {
        this.failure ??= error.message;
      });
      this.child.once('exit', (code) => {
        this.isGone = true;
        resolve(code === 0);
      });
    });
  }

  get isRunning(): boolean {
    return !this.isGone;
  }

  get wasReady(): boolean {
    return this.hasBeenReady;
  }

  /** Why it failed, in its own words, or null. */
  get reason(): string | null {
    return this.failure;
  }

  /** Resolves to the message of that type; rejects with what went wrong if the process ends before, or takes too long. */
  waitFor<T extends FromNode['type']>(type: T): Promise<Extract<FromNode, { type: T }>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => end(new Error(`${this.name}: not ${type} within ${START_MS} ms`)),
        START_MS,
      );
      const onMessage = (message: FromNode): void => {
        if (message.type === type) end(message as Extract<FromNode, { type: T }>);
      };
      const onExit = (): void =>
        end(new Error(`${this.name} did not start: ${this.failure ?? this.lastWords()}`));
      const end = (result: Error | Extract<FromNode, { type: T }>): void => {
        clearTimeout(timer);
        this.child.off('message', onMessage).off('exit', onExit);
        if (result instanceof Error) reject(result);
        else resolve(result);
      };
      if (this.isGone) return onExit();
      this.child.on('message', onMessage).on('exit', onExit);
    });
  }

  send(message: ToNode): void {
    if (this.child.connected) this.child.send(message, () => undefined);
  }

  /** Asks the process to end, and ends it if it does not. */
  async stop(): Promise<void> {
    if (this.isGone) return;
    // Before it listens there is nothing to put in order.
    if (!this.hasListened) return this.kill();
    this.send({ type: 'stop' });
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    await this.exited;
    clearTimeout(timer);
  }

  /** Takes the power away. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  private lastWords(): string {
    const text = readFileSync(join(this.folder, 'stderr.log'), 'utf8').trim();
    return text === '' ? 'its process ended' : text.split('\n').slice(-12).join('\n');
  }
}
