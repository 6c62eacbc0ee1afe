import { SECOND_US } from '../../core/base/time.ts';
import { ANSWER, ASK, CROSS, REFUSED, RUN, type Answer } from '../../core/machine/kinds.ts';
import { coversRegion } from '../../core/policy/regions.ts';
import {
  ELSEWHERE,
  failed,
  passed,
  untested,
  type Check,
  type Exam,
  type Finding,
  type Suite,
} from './exam.ts';
import { POD_CHECKS, POD_CLOSING, POD_CORE } from './pod-checks.ts';
import { describeAnswer } from './speaker.ts';

const SERVED_US = 25 * SECOND_US;

const computesWhereAllowed: Check = {
  what: 'computes nothing that may not be computed where it lies',
  rule: 'R5.3-4',
  isForMembers: true,
  role: 'compute',
  async find(exam) {
    const { node, wire, region } = exam;
    const model = exam.modelAt(wire.target);
    if (model === null) return untested('it offers no model');
    const stray = await node.ask(RUN, exam.want(model, [ELSEWHERE]), [ANSWER], SERVED_US);
    if (stray?.kind !== REFUSED) return failed(`asked for ${ELSEWHERE} only: ${describeAnswer(stray)}`);
    const here = await node.ask(RUN, exam.want(model, [region]), [ANSWER], SERVED_US);
    if (here?.kind !== ANSWER)
      return untested(`it does not compute where it may either: ${describeAnswer(here)}`);
    const { region: said } = here.body as Answer;
    return said === region
      ? passed()
      : failed(`it says that it has computed in ${said}, and lies in ${region}`);
  },
};

const keepsPromptsIn: Check = {
  what: 'passes no prompt on to where it may not be computed',
  rule: 'R5.3-4',
  role: 'gateway',
  async find(exam) {
    const { person, region } = exam;
    const model = exam.modelAnywhere();
    if (model === null) return untested('nobody in its cluster has told the test node of a model');
    const stray = await person.ask(ASK, exam.want(model, [ELSEWHERE]), [ANSWER], SERVED_US);
    if (stray?.kind !== REFUSED) return failed(`asked for ${ELSEWHERE} only: ${describeAnswer(stray)}`);
    const here = await person.ask(ASK, exam.want(model, [region]), [ANSWER], SERVED_US);
    if (here?.kind !== ANSWER)
      return untested(`it is not answered where it may be either: ${describeAnswer(here)}`);
    return judgePlace(exam, here.body as Answer);
  },
};

/** Where the answer comes from by its own word, and by the manifest of whoever gave it. */
function judgePlace({ node, region: allowed }: Exam, { region, servedBy }: Answer): Finding {
  if (!coversRegion(allowed, region)) return failed(`it was computed in ${region}, and may be in ${allowed}`);
  const declared = node.manifests.get(servedBy)?.manifest.region;
  if (declared !== undefined && declared !== region)
    return failed(`it says ${region}, and lies in ${declared}`);
  return passed(`answered in ${region}`);
}

const crossesOnlyWhereAllowed: Check = {
  what: 'takes no prompt over a border to where it may not be computed',
  rule: 'R5.3-4',
  isForMembers: true,
  role: 'bridge',
  async find(exam) {
    const want = exam.want(exam.modelAnywhere() ?? 'conform/none', [ELSEWHERE]);
    const heard = await exam.node.ask(CROSS, { want, path: [] }, [ANSWER], SERVED_US);
    return heard?.kind === REFUSED ? passed(describeAnswer(heard)) : failed(describeAnswer(heard));
  },
};

export const REGION: Suite = {
  name: 'data-in-region',
  requirement: 'Data stays where it may be',
  checks: [computesWhereAllowed, keepsPromptsIn, crossesOnlyWhereAllowed, ...POD_CHECKS],
  core: { of: 'any', checks: [computesWhereAllowed, keepsPromptsIn, ...POD_CORE] },
  closing: POD_CLOSING,
};
