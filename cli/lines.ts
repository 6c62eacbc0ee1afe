/** What is printed for people, in lines that fit a narrow window. */

/** Columns of a line. */
export const COLUMNS = 80;

/** Lines of at most `width` characters, broken at spaces; a word that is longer has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.trim().split(/\s+/)) {
    const last = lines[lines.length - 1];
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}

export function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/**
 * Lines of at most 80 columns; those that fit stay as they are. What a line begins with is kept, and what follows of it stands two
 * columns further to the right.
 */
export function fit(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    if (line.length <= COLUMNS) return [line];
    const indent = /^ */.exec(line)![0];
    const [first, ...rest] = wrap(line, COLUMNS - indent.length - 2);
    return [`${indent}${first}`, ...rest.map((more) => `${indent}  ${more}`)];
  });
}

/** Prints what was asked for. */
export function say(text = ''): void {
  for (const line of fit(text)) console.log(line);
}

/** Prints why something is not done. */
export function complain(text: string): void {
  for (const line of fit(text)) console.error(line);
}

/** `1 chunk`, `2 chunks`. */
export function counted(count: number, what: string): string {
  return `${formatNumber(count)} ${what}${count === 1 ? '' : 's'}`;
}

/** 1234567 as 1,234,567. */
export function formatNumber(value: number): string {
  const whole = Number.isInteger(value) ? String(value) : value.toFixed(1);
  return whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}
