import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

export interface TestBrowser {
  readonly browser: Browser;
  close(): Promise<void>;
}

/**
 * Starts a browser for tests: the one that WATERSHED_BROWSER names, else the one in the package
 * @sparticuz/chromium, which brings the libraries and fonts that a bare machine lacks.
 * @throws Error that says what could not be started and how to name another
 */
export async function startBrowser(): Promise<TestBrowser> {
  const folder = mkdtempSync(join(tmpdir(), 'watershed-browser-'));
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const named = process.env['WATERSHED_BROWSER'];
    const { path, env } =
      named === undefined ? await unpackBrowser(folder) : { path: named, env: { ...process.env } };
    const browser = await chromium.launch({
      executablePath: path,
      args: ['--no-sandbox', '--disable-gpu', '--headless=shell'],
      env: env as Record<string, string>,
    });
    return {
      browser,
      close: async () => {
        await browser.close();
        removeFolder();
      },
    };
  } catch (error) {
    removeFolder();
    throw new Error(
      'no browser could be started for the test of the page; WATERSHED_BROWSER=/path/to/chromium names one',
      { cause: error },
    );
  }
}

/** Unpacks the packaged browser. What the package does to the environment of this process is undone. */
async function unpackBrowser(folder: string): Promise<{ path: string; env: NodeJS.ProcessEnv }> {
  const before = { ...process.env };
  try {
    // Read when the package is loaded: it then brings its own libraries, into this folder.
    process.env['AWS_LAMBDA_JS_RUNTIME'] = 'nodejs22.x';
    process.env['TMPDIR'] = folder;
    const packaged = (await import('@sparticuz/chromium')).default;
    const path = await packaged.executablePath();
    return { path, env: { ...process.env, FONTCONFIG_PATH: describeFonts(folder) } };
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

/** Without a single font the browser dies: names those of the package, and the machine's. */
function describeFonts(folder: string): string {
  const path = join(folder, 'font-settings');
  mkdirSync(path);
  const folders = [join(folder, 'fonts'), '/usr/share/fonts'].map((dir) => `<dir>${dir}</dir>`).join('');
  const settings = `${folders}<cachedir>${join(path, 'cache')}</cachedir>`;
  writeFileSync(join(path, 'fonts.conf'), `<?xml version="1.0"?><fontconfig>${settings}</fontconfig>`);
  return path;
}
