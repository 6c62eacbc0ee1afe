import { expect } from 'chai';
import * as kinds from '../../../core/machine/kinds.ts';
import {
  addKind,
  KINDS,
  nameOfKind,
  NOTES,
  TYPES,
  typeOfKind,
  type KindEntry,
  type KindRow,
} from '../../../core/machine/kinds.ts';
import { DEFAULT_PARAMETERS, PARAMETERS } from '../../../core/machine/parameters.ts';
import type { Shape } from '../../../core/machine/shape.ts';
import { ALL_KINDS } from '../../arbitraries.ts';

/** The tags of a shape and of all shapes in it. */
function tagsOf(shape: Shape): string[] {
  switch (shape.tag) {
    case 'optional':
    case 'list':
      return [shape.tag, ...tagsOf(shape.item)];
    case 'record':
      return [shape.tag, ...shape.shapes.flatMap(tagsOf)];
    case 'table':
      return [shape.tag, ...tagsOf(shape.key), ...tagsOf(shape.value)];
    case 'shared':
      return [shape.tag, ...tagsOf(shape.shape)];
    default:
      return [shape.tag];
  }
}

describe('the protocol table', () => {
  it('has the six message types of §5.2 and the devices, under these numbers for good', () => {
    const types = ['DISCOVER', 'ANNOUNCE', 'REQUEST', 'RESPONSE', 'REPLICATE', 'HEARTBEAT', 'DEVICE'];
    expect([...TYPES]).to.deep.equal(types);
    expect(KINDS).to.have.length(7 * 32);
  });

  it('has these kinds under these numbers for good', () => {
    expect(Object.fromEntries(ALL_KINDS.map(({ name, kind }) => [name, kind]))).to.deep.include({
      'DISCOVER/find': 0,
      'DISCOVER/offers': 1,
      'ANNOUNCE/manifest': 32,
      'ANNOUNCE/wanted': 33,
      'ANNOUNCE/exports': 34,
      'REQUEST/ask': 64,
      'REQUEST/run': 65,
      'REQUEST/cross': 66,
      'RESPONSE/found': 96,
      'RESPONSE/offered': 97,
      'RESPONSE/working': 98,
      'RESPONSE/answer': 99,
      'RESPONSE/refused': 100,
      'HEARTBEAT/beat': 160,
      'HEARTBEAT/session': 161,
      'DEVICE/store': 192,
      'DEVICE/stored': 193,
      'DEVICE/load': 194,
      'DEVICE/loaded': 195,
      'DEVICE/infer': 196,
      'DEVICE/inferred': 197,
      'DEVICE/noted': 198,
      'DEVICE/sign': 199,
      'DEVICE/signed': 200,
    });
  });

  it('takes no second kind under one number, and names both', () => {
    const entries: (KindEntry | undefined)[] = [];
    const row = (number: number, operation: string): KindRow => [
      number,
      operation,
      'node → node',
      KINDS[kinds.FIND_OFFERS]!.body,
      2,
      0,
      '§5.2',
    ];
    addKind(entries, row(kinds.BEAT, 'beat'));
    addKind(entries, row(kinds.SESSION, 'session'));
    expect(() => addKind(entries, row(kinds.BEAT, 'pulse'))).to.throw(
      `HEARTBEAT/beat and HEARTBEAT/pulse have one number, ${kinds.BEAT}`,
    );
    expect(entries[kinds.BEAT]!.name).to.equal('HEARTBEAT/beat');
  });

  it('gives each kind its place, a name of its own, a direction, a section, a class and a cost', () => {
    expect(new Set(ALL_KINDS.map(({ name }) => name)).size).to.equal(ALL_KINDS.length);
    KINDS.forEach((entry, kind) => {
      if (entry === undefined) return;
      expect(entry.kind, entry.name).to.equal(kind);
      expect(entry.name).to.match(/^[A-Z]+\/[a-z-]+$/);
      expect(entry.name.split('/')[0]).to.equal(TYPES[typeOfKind(kind)]);
      expect(entry.direction, entry.name).to.include('→');
      expect(entry.section, entry.name).to.match(/^(§\d|R\d)/);
      expect(entry.class, entry.name).to.be.within(0, 5);
      expect(Number.isInteger(entry.costUs) && entry.costUs >= 0, entry.name).to.equal(true);
    });
  });

  it('has an entry for every number that is exported, and for no other', () => {
    const exported = Object.entries(kinds).filter(
      ([name, value]) =>
        /^[A-Z_]+$/.test(name) && typeof value === 'number' && !/^(NOTE|MAX|PLACED|ABSENT)_/.test(name),
    );
    const numbers = exported.map(([, value]) => value as number);
    expect(new Set(numbers)).to.deep.equal(new Set(ALL_KINDS.map(({ kind }) => kind)));
    expect(numbers).to.have.length(ALL_KINDS.length);
  });

  it('flags the kinds that hold references, and those only', () => {
    for (const { name, body, hasRefs } of ALL_KINDS)
      expect(hasRefs, name).to.equal(tagsOf(body).includes('ref'));
    const flagged = ALL_KINDS.filter(({ hasRefs }) => hasRefs).map(({ name }) => name);
    expect(flagged).to.include.members([
      'REQUEST/ask',
      'REQUEST/run',
      'REQUEST/cross',
      'RESPONSE/answer',
      'DEVICE/infer',
      'DEVICE/inferred',
    ]);
    expect(flagged).not.to.include('RESPONSE/refused');
  });

  it('has bodies that can be written: records, without tables or structures of state', () => {
    for (const { name, body } of ALL_KINDS) {
      expect(body.tag, name).to.equal('record');
      for (const tag of tagsOf(body)) expect(tag, name).not.to.be.oneOf(['table', 'own']);
    }
  });

  it('names what it does not know by number', () => {
    expect(nameOfKind(kinds.ASK)).to.equal('REQUEST/ask');
    expect(nameOfKind(31)).to.equal('unknown/31');
    expect(NOTES[kinds.NOTE_READY]).to.equal('ready');
  });
});

describe('the parameters of the protocol', () => {
  for (const [name, entry] of Object.entries(PARAMETERS)) {
    it(`${name} has a default in its range, a unit, a source and a sentence`, () => {
      expect(entry.default).to.be.within(entry.least, entry.most);
      expect(DEFAULT_PARAMETERS[name as keyof typeof PARAMETERS]).to.equal(entry.default);
      expect(entry.unit).to.be.oneOf(['us', 'count', 'ppm']);
      expect(name.endsWith('Us')).to.equal(entry.unit === 'us');
      expect(entry.source).to.match(/^(R\d|own$)/);
      expect(entry.about.length).to.be.greaterThan(20);
    });
  }
});
