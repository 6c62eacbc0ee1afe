import { expect } from 'chai';
import { awaitOrder, describeWait, type Wait } from '../../cli/model-wait.ts';
import { CallFailed } from '../../live/caller.ts';
import type { ListedModel, ListedVersion } from '../../live/models-http.ts';

const PATIENCE = { lookMs: 2, stallMs: 40 };

describe('waiting for what a node was told to do with a model', () => {
  it('says what it waits for once, and gives up when nothing changes, with the reason', async () => {
    const told: string[] = [];
    const never = new Promise<never>(() => undefined);
    let looks = 0;
    // It goes on for longer than the patience while something comes of it.
    const look = (): Promise<Wait> => {
      const progress = String(Math.min(++looks, 30));
      return Promise.resolve({ what: 'it is being fetched', progress });
    };
    const end: unknown = await awaitOrder(never, look, (what) => told.push(what), PATIENCE).catch(
      (error: unknown) => error,
    );
    expect(end).to.be.instanceOf(CallFailed);
    expect((end as Error).message).to.match(/^nothing has changed for 0 s, .*: it is being fetched$/);
    expect(told).to.deep.equal(['it is being fetched']);
    expect(looks).to.be.greaterThan(30);
  });

  it('gives what was asked for, or why it was refused', async () => {
    const look = (): Promise<Wait> => Promise.resolve({ what: '', progress: '' });
    const later = new Promise((resolve) => setTimeout(() => resolve('done'), 10));
    expect(await awaitOrder(later, look, () => undefined, PATIENCE)).to.equal('done');
    const refused = Promise.reject(new CallFailed('NOT_ADMITTED'));
    const end: unknown = await awaitOrder(refused, look, () => undefined, PATIENCE).catch(
      (error: unknown) => error,
    );
    expect((end as Error).message).to.equal('NOT_ADMITTED');
  });

  it('tells a fetch, one that nobody can serve, and a trial apart', () => {
    const version = { id: 'b', version: 2, chunks: 3, held: 1 } as ListedVersion;
    const stable = { id: 'b', sequence: 2, previous: '' };
    const model: ListedModel = { name: 'm', stable, runs: null, versions: [version] };
    const whatOf = (one: ListedModel | undefined, holders: number | null): string =>
      describeWait(one, holders).what;
    expect(whatOf(model, 1)).to.equal('version 2 is being fetched');
    expect(whatOf(model, 0)).to.equal(
      'version 2 is being fetched, and no other node that answers has all of it',
    );
    const onTrial = { ...model, runs: { id: 'b', isTrial: true, isLoaded: true } };
    expect(whatOf(onTrial, 1)).to.match(/^version 2 is on trial/);
    expect(whatOf({ ...model, versions: [{ ...version, held: 3 }] }, 0)).to.match(/waits for its turn$/);
    // Nobody has tried it: the one before is what is waited for, unless that is withdrawn.
    const before = { ...version, id: 'a', version: 1, held: 0, verdict: null, withdrawnFrom: null };
    const untried = {
      ...model,
      stable: { ...stable, previous: 'a' },
      versions: [{ ...version, held: 3 }, before],
    };
    expect(whatOf(untried, 0)).to.match(/begins with version 1; that is .* to begin with 2, withdraw 1/);
    const versions = [untried.versions[0]!, { ...before, withdrawnFrom: 'now' }];
    expect(whatOf({ ...untried, versions }, 0)).to.match(/^version 2 is there/);
    expect(whatOf(undefined, null)).to.equal('the node does not know what to run');
  });
});
