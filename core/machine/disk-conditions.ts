/** How a disk did what it was asked: what LOADED and STORED say beside what was read. */
export const DISK_CONDITIONS = ['fine', 'full', 'failed'] as const;
export const DISK_FINE = 0;
/** Of STORED: nothing was written, and what was there before is still there. */
export const DISK_FULL = 1;
/** Nothing was read or written; another try may do better. */
export const DISK_FAILED = 2;
