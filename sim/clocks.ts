/** What wall clocks show when a simulation starts, µs: 2^40, so that no wall time is mistaken for a steady one. */
export const WALL_EPOCH_US = 2 ** 40;
