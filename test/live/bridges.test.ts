import { expect } from 'chai';
import { startFederation, type Federation } from '../../live/federation.ts';
import { replayJournal } from '../../live/replay.ts';
import { ask, askUntil, journalsOf, makeFolder, pilotNode, pilotOf, removeFolder } from './pilot.ts';

const QUESTION = { model: 'far', text: 'Where does the water go?', regions: ['eu', 'americas'] };

describe('a live pilot with two bridges', function () {
  this.timeout(90_000);
  let folder: string;
  let federation: Federation;

  before(async () => {
    folder = makeFolder();
    const nodes = [
      pilotNode('france/front', 'eu/fr', ['gateway', 'index']),
      pilotNode('france/bridge-1', 'eu/fr', ['bridge']),
      pilotNode('france/bridge-2', 'eu/fr', ['bridge']),
      pilotNode('brazil/front', 'americas/br', ['index', 'bridge', 'compute'], ['far']),
    ];
    federation = await startFederation(pilotOf(nodes, [['france', 'brazil']]), { folder });
  });

  after(async () => {
    await federation.stop();
    removeFolder(folder);
  });

  it('R5.2-4: goes on over the other when one is lost', async () => {
    const url = federation.gatewayUrls[0]!;
    const first = await askUntil(url, QUESTION, ({ status }) => status === 200, 20_000);
    expect(first.body).to.include({ servedBy: 'brazil/front', stage: 'federation' });
    await federation.kill('france/bridge-1');
    // What is on its way to the lost one may be refused while nobody has noticed yet.
    await askUntil(url, QUESTION, ({ status }) => status === 200, 20_000);
    const replies = [];
    for (let i = 0; i < 20; i++)
      replies.push(await askUntil(url, QUESTION, ({ status }) => status === 200, 8_000));
    expect(replies.map(({ status }) => status)).to.deep.equal(replies.map(() => 200));
    expect((await ask(url, QUESTION)).body['servedBy']).to.equal('brazil/front');
  });

  it('and the journals of those that are left replay to equal outboxes', async () => {
    await federation.stop();
    for (const node of federation.nodes) {
      const [journal] = journalsOf(node);
      expect(replayJournal(journal!).verdict, node.name).to.equal('equal');
    }
  });
});
