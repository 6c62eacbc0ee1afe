import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { standingFrom } from '../../cli/standing.ts';
import { loadScenario } from '../../sim/scenario/load.ts';
import type { Summary } from '../../sim/summary.ts';
import type { AffairsView, PodRow } from '../../viz/affairs-view.ts';
import { buildPage } from '../../viz/build.ts';
import { serveView, type ServedView } from '../../viz/server.ts';
import { HOME, podScenario } from '../sim/pod-scenario.ts';
import { startBrowser, type TestBrowser } from './browser.ts';
import { recordRun } from './recorded-run.ts';

const SECOND_US = 1_000_000;

describe('pods, models and trust, as they are shown', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'watershed-affairs-'));
  const pageFolder = join(folder, 'page');
  let browser: TestBrowser;
  let pods: ServedView;
  let models: ServedView;

  before(async () => {
    const crash = { kind: 'crash' as const, atUs: 30 * SECOND_US, untilUs: null, nodes: ['france/host-1'] };
    const own = { people: 8, deletesPpm: 30_000, meanGapUs: 300_000, policies: [HOME] };
    recordRun(join(folder, 'pods'), podScenario(own, { durationUs: 80 * SECOND_US, faults: [crash] }));
    recordRun(join(folder, 'models'), loadScenario('scenarios/bad-model.yaml'));
    await buildPage(pageFolder);
    pods = await serveView({ source: join(folder, 'pods'), port: 0, pageFolder });
    models = await serveView({ source: join(folder, 'models'), port: 0, pageFolder });
    browser = await startBrowser();
  });

  after(async () => {
    await browser?.close();
    await pods?.close();
    await models?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function fetchView(served: ServedView, atUs: number): Promise<AffairsView> {
    return (await (await fetch(`${served.url}api/affairs?until=${atUs}`)).json()) as AffairsView;
  }

  const inState = ({ pods: rows }: AffairsView, state: PodRow['state']): PodRow[] =>
    rows.filter((row) => row.state === state);

  it('pods stand as they stood at the moment that is asked for', async () => {
    const early = await fetchView(pods, 5 * SECOND_US);
    expect(inState(early, 'unwritten')).to.have.length(8);
    const late = await fetchView(pods, 80 * SECOND_US);
    const short = inState(late, 'short');
    expect(short).not.to.deep.equal([]);
    for (const { hosts } of short) {
      expect(hosts.filter(({ has, isWanted }) => has && isWanted)).to.have.length(2);
      expect(hosts.find(({ node }) => node === 'france/abroad')).to.include({ has: false, isAllowed: false });
    }
    const waiting = inState(late, 'deleting');
    expect(waiting).not.to.deep.equal([]);
    for (const { missing, hosts } of waiting) {
      expect(missing).to.deep.equal(['france/host-1']);
      expect(hosts.some(({ isWanted }) => isWanted)).to.equal(false);
    }
    const { pods: told } = standingFrom(late);
    expect(told.underReplicated).to.deep.equal(short.map(({ name }) => name));
    expect(Object.values(told.deletionsPending)).to.deep.equal(waiting.map(() => ['france/host-1']));
    expect([told.misplaced, Object.keys(told.copiesByRegion)]).to.deep.equal([0, ['eu/fr']]);
  });

  it('models are told by cluster and version', async () => {
    const tried = standingFrom(await fetchView(models, 60 * SECOND_US));
    expect(tried.models).to.deep.equal({ 'lifeos/memory-retriever-v1': { france: { 1: 5, 2: 1 } } });
    const back = standingFrom(await fetchView(models, 80 * SECOND_US));
    expect(back.models).to.deep.equal({ 'lifeos/memory-retriever-v1': { france: { 1: 6 } } });
  });

  it('asks that make no sense are told so', async () => {
    const statusOf = async (path: string): Promise<number> => (await fetch(`${pods.url}${path}`)).status;
    expect(await statusOf('api/why?subject=pod&name=france/pod-1')).to.equal(200);
    expect(await statusOf('api/why?subject=pod&name=france/pod-99')).to.equal(404);
    expect(await statusOf('api/why?subject=moon&name=x')).to.equal(400);
    expect(await statusOf('api/affairs?until=-1')).to.equal(400);
  });

  async function openPage({ url }: ServedView, seconds: number): Promise<Page> {
    const page = await browser.browser.newPage({ viewport: { width: 1280, height: 720 } });
    await page.goto(`${url}#t=${seconds}`);
    await page.waitForSelector('html[data-ready]');
    return page;
  }

  it('the chart and its figures tell what was asked of pods, as the summary does', async () => {
    const page = await openPage(pods, 80);
    const summary = JSON.parse(readFileSync(join(folder, 'pods', 'summary.json'), 'utf8')) as Summary;
    const { ended } = summary.pods!;
    expect(Object.keys(ended)).to.include.members(['written', 'read', 'deletion asked for']);
    for (const [end, count] of Object.entries(ended)) {
      for (const column of ['so-far', 'total'])
        expect(await page.locator(`[data-test="${column}-pod:${end}"]`).getAttribute('data-value')).to.equal(
          String(count),
        );
      expect(await page.locator(`path[data-series="pod:${end}"]`).getAttribute('d')).to.include('L');
    }
    expect(await page.locator('.counters').innerText()).not.to.include('by the gateway asked');
    expect(await page.locator('.outcomes .unit').textContent()).to.include('requests of pods ended');
    await page.close();
  });

  it('the page lists pods, those first that are not well, and says why on a click', async () => {
    const page = await openPage(pods, 79);
    // Nobody asks models for anything in this run: pods are what it is about.
    await page.waitForSelector('[data-test="affair-pod"][data-state="short"]');
    const first = page.locator('[data-test="affair-pod"]').first();
    expect(await first.getAttribute('data-state')).to.equal('short');
    expect(await first.locator('.host.has.wanted').count()).to.equal(2);
    expect(await first.locator('.host.forbidden').textContent()).to.equal('americas/us-east');
    await first.click();
    const reasons = page.locator('[data-test="reasons"]');
    await page.waitForSelector('[data-test="reasons"] h2');
    expect(await reasons.textContent()).to.include('It is under-replicated: 2 of 3 copies');
    await page.click('[data-test="reasons-close"]');
    expect(await page.locator('[data-test="affairs"]').isVisible()).to.equal(true);
    await page.close();
  });

  it('the page lists models by cluster and version, and nodes by trust', async () => {
    const page = await openPage(models, 60);
    await page.click('[data-test="tab-models"]');
    await page.waitForSelector('[data-test="affair-model"]');
    const rows = await page.locator('[data-test="affair-model"]').allTextContents();
    expect(rows).to.deep.equal(['Franceversion 1 on 5 nodes', 'Franceversion 2 on 1 node']);
    await page.click('[data-test="tab-trust"]');
    await page.waitForSelector('.affair-heading:has-text("verified")');
    await page.click('[data-test="tab-requests"]');
    expect(await page.locator('[data-test="requests"]').isVisible()).to.equal(true);
    await page.close();
  });
});
