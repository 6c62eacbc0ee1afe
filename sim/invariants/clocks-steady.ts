import { MAX_DRIFT_PPM } from '../clocks.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

/** Rounding, µs. */
const SLACK_US = 2;

/** All timeouts rest on it: a steady clock may drift, and never steps. */
export class ClocksSteady extends Invariant {
  readonly name = 'clocks-steady';
  readonly promise = 'a steady clock starts at each boot, never steps, and drifts by no more than 200 ppm';
  readonly watches = { steps: true } as const;
  /** By node, at its last step. */
  private lives = new Int32Array(0);
  private monoUs = new Float64Array(0);
  private worldUs = new Float64Array(0);

  override onStep(world: World, machine: Machine, monoUs: number): void {
    const { index, lives } = machine;
    if (this.lives.length === 0) this.prepare(world.machines.length);
    if (this.lives[index] === lives) {
      this.checked++;
      const passedUs = world.nowUs - this.worldUs[index];
      const shownUs = monoUs - this.monoUs[index];
      const slackUs = SLACK_US + (passedUs * MAX_DRIFT_PPM) / 1_000_000;
      if (shownUs < 0 || Math.abs(shownUs - passedUs) > slackUs)
        this.violate(
          world,
          `the steady clock of ${machine.spec.name} went on by ${shownUs} µs, while ${passedUs} µs passed`,
        );
    }
    this.lives[index] = lives;
    this.monoUs[index] = monoUs;
    this.worldUs[index] = world.nowUs;
  }

  private prepare(nodes: number): void {
    this.lives = new Int32Array(nodes).fill(-1);
    this.monoUs = new Float64Array(nodes);
    this.worldUs = new Float64Array(nodes);
  }
}
