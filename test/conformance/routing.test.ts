// One suite, two drivers: what a federation must do with a request, simulated and live.
import { expect } from 'chai';
import { ERROR_CODES, STAGES, STRIKES } from '../../core/routing/outcomes.ts';
import { startFederation } from '../../live/federation.ts';
import type { ResolvedScenario, ResolvedWorkload } from '../../sim/scenario/resolved.ts';
import { World } from '../../sim/world.ts';
import { ask, askUntil, makeFolder, removeFolder, sleep, threeClusters } from '../live/pilot.ts';

interface Question {
  readonly cluster: string;
  readonly model: string;
  readonly regions: readonly string[];
  readonly minTrust: number;
}

/** How a request ended: OK or an error code, where and by whom it was served, and who was struck out for what. */
interface Ended {
  readonly outcome: string;
  readonly stage: string | null;
  readonly server: string | null;
  readonly struck: readonly string[];
}

interface Case extends Question {
  readonly title: string;
  readonly ended: Ended;
}

const NEAR = 'watershed/hashed-ngrams-v1';
const FAR = 'watershed/hashed-ngrams-b-v1';

/** In threeClusters, France and Japan run NEAR; FAR is us-east's alone, whose nodes are attested `community`. */
const CASES: readonly Case[] = [
  {
    title: 'R5.3-1: the cluster serves what it can',
    ...{ cluster: 'france', model: NEAR, regions: ['eu'], minTrust: 4 },
    ended: served('cluster', 'france/compute-1'),
  },
  {
    title: 'R5.3-1: what it cannot, the federation does',
    ...{ cluster: 'france', model: FAR, regions: ['eu', 'americas'], minTrust: 3 },
    ended: served('federation', 'us-east/compute-1'),
  },
  {
    title: 'R5.3-1: from every side',
    ...{ cluster: 'us-east', model: NEAR, regions: ['asia-pac'], minTrust: 4 },
    ended: served('federation', 'japan/compute-1'),
  },
  {
    title:
      'R5.3-4: a prompt does not leave the regions that it may be computed on in, and each who was passed over is named',
    ...{ cluster: 'france', model: FAR, regions: ['eu', 'asia-pac'], minTrust: 1 },
    ended: refused(
      'NO_ELIGIBLE_NODE',
      'france/compute-1: does not offer the model',
      'us-east/coordinator-1: region not allowed',
    ),
  },
  {
    title: 'R4-4: trust that is claimed and not attested does not count',
    ...{ cluster: 'japan', model: FAR, regions: ['americas'], minTrust: 4 },
    ended: refused(
      'TRUST_TOO_LOW',
      'japan/compute-1: region not allowed',
      'us-east/compute-1: trust too low',
    ),
  },
  {
    title: 'R5.3-1: a model that nobody has heard of is no matter of capacity',
    ...{ cluster: 'france', model: 'unheard-of', regions: ['eu'], minTrust: 1 },
    ended: refused('UNKNOWN_MODEL'),
  },
];

function served(stage: string, server: string): Ended {
  return { outcome: 'OK', stage, server, struck: [] };
}

function refused(outcome: string, ...struck: string[]): Ended {
  return { outcome, stage: null, server: null, struck };
}

type Answer = (question: Question) => Promise<Ended>;

/** `open` makes a federation that has settled. */
function describeRouting(
  driver: string,
  open: () => Promise<{ answer: Answer; close: () => Promise<void> }>,
): void {
  describe(`routing, ${driver}`, function () {
    this.timeout(60_000);
    let federation: Awaited<ReturnType<typeof open>>;

    before(async () => {
      federation = await open();
    });

    after(() => federation?.close());

    for (const { title, ended, ...question } of CASES) {
      it(title, async () => expect(await federation.answer(question)).to.deep.equal(ended));
    }
  });
}

describeRouting('simulated', async () => ({
  answer: async (question) => simulate(threeClusters(), question),
  close: async () => undefined,
}));

describeRouting('live', async () => {
  const folder = makeFolder();
  const federation = await startFederation(threeClusters(), { folder });
  const urlOf = (cluster: string): string =>
    federation.nodes.find(({ name, types }) => name.startsWith(`${cluster}/`) && types.includes('gateway'))!
      .url;
  const answer: Answer = async ({ cluster, model, regions, minTrust }) => {
    const { status, body } = await ask(urlOf(cluster), { model, text: 'water', regions, minTrust });
    if (status === 200) return served(body['stage'], body['servedBy']);
    const struck = body['struck'] as { node: string; reason: string }[];
    return refused(body['code'], ...struck.map(({ node, reason }) => `${node}: ${reason}`));
  };
  const everywhere = ['eu', 'americas', 'asia-pac'];
  for (const cluster of ['france', 'us-east', 'japan']) {
    for (const model of [NEAR, FAR])
      await askUntil(
        urlOf(cluster),
        { model, text: 'x', regions: everywhere },
        ({ status }) => status === 200,
      );
  }
  await sleep(1_000);
  return {
    answer,
    close: async () => {
      await federation.stop();
      removeFolder(folder);
    },
  };
});

/** Asks one question after ten simulated seconds. */
function simulate(scenario: ResolvedScenario, { cluster, model, regions, minTrust }: Question): Ended {
  const fromUs = 10_000_000;
  const workload: ResolvedWorkload = {
    ...{ cluster, users: 1, fromUs, untilUs: fromUs + 1_500_000 },
    ...{ meanGapUs: 1_000_000, gapQuantiles: [1_000_000, 1_000_000] },
    ...{ contextTokens: [10, 10], generatedTokens: [10, 10], bytesPerToken: 4, deadlineUs: 20_000_000 },
    asks: [{ model, weight: 1, minTrust, allowedRegions: regions }],
  };
  const world = new World({ ...scenario, workloads: [workload] });
  world.start();
  world.run(40_000_000);
  const [request, ...more] = world.users.requests;
  expect(more).to.deep.equal([]);
  const { code, answer, refused: refusal } = request!;
  const nameOf = (peer: number): string => world.identities.names[peer]!;
  if (answer !== null) return served(STAGES[answer.stage]!, nameOf(answer.servedBy));
  const struck = (refusal?.struck ?? []).map(({ peer, reason }) => `${nameOf(peer)}: ${STRIKES[reason]!}`);
  return refused(ERROR_CODES[code]!, ...struck);
}
