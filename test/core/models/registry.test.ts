import { expect } from 'chai';
import fc from 'fast-check';
import { REFUSAL_FULL } from '../../../core/machine/refusals.ts';
import { MAX_TOLD } from '../../../core/models/model-bodies.ts';
import { createModelHost } from '../../../core/models/model-state.ts';
import {
  learnChannel,
  learnEntry,
  learnVerdict,
  learnWithdrawal,
  sumOf,
} from '../../../core/models/registry.ts';
import { verdictHash } from '../../../core/models/hashes.ts';
import { law } from '../../laws/law.ts';
import { createCluster, pointTo, release, withdraw } from '../../publisher.ts';

describe('the registry of models', () => {
  const rig = createCluster(2).start();
  const node = rig.node('c1');
  const releases = [1, 2, 3].map((version) => release(rig, version));
  const judged = (at: number, isGood: boolean) => {
    const terms = { id: releases[at].id, judge: rig.peer('c2'), isGood };
    return { ...terms, signature: rig.cast.sign(terms.judge, verdictHash(rig.cast, terms)) };
  };
  const create = () => createModelHost().registry;

  it('R7.1-1: takes what a publisher of the cluster has signed, and nothing else', () => {
    const registry = create();
    const { entry, id } = releases[0];
    const forged = { ...entry, signature: rig.cast.sign(rig.peer('mallory'), id) };
    expect(learnEntry(node, registry, forged)).to.equal(null);
    expect(learnEntry(node, registry, { ...entry, licence: 'other' })).to.equal(null);
    const foreign = release(rig, 4, 10, { publisher: rig.peer('mallory') });
    expect(learnEntry(node, registry, foreign.entry)).to.equal(null);
    expect(learnEntry(node, registry, entry)).to.equal(id);
    expect(learnEntry(node, registry, entry), 'a second time').to.equal(null);
  });

  it('R7.1-1: is bounded: what is beyond is refused and counted, what is known may still change', () => {
    const registry = create();
    const many = Array.from({ length: MAX_TOLD + 1 }, (_, i) => release(rig, 100 + i));
    const before = node.refusals[REFUSAL_FULL];
    const taken = many.filter(({ entry }) => learnEntry(node, registry, entry) !== null);
    expect([taken.length, registry.entries.size]).to.deep.equal([MAX_TOLD, MAX_TOLD]);
    expect(node.refusals[REFUSAL_FULL] - before).to.equal(1);
  });

  it('R7.2-1: moves a channel forward only', () => {
    const registry = create();
    expect(learnChannel(node, registry, pointTo(rig, releases[1], 2))).to.equal(true);
    expect(learnChannel(node, registry, pointTo(rig, releases[0], 1))).to.equal(false);
    expect(registry.channels.get('m')!.id).to.equal(releases[1].id);
    const forged = { ...pointTo(rig, releases[2], 3), signature: 'forged' };
    expect(learnChannel(node, registry, forged)).to.equal(false);
  });

  it('keeps the earliest bound of a withdrawal, and a bad verdict before a good one', () => {
    const registry = create();
    for (const untilWallUs of [50, 20, 30])
      learnWithdrawal(node, registry, withdraw(rig, releases[0], untilWallUs));
    expect(registry.withdrawals.get(releases[0].id)!.untilWallUs).to.equal(20);
    expect(learnVerdict(node, registry, judged(0, true))).to.equal(true);
    expect(learnVerdict(node, registry, judged(0, false))).to.equal(true);
    expect(learnVerdict(node, registry, judged(0, true))).to.equal(false);
    expect(registry.verdicts.get(releases[0].id)!.isGood).to.equal(false);
  });

  it('hears verdicts of nodes of its cluster only', () => {
    const terms = { id: releases[0].id, judge: rig.peer('mallory'), isGood: false };
    const verdict = { ...terms, signature: rig.cast.sign(terms.judge, verdictHash(rig.cast, terms)) };
    expect(learnVerdict(node, create(), verdict)).to.equal(false);
  });

  it('takes no signature under one sort of document for one under another', () => {
    const { id } = releases[0];
    const signature = rig.cast.sign(rig.peer('publisher'), id);
    const terms = { id, publisher: rig.peer('publisher'), untilWallUs: 1 };
    expect(learnWithdrawal(node, create(), { ...terms, signature })).to.equal(false);
  });

  const said = [
    ...releases.map(
      ({ entry }) =>
        (of: ReturnType<typeof create>) =>
          void learnEntry(node, of, entry),
    ),
    ...[1, 2, 2].map((sequence, i) => (of: ReturnType<typeof create>) => {
      learnChannel(node, of, pointTo(rig, releases[i], sequence));
    }),
    ...[30, 20].map((bound) => (of: ReturnType<typeof create>) => {
      learnWithdrawal(node, of, withdraw(rig, releases[0], bound));
    }),
    ...[true, false].map((isGood) => (of: ReturnType<typeof create>) => {
      learnVerdict(node, of, judged(1, isGood));
    }),
  ];
  law(
    'R7.2-2: whoever has heard the same documents holds the same, in whatever order and however often',
    fc.tuple(
      fc.shuffledSubarray(said, { minLength: said.length }),
      fc.array(fc.nat(said.length - 1), { maxLength: 5 }),
    ),
    ([order, again]) => {
      const [one, other] = [create(), create()];
      for (const say of said) say(one);
      for (const say of [...again.map((i) => said[i]), ...order]) say(other);
      expect(sumOf(other)).to.equal(sumOf(one));
      return true;
    },
    { seed: 722, runs: 100 },
  );
});
