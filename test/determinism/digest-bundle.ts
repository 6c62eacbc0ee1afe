import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

/**
 * The simulated world and the digest printer as one script for any engine: it defines `watershed.digestsOf`. Bundled as for
 * a browser, it fails if anything of Node's own is asked for.
 */
export async function bundleDigestPrinter(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./digest-printer.ts', import.meta.url))],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'watershed',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0].text;
}
