import type { z } from 'zod';
import { describe, type Problems } from './problems.ts';
import { Place, type Source } from './source.ts';

/** One entry of a section. */
export interface Item<T> {
  /** Its key, or its number in a list. */
  readonly name: string;
  readonly place: Place;
  /** Null: there is something wrong with it, which has been told. */
  readonly value: T | null;
}

export type Items<T> = ReadonlyMap<string, Item<T>>;

/**
 * Reads sections entry by entry, so that a mistake in one leaves the others to be checked. Sections of names are
 * gathered over the scenario and the files that it includes.
 */
export class SectionReader {
  readonly main: Source;
  private readonly sources: readonly Source[];
  private readonly problems: Problems;

  constructor(main: Source, included: readonly Source[], problems: Problems) {
    this.main = main;
    this.sources = [...included, main];
    this.problems = problems;
  }

  named<T extends z.ZodType>(section: string, schema: T, name: RegExp, expected: string): Items<z.output<T>> {
    const items = new Map<string, Item<z.output<T>>>();
    for (const source of this.sources) {
      const whole = new Place(source, [section]);
      const data = source.data[section];
      if (data === undefined) continue;
      if (typeof data !== 'object' || data === null || Array.isArray(data)) {
        this.problems.add(whole, `${section} is ${describe(data)}`, 'a map of names');
        this.problems.areNamesKnown = false;
        continue;
      }
      for (const [key, value] of Object.entries(data)) {
        const place = whole.at(key);
        const before = items.get(key);
        if (before !== undefined) {
          this.problems.addOfKey(
            place,
            `${key} is a second time in ${section}`,
            `each name once: see ${before.place.toString()}`,
          );
          continue;
        }
        if (!name.test(key) || key.length > 128)
          this.problems.addOfKey(place, `"${key}" is no name here`, expected);
        items.set(key, { name: key, place, value: this.parse(place, value, schema) });
      }
    }
    return items;
  }

  /** Of the scenario only. */
  listed<T extends z.ZodType>(section: string, schema: T): Item<z.output<T>>[] {
    const data = this.main.data[section];
    const whole = new Place(this.main, [section]);
    if (data === undefined) return [];
    if (!Array.isArray(data)) {
      this.problems.add(whole, `${section} is ${describe(data)}`, 'a list, each entry after a "-"');
      return [];
    }
    return data.map((value: unknown, i) => {
      const place = whole.at(i);
      return { name: String(i), place, value: this.parse(place, value, schema) };
    });
  }

  /** One value; that of the scenario goes before that of an included file. */
  single<T extends z.ZodType>(section: string, schema: T): Item<z.output<T>> | null {
    const source = this.sources.findLast(({ data }) => data[section] !== undefined);
    if (source === undefined) return null;
    const place = new Place(source, [section]);
    return { name: section, place, value: this.parse(place, source.data[section], schema) };
  }

  /** A section without which there is no scenario. */
  required<T extends z.ZodType>(section: string, schema: T): z.output<T> | null {
    const place = new Place(this.main, [section]);
    return this.parse(place, this.main.data[section], schema);
  }

  private parse<T extends z.ZodType>(place: Place, value: unknown, schema: T): z.output<T> | null {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    this.problems.addIssues(place, value, parsed.error.issues);
    return null;
  }
}
