import { build } from 'esbuild';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PAGE = fileURLToPath(new URL('page', import.meta.url));
const OUT = fileURLToPath(new URL('../dist/viz/page', import.meta.url));

/** Bundles the page, with the outlines of the world's land, into a folder that can be served as it is. */
export async function buildPage(outFolder = OUT): Promise<void> {
  mkdirSync(outFolder, { recursive: true });
  await build({
    entryPoints: [join(PAGE, 'main.ts'), join(PAGE, 'style.css')],
    outdir: outFolder,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'warning',
  });
  copyFileSync(join(PAGE, 'index.html'), join(outFolder, 'index.html'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPage();
