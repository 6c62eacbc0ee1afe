import type { AffairsView, ModelRow, PodRow, PodState, TrustRow } from '../affairs-view.ts';
import { messageOf, textOf } from './elements.ts';
import { shortOf } from './sentences.ts';
import type { Store } from './store.ts';
import { fetchAffairs, fetchReasons } from './wire.ts';

type Tab = 'requests' | 'pods' | 'models' | 'trust';

const TAB_LABELS: Readonly<Record<Tab, string>> = {
  requests: 'Requests',
  pods: 'Pods',
  models: 'Models',
  trust: 'Trust',
};
const POD_STATES: Readonly<Record<PodState, string>> = {
  unwritten: 'not written yet',
  kept: 'kept',
  short: 'under-replicated',
  deleting: 'deletion waits',
  deleted: 'deleted, certified',
};
/** What is not well comes first. */
const POD_ORDER: readonly PodState[] = ['short', 'deleting', 'kept', 'deleted', 'unwritten'];
const LEVELS = ['', 'experimental', 'peer', 'community', 'verified'];
/** Between two questions to the server while it plays, ms. */
const PAUSE_MS = 300;

/** Where pods are against where they may be, which version of a model runs where, and who is trusted how far, at the position. */
export class AffairsPanel {
  private readonly store: Store;
  private readonly requests = document.querySelector<HTMLElement>('.requests')!;
  private readonly panel = document.querySelector<HTMLElement>('.affairs')!;
  private readonly tabs = document.querySelector<HTMLElement>('.tabs')!;
  private readonly list = document.createElement('ol');
  private readonly reasons = document.createElement('section');
  private tab: Tab = 'requests';
  private isAsking = false;
  private isStale = false;

  constructor(store: Store) {
    this.store = store;
    if (store.isLive || store.header.models === undefined) return;
    this.list.className = 'rows affair-rows';
    this.list.dataset['test'] = 'affairs';
    this.reasons.className = 'reasons';
    this.reasons.dataset['test'] = 'reasons';
    this.reasons.hidden = true;
    this.panel.append(this.list, this.reasons);
    this.drawTabs(tabsFor(store));
    this.list.addEventListener('click', (event) => {
      const row = (event.target as Element).closest<HTMLElement>('[data-subject]');
      if (row !== null) void this.tell(row.dataset['subject']!, row.dataset['name']!);
    });
    store.onChange((changed) => {
      if (changed.has('position')) void this.refresh();
    });
  }

  private drawTabs(tabs: readonly Tab[]): void {
    this.tabs.hidden = false;
    this.tabs.setAttribute('role', 'tablist');
    for (const tab of tabs) {
      const button = document.createElement('button');
      button.type = 'button';
      button.role = 'tab';
      button.dataset['test'] = `tab-${tab}`;
      button.dataset['tab'] = tab;
      button.textContent = TAB_LABELS[tab];
      button.addEventListener('click', () => this.show(tab));
      this.tabs.append(button);
    }
    // Where nobody asks models for anything, there is no request to be listed.
    const isAsked = (this.store.summary?.requests.total ?? 1) > 0;
    this.show(isAsked || !tabs.includes('pods') ? 'requests' : 'pods');
  }

  private show(tab: Tab): void {
    this.tab = tab;
    for (const button of this.tabs.querySelectorAll<HTMLElement>('button'))
      button.setAttribute('aria-selected', String(button.dataset['tab'] === tab));
    this.requests.hidden = tab !== 'requests';
    this.panel.hidden = tab === 'requests';
    this.closeReasons();
    void this.refresh();
  }

  private async refresh(): Promise<void> {
    if (this.tab === 'requests') return;
    if (this.isAsking) {
      this.isStale = true;
      return;
    }
    this.isAsking = true;
    try {
      this.draw(await fetchAffairs(this.store.positionUs));
    } catch (error) {
      this.list.replaceChildren(messageOf((error as Error).message));
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    this.isAsking = false;
    if (this.isStale) {
      this.isStale = false;
      await this.refresh();
    }
  }

  private draw(view: AffairsView): void {
    const rows =
      this.tab === 'pods'
        ? this.drawPods(view.pods)
        : this.tab === 'models'
          ? this.drawModels(view.models)
          : this.drawTrust(view.trust);
    this.list.replaceChildren(
      ...(rows.length === 0 ? [messageOf('There is nothing of it in this run.')] : rows),
    );
  }

  private drawPods(pods: readonly PodRow[]): HTMLElement[] {
    const counts = POD_ORDER.map((state) => [state, pods.filter((pod) => pod.state === state)] as const);
    return counts.flatMap(([state, those]) =>
      those.length === 0
        ? []
        : [headingOf(`${POD_STATES[state]}`, those.length), ...those.map((pod) => this.drawPod(pod))],
    );
  }

  private drawPod(pod: PodRow): HTMLElement {
    const row = rowOf('pod', pod.name);
    row.button.dataset['state'] = pod.state;
    row.button.append(textOf('affair-name', shortOf(pod.name)), textOf('affair-note', noteOf(pod)));
    const hosts = document.createElement('span');
    hosts.className = 'hosts';
    const told = pod.hosts.filter(({ has, isWanted }) => has || isWanted);
    for (const { node, region, has, isWanted, isAllowed } of told) {
      const host = textOf(
        `host${has ? ' has' : ''}${isWanted ? ' wanted' : ''}${isAllowed ? '' : ' forbidden'}`,
        shortOf(node),
      );
      host.title = `${node} in ${region}: ${describeHost(has, isWanted, isAllowed)}`;
      hosts.append(host);
    }
    const forbidden = new Set(pod.hosts.filter(({ isAllowed }) => !isAllowed).map(({ region }) => region));
    for (const region of forbidden) {
      const place = textOf('host forbidden', region);
      place.title = `its policy does not allow ${region}`;
      hosts.append(place);
    }
    if (hosts.childElementCount > 0) row.button.append(hosts);
    return row.item;
  }

  private drawModels(models: readonly ModelRow[]): HTMLElement[] {
    const items: HTMLElement[] = [];
    let model = '';
    for (const row of models) {
      if (row.model !== model) {
        model = row.model;
        const nodes = models
          .filter((one) => one.model === model)
          .reduce((sum, one) => sum + one.nodes.length, 0);
        items.push(headingOf(shortOf(model), nodes, 'nodes'));
      }
      const { button, item } = rowOf('model', row.model);
      const count = row.nodes.length === 1 ? '1 node' : `${row.nodes.length} nodes`;
      button.append(
        textOf('affair-name', this.labelOf(row.cluster)),
        textOf('affair-note', row.version === null ? count : `version ${row.version} on ${count}`),
      );
      button.title = row.nodes.join(', ');
      items.push(item);
    }
    return items;
  }

  private drawTrust(nodes: readonly TrustRow[]): HTMLElement[] {
    return [4, 3, 2, 1].flatMap((level) => {
      const those = nodes.filter((one) => one.level === level);
      if (those.length === 0) return [];
      // Of those who are what they claim to be nobody need read one by one.
      const told = those.filter(({ why, claimed }) => why !== '' || claimed !== level);
      return [
        headingOf(LEVELS[level], those.length, 'nodes'),
        ...told.map((one) => this.drawNode(one)),
        ...this.drawRest(those, told),
      ];
    });
  }

  private drawNode({ node, cluster, claimed, level, why }: TrustRow): HTMLElement {
    const { button, item } = rowOf('node', node);
    const claim = claimed === level ? '' : `claims ${LEVELS[claimed]}`;
    button.append(textOf('affair-name', shortOf(node)), textOf('affair-note', claim));
    const detail =
      why === '' || why.startsWith('claims') ? this.labelOf(cluster) : `${this.labelOf(cluster)} · ${why}`;
    button.append(textOf('affair-detail', detail));
    return item;
  }

  /** As attested: so many in each cluster. */
  private drawRest(those: readonly TrustRow[], told: readonly TrustRow[]): HTMLElement[] {
    const rest = new Map<string, number>();
    for (const one of those) if (!told.includes(one)) rest.set(one.cluster, (rest.get(one.cluster) ?? 0) + 1);
    if (rest.size === 0) return [];
    const item = messageOf(
      [...rest].map(([cluster, count]) => `${this.labelOf(cluster)} ${count}`).join(' · '),
    );
    return [item];
  }

  /** Why it is so, at the position. */
  private async tell(subject: string, name: string): Promise<void> {
    const { lines } = await fetchReasons(subject, name, this.store.positionUs).catch((error: Error) => ({
      lines: ['', error.message],
    }));
    const back = document.createElement('button');
    back.type = 'button';
    back.className = 'back';
    back.dataset['test'] = 'reasons-close';
    back.textContent = `← ${TAB_LABELS[this.tab]}`;
    back.addEventListener('click', () => this.closeReasons());
    const title = document.createElement('h2');
    title.textContent = name;
    this.reasons.replaceChildren(back, title, ...lines.slice(1).map(paragraphOf));
    this.reasons.hidden = false;
    this.list.hidden = true;
    this.reasons.scrollTop = 0;
    back.focus({ preventScroll: true });
  }

  private closeReasons(): void {
    this.reasons.hidden = true;
    this.list.hidden = false;
  }

  private labelOf(cluster: string): string {
    return this.store.header.clusters.find(({ name }) => name === cluster)?.label ?? cluster;
  }
}

function tabsFor({ header }: Store): Tab[] {
  const hasModels =
    (header.models ?? []).length > 0 && header.nodes.some(({ types }) => types.includes('compute'));
  return [
    'requests',
    ...(header.pods === undefined ? [] : ['pods' as const]),
    ...(hasModels ? ['models' as const] : []),
    'trust',
  ];
}

function noteOf({ state, hosts, missing }: PodRow): string {
  const copies = hosts.filter(({ has }) => has).length;
  const wanted = hosts.filter(({ isWanted }) => isWanted).length;
  if (state === 'short') return `${copies} of ${Math.max(wanted, copies)} copies`;
  if (state === 'deleting') return `for ${missing.map(shortOf).join(', ')}`;
  return state === 'kept' ? `${copies} copies` : '';
}

function describeHost(has: boolean, isWanted: boolean, isAllowed: boolean): string {
  if (!isAllowed) return 'has a copy, and must erase it';
  if (has) return isWanted ? 'has a copy' : 'has a copy that is not needed there any more';
  return 'is to have a copy';
}

function rowOf(subject: string, name: string): { item: HTMLLIElement; button: HTMLButtonElement } {
  const item = document.createElement('li');
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'affair';
  button.dataset['subject'] = subject;
  button.dataset['name'] = name;
  button.dataset['test'] = `affair-${subject}`;
  item.append(button);
  return { item, button };
}

function headingOf(text: string, count: number, what = ''): HTMLElement {
  const item = document.createElement('li');
  item.className = 'affair-heading';
  item.append(
    textOf('', text),
    textOf('affair-note', `${count}${what === '' ? '' : ` ${count === 1 ? what.slice(0, -1) : what}`}`),
  );
  return item;
}

/** A line of reasons; what is indented belongs to the line above. */
function paragraphOf(line: string): HTMLElement {
  const paragraph = document.createElement('p');
  paragraph.className = line.startsWith('  ') ? 'under' : '';
  paragraph.textContent = line.trim();
  return paragraph;
}
