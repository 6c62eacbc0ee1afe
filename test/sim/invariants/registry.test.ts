import { expect } from 'chai';
import { Envelope } from '../../../core/machine/envelope.ts';
import { EVIDENCE, FOUND, MANIFEST, ROWS, type Announcement } from '../../../core/machine/kinds.ts';
import { ManifestsAuthentic } from '../../../sim/invariants/manifests-authentic.ts';
import { QuarantineHolds } from '../../../sim/invariants/quarantine-holds.ts';
import { OWED } from '../../../sim/owed.ts';
import { tinyNode, tinyScenario } from '../tiny-scenario.ts';
import { FRANCE_COMPUTE, FRANCE_FRONT, setStage, type Stage } from './stage.ts';

/** What the compute node of France has announced, and the same with another body under the same version. */
function facesOf({ world }: Stage): [Announcement, Announcement] {
  const { directory } = world.machines[FRANCE_FRONT].node.index!;
  const first = directory.at(directory.slotOf(FRANCE_COMPUTE));
  return [first, { ...first, manifest: { ...first.manifest, claimedTrust: 1 } }];
}

const sent = (kind: number, from: number, to: number, body: unknown): Envelope =>
  Object.assign(new Envelope(), { kind, from, to, body });

describe('invariants of the registry', () => {
  it('manifests-authentic sees what is listed and was never announced by its subject', () => {
    const stage = setStage();
    const { world, lineage } = stage;
    const invariant = new ManifestsAuthentic(lineage);
    for (const { node } of world.machines) {
      const body = {
        manifest: node.config.manifest,
        version: { epoch: node.epoch, version: node.manifestVersion },
      };
      invariant.onSent(world, sent(MANIFEST, node.self, FRANCE_FRONT, body));
    }
    invariant.onTick(world);
    expect([invariant.checked, invariant.violated]).to.deep.equal([4, 0]);
    const { node } = world.machines[FRANCE_FRONT];
    const [, forged] = facesOf(stage);
    invariant.onSent(world, sent(MANIFEST, FRANCE_FRONT, FRANCE_FRONT, forged));
    node.index!.directory.put(node.pure, forged, 'hash', 0, 0);
    invariant.onTick(world);
    expect(invariant.breaches.map(({ what }) => what)).to.deep.equal([
      'france/front lists france/compute as it never announced itself',
    ]);
  });

  const ways: [string, (faces: [Announcement, Announcement]) => [number, unknown]][] = [
    ['by a manifest', ([, second]) => [MANIFEST, second]],
    ['by another index node', ([, second]) => [ROWS, { rows: [{ announced: second }] }]],
    ['by evidence', ([first, second]) => [EVIDENCE, { evidence: { first, second } }]],
  ];
  for (const [what, tell] of ways) {
    it(`quarantine-holds sees who is offered after it was proved guilty ${what}`, () => {
      const stage = setStage();
      const { world, lineage } = stage;
      const invariant = new QuarantineHolds(lineage);
      const faces = facesOf(stage);
      const [kind, body] = tell(faces);
      const offer = (): number => {
        const found = { candidates: [{ peer: FRANCE_COMPUTE }], bridges: [FRANCE_FRONT] };
        invariant.onSent(world, sent(FOUND, FRANCE_FRONT, FRANCE_FRONT, found));
        return invariant.violated;
      };
      invariant.onHandled(world, sent(kind, FRANCE_FRONT, FRANCE_FRONT, body));
      expect(offer(), 'who has not said it is not guilty of it').to.equal(0);
      for (const face of faces) invariant.onSent(world, sent(MANIFEST, FRANCE_COMPUTE, FRANCE_FRONT, face));
      invariant.onHandled(world, sent(kind, FRANCE_FRONT, FRANCE_FRONT, body));
      expect(offer()).to.equal(1);
      expect(invariant.breaches[0].what).to.equal(
        'france/front offers france/compute, which it has seen equivocate',
      );
      world.machines[FRANCE_FRONT].lives++;
      expect(offer(), 'a crash forgets').to.equal(1);
    });
  }

  it('directories-converge is owed where two index nodes list a node in two versions', () => {
    const nodes = [...tinyScenario().nodes, tinyNode('france/index', 'france', 'eu/fr', ['index'])];
    const { world } = setStage({ nodes });
    const owed = (): string[] => OWED['directories-converge'](world, world.machines);
    expect(owed()).to.deep.equal([]);
    const { node } = world.machines[FRANCE_FRONT];
    const { directory } = node.index!;
    const known = directory.at(directory.slotOf(FRANCE_COMPUTE));
    const { epoch } = known.version;
    directory.put(node.pure, { ...known, version: { epoch, version: 7 } }, 'hash', 0, 0);
    expect(owed()).to.deep.equal([
      `france/front lists france/compute in version ${epoch}.7, france/index in version ${epoch}.1`,
    ]);
    directory.drop(node.pure, directory.slotOf(FRANCE_COMPUTE));
    expect(owed()[0]).to.match(/lists france\/compute not at all, /);
  });
});
