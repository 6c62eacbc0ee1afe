import { formatClock } from './clock.ts';
import type { Store } from './store.ts';

const SPEEDS = [1, 2, 5, 10, 30, 60, 120];
/** A whole run is first offered in about so many seconds. */
const COMFORTABLE_SECONDS = 45;
const PLAY = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2.5v11l9-5.5z"/></svg>';
const PAUSE = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2.5h3v11H4zM9 2.5h3v11H9z"/></svg>';

/** Play and pause, speed, the clock, and the keys. */
export class Player {
  private readonly store: Store;
  private readonly play = document.createElement('button');
  private readonly clock = document.createElement('output');
  private readonly newest = document.createElement('button');
  private lastMs = 0;

  constructor(store: Store) {
    this.store = store;
    this.play.type = 'button';
    this.play.className = 'play';
    this.play.dataset['test'] = 'play';
    this.play.addEventListener('click', () => this.toggle());
    this.clock.dataset['test'] = 'clock';
    const controls = document.querySelector('.controls')!;
    controls.append(this.play, this.clock, this.drawSpeed());
    if (store.isLive) controls.append(this.drawNewest());
    document.addEventListener('keydown', (event) => this.onKey(event));
    this.render();
    store.onChange((changed) => {
      if (changed.has('position') || changed.has('playback') || changed.has('frames')) this.render();
    });
  }

  private drawSpeed(): HTMLElement {
    const seconds = (this.store.untilUs - this.store.startUs) / 1_000_000;
    this.store.speed = SPEEDS.find((speed) => speed * COMFORTABLE_SECONDS >= seconds) ?? SPEEDS.at(-1)!;
    if (this.store.isLive) this.store.speed = 1;
    const choice = document.createElement('select');
    choice.setAttribute('aria-label', 'Speed');
    choice.dataset['test'] = 'speed';
    choice.append(...SPEEDS.map((speed) => new Option(`${speed}×`, String(speed))));
    choice.value = String(this.store.speed);
    choice.addEventListener('change', () => this.store.setSpeed(Number(choice.value)));
    return choice;
  }

  private drawNewest(): HTMLElement {
    this.newest.type = 'button';
    this.newest.className = 'newest';
    this.newest.dataset['test'] = 'newest';
    this.newest.textContent = 'Now';
    this.newest.title = 'Follow the newest frame (End)';
    this.newest.addEventListener('click', () => this.store.moveTo(this.store.untilUs));
    return this.newest;
  }

  private toggle(): void {
    const { store } = this;
    if (!store.isPlaying && store.positionUs >= store.endUs) {
      if (store.isLive) return;
      store.moveTo(store.startUs);
    }
    store.setPlaying(!store.isPlaying);
    if (!store.isPlaying) return;
    this.lastMs = performance.now();
    requestAnimationFrame((nowMs) => this.advance(nowMs));
  }

  private advance(nowMs: number): void {
    const { store } = this;
    if (!store.isPlaying) return;
    const passedUs = Math.max(0, nowMs - this.lastMs) * 1_000 * store.speed;
    this.lastMs = nowMs;
    store.moveTo(Math.min(store.positionUs + passedUs, store.endUs));
    if (store.positionUs >= store.endUs) store.setPlaying(false);
    else requestAnimationFrame((nextMs) => this.advance(nextMs));
  }

  private onKey(event: KeyboardEvent): void {
    const { store } = this;
    const target = event.target as Element;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest('select') !== null) return;
    // A focused button is pressed with the space bar; that is not ours.
    if (event.key === ' ' && target.closest('button:not(.play)') !== null) return;
    const stride = event.shiftKey ? 10 : 1;
    const acts: Readonly<Record<string, () => void>> = {
      ' ': () => this.toggle(),
      ArrowRight: () => store.step(stride),
      ArrowLeft: () => store.step(-stride),
      Home: () => store.moveTo(store.startUs),
      End: () => store.moveTo(store.endUs),
      Escape: () => store.select(null),
    };
    const act = acts[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  }

  private render(): void {
    const { isPlaying, isFollowing, isLive, positionUs, startUs, untilUs } = this.store;
    if (this.play.dataset['state'] !== String(isPlaying)) {
      this.play.dataset['state'] = String(isPlaying);
      this.play.innerHTML = isPlaying ? PAUSE : PLAY;
      this.play.setAttribute('aria-label', isPlaying ? 'Pause' : 'Play');
      this.play.title = `${isPlaying ? 'Pause' : 'Play'} (space); arrows step by a frame, with shift by ten`;
    }
    this.play.disabled = isLive && isFollowing;
    this.newest.setAttribute('aria-pressed', String(isFollowing));
    const now = document.createElement('strong');
    now.textContent = formatClock(positionUs - startUs, true);
    this.clock.replaceChildren(now, ` / ${formatClock(untilUs - startUs)}`);
    this.clock.dataset['us'] = String(Math.round(positionUs));
  }
}
