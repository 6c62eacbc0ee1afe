/** The version of the simulator and of the core in it: part of what a run is. */
export const VERSION = '0.1.0';
