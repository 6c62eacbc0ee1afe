import { expect } from 'chai';
import { LiveRecorder } from '../../live/live-recorder.ts';
import type { NodeReport } from '../../live/process-messages.ts';
import type { NodeView, Opinion } from '../../live/node-view.ts';
import type { FrameHeader } from '../../sim/frame.ts';
import { until } from './pilot.ts';

const NAMES = ['france/a', 'france/b', 'france/c', 'japan/a'];

const HEADER: FrameHeader = {
  ...{ format: 1, source: 'live', name: 'pilot', about: '', seed: 1, durationUs: 0, periodUs: 1_000_000 },
  ...{ regions: [], clusters: [], peerings: [], faults: [] },
  nodes: NAMES.map((name) => ({
    ...{ name, cluster: name.split('/')[0]!, region: 'eu/fr', types: [], trust: 3, models: [] },
  })),
};

function reportOf(opinions: Opinion[], pods: NodeView['pods'] = null): NodeReport {
  const view = { members: [3, 0, 0, 0], directory: null, agents: [], opinions, pods };
  return { type: 'report', state: 'up', load: 0, open: 0, view, traffic: [] };
}

describe('what a live federation shows of its nodes', function () {
  this.timeout(10_000);

  it('is what most of a cluster think of a member, when that changes, and what pod hosts keep', async () => {
    const recorder = new LiveRecorder(HEADER, NAMES);
    const { frames } = recorder.source;
    const shelf = { held: 2, bytes: 10, short: 1, deleting: 0, missing: [] };
    recorder.onMessage(0, reportOf([['france/c', 'dead']], shelf));
    recorder.onMessage(1, reportOf([['france/c', 'dead']]));
    recorder.onMessage(2, reportOf([['france/a', 'suspect']]));
    recorder.onMessage(3, reportOf([]));
    expect(await until(() => frames.length === 1, 3_000)).to.equal(true);
    // One of two is no majority.
    expect(frames[0]).to.deep.include({ regards: [[2, 'dead']], pods: [[0, 2, 1, 0]] });
    expect(frames[0]!.changes!.map(({ node, what }) => [node, what])).to.deep.equal([[2, 'dead']]);
    recorder.onMessage(0, reportOf([], shelf));
    recorder.onMessage(1, reportOf([]));
    recorder.onMessage(2, reportOf([]));
    expect(await until(() => frames.length === 2, 3_000)).to.equal(true);
    expect(frames[1]!.regards).to.deep.equal([]);
    expect(frames[1]!.changes!.map(({ node, what }) => [node, what])).to.deep.equal([[2, 'back']]);
    recorder.close();
  });
});
