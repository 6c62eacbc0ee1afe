import { ALIVE } from '../../core/cluster/membership/member.ts';
import { SECOND_US } from '../../core/base/time.ts';
import { hashManifest } from '../../core/cluster/presence.ts';
import { ACK, NACK, PING, PING_REQ } from '../../core/machine/kinds.ts';
import { failed, passed, untested, type Check, type Suite } from './exam.ts';
import { until } from './speaker.ts';

const PROBES = 5;
const BEATS = 3;

const answersProbes: Check = {
  what: 'answers probes',
  rule: 'R5.2-2',
  isForMembers: true,
  async find({ node, wire }) {
    const beganUs = wire.wallUs();
    for (let i = 0; i < PROBES; i++) {
      const heard = await node.ask(PING, { items: [] }, [ACK], SECOND_US);
      if (heard === null) return failed(`probe ${i + 1} of ${PROBES} is not answered within a second`);
    }
    return passed(`${PROBES} of ${PROBES}, in ${Math.round((wire.wallUs() - beganUs) / 1_000)} ms together`);
  },
};

const probesMembers: Check = {
  what: 'probes its members',
  rule: 'R5.2-2',
  isForMembers: true,
  async find({ node, wire }) {
    // Each round goes once through all members, one a second.
    const withinUs = (2 * node.members.size + 5) * SECOND_US;
    const isProbed = await until(wire, () => node.pings > 0, withinUs);
    return isProbed ? passed() : failed(`the test node was not probed in ${withinUs / SECOND_US} s`);
  },
};

const probesForOthers: Check = {
  what: 'probes another when asked to',
  rule: 'R5.2-2',
  isForMembers: true,
  async find(exam) {
    const { node, wire } = exam;
    const others = [...node.members.values()].filter(
      ({ peer, state }) => state === ALIVE && peer !== node.peer && peer !== wire.target,
    );
    if (others.length === 0) return untested('there is no third member');
    for (const { peer } of others.slice(0, 3)) {
      const heard = await node.ask(PING_REQ, { target: peer }, [ACK, NACK], 3 * SECOND_US);
      if (heard !== null) return passed(heard.kind === ACK ? 'it is there' : 'it says that it hears nothing');
    }
    return failed('it answers nothing');
  },
};

const beats: Check = {
  what: 'tells index nodes with heartbeats how much it has to do',
  rule: 'R5.2-2',
  isForMembers: true,
  async find(exam) {
    const { node, wire } = exam;
    const count = (): number => node.beats.get(wire.target)?.count ?? 0;
    if (!(await until(wire, () => count() >= BEATS, 20 * SECOND_US)))
      return failed(`${count()} heartbeats in 20 s`);
    const { load } = node.beats.get(wire.target)!.last;
    if (load.running > load.slots && exam.is('compute'))
      return failed(`${load.running} jobs at work in ${load.slots} slots`);
    if (exam.is('compute') && load.slots === 0) return failed('a compute node with no slot');
    const models = load.installedModels.length;
    return passed(
      `${load.running} at work, ${load.queued} waiting, ${models} ${models === 1 ? 'model' : 'models'}`,
    );
  },
};

const announces: Check = {
  what: 'declares itself in a manifest that it has signed',
  rule: 'R4-3',
  isForMembers: true,
  async find({ node, wire }) {
    if (node.beats.has(wire.target)) await until(wire, () => node.manifests.has(wire.target), 10 * SECOND_US);
    const announced = node.manifests.get(wire.target);
    if (announced === undefined)
      return untested('it has sent no heartbeat that would let an index node ask for it');
    const { manifest, version, signature } = announced;
    if (manifest.cluster !== node.cluster) return failed(`the manifest names cluster ${manifest.cluster}`);
    const isSigned = wire.pure.verify(wire.target, hashManifest(wire, manifest, version), signature);
    return isSigned
      ? passed(`${manifest.types.join(', ')} in ${manifest.region}`)
      : failed('the signature is not right');
  },
};

/** As Prometheus reads them: a name, perhaps labels, and a number. */
const SAMPLE = /^[a-zA-Z_:][\w:]*(\{[^}]*\})? [-+]?(\d|NaN|Inf)/;

const hasMetrics: Check = {
  what: 'has metrics that Prometheus can read',
  rule: 'R9-1',
  async find({ wire }) {
    if (wire.metrics === null) return untested('a simulated node has no HTTP');
    const first = await wire.metrics();
    const samples = first.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const broken = samples.find((line) => !SAMPLE.test(line));
    if (samples.length === 0) return failed('there are none');
    return broken === undefined
      ? passed(`${samples.length} samples`)
      : failed(`this is no sample: ${broken.slice(0, 80)}`);
  },
};

export const HEALTH: Suite = {
  name: 'heartbeat-and-metrics',
  requirement: 'Reports health: heartbeat and metrics',
  checks: [answersProbes, probesMembers, probesForOthers, beats, announces, hasMetrics],
  core: { of: 'all', checks: [answersProbes, beats] },
  closing: [],
};
