import type { Store } from './store.ts';

/** A sign beside the word, so that the colour of a verdict is not all that tells it. */
const SIGNS: Readonly<Record<string, string>> = { pass: '✓', violated: '✕', stalled: '‖', live: '●' };

/** The line at the top: what is shown, and what came of it. */
export function drawMasthead(store: Store): void {
  const { header, summary } = store;
  document.title = `${header.name} – Watershed`;
  document.querySelector('.bar h1')!.textContent = header.name;
  const about = document.querySelector<HTMLElement>('.bar .about')!;
  about.textContent = header.about;
  about.title = header.about;
  const facts = document.querySelector('.facts')!;
  facts.append(...factOf('seed', String(header.seed)));
  if (summary !== null) facts.append(...factOf('digest', summary.digest));
  const verdict = summary?.verdict ?? (store.isLive ? 'live' : 'interrupted');
  const [name, value] = factOf('verdict', `${SIGNS[verdict] ?? '?'} ${verdict}`);
  value.className = `verdict ${verdict}`;
  value.dataset['value'] = verdict;
  value.title = summary?.reasons?.join('\n') ?? '';
  facts.append(name, value);
}

function factOf(name: string, value: string): [HTMLElement, HTMLElement] {
  const term = document.createElement('dt');
  term.textContent = name;
  const detail = document.createElement('dd');
  detail.textContent = value;
  detail.dataset['test'] = name;
  return [term, detail];
}

/** A line under the bar: something that the user should know, or null for nothing. */
export function showNotice(text: string | null): void {
  const notice = document.querySelector<HTMLElement>('.notice')!;
  notice.hidden = text === null;
  notice.textContent = text ?? '';
}
