import { formatCount } from './clock.ts';
import { colourOf, endOfSeries, labelOf, PLACE_LABELS, PLACES, reasonOf } from './outcomes.ts';
import type { Store } from './store.ts';

interface Row {
  readonly key: string;
  readonly label: string;
  readonly hint: string;
  readonly className: string;
  /** In the chart; null: it is not in it. */
  readonly colour: string | null;
  /** Up to the position, and in all. */
  readonly counts: readonly [number, number];
}

/** How many requests ended how: so far, and in the whole run; and the same of what pods were asked. It is the legend of the chart too. */
export class Counters {
  private readonly store: Store;
  private readonly requests: HTMLTableElement;
  private readonly pods: HTMLTableElement;

  constructor(store: Store) {
    this.store = store;
    const heading = store.isLive ? 'all' : 'whole run';
    this.requests = createTable('Requests', heading);
    this.pods = createTable('Pods', heading);
    document.querySelector('.counters')!.append(this.requests, this.pods);
    this.render();
    store.onChange((changed) => {
      if (changed.has('position') || changed.has('frames')) this.render();
    });
  }

  private render(): void {
    const { store, requests, pods } = this;
    const ofPods = podRowsOf(store);
    requests.tBodies[0].replaceChildren(...rowsOf(store).map(drawRow));
    pods.tBodies[0].replaceChildren(...ofPods.map(drawRow));
    pods.hidden = ofPods.length === 0;
    requests.hidden = !pods.hidden && store.summary?.requests.total === 0;
  }
}

function createTable(what: string, heading: string): HTMLTableElement {
  const table = document.createElement('table');
  table.innerHTML = `<thead><tr><th scope="col">${what}</th><th scope="col">so far</th><th scope="col">${heading}</th></tr></thead><tbody></tbody>`;
  return table;
}

function podRowsOf(store: Store): Row[] {
  const newest = store.frames.length - 1;
  return store.ofPods.map((series) => {
    const end = endOfSeries(series);
    const inAll = store.summary?.pods?.ended[end] ?? store.sumAt(series, newest);
    return {
      key: series,
      label: labelOf(end),
      hint: '',
      className: 'part',
      colour: colourOf(series),
      counts: [store.sumAt(series, store.index), inAll],
    };
  });
}

function rowsOf(store: Store): Row[] {
  const { summary, index, frames } = store;
  const newest = frames.length - 1;
  const requests = summary?.requests;
  const sumOf = (names: readonly string[], at: number): number =>
    names.reduce((sum, name) => sum + store.sumAt(name, at), 0);
  const { errors } = store;
  const ofRequests = [...PLACES, ...errors];
  const openAt = (at: number): number => (at < 0 ? 0 : frames[at].open);
  const totalAt = (at: number): number => sumOf(ofRequests, at) + openAt(at);
  const row = (
    key: string,
    label: string,
    className: string,
    soFar: number,
    all: number,
    hint = '',
  ): Row => ({
    key,
    label,
    hint,
    className,
    colour: className === 'part' ? colourOf(key.replace('error-', '')) : null,
    counts: [soFar, all],
  });
  return [
    row('total', 'asked', 'total', totalAt(index), requests?.total ?? totalAt(newest)),
    row('open', 'waiting', 'open', openAt(index), openAt(newest)),
    row('ok', 'answered', 'sum', sumOf(PLACES, index), requests?.ok ?? sumOf(PLACES, newest)),
    ...PLACES.map((place) =>
      row(
        place,
        PLACE_LABELS[place],
        'part',
        store.sumAt(place, index),
        requests?.servedBy[place] ?? store.sumAt(place, newest),
      ),
    ),
    row('refused', 'refused', 'sum', sumOf(errors, index), refusedIn(store, errors, newest)),
    ...errors.map((code) =>
      row(
        `error-${code}`,
        labelOf(code),
        'part',
        store.sumAt(code, index),
        requests?.errors[code] ?? store.sumAt(code, newest),
        `${code}: ${reasonOf(code)}`,
      ),
    ),
  ];
}

function refusedIn(store: Store, errors: readonly string[], newest: number): number {
  if (store.summary === null) return errors.reduce((sum, code) => sum + store.sumAt(code, newest), 0);
  return Object.values(store.summary.requests.errors).reduce((sum, count) => sum + count, 0);
}

function drawRow({ key, label, hint, className, colour, counts: [soFar, all] }: Row): HTMLTableRowElement {
  const row = document.createElement('tr');
  row.className = className;
  const name = document.createElement('th');
  name.scope = 'row';
  if (colour !== null) {
    const swatch = document.createElement('i');
    swatch.className = 'swatch';
    swatch.style.background = colour;
    name.append(swatch);
  }
  name.append(label);
  if (hint !== '') name.title = hint;
  row.append(name, cellOf(`so-far-${key}`, soFar), cellOf(`total-${key}`, all));
  return row;
}

function cellOf(test: string, count: number): HTMLTableCellElement {
  const cell = document.createElement('td');
  cell.dataset['test'] = test;
  cell.dataset['value'] = String(count);
  cell.textContent = formatCount(count);
  if (count === 0) cell.className = 'zero';
  return cell;
}
