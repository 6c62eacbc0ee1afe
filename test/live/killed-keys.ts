import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** A node that writes a key and destroys it, and is killed at a call of the file system. Arguments: folder, pod, call. */
const [folder, pod, call] = process.argv.slice(2);

const kill = (): never => {
  process.kill(process.pid, 'SIGKILL');
  for (;;);
};
Object.assign(fs, { [call]: kill });
syncBuiltinESMExports();

const { KeyFiles } = await import('../../live/key-files.ts');
const { createKey } = await import('../../live/sealing.ts');
const files = new KeyFiles(folder);
files.add(pod, createKey());
files.destroy(pod);
