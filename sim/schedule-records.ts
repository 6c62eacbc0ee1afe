/**
 * Where a schedule keeps its events: records of 32 bytes, by value, in chunks of 16, chained into buckets.
 *
 * A record is 8 words of 32 bits: time (float64), counter (float64), source, slot, kind, link. It is named by its
 * first word. A chain is named by its end: the number of records from the start of the pool up to and including its
 * last one; 0 is the empty chain. The link, used in the first record of a chunk only, is the end of the chain before
 * that chunk, so a chain is walked from its newest chunk to its oldest.
 */
const RECORD_WORDS = 8;
const CHUNK_RECORDS = 16;
const CHUNK_WORDS = RECORD_WORDS * CHUNK_RECORDS;
const LINE_WORDS = 16; // of a cache line of 64 bytes
const COUNTER = 1; // in float64s; the others are in words
const SOURCE = 4;
const SLOT = 5;
const KIND = 6;
const LINK = 7;

/**
 * Sizes and offsets. Modules take what they need into constants of their own: those are compiled into the code,
 * whereas an imported one is read from memory each time.
 */
export const LAYOUT = {
  RECORD_WORDS,
  CHUNK_RECORDS,
  CHUNK_WORDS,
  COUNTER,
  SOURCE,
  SLOT,
  KIND,
  LINK,
} as const;

/** Called once for each pending event; the arguments are those of `Schedule.push`. */
export type EventVisitor = (
  time: number,
  source: number,
  counter: number,
  kind: number,
  slot: number,
) => void;

/** A pool of records and `buckets` chains in it (a multiple of 32). The state lies in fields of one object for speed. */
export class RecordChains {
  protected words: Int32Array;
  protected floats: Float64Array;
  /** End of each bucket's chain. */
  protected readonly ends: Int32Array;
  /** One bit a bucket: whether it holds a record. */
  private readonly occupied: Int32Array;
  private poolChunks = 64;
  private usedChunks = 0;
  /** Chain of chunks given back; the one given back last is taken first, while the cache still has it. */
  private free = 0;
  /** Of no meaning: a read whose result goes nowhere would be left out by the compiler. */
  protected touched = 0;

  constructor(buckets: number) {
    this.words = new Int32Array(this.poolChunks * CHUNK_WORDS);
    this.floats = new Float64Array(this.words.buffer);
    this.ends = new Int32Array(buckets);
    this.occupied = new Int32Array(buckets / 32);
  }

  /** Number of records the pool has room for. It grows when it must and never shrinks. */
  get capacity(): number {
    return this.poolChunks * CHUNK_RECORDS;
  }

  /** Takes a chunk from the pool for a bucket whose chain ends with a full chunk, or is empty; end of the new chain. */
  protected extendChain(bucket: number, end: number): number {
    if (end === 0) this.occupied[bucket >> 5]! |= 1 << (bucket & 31);
    let chunk: number;
    if (this.free !== 0) {
      chunk = (this.free - 1) >> 4;
      this.free = this.words[chunk * CHUNK_WORDS + LINK]!;
    } else {
      if (this.usedChunks === this.poolChunks) this.growPool();
      chunk = this.usedChunks++;
    }
    this.words[chunk * CHUNK_WORDS + LINK] = end;
    return chunk * CHUNK_RECORDS;
  }

  private growPool(): void {
    this.poolChunks += this.poolChunks >> 1;
    const words = new Int32Array(this.poolChunks * CHUNK_WORDS);
    words.set(this.words);
    this.words = words;
    this.floats = new Float64Array(words.buffer);
  }

  /** Empties a bucket without giving its chunks back; the chain it had. */
  protected takeChain(bucket: number): number {
    const end = this.ends[bucket]!;
    this.ends[bucket] = 0;
    this.occupied[bucket >> 5]! &= ~(1 << (bucket & 31));
    return end;
  }

  /** Gives the newest chunk of a chain back to the pool; the chain before it. */
  protected freeChunk(end: number): number {
    const chunk = (end - 1) >> 4;
    const link = chunk * CHUNK_WORDS + LINK;
    const rest = this.words[link]!;
    this.words[link] = this.free;
    this.free = (chunk + 1) * CHUNK_RECORDS;
    return rest;
  }

  protected freeChain(end: number): void {
    while (end !== 0) end = this.freeChunk(end);
  }

  /**
   * Reads once from every cache line of a chain's newest chunk. Who reads it a little later need not wait for one line
   * after another: these reads overlap with each other and with what is done until then.
   */
  protected touchChunk(end: number): void {
    if (end === 0) return;
    const { words } = this;
    const first = ((end - 1) >> 4) * CHUNK_WORDS;
    let mixed = 0;
    for (let word = first; word < first + CHUNK_WORDS; word += LINE_WORDS) mixed ^= words[word]!;
    this.touched = mixed;
  }

  /** Puts a whole chain behind that of a bucket. */
  protected joinChain(bucket: number, end: number): void {
    let oldest = ((end - 1) >> 4) * CHUNK_WORDS + LINK;
    while (this.words[oldest] !== 0) oldest = ((this.words[oldest]! - 1) >> 4) * CHUNK_WORDS + LINK;
    this.words[oldest] = this.ends[bucket]!;
    this.ends[bucket] = end;
    this.occupied[bucket >> 5]! |= 1 << (bucket & 31);
  }

  /** Adds a copy of a record to a bucket. */
  protected appendCopy(bucket: number, record: number): void {
    let end = this.ends[bucket]!;
    if ((end & (CHUNK_RECORDS - 1)) === 0) end = this.extendChain(bucket, end);
    this.ends[bucket] = end + 1;
    const to = end * RECORD_WORDS;
    const { words, floats } = this;
    floats[to >> 1] = floats[record >> 1]!;
    floats[(to >> 1) + COUNTER] = floats[(record >> 1) + COUNTER]!;
    words[to + SOURCE] = words[record + SOURCE]!;
    words[to + SLOT] = words[record + SLOT]!;
    words[to + KIND] = words[record + KIND]!;
  }

  /** The first bucket in [start, limit) that holds a record, or -1; `limit` is a multiple of 32. */
  protected findOccupied(start: number, limit: number): number {
    if (start >= limit) return -1;
    const occupied = this.occupied;
    let index = start >> 5;
    let bits = occupied[index]! & (-1 << (start & 31));
    while (bits === 0) {
      if (++index >= limit >> 5) return -1;
      bits = occupied[index]!;
    }
    return index * 32 + 31 - Math.clz32(bits & -bits);
  }

  protected visitRecord(record: number, visit: EventVisitor): void {
    const { words, floats } = this;
    const counter = floats[(record >> 1) + COUNTER]!;
    visit(
      floats[record >> 1]!,
      words[record + SOURCE]!,
      counter,
      words[record + KIND]!,
      words[record + SLOT]!,
    );
  }

  protected visitChain(end: number, visit: EventVisitor): void {
    while (end !== 0) {
      const chunk = ((end - 1) >> 4) * CHUNK_WORDS;
      for (let record = chunk; record < end * RECORD_WORDS; record += RECORD_WORDS)
        this.visitRecord(record, visit);
      end = this.words[chunk + LINK]!;
    }
  }
}
