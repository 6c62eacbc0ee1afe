import * as kinds from '../../core/machine/kinds.ts';
import { podCluster, PodOwner, signPolicy } from '../pods.ts';
import { Rig, SECOND_US } from '../rig.ts';
import { Play } from './play.ts';

const OF_PODS = [
  kinds.POD_WRITE,
  kinds.POD_READ,
  kinds.POD_DELETE,
  kinds.POD_RULE,
  kinds.POD_WRITTEN,
  kinds.POD_FOUND,
  kinds.POD_DELETED,
  kinds.POD_RULED,
  kinds.POD_COPY,
  kinds.POD_OFFER,
  kinds.POD_KEPT,
  kinds.POD_LAW,
  kinds.POD_LAW_KEPT,
  kinds.REFUSED,
];

describe('plays of pods', () => {
  it('a pod written, copied, read, and deleted with one holder away', () => {
    const rig = new Rig(podCluster(['eu/fr', 'eu/fr', 'eu/fr'])).start();
    const play = new Play(rig);
    const ann = new PodOwner(rig);
    play.act('Before', []);
    ann.write(signPolicy(rig.cast, ann.peer, 1, 1), 'diary', [], SECOND_US / 4);
    play.act('Ann writes: acknowledged when two have it on disk', OF_PODS);
    rig.advance(10 * SECOND_US);
    play.act('The hosts look after it', OF_PODS);
    ann.read();
    play.act('She reads', OF_PODS);
    rig.crash('host-2');
    rig.advance(20 * SECOND_US);
    play.act('One host has gone', []);
    const n = ann.send(kinds.POD_DELETE, { deletion: ann.deletion(), circle: [] }, 2 * SECOND_US);
    rig.pump();
    rig.advance(3 * SECOND_US);
    play.act('She deletes it: not certified, and she is told who is missing', OF_PODS);
    if (ann.answerTo(n) === null) throw new Error('she was told nothing');
    rig.boot('host-2');
    rig.pump();
    rig.advance(5 * SECOND_US);
    play.act('The host comes back, with its disk full of what has been deleted', OF_PODS);
    ann.send(kinds.POD_DELETE, { deletion: ann.deletion(), circle: [] }, 2 * SECOND_US);
    rig.pump();
    rig.advance(3 * SECOND_US);
    play.act('She asks again: certified', OF_PODS);
    ann.read();
    play.act('There is nothing to read', OF_PODS);
    play.compare('a-pod-and-its-end');
  });

  it('what a policy refuses', () => {
    const rig = new Rig(podCluster(['eu/fr', 'eu/de', 'eu/de'])).start();
    const play = new Play(rig);
    const ann = new PodOwner(rig);
    play.act('Before', []);
    ann.write(signPolicy(rig.cast, ann.peer, 1, 1, { requiredRegion: 'asia' }), 'diary');
    play.act('A policy that contradicts itself', OF_PODS);
    ann.write(signPolicy(rig.cast, ann.peer, 1, 1), 'diary', [], 10 * SECOND_US);
    play.act('At home only: one host may have it, and she is told that it is fragile', OF_PODS);
    ann.rule(signPolicy(rig.cast, ann.peer, 1, 2, { allowedRegions: ['asia'], crossBorderAllowed: true }));
    play.act('A place where there is no host', OF_PODS);
    new PodOwner(rig, 'ben').read(ann.peer);
    play.act('Ben reads, and nobody has asked Ann', OF_PODS);
    play.compare('what-a-policy-refuses');
  });
});
