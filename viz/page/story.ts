import type { RequestStory } from '../../sim/frame.ts';
import { formatClock, formatSpan } from './clock.ts';
import { REGARD_LABELS, regardIn } from './node-marks.ts';
import { colourOf, labelOf, seriesOf } from './outcomes.ts';
import { tellOutcome, tellQuestion, tellSteps, type Naming, type Sentence } from './sentences.ts';
import type { Store } from './store.ts';

const STAGE_LABELS: Readonly<Record<Sentence['stage'], string>> = {
  local: 'At the gateway',
  cluster: 'In the cluster',
  federation: 'In the federation',
};

/** The story of the selected request, instead of the figures and the list. */
export class Story {
  private readonly store: Store;
  private readonly panel = document.querySelector<HTMLElement>('.story')!;
  private readonly side = document.querySelector<HTMLElement>('.side')!;
  private readonly naming: Naming;

  constructor(store: Store) {
    this.store = store;
    const { clusters, nodes } = store.header;
    const labels = new Map(clusters.map(({ name, label }) => [name, label]));
    const numbers = new Map(nodes.map(({ name }, i) => [name, i]));
    const homes = new Map(nodes.map(({ name, cluster }) => [name, cluster]));
    this.naming = {
      labelOf: (cluster) => labels.get(cluster) ?? cluster,
      clusterOf: (node) => homes.get(node) ?? null,
      regardOf: (node, timeUs) => {
        const regard = regardIn(store.frameAt(timeUs), numbers.get(node) ?? -1);
        return regard === null || regard === 'left' ? null : REGARD_LABELS[regard];
      },
    };
    store.onChange((changed) => {
      if (changed.has('selection')) this.render();
    });
  }

  private render(): void {
    const { selected } = this.store;
    this.side.classList.toggle('has-story', selected !== null);
    this.panel.hidden = selected === null;
    if (selected === null) {
      this.panel.replaceChildren();
      return;
    }
    const steps = document.createElement('ol');
    steps.className = 'steps';
    steps.append(...drawSteps(tellSteps(selected, this.naming), selected));
    this.panel.replaceChildren(this.drawHead(selected), steps);
    this.panel.scrollTop = 0;
    this.panel.querySelector<HTMLElement>('.back')!.focus({ preventScroll: true });
  }

  private drawHead(story: RequestStory): HTMLElement {
    const { startUs } = this.store;
    const head = document.createElement('header');
    const back = document.createElement('button');
    back.type = 'button';
    back.className = 'back';
    back.dataset['test'] = 'story-close';
    back.textContent = '← Requests';
    back.title = 'Back to the list (Escape)';
    back.addEventListener('click', () => this.store.select(null));
    const title = document.createElement('h2');
    const swatch = document.createElement('i');
    swatch.className = 'swatch';
    swatch.style.background = colourOf(seriesOf(story.outcome, story.servedBy));
    const id = textOf('span', 'id', story.id);
    title.append(swatch, story.outcome === 'OK' ? 'answered' : labelOf(story.outcome), id);
    title.dataset['test'] = 'story-outcome';
    title.dataset['outcome'] = story.outcome;
    const from = formatClock(story.askedUs - startUs, true);
    const until = formatClock(story.endedUs - startUs, true);
    head.append(
      back,
      title,
      textOf('p', 'question', tellQuestion(story, this.naming)),
      textOf('p', 'answer', tellOutcome(story, this.naming)),
      textOf('p', 'when', `${from} – ${until}${story.detail === '' ? '' : ` · ${story.detail}`}`),
    );
    return head;
  }
}

function drawSteps(sentences: readonly Sentence[], story: RequestStory): HTMLLIElement[] {
  let stage: Sentence['stage'] | null = null;
  return sentences.map((sentence, i) => {
    const item = document.createElement('li');
    item.className = sentence.tone;
    item.dataset['test'] = 'step';
    // The first note of a request and its outcome belong to no stage of the search.
    const isEdge = i === 0 || i === sentences.length - 1;
    if (!isEdge && sentence.stage !== stage) {
      stage = sentence.stage;
      item.append(textOf('span', 'stage', STAGE_LABELS[stage]));
    }
    item.append(
      textOf('time', 'after', `+${formatSpan(sentence.timeUs - story.askedUs)}`),
      textOf('p', 'text', sentence.text),
    );
    if (sentence.aside !== null) item.append(textOf('p', 'aside', sentence.aside));
    if (sentence.struck.length > 0) {
      const list = document.createElement('ul');
      list.append(
        ...sentence.struck.map(({ who, reason }) => {
          const entry = document.createElement('li');
          entry.append(textOf('span', 'who', who), ' – ', textOf('span', 'reason', reason));
          return entry;
        }),
      );
      item.append(list);
    }
    return item;
  });
}

function textOf(tag: string, className: string, text: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}
