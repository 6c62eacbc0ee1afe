import { expect } from 'chai';
import { Envelope } from '../../core/machine/envelope.ts';
import { POD_FOUND, POD_WRITTEN } from '../../core/machine/kinds.ts';
import type { Node } from '../../core/machine/node-state.ts';
import type { Ref } from '../../core/machine/shape.ts';
import { Contents } from '../../live/contents.ts';
import { PodContexts } from '../../live/pod-contexts.ts';
import { until } from './pilot.ts';

interface WaitingJob {
  isStarted: boolean;
  readonly fetches: { readonly contents: Ref[] }[];
}

/** A node that computes, as far as its jobs and contents go. */
function stage() {
  const jobs: WaitingJob[] = [];
  const contents = new Contents();
  const contexts = new PodContexts({ compute: { jobs } } as unknown as Node, contents);
  const bring = (text: string, kind = POD_FOUND): Ref => {
    const content = contents.put(Buffer.from(text))!;
    const envelope = new Envelope();
    envelope.kind = kind;
    envelope.body = { copy: { versions: [{ content }] } };
    contexts.hear(envelope);
    return content;
  };
  const wait = (content: Ref): WaitingJob => {
    const job = { isStarted: false, fetches: [{ contents: [content] }] };
    jobs.push(job);
    return job;
  };
  return { jobs, contents, contexts, bring, wait };
}

describe('contents of pods that models are given', function () {
  this.timeout(20_000);

  it('R6.1-2: are forgotten when the last that waits with them has begun', async () => {
    const { contents, contexts, bring, wait } = stage();
    const diary = bring('a diary');
    const jobs = [wait(diary), wait(diary)];
    jobs[0]!.isStarted = true;
    contexts.used(diary.hash);
    await new Promise((resolve) => setImmediate(resolve));
    expect(contents.has(diary), 'another waits with it').to.equal(true);
    jobs[1]!.isStarted = true;
    contexts.used(diary.hash);
    expect(contents.has(diary), 'who begins in the same step has it still').to.equal(true);
    expect(await until(() => !contents.has(diary), 1_000)).to.equal(true);
    contexts.close();
  });

  it('R6.1-2: are forgotten soon after whoever waited with them was given up', async () => {
    const { jobs, contents, contexts, bring, wait } = stage();
    const [dropped, awaited] = [bring('a diary'), bring('letters')];
    const written = bring('what an owner brings', POD_WRITTEN);
    const opened = contents.put(Buffer.from('what came sealed'))!;
    wait(dropped);
    wait(awaited);
    jobs.shift();
    jobs.push({ isStarted: false, fetches: [{ contents: [opened] }] });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    jobs.pop();
    expect([dropped, opened].map((content) => contents.has(content))).to.deep.equal([true, true]);
    expect(await until(() => !contents.has(dropped), 10_000)).to.equal(true);
    expect(await until(() => !contents.has(opened), 10_000), 'as it was opened').to.equal(true);
    expect([awaited, written].map((content) => contents.has(content))).to.deep.equal([true, true]);
    contexts.close();
  });
});
