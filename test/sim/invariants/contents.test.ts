import { expect } from 'chai';
import { ACCELERATOR } from '../../../core/base/peers.ts';
import type { Envelope } from '../../../core/machine/envelope.ts';
import {
  ANSWER,
  CROSS,
  INFER,
  INFERRED,
  NOTED,
  POD_COPY,
  POD_WRITTEN,
  RUN,
  TESTIMONY,
} from '../../../core/machine/kinds.ts';
import { AnswersDerived } from '../../../sim/invariants/answers-derived.ts';
import { ContentsDeclared } from '../../../sim/invariants/contents-declared.ts';
import { RegionsHonoured } from '../../../sim/invariants/regions-honoured.ts';
import { TrustEarned } from '../../../sim/invariants/trust-earned.ts';
import { TrustHonoured } from '../../../sim/invariants/trust-honoured.ts';
import type { UserRequest } from '../../../sim/users.ts';
import { FRANCE_COMPUTE, FRANCE_FRONT, said, setStage, US_COMPUTE, US_FRONT, type Stage } from './stage.ts';

const answer = (hash: string, servedBy = US_COMPUTE) => ({
  answer: { hash, sizeBytes: 1, keyId: 0 },
  contextTokens: 1,
  generatedTokens: 1,
  servedBy,
  cluster: 'us-east',
  region: 'americas/us-east',
  stage: 2,
  provider: 'simulated',
  queuedUs: 0,
  computedUs: 1,
});

/** A device of the node makes `made` from the prompt of a request. */
function compute({ world, lineage }: Stage, node: number, { want }: UserRequest, made: string): void {
  const job = { originBoot: world.machines[node].bootCount, n: 77 };
  const [request] = world.users.requests;
  lineage.onSent(
    world,
    said(request, { kind: INFER, from: node, to: ACCELERATOR, ...job, body: { ...want, contexts: [] } }),
  );
  const body = { answer: { hash: made, sizeBytes: 1, keyId: 0 } };
  lineage.onHandled(world, said(request, { kind: INFERRED, from: ACCELERATOR, to: node, ...job, body }));
}

describe('the account of contents', () => {
  it('knows what derives from what, and whose prompt it was', () => {
    const stage = setStage();
    const { lineage, european, worldly } = stage;
    compute(stage, US_COMPUTE, worldly, 'made');
    expect(lineage.derivesFrom('made', worldly.want.prompt.hash)).to.equal(true);
    expect(lineage.derivesFrom('made', european.want.prompt.hash)).to.equal(false);
    expect(lineage.requestsOf('made')).to.deep.equal([worldly]);
    expect(lineage.isMadeBy('made', US_COMPUTE)).to.equal(true);
    expect(lineage.isMinted('made up')).to.equal(false);
  });

  it('makes nothing of what a peer says a device said', () => {
    const { world, lineage, worldly } = setStage();
    const body = { answer: { hash: 'forged', sizeBytes: 1, keyId: 0 } };
    lineage.onHandled(world, said(worldly, { kind: INFERRED, from: FRANCE_FRONT, to: US_FRONT, body }));
    expect(lineage.isMinted('forged')).to.equal(false);
  });

  it('knows where copies lie: memory goes with the life of a node', () => {
    const { world, lineage, worldly } = setStage();
    const { hash } = worldly.want.prompt;
    lineage.onHandled(
      world,
      said(worldly, { kind: RUN, from: US_FRONT, to: US_COMPUTE, body: worldly.want }),
    );
    expect(lineage.copiesOf(hash, world.machines)).to.deep.equal([{ node: US_COMPUTE, place: 'memory' }]);
    world.machines[US_COMPUTE].lives++;
    expect(lineage.copiesOf(hash, world.machines)).to.deep.equal([]);
  });
});

describe('the invariant', () => {
  it('trust-earned sees who is given a pod, and who leads one, without being worth it', () => {
    const { world, lineage, worldly } = setStage();
    const invariant = new TrustEarned(lineage);
    const copyTo = (encryptionRequired: boolean): Envelope => {
      const body = { policy: { terms: { policy: { encryptionRequired } } } };
      return said(worldly, { kind: POD_COPY, from: US_FRONT, to: US_COMPUTE, body });
    };
    const written = said(worldly, { kind: POD_WRITTEN, from: US_FRONT, body: { primary: US_COMPUTE } });
    const judged = [4, 3, 2, 1].map((attestedTrust) => {
      Object.assign(world.machines[US_COMPUTE].spec, { claimedTrust: 4, attestedTrust });
      return [copyTo(false), copyTo(true), written].map((envelope) => {
        const before = invariant.violated;
        invariant.onSent(world, envelope);
        return invariant.violated - before;
      });
    });
    expect(judged).to.deep.equal([
      [0, 0, 0],
      [0, 0, 1],
      [1, 0, 1],
      [1, 1, 1],
    ]);
  });

  it('trust-earned sees who works on, and who brings, what its level does not permit', () => {
    const stage = setStage();
    const { world, lineage, worldly } = stage;
    const invariant = new TrustEarned(lineage);
    const run = said(worldly, { kind: RUN, from: US_FRONT, to: US_COMPUTE, body: worldly.want });
    const infer = said(worldly, { kind: INFER, from: US_COMPUTE, to: ACCELERATOR, body: worldly.want });
    for (const envelope of [run, infer]) invariant.onSent(world, envelope);
    expect([invariant.checked, invariant.violated]).to.deep.equal([2, 0]);
    Object.assign(worldly.want, { minTrust: 2 });
    for (const node of [US_FRONT, US_COMPUTE]) Object.assign(world.machines[node].spec, { attestedTrust: 1 });
    for (const envelope of [run, infer]) invariant.onSent(world, envelope);
    expect(invariant.violated).to.equal(2);
    // A vouch counts if its voucher says it itself, may vouch, and has done so for long enough.
    const vouch = { voucher: FRANCE_FRONT, subject: US_COMPUTE, version: 1, level: 2 };
    const dates = { fromWallUs: 0, untilWallUs: 2 ** 51, signature: '' };
    const testimony = {
      speaker: FRANCE_FRONT,
      attestations: [],
      vouches: [{ ...vouch, ...dates }],
      audits: [],
    };
    const told = said(worldly, { kind: TESTIMONY, from: FRANCE_FRONT, body: { testimony, hopsLeft: 1 } });
    invariant.onSent(world, { ...told, from: US_FRONT } as typeof told);
    invariant.onSent(world, told);
    invariant.onSent(world, infer);
    expect(invariant.violated).to.equal(3);
    Object.assign(world, { nowUs: world.nowUs + world.scenario.parameters.risePeerUs });
    invariant.onSent(world, infer);
    expect(invariant.violated).to.equal(3);
    Object.assign(world.machines[FRANCE_FRONT].spec, { attestedTrust: 2 });
    invariant.onSent(world, infer);
    expect(invariant.violated).to.equal(4);
  });

  it('trust-honoured sees a prompt brought to a node that claims more than was attested', () => {
    const { world, lineage, worldly } = setStage();
    const invariant = new TrustHonoured(lineage);
    const run = said(worldly, { kind: RUN, from: US_FRONT, to: US_COMPUTE, body: worldly.want });
    invariant.onHandled(world, run);
    expect([invariant.checked, invariant.violated]).to.deep.equal([1, 0]);
    Object.assign(worldly.want, { minTrust: 3 });
    Object.assign(world.machines[US_COMPUTE].spec, { claimedTrust: 4, attestedTrust: 2 });
    // What the envelope says was asked for does not count: the user knows best.
    invariant.onHandled(world, said(worldly, { ...run, body: { ...worldly.want, minTrust: 1 } }));
    expect(invariant.violated).to.equal(1);
    expect(invariant.breaches[0].what).to.match(/seen by trust 3, and came to us-east\/compute of trust 2/);
  });

  describe('regions-honoured', () => {
    const cross = ({ want }: UserRequest) => ({ want, path: ['france'] });

    it('sees a prompt cross, and be computed on, where it may not', () => {
      const { world, lineage, european, worldly } = setStage();
      const invariant = new RegionsHonoured(lineage);
      const bring = (request: UserRequest, kind: number, to: number, body: unknown) =>
        invariant.onHandled(world, said(request, { kind, from: FRANCE_FRONT, to, body }));
      bring(worldly, CROSS, US_FRONT, cross(worldly));
      bring(worldly, RUN, US_COMPUTE, worldly.want);
      bring(european, CROSS, FRANCE_FRONT, { want: european.want, path: [] });
      expect([invariant.checked, invariant.violated]).to.deep.equal([3, 0]);
      bring(european, CROSS, US_FRONT, cross(european));
      bring(european, RUN, US_COMPUTE, european.want);
      expect(invariant.violated).to.equal(2);
    });

    it('sees that what was made of a prompt is where the prompt may not be, whoever’s request it travels with', () => {
      const stage = setStage();
      const { world, lineage, european, worldly } = stage;
      const invariant = new RegionsHonoured(lineage);
      compute(stage, FRANCE_COMPUTE, european, 'made');
      const body = answer('made', FRANCE_COMPUTE);
      invariant.onHandled(world, said(worldly, { kind: ANSWER, from: FRANCE_FRONT, to: US_FRONT, body }));
      expect(invariant.violated).to.equal(1);
    });

    it('lets a prompt be at home, and computed on only where it is allowed', () => {
      const { world, lineage, european } = setStage();
      const invariant = new RegionsHonoured(lineage);
      Object.assign(european.want, { allowedRegions: ['americas'] });
      const bring = (kind: number, to: number, body: unknown) =>
        invariant.onHandled(world, said(european, { kind, from: FRANCE_FRONT, to, body }));
      bring(CROSS, FRANCE_FRONT, { want: european.want, path: [] });
      expect(invariant.violated).to.equal(0);
      bring(RUN, FRANCE_COMPUTE, european.want);
      expect(invariant.violated).to.equal(1);
    });
  });

  describe('answers-derived', () => {
    it('sees an answer to another’s question, one that nobody computed, and one that names another node', () => {
      const stage = setStage();
      const { world, lineage, european, worldly } = stage;
      compute(stage, US_COMPUTE, worldly, 'made');
      const invariant = new AnswersDerived(lineage);
      const give = (request: UserRequest, hash: string, servedBy?: number) =>
        invariant.onHandled(
          world,
          said(request, { kind: ANSWER, from: FRANCE_FRONT, to: request.user, body: answer(hash, servedBy) }),
        );
      give(worldly, 'made');
      expect([invariant.checked, invariant.violated]).to.deep.equal([1, 0]);
      give(european, 'made');
      give(worldly, 'made up');
      give(worldly, worldly.want.prompt.hash);
      give(worldly, 'made', FRANCE_COMPUTE);
      expect(invariant.violated).to.equal(4);
    });
  });

  describe('contents-declared', () => {
    it('sees a content that nobody has made, one in a field that is not declared, and one in a text', () => {
      const { world, lineage, worldly } = setStage();
      const invariant = new ContentsDeclared(lineage);
      const { want } = worldly;
      const run = (body: unknown) =>
        invariant.onHandled(world, said(worldly, { kind: RUN, from: US_FRONT, to: US_COMPUTE, body }));
      run(want);
      expect([invariant.checked, invariant.violated]).to.deep.equal([1, 0]);
      run({ ...want, prompt: { ...want.prompt, hash: 'unheard-of' } });
      run({ ...want, copy: want.prompt });
      run({ ...want, model: `b, of ${want.prompt.hash}` });
      const note = { note: 0, model: want.prompt.hash, chosen: 0, stage: 0, code: 0, struck: [], why: '' };
      invariant.onNoted(world, said(worldly, { kind: NOTED, from: US_FRONT, body: note }));
      expect(invariant.violated).to.equal(4);
    });

    it('sees one in the state of a node', () => {
      const { world, lineage, worldly } = setStage();
      const invariant = new ContentsDeclared(lineage);
      const { node } = world.machines[FRANCE_FRONT];
      node.gateway = null;
      node.bridge = null;
      for (const machine of world.machines) machine.isUp = machine.index === FRANCE_FRONT;
      node.signature = `for ${worldly.want.prompt.hash}`;
      invariant.onTick(world);
      expect(invariant.violated).to.equal(1);
      expect(invariant.breaches[0].what).to.match(/^the state of france\/front names a content in a text/);
    });
  });
});
