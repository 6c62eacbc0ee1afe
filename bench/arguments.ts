/** A whole number that somebody has given on the command line; else it is said what was expected. */
export function wholeNumber(option: string, given: string, least: number, most: number): number {
  const number = Number(given);
  if (/^\d+$/.test(given) && number >= least && number <= most) return number;
  const message = `${option} takes a whole number from ${least} to ${most}, not ${JSON.stringify(given)}`;
  throw Object.assign(new TypeError(message), { code: 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE' });
}
