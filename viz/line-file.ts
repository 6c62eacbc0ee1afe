import { createReadStream } from 'node:fs';

export interface Line {
  /** From 1. */
  readonly number: number;
  /** In bytes. */
  readonly offset: number;
  readonly bytes: number;
  readonly text: string;
  /** False for the last line of a file that does not end in a line feed: its writer was interrupted. */
  readonly isWhole: boolean;
}

const LINE_FEED = 10;

/** The lines of a file, one at a time, from a byte where a line begins. Empty lines are left out. */
export async function* readLines(path: string, startByte = 0): AsyncGenerator<Line> {
  let rest: Buffer[] = [];
  let offset = startByte;
  let number = 0;
  for await (const chunk of createReadStream(path, { start: startByte, highWaterMark: 1 << 18 })) {
    const buffer = chunk as Buffer;
    let begin = 0;
    for (let end = buffer.indexOf(LINE_FEED); end >= 0; end = buffer.indexOf(LINE_FEED, begin)) {
      const line = Buffer.concat([...rest, buffer.subarray(begin, end)]);
      rest = [];
      begin = end + 1;
      number++;
      if (line.length > 0)
        yield { number, offset, bytes: line.length, text: line.toString('utf8'), isWhole: true };
      offset += line.length + 1;
    }
    if (begin < buffer.length) rest.push(buffer.subarray(begin));
  }
  const last = Buffer.concat(rest);
  if (last.length > 0)
    yield { number: number + 1, offset, bytes: last.length, text: last.toString('utf8'), isWhole: false };
}
