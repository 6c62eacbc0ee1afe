import { OWED } from './owed.ts';
import type { ResolvedGoal } from './scenario/resolved-expectations.ts';
import type { World } from './world.ts';

/** Goals that are to be reached in time after harm has changed for the last time. */
export class GoalWatch {
  private readonly goals: readonly ResolvedGoal[];
  /** Since when each has been reached without a break; null: it is not. */
  private readonly reachedUs: (number | null)[];
  private quietUs = 0;
  private harm = '';

  constructor(goals: readonly ResolvedGoal[]) {
    this.goals = goals;
    this.reachedUs = goals.map(() => null);
  }

  onTick(world: World): void {
    if (this.goals.length === 0) return;
    const harm = world.faults.counts.map(({ fired, isOn }) => `${fired} ${isOn}`).join();
    if (harm !== this.harm) {
      this.harm = harm;
      this.quietUs = world.nowUs;
      this.reachedUs.fill(null);
    }
    this.goals.forEach(({ goal }, i) => {
      if (OWED[goal](world, world.machines).length > 0) this.reachedUs[i] = null;
      else this.reachedUs[i] ??= world.nowUs;
    });
  }

  late(world: World): string[] {
    return this.goals.flatMap(({ goal, withinUs }, i) => {
      const reachedUs = this.reachedUs[i];
      if (reachedUs !== null && reachedUs - this.quietUs <= withinUs) return [];
      if (reachedUs !== null)
        return [
          `${goal}: reached ${reachedUs - this.quietUs} µs after the last change of harm, not ${withinUs} µs`,
        ];
      return OWED[goal](world, world.machines).map((what) => `${goal}: ${what}`);
    });
  }
}
