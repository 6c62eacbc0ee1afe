import { expect } from 'chai';
import { ClusterWatch } from '../../live/cluster-watch.ts';
import type { RunningNode } from '../../live/federation.ts';
import type { NodeView } from '../../live/node-view.ts';

const QUIET: NodeView = {
  members: [2, 0, 0, 0],
  directory: null,
  agents: [0, 0, 0, 0, 0, 0],
  opinions: [],
  pods: null,
};

function nodeOf(name: string, view: Partial<NodeView> | null): RunningNode {
  return {
    name,
    cluster: name.split('/')[0]!,
    types: [],
    folder: '',
    url: '',
    pid: 1,
    isRunning: view !== null,
    view: view === null ? null : { ...QUIET, ...view },
  };
}

describe('what a federation tells of its clusters', () => {
  it('is a line each, in columns, and told again only when it has changed', () => {
    const watch = new ClusterWatch();
    const nodes = [
      nodeOf('france/index', { directory: 2 }),
      nodeOf('france/compute', { agents: [3, 1, 0, 0, 0, 0] }),
      nodeOf('us-east/compute', { members: [1, 0, 1, 0] }),
    ];
    expect(watch.takeNews(nodes)).to.deep.equal([
      'france   members: 2 alive; directory of 2; agents at work: 3',
      'us-east  members: 1 alive, 1 dead; no index node',
    ]);
    expect(watch.takeNews(nodes)).to.deep.equal([]);
    nodes[2] = nodeOf('us-east/compute', null);
    expect(watch.takeNews(nodes)).to.deep.equal(['us-east  no node is running']);
  });

  it('says how many copies of pods there are, and what waits for whom', () => {
    const shelf = { held: 2, bytes: 10, short: 0, deleting: 0, missing: [] };
    const nodes = [
      nodeOf('france/a', { pods: { ...shelf, short: 1 } }),
      nodeOf('france/b', { pods: { ...shelf, deleting: 1, missing: ['france/c'] } }),
    ];
    expect(new ClusterWatch().takeNews(nodes)).to.deep.equal([
      'france  members: 2 alive; no index node; copies of pods: 4, 1 short; deletions waiting: 1, for france/c',
    ]);
  });

  it('is nothing while nodes do not agree, for then it changes', () => {
    const watch = new ClusterWatch();
    const front = nodeOf('france/front', { directory: 2 });
    expect(watch.takeNews([front, nodeOf('france/b', { members: [1, 1, 0, 0] })])).to.deep.equal([]);
    expect(watch.takeNews([front, nodeOf('france/b', { directory: 1 })])).to.deep.equal([]);
    // Who is no member yet says nothing of members.
    expect(watch.takeNews([front, nodeOf('france/b', { members: null })])).to.have.length(1);
  });
});
