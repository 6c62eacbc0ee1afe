/** How a disk did what it was asked: what LOADED and STORED say beside what was read. */
export const DISK_CONDITIONS = ['fine', 'corrupt', 'full', 'failed'] as const;
export const DISK_FINE = 0;
/** Of LOADED: there is a record, and its checksum fails; `state` is null. */
export const DISK_CORRUPT = 1;
/** Of STORED: nothing was written, and what was there before is still there. */
export const DISK_FULL = 2;
/** Nothing was read or written; another try may do better. */
export const DISK_FAILED = 3;
