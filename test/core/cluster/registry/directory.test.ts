import { expect } from 'chai';
import fc from 'fast-check';
import { Digest } from '../../../../core/base/digest.ts';
import {
  Directory,
  PARTS,
  partOf,
  printOf,
  ranksOfPart,
} from '../../../../core/cluster/registry/directory.ts';
import type { Load, Manifest } from '../../../../core/cluster/manifest.ts';
import type { RankedSlots } from '../../../../core/cluster/registry/ranked-slots.ts';
import type { Announcement } from '../../../../core/machine/kinds.ts';
import { Cast } from '../../../cast.ts';
import { law } from '../../../laws/law.ts';
import { FEDERATION, manifestOf } from '../../../rig.ts';

const NAMES = Array.from({ length: 40 }, (_, i) => `member ${i}`);
const MODELS = ['a', 'b', 'c'];
const cast = new Cast(NAMES);

/** What may happen to a directory. */
type Change =
  | {
      readonly do: 'put';
      readonly who: number;
      readonly version: number;
      readonly types: readonly string[];
      readonly supported: readonly string[];
    }
  | {
      readonly do: 'hear';
      readonly who: number;
      readonly atUs: number;
      readonly installed: readonly string[];
    }
  | { readonly do: 'quarantine'; readonly who: number }
  | { readonly do: 'drop'; readonly who: number }
  | { readonly do: 'fold' }
  | { readonly do: 'clone' };

const who = fc.nat(NAMES.length - 1);
const models = fc.uniqueArray(fc.constantFrom(...MODELS), { maxLength: 3 });
const changes: fc.Arbitrary<Change[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('put' as const),
        who,
        version: fc.integer({ min: 1, max: 9 }),
        types: fc.constantFrom(['compute'], ['compute', 'bridge'], ['bridge'], ['orrery']),
        supported: models,
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('hear' as const), who, atUs: fc.nat(9), installed: models }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('quarantine' as const), who }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('drop' as const), who }) },
    { weight: 1, arbitrary: fc.constant({ do: 'fold' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'clone' as const }) },
  ),
  { minLength: 20, maxLength: 120 },
);

function loadWith(installedModels: readonly string[]): Load {
  const installed = [...installedModels];
  const numbers = { running: 0, queued: 0, slots: 1, room: 1, serviceUs: 0, freeMemoryBytes: 0 };
  return { ...numbers, installedModels: installed, loadedModels: [], draining: false };
}

function announcementOf({ who, version, types, supported }: Extract<Change, { do: 'put' }>): Announcement {
  const plain = manifestOf(cast, { ...FEDERATION[1], name: NAMES[who], types });
  const compute = plain.compute && { ...plain.compute, supportedModels: [...supported] };
  const manifest = { ...plain, compute } as Manifest;
  const announced = { manifest, version: { epoch: 1, version }, signature: 'signed', attestations: [] };
  return announced as Announcement;
}

const hashOf = ({ manifest, version }: Announcement): string => JSON.stringify([manifest, version]);

/** A member as a plain object: what the columns are checked against. */
interface Plain {
  announced: Announcement;
  load: Load | null;
  heardUs: number;
  isQuarantined: boolean;
}

function rebuilt(members: Iterable<Plain>): Directory {
  const directory = new Directory();
  for (const { announced, load, heardUs, isQuarantined } of members) {
    const slot = directory.put(cast, announced, hashOf(announced), 0, heardUs);
    if (load !== null) directory.hear(cast, slot, load, heardUs);
    if (isQuarantined) directory.quarantine(cast, slot);
  }
  return directory;
}

const peersOf = (directory: Directory, slots: RankedSlots): number[] =>
  Array.from({ length: slots.size }, (_, i) => directory.peerAt(slots.at(i)));

/** Everything that can be asked of a directory. */
function viewOf(directory: Directory): unknown {
  const digest = new Digest();
  directory.fold(digest, (peer) => cast.rank(peer));
  return {
    fold: digest.hex(),
    size: directory.size,
    offering: MODELS.map((model) => peersOf(directory, directory.offeringOf(model))),
    fitting: MODELS.map((model) => peersOf(directory, directory.fittingOf(model))),
    bridges: peersOf(directory, directory.bridgeSlots()),
    models: directory.modelsOffered(),
    sums: Array.from({ length: PARTS }, (_, part) => [directory.sumHighOf(part), directory.sumLowOf(part)]),
  };
}

/** A directory that went through all of it, and the plain members that are left. */
function goThrough(script: readonly Change[]): { directory: Directory; members: Map<number, Plain> } {
  let directory = new Directory();
  const members = new Map<number, Plain>();
  for (const change of script) {
    if (change.do === 'fold') directory.fold(new Digest(), (peer) => cast.rank(peer));
    else if (change.do === 'clone') directory = directory.clone();
    else if (change.do === 'put') {
      const announced = announcementOf(change);
      directory.put(cast, announced, hashOf(announced), 0, 3);
      const plain = members.get(change.who);
      if (plain === undefined)
        members.set(change.who, { announced, load: null, heardUs: 3, isQuarantined: false });
      else plain.announced = announced;
    } else {
      const slot = directory.slotOf(cast.peer(NAMES[change.who]));
      const plain = members.get(change.who);
      expect(slot >= 0).to.equal(plain !== undefined);
      if (plain === undefined) continue;
      if (change.do === 'hear') {
        plain.load = loadWith(change.installed);
        plain.heardUs = change.atUs;
        directory.hear(cast, slot, plain.load, change.atUs);
      } else if (change.do === 'quarantine') {
        plain.isQuarantined = true;
        directory.quarantine(cast, slot);
      } else {
        members.delete(change.who);
        directory.drop(cast, slot);
      }
    }
  }
  return { directory, members };
}

describe('a directory', () => {
  law(
    'kept as members come, change and go, is what it would be if it were built anew',
    changes,
    (script) => {
      const { directory, members } = goThrough(script);
      expect(viewOf(directory)).to.deep.equal(viewOf(rebuilt(members.values())));
      expect(viewOf(directory), 'however it was filled').to.deep.equal(
        viewOf(rebuilt([...members.values()].reverse())),
      );
      return members.size > 5;
    },
    { seed: 31, runs: 300 },
  );

  law(
    'answers what going through all members would: who has a model, for whom it would fit, who is a bridge',
    changes,
    (script) => {
      const { directory, members } = goThrough(script);
      const plain = [...members.values()].filter(({ isQuarantined }) => !isQuarantined);
      const rankOf = ({ announced }: Plain): number => cast.rank(announced.manifest.id);
      plain.sort((left, right) => rankOf(left) - rankOf(right));
      const idsOf = (which: (member: Plain) => boolean): number[] =>
        plain.filter(which).map(({ announced }) => announced.manifest.id);
      const isCompute = ({ announced }: Plain): boolean => announced.manifest.types.includes('compute');
      const has = ({ load }: Plain, model: string): boolean => load?.installedModels.includes(model) ?? false;
      for (const model of MODELS) {
        const fits = ({ announced }: Plain): boolean =>
          announced.manifest.compute?.supportedModels.includes(model) ?? false;
        expect(peersOf(directory, directory.offeringOf(model))).to.deep.equal(
          idsOf((member) => isCompute(member) && has(member, model)),
        );
        expect(peersOf(directory, directory.fittingOf(model))).to.deep.equal(
          idsOf((member) => isCompute(member) && fits(member) && !has(member, model)),
        );
      }
      expect(peersOf(directory, directory.bridgeSlots())).to.deep.equal(
        idsOf(({ announced }) => announced.manifest.types.includes('bridge')),
      );
      return plain.length > 5;
    },
    { seed: 32, runs: 300 },
  );

  law(
    'a clone is equal and goes its own way',
    fc.tuple(changes, changes),
    ([first, then]) => {
      const { directory } = goThrough(first);
      const before = viewOf(directory);
      const clone = directory.clone();
      expect(viewOf(clone)).to.deep.equal(before);
      for (const change of then) {
        if (change.do !== 'put') continue;
        const announced = announcementOf(change);
        clone.put(cast, announced, hashOf(announced), 0, 4);
      }
      expect(viewOf(directory)).to.deep.equal(before);
      return true;
    },
    { seed: 33, runs: 100 },
  );

  it('folds again only what has changed, and tells every change', () => {
    const put = { do: 'put' as const, who: 1, version: 1, types: ['compute'], supported: ['a'] };
    const { directory } = goThrough([
      put,
      { ...put, who: 2 },
      { do: 'hear', who: 1, atUs: 5, installed: [] },
    ]);
    const foldOf = (one: Directory): string => {
      const digest = new Digest();
      one.fold(digest, (peer) => cast.rank(peer));
      return digest.hex();
    };
    const before = foldOf(directory);
    let ranked = 0;
    directory.fold(new Digest(), () => ranked++);
    expect(ranked, 'nothing has changed, so nobody is looked at').to.equal(0);
    const slot = directory.slotOf(cast.peer(NAMES[1]));
    const differs = (change: (copy: Directory) => void): void => {
      const copy = directory.clone();
      change(copy);
      expect(foldOf(copy)).not.to.equal(before);
    };
    differs((copy) => copy.hear(cast, slot, null, 6));
    differs((copy) => copy.hear(cast, slot, loadWith(['a']), 5));
    differs((copy) => copy.quarantine(cast, slot));
    differs((copy) => copy.drop(cast, slot));
    const other = announcementOf({ ...put, version: 2 });
    differs((copy) => copy.put(cast, other, hashOf(other), 0, 5));
    differs((copy) => copy.put(cast, announcementOf(put), hashOf(announcementOf(put)), 1, 5));
    const again = directory.clone();
    again.hear(cast, slot, loadWith([]), 5);
    expect(foldOf(again), 'what is the same folds the same').to.equal(before);
  });

  it('divides the ranks into parts without a gap', () => {
    expect(ranksOfPart(0).fromRank).to.equal(0);
    expect(ranksOfPart(PARTS - 1).untilRank).to.equal(2 ** 52);
    for (let part = 0; part < PARTS; part++) {
      const { fromRank, untilRank } = ranksOfPart(part);
      expect([partOf(fromRank), partOf(untilRank - 1)]).to.deep.equal([part, part]);
    }
  });

  it('prints an announcement: who, which version, which body, which attestations', () => {
    const put = { do: 'put' as const, who: 1, version: 1, types: ['compute'], supported: ['a'] };
    const plain = announcementOf(put);
    const prints = [
      printOf(cast, plain, 'hash'),
      printOf(cast, announcementOf({ ...put, who: 2 }), 'hash'),
      printOf(cast, announcementOf({ ...put, version: 2 }), 'hash'),
      printOf(cast, plain, 'other hash'),
      printOf(cast, { ...plain, attestations: [{ signature: 's' } as never] }, 'hash'),
    ];
    expect(new Set(prints.map((print) => print.hex())).size).to.equal(5);
    expect(printOf(cast, { ...plain, signature: 'again' }, 'hash').hex()).to.equal(prints[0].hex());
  });
});
