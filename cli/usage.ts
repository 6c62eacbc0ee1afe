/** What the process exits with when the command line or a file it names is wrong (EX_USAGE of BSD's sysexits). */
export const USAGE = 64;

/** Whether a file or a folder could not be read or written: nobody is helped by where in the program that was. */
export function isOutside(error: unknown): error is Error {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

/** The command line, or a file that it names, is wrong: said in one line. */
export class Misused extends Error {
  override readonly name = 'Misused';
}
