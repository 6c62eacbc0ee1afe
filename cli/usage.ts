/** What the process exits with when the command line or a file it names is wrong (EX_USAGE of BSD's sysexits). */
export const USAGE = 64;
