import type { RequestRow } from '../view.ts';
import { formatClock, formatSpan } from './clock.ts';
import { colourOf, labelOf, seriesOf } from './outcomes.ts';
import { messageOf, textOf } from './elements.ts';
import { shortOf } from './sentences.ts';
import type { Store } from './store.ts';
import { fetchRows, fetchStory, WAITING } from './wire.ts';

const MOST_ROWS = 100;
/** Between two questions to the server while it plays, ms. */
const PAUSE_MS = 250;

/** Requests that ended up to the position, or that wait there, the last that ended first; a click tells the story of one. */
export class RequestList {
  private readonly store: Store;
  private readonly rows = document.querySelector<HTMLOListElement>('.requests .rows')!;
  private isAsking = false;
  private isStale = false;

  constructor(store: Store) {
    this.store = store;
    this.drawFilters();
    this.rows.addEventListener('click', (event) => {
      const id = (event.target as Element).closest<HTMLElement>('[data-id]')?.dataset['id'];
      if (id !== undefined) void this.open(id);
    });
    store.onChange((changed) => {
      if (changed.has('position') || changed.has('filter') || changed.has('requests')) void this.refresh();
      if (changed.has('frames') && this.outcomeSelect.options.length <= this.outcomes.length)
        this.fillOutcomes();
    });
    void this.refresh();
  }

  private get outcomes(): string[] {
    const places = ['local', 'cluster', 'federation'];
    return ['OK', ...this.store.series.filter((name) => !places.includes(name))];
  }

  private readonly outcomeSelect = document.createElement('select');
  private readonly clusterSelect = document.createElement('select');

  private drawFilters(): void {
    const { header } = this.store;
    this.outcomeSelect.setAttribute('aria-label', 'Outcome');
    this.outcomeSelect.dataset['test'] = 'filter-outcome';
    this.clusterSelect.setAttribute('aria-label', 'Home cluster');
    this.clusterSelect.dataset['test'] = 'filter-cluster';
    this.fillOutcomes();
    this.clusterSelect.append(
      new Option('from everywhere', ''),
      ...header.clusters.map(({ name, label }) => new Option(`from ${label}`, name)),
    );
    const apply = (): void =>
      this.store.setFilter(this.outcomeSelect.value || null, this.clusterSelect.value || null);
    this.outcomeSelect.addEventListener('change', apply);
    this.clusterSelect.addEventListener('change', apply);
    document.querySelector('.filters')!.append(this.outcomeSelect, this.clusterSelect);
  }

  private fillOutcomes(): void {
    const chosen = this.outcomeSelect.value;
    this.outcomeSelect.replaceChildren(
      new Option('All outcomes', ''),
      ...this.outcomes.map((code) => new Option(code === 'OK' ? 'answered' : labelOf(code), code)),
      // Whoever waits in a live federation has no story yet.
      ...(this.store.isLive ? [] : [new Option('waiting', WAITING)]),
    );
    this.outcomeSelect.value = chosen;
  }

  private async refresh(): Promise<void> {
    if (this.isAsking) {
      this.isStale = true;
      return;
    }
    this.isAsking = true;
    const { positionUs, outcome, cluster } = this.store;
    try {
      this.draw(await fetchRows(positionUs, outcome, cluster, MOST_ROWS), positionUs);
    } catch (error) {
      this.rows.replaceChildren(messageOf((error as Error).message));
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    this.isAsking = false;
    if (this.isStale) {
      this.isStale = false;
      await this.refresh();
    }
  }

  private draw(rows: readonly RequestRow[], positionUs: number): void {
    const focused = (document.activeElement as HTMLElement | null)?.dataset['id'];
    if (rows.length === 0)
      this.rows.replaceChildren(
        messageOf(this.store.outcome === null ? 'No request has ended yet.' : 'None up to here.'),
      );
    else this.rows.replaceChildren(...rows.map((row) => this.drawRow(row, positionUs)));
    if (focused !== undefined) this.rows.querySelector<HTMLElement>(`[data-id="${focused}"]`)?.focus();
  }

  private drawRow(row: RequestRow, positionUs: number): HTMLLIElement {
    const isWaiting = row.endedUs > positionUs;
    const item = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset['id'] = row.id;
    button.dataset['test'] = 'request';
    button.dataset['outcome'] = row.outcome;
    button.className = isWaiting ? 'waiting' : '';
    const swatch = document.createElement('i');
    swatch.className = 'swatch';
    if (!isWaiting) swatch.style.background = colourOf(seriesOf(row.outcome, row.servedBy));
    const shown = isWaiting ? 'waiting' : row.outcome === 'OK' ? 'answered' : labelOf(row.outcome);
    const spanUs = (isWaiting ? positionUs : row.endedUs) - row.askedUs;
    button.append(
      swatch,
      textOf('outcome', shown),
      textOf('span', formatSpan(spanUs)),
      textOf('way', `${this.wayOf(row, isWaiting)} · ${shortOf(row.model)}`),
      textOf('time', formatClock(row.askedUs - this.store.startUs, true)),
    );
    item.append(button);
    return item;
  }

  private wayOf({ cluster, server }: RequestRow, isWaiting: boolean): string {
    const { clusters, nodes } = this.store.header;
    const labelOfCluster = (name: string | undefined): string =>
      clusters.find((entry) => entry.name === name)?.label ?? '';
    const home = labelOfCluster(cluster);
    const there = nodes.find(({ name }) => name === server)?.cluster;
    return isWaiting || there === undefined || there === cluster
      ? home
      : `${home} → ${labelOfCluster(there)}`;
  }

  /** Shows the story of a request, and the moment at which it ended. */
  private async open(id: string): Promise<void> {
    try {
      const story = await fetchStory(id);
      this.store.isPlaying = false;
      this.store.select(story);
      const next = this.store.frames.find(({ timeUs }) => timeUs >= story.endedUs);
      this.store.moveTo(next?.timeUs ?? story.endedUs);
    } catch (error) {
      this.rows.prepend(messageOf((error as Error).message));
    }
  }
}
