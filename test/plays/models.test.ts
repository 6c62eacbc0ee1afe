import type { Envelope } from '../../core/machine/envelope.ts';
import * as kinds from '../../core/machine/kinds.ts';
import type { ChunkBrought } from '../../core/models/model-bodies.ts';
import { createCluster, pointTo, putOnDisk, release, tellNode } from '../publisher.ts';
import { SECOND_US, type Rig } from '../rig.ts';
import { Play } from './play.ts';

const PULL = [
  kinds.FIND_HOLDERS,
  kinds.HOLDER,
  kinds.PAGE_WANTED,
  kinds.MODEL_PAGE,
  kinds.CHUNK_WANTED,
  kinds.CHUNK,
  kinds.LOAD_MODEL,
  kinds.MODEL_LOADED,
  kinds.NOTED,
];
const ROLLOUT = [kinds.LOAD_MODEL, kinds.MODEL_LOADED, kinds.UNLOAD_MODEL, kinds.MODEL_UNLOADED, kinds.NOTED];

/** A node is asked so many requests; its accelerator answers them with an error, or not. */
function serve(rig: Rig, node: string, count: number, error: string): void {
  for (let i = 0; i < count; i++) {
    const body = rig.want({ model: 'm', notAfterWallUs: rig.nowUs + rig.wallOffsetUs + 30 * SECOND_US });
    const asked = rig.ask('ann', 'front', rig.sent.length);
    rig.deliver(Object.assign(asked, { kind: kinds.RUN, to: rig.peer(node), from: rig.peer('front'), body }));
    rig.wire.length = 0;
    rig.infer(node, error);
    rig.pump();
  }
}

describe('plays of models', () => {
  it('a model pulled from three, one of which lies', () => {
    const rig = createCluster(4);
    const first = release(rig, 1, 6);
    for (const name of ['c1', 'c2', 'c3']) putOnDisk(rig, name, first, true);
    rig.drops = (envelope: Envelope) => {
      if (envelope.kind !== kinds.CHUNK || envelope.from !== rig.peer('c2')) return false;
      const body = envelope.body as ChunkBrought;
      envelope.body = { ...body, chunk: { ...body.chunk, hash: 'a lie' } };
      return false;
    };
    for (const name of ['front', 'c1', 'c2', 'c3']) rig.boot(name);
    rig.pump();
    rig.advance(8 * SECOND_US);
    const play = new Play(rig);
    play.act('Three nodes have the model', []);
    rig.boot('c4');
    rig.pump();
    rig.advance(10 * SECOND_US);
    play.act('A fourth hears of it, pulls it, and is lied to once', PULL);
    play.compare('a-model-pulled-from-three');
  });

  it('a version tried, rolled back, and the next one taken over', () => {
    const rig = createCluster(3);
    const [first, second, third] = [1, 2, 3].map((version) => release(rig, version, 2));
    for (const name of ['c1', 'c2', 'c3']) putOnDisk(rig, name, first!, true);
    for (const one of [second!, third!]) putOnDisk(rig, 'c1', one, false);
    rig.start();
    const play = new Play(rig);
    play.act('Three nodes run the first version', []);
    tellNode(rig, 'c2', { entries: [second!.entry], channels: [pointTo(rig, second!, 2, first!.id)] });
    rig.advance(15 * SECOND_US);
    const canary = ['c1', 'c2', 'c3'].find((name) => rig.node(name).models!.currents.get('m')!.isTrial)!;
    play.act('The publisher points at the second: one of them tries it', ROLLOUT);
    serve(rig, canary, 3, 'broken');
    rig.advance(20 * SECOND_US);
    play.act('It fails three times', ROLLOUT);
    tellNode(rig, 'c3', { entries: [third!.entry], channels: [pointTo(rig, third!, 3, second!.id)] });
    rig.advance(20 * SECOND_US);
    play.act('The publisher points at the third', ROLLOUT);
    rig.advance(60 * SECOND_US);
    play.act('It does well', ROLLOUT);
    play.compare('a-version-tried-and-rolled-back');
  });
});
