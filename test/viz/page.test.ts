import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import type { Frame, FrameHeader } from '../../sim/frame.ts';
import { headerOf } from '../../sim/recorder.ts';
import { loadScenario } from '../../sim/scenario/load.ts';
import type { Summary } from '../../sim/summary.ts';
import { buildPage } from '../../viz/build.ts';
import { MemoryFrameSource } from '../../viz/frame-source.ts';
import { serveView, type ServedView } from '../../viz/server.ts';
import { tinyScenario } from '../sim/tiny-scenario.ts';
import { startBrowser, type TestBrowser } from './browser.ts';
import { recordRun } from './recorded-run.ts';

const QUICKSTART = fileURLToPath(new URL('../../scenarios/quickstart.yaml', import.meta.url));

describe('the page, in a browser', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'watershed-page-'));
  const pageFolder = join(folder, 'page');
  const run = join(folder, 'run');
  let browser: TestBrowser;
  let summary: Summary;
  let header: FrameHeader;
  let served: ServedView;
  let page: Page;
  const complaints: string[] = [];

  before(async () => {
    browser = await startBrowser();
    await buildPage(pageFolder);
    const scenario = loadScenario(QUICKSTART);
    summary = recordRun(run, scenario);
    header = headerOf(scenario);
    served = await serveView({ source: run, port: 0, pageFolder });
    page = await openPage(served.url);
  });

  after(async () => {
    await browser?.close();
    await served?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  afterEach(() => expect(complaints, 'what the browser complained of').to.be.empty);

  async function openPage(url: string): Promise<Page> {
    const opened = await browser.browser.newPage({ viewport: { width: 1280, height: 720 } });
    opened.on('pageerror', (error) => complaints.push(error.message));
    opened.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    opened.on('request', (request) => {
      if (new URL(request.url()).host !== new URL(url).host) complaints.push(`asked ${request.url()}`);
    });
    await opened.goto(url);
    await opened.waitForSelector('html[data-ready]');
    return opened;
  }

  const at = (name: string): string => `[data-test="${name}"]`;

  async function figureOf(name: string, of = page): Promise<number> {
    return Number(await of.getAttribute(at(name), 'data-value'));
  }

  /** Drags the playhead to a moment, as a user would. */
  async function scrubTo(timeUs: number): Promise<void> {
    const head = (await page.locator(`${at('playhead')} .knob`).boundingBox())!;
    const axis = (await page.locator('.timeline .axis > path').boundingBox())!;
    const y = axis.y - 20;
    await page.mouse.move(head.x + head.width / 2, y);
    await page.mouse.down();
    await page.mouse.move(axis.x + (axis.width * timeUs) / header.durationUs, y, { steps: 4 });
    await page.mouse.up();
    await settle();
  }

  async function settle(of = page): Promise<void> {
    await of.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
  }

  async function cutPairs(): Promise<string[]> {
    const links = page.locator(`${at('link')}[data-cut="both"]`);
    return (await links.evaluateAll((all) => all.map((link) => link.getAttribute('data-pair')!))).sort();
  }

  it('shows whose run it is, and each cluster, node, peering and fault', async () => {
    expect(await page.textContent(at('name'))).to.equal(summary.scenario);
    expect(await page.textContent(at('seed'))).to.equal(String(summary.seed));
    expect(await page.textContent(at('digest'))).to.equal(summary.digest);
    expect(await page.getAttribute(at('verdict'), 'data-value')).to.equal(summary.verdict);
    for (const [name, count] of [
      ['cluster', header.clusters.length],
      ['node', header.nodes.length],
      ['link', header.peerings.length],
      ['fault', header.faults.length],
    ] as const)
      expect(await page.locator(at(name)).count(), name).to.equal(count);
  });

  it('draws clusters that are neighbours on earth apart', async () => {
    const plates = await page.locator('.plate').evaluateAll((all) =>
      all.map((plate) => {
        const { x, y, width } = plate.getBoundingClientRect();
        return { x: x + width / 2, y: y + width / 2, radius: width / 2 };
      }),
    );
    plates.forEach((one, i) => {
      for (const other of plates.slice(0, i))
        expect(Math.hypot(one.x - other.x, one.y - other.y)).to.be.above(one.radius + other.radius);
    });
  });

  it('draws the links as cut while the cut lasts, and whole before it', async () => {
    const cut = header.faults.find(({ kind }) => kind === 'cut')!;
    await scrubTo(cut.atUs - 20_000_000);
    expect(await cutPairs()).to.be.empty;
    await scrubTo((cut.atUs + cut.untilUs!) / 2);
    const clock = Number(await page.getAttribute(at('clock'), 'data-us'));
    expect(clock).to.be.within(cut.atUs + 1_000_000, cut.untilUs! - 1_000_000);
    const frame = frameAt(clock);
    const isCut = (from: string, to: string): boolean =>
      frame.cuts.some(([a, b]) => header.clusters[a].name === from && header.clusters[b].name === to);
    const expected = header.peerings.filter(([a, b]) => isCut(a, b) && isCut(b, a));
    expect(expected).not.to.be.empty;
    expect(await cutPairs()).to.deep.equal(expected.map((pair) => pair.join('|')).sort());
    expect(await page.textContent(at('map-text'))).to.contain(`${expected.length} of`);
  });

  function framesOf(): Frame[] {
    const [, ...lines] = readFileSync(join(run, 'frames.jsonl'), 'utf8').trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as Frame);
  }

  function frameAt(timeUs: number): Frame {
    return framesOf().findLast((frame) => frame.timeUs <= timeUs)!;
  }

  it('counts up to the position, to the request', async () => {
    await scrubTo(header.durationUs * 0.37);
    const clock = Number(await page.getAttribute(at('clock'), 'data-us'));
    const frames = framesOf().filter(({ timeUs }) => timeUs <= clock);
    const ok = frames.reduce((sum, { outcomes }) => sum + (outcomes['OK'] ?? 0), 0);
    const federation = frames.reduce((sum, { servedBy }) => sum + servedBy.federation, 0);
    expect(ok).to.be.above(0);
    expect(await figureOf('so-far-ok')).to.equal(ok);
    expect(await figureOf('so-far-federation')).to.equal(federation);
    expect(await figureOf('so-far-open')).to.equal(frames.at(-1)!.open);
  });

  it('comes to the figures of summary.json at the end', async () => {
    await page.keyboard.press('End');
    await settle();
    const { requests } = JSON.parse(readFileSync(join(run, 'summary.json'), 'utf8')) as Summary;
    for (const column of ['so-far', 'total']) {
      expect(await figureOf(`${column}-total`), column).to.equal(requests.total);
      expect(await figureOf(`${column}-ok`), column).to.equal(requests.ok);
      for (const place of ['local', 'cluster', 'federation'] as const)
        expect(await figureOf(`${column}-${place}`), `${column} ${place}`).to.equal(requests.servedBy[place]);
      for (const [code, count] of Object.entries(requests.errors))
        expect(await figureOf(`${column}-error-${code}`), `${column} ${code}`).to.equal(count);
    }
    expect(Object.keys(requests.errors)).not.to.be.empty;
  });

  it('tells the story of a request that was refused, and draws its way', async () => {
    await page.selectOption(at('filter-outcome'), 'CLUSTER_UNREACHABLE');
    await page.waitForSelector(`${at('requests')} li:first-child [data-outcome="CLUSTER_UNREACHABLE"]`);
    const outcomes = await page
      .locator(at('request'))
      .evaluateAll((all) => all.map((row) => row.getAttribute('data-outcome')));
    expect(new Set(outcomes)).to.deep.equal(new Set(['CLUSTER_UNREACHABLE']));
    await page.locator(at('request')).first().click();
    await page.waitForSelector(at('story-outcome'));
    expect(await page.getAttribute(at('story-outcome'), 'data-outcome')).to.equal('CLUSTER_UNREACHABLE');
    const text = await page.textContent(at('story'));
    expect(text).to.contain('turns to the federation').and.to.contain('cluster out of reach');
    expect(await page.locator(at('hop')).count()).to.be.above(0);
    await page.keyboard.press('Escape');
    await settle();
    expect(await page.isVisible(at('story'))).to.equal(false);
    expect(await page.locator(at('hop')).count()).to.equal(0);
    await page.selectOption(at('filter-outcome'), '');
  });

  it('obeys the keys: arrows step by a frame, space plays and pauses', async () => {
    await page.locator(at('playhead')).focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowLeft');
    await settle();
    const clock = async (): Promise<number> => Number(await page.getAttribute(at('clock'), 'data-us'));
    expect(await clock()).to.equal(header.periodUs);
    await page.keyboard.press(' ');
    while ((await clock()) <= 4 * header.periodUs) await settle();
    await page.keyboard.press(' ');
    await settle();
    const paused = await clock();
    await page.waitForTimeout(150);
    expect(await clock()).to.equal(paused);
  });

  it('opens at the moment and the story that an address names', async () => {
    const other = await openPage(`${served.url}#t=600&request=r1`);
    await other.waitForSelector(at('story-outcome'));
    expect(await other.getAttribute(at('clock'), 'data-us')).to.equal('600000000');
    await other.close();
  });

  it('shows who is suspected or given up, where no session is up, and when members came and went', async () => {
    const live = headerOf(tinyScenario());
    const source = new MemoryFrameSource({ ...live, source: 'live', faults: [] });
    const still = {
      states: live.nodes.map(() => 'up' as const),
      loads: live.nodes.map(() => 0),
      cuts: [],
      traffic: [],
      outcomes: {},
      servedBy: { local: 0, cluster: 0, federation: 0 },
      open: 0,
    };
    source.pushFrame({ ...still, timeUs: 1_000_000 });
    source.pushFrame({
      ...still,
      timeUs: 2_000_000,
      regards: [
        [0, 'suspect'],
        [1, 'dead'],
      ],
      silent: [[0, 1]],
      changes: [{ timeUs: 2_000_000, node: 1, what: 'dead' }],
    });
    const servedLive = await serveView({ source, port: 0, pageFolder });
    const watched = await openPage(servedLive.url);
    try {
      const regards = await watched
        .locator('[data-test="node"][data-regard]')
        .evaluateAll((all) =>
          all.map((mark) => [mark.getAttribute('data-node'), mark.getAttribute('data-regard')]),
        );
      expect(regards).to.have.deep.members([
        [live.nodes[0].name, 'suspect'],
        [live.nodes[1].name, 'dead'],
      ]);
      // What the first does not hear does not arrive there.
      expect(await watched.getAttribute(at('link'), 'data-silent')).to.equal('back');
      expect(await watched.getAttribute(at('change'), 'data-what')).to.equal('dead');
      await watched.keyboard.press('ArrowLeft');
      await watched.waitForSelector(`${at('link')}[data-silent="none"]`);
      expect(await watched.locator('[data-test="node"][data-regard]').count()).to.equal(0);
    } finally {
      await watched.close();
      await servedLive.close();
    }
  });

  it('follows a live source until the user goes back, and again on demand', async () => {
    const live = headerOf(tinyScenario());
    const source = new MemoryFrameSource({ ...live, source: 'live', faults: [] });
    const push = (second: number): void =>
      source.pushFrame({
        timeUs: second * 1_000_000,
        states: live.nodes.map(() => 'up' as const),
        loads: live.nodes.map(() => 1),
        cuts: second === 5 ? [[0, 1]] : [],
        traffic: [[0, 1, second, 0]],
        outcomes: { OK: second },
        servedBy: { local: 0, cluster: second, federation: 0 },
        open: 2,
      });
    [1, 2, 3].forEach(push);
    const servedLive = await serveView({ source, port: 0, pageFolder });
    const watched = await openPage(servedLive.url);
    try {
      const figure = async (name: string, value: number): Promise<void> => {
        await watched.waitForSelector(`${at(name)}[data-value="${value}"]`, { timeout: 5_000 });
      };
      await figure('so-far-ok', 6);
      push(4);
      await figure('so-far-ok', 10);
      push(5);
      await figure('so-far-ok', 15);
      expect(await watched.locator(`${at('link')}[data-cut="onward"]`).count()).to.equal(1);
      await watched.keyboard.press('ArrowLeft');
      await figure('so-far-ok', 10);
      push(6);
      await figure('total-ok', 21);
      await figure('so-far-ok', 10);
      await watched.click(at('newest'));
      await figure('so-far-ok', 21);
      source.pushStory({ ...storyOf('live-1'), cluster: live.clusters[0].name });
      await watched.waitForSelector('[data-id="live-1"]', { timeout: 5_000 });
    } finally {
      await watched.close();
      await servedLive.close();
    }
  });
});

function storyOf(id: string) {
  return {
    id,
    askedUs: 1_000_000,
    endedUs: 2_000_000,
    gateway: 'france/front',
    model: 'a',
    outcome: 'OK',
    servedBy: 'cluster' as const,
    server: 'france/compute',
    detail: '',
    steps: [],
  };
}
