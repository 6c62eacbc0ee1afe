import { HOUR_US, MINUTE_US, MS_US, SECOND_US } from '../base/time.ts';

export interface ParameterEntry {
  readonly default: number;
  readonly unit: 'us' | 'count' | 'ppm';
  readonly least: number;
  readonly most: number;
  readonly source: string;
  readonly about: string;
}

function us(value: number, most: number, source: string, about: string): ParameterEntry {
  return { default: value, unit: 'us', least: 1, most, source, about };
}

function count(value: number, most: number, source: string, about: string): ParameterEntry {
  return { default: value, unit: 'count', least: 0, most, source, about };
}

function ppm(value: number, source: string, about: string): ParameterEntry {
  return { default: value, unit: 'ppm', least: 0, most: 1_000_000, source, about };
}

/**
 * Every number of the protocol that a scenario may change, in one place. Sources: rule ids of the
 * specification's semantics, or `own` where the rules leave the figure to us.
 */
export const PARAMETERS = {
  heartbeatUs: us(SECOND_US, MINUTE_US, 'R5.2-2', 'between two heartbeats of a node to its index nodes'),
  silentAfterUs: us(5 * SECOND_US, 10 * MINUTE_US, 'own', 'an index node removes a node silent for so long'),
  sweepUs: us(500 * MS_US, MINUTE_US, 'own', 'between two searches of an index node for silent nodes'),
  findTimeoutUs: us(
    500 * MS_US,
    MINUTE_US,
    'own',
    'an index node that has not answered by then is passed over',
  ),
  workingUs: us(SECOND_US, MINUTE_US, 'own', 'who holds a request says so to its asker this often'),
  silenceUs: us(3 * SECOND_US, MINUTE_US, 'own', 'an asked peer silent for so long is passed over'),
  retries: count(2, 16, 'R5.3-3', 'tries of a request after the first, each on another node'),
  retryBudgetPpm: {
    default: 200_000,
    unit: 'ppm',
    least: 0,
    most: 1_000_000,
    source: 'R5.3-3',
    about: 'share of the requests in flight that may be retries',
  },
  retryBudgetLeast: count(3, 1_000, 'R5.3-3', 'retries in flight that are always allowed'),
  breakerFailures: count(3, 1_000, 'own', 'so many failures in a row eject a peer from the choice'),
  breakerLeastUs: us(
    5 * SECOND_US,
    10 * MINUTE_US,
    'own',
    'how long the first time; each further time twice',
  ),
  breakerMostUs: us(5 * MINUTE_US, 60 * MINUTE_US, 'own', 'no peer is ejected for longer at once'),
  breakerPool: count(10, 1_000, 'R5.3-3', 'of a pool with fewer peers only a share may be ejected'),
  breakerSharePpm: {
    default: 500_000,
    unit: 'ppm',
    least: 0,
    most: 1_000_000,
    source: 'R5.3-3',
    about: 'share of a small pool that may be ejected',
  },
  maxTargets: count(4_096, 1_000_000, 'own', 'peers that are measured and judged at most, by role'),
  targetForgetUs: us(10 * MINUTE_US, 60 * MINUTE_US, 'own', 'who was not asked for so long makes room first'),
  maxSearches: count(1_024, 100_000, 'own', 'requests a gateway or bridge holds at once; more are refused'),
  rememberUs: us(2 * MINUTE_US, 10 * MINUTE_US, 'R5.3-3', 'outcomes are remembered for duplicates so long'),
  maxRemembered: count(16_384, 1_000_000, 'own', 'outcomes remembered at most; the oldest go first'),
  publicEveryUs: us(
    2 * SECOND_US,
    HOUR_US,
    'R8.1-2',
    'a peer serves public inference this often, once its burst is used up',
  ),
  publicBurst: count(10, 10_000, 'own', 'public inference that a peer serves at once before its rate counts'),
  modelRoundUs: us(
    5 * SECOND_US,
    10 * MINUTE_US,
    'own',
    'a node compares what it knows of models with another this often',
  ),
  pullInFlight: count(1, 16, 'R7.2-1', 'chunks of one pull on their way at once: so many a crash can cost'),
  askHolders: count(16, 1_024, 'own', 'nodes that are asked at once whether they have a version'),
  chunkUs: us(20 * SECOND_US, 10 * MINUTE_US, 'own', 'a chunk that has not come by then is asked of another'),
  pullWaitUs: us(
    2 * SECOND_US,
    MINUTE_US,
    'own',
    'until holders of a version are looked for again; then ever longer',
  ),
  pullWaitMostUs: us(MINUTE_US, 60 * MINUTE_US, 'own', 'the longest time until holders are looked for again'),
  passModelUs: us(
    10 * MINUTE_US,
    1_440 * MINUTE_US,
    'own',
    'a bridge that has a version only to hand it on keeps it so long after it was last asked for it',
  ),
  keepCopyUs: us(10 * SECOND_US, 10 * MINUTE_US, 'own', 'a copy that another node relies on stays so long'),
  canaryWaitUs: us(
    10 * MINUTE_US,
    1_440 * MINUTE_US,
    'own',
    'who is to try a version first and says nothing for so long is passed over',
  ),
  trialJobs: count(20, 100_000, 'R7.2-1', 'requests after which a version on trial is judged'),
  trialUs: us(30 * SECOND_US, 1_440 * MINUTE_US, 'R7.2-1', 'time after which it is judged in any case'),
  trialFailures: count(3, 1_000, 'own', 'failures after which it is judged at once'),
  trialWorsePpm: {
    default: 100_000,
    unit: 'ppm',
    least: 0,
    most: 1_000_000,
    source: 'own',
    about: 'share of its requests that may fail beyond the share of the version before',
  },
  trialSlowPpm: {
    default: 1_500_000,
    unit: 'ppm',
    least: 1_000_000,
    most: 100_000_000,
    source: 'own',
    about: 'time that it may take for a token, as a share of what the version before takes',
  },
  memoryReservePpm: {
    default: 50_000,
    unit: 'ppm',
    least: 0,
    most: 900_000,
    source: 'R7.2-3',
    about: 'share of the memory of an accelerator that no model is given',
  },
  maxVouches: count(
    5,
    32,
    'R8.1-2',
    'nodes that one node may vouch for at once; with more, none of its vouches counts',
  ),
  communityVouches: count(3, 32, 'R8.1-3', 'vouches that it takes to rise from peer to community'),
  communityControllers: count(2, 32, 'R8.1-3', 'organisations that run these vouchers, at least'),
  risePeerUs: us(168 * HOUR_US, 8_760 * HOUR_US, 'R8.1-3', 'observed for so long a node may become a peer'),
  peerUptimePpm: ppm(950_000, 'R8.1-3', 'and was there for so much of the time'),
  riseCommunityUs: us(
    2_160 * HOUR_US,
    8_760 * HOUR_US,
    'R8.1-3',
    'observed for so long a peer may become a community node',
  ),
  communityUptimePpm: ppm(990_000, 'R8.1-3', 'and was there for so much of the time'),
  auditPledgePpm: ppm(995_000, 'R8.1-3', 'availability that an audited node promises, at least'),
  auditUs: us(8_784 * HOUR_US, 8_784 * HOUR_US, 'R8.1-3', 'an audit holds for at most so long'),
  conductSaveUs: us(
    HOUR_US,
    24 * HOUR_US,
    'own',
    'an index node stores this often how those do who are vouched for',
  ),
  conductKeptUs: us(
    720 * HOUR_US,
    8_760 * HOUR_US,
    'R3-5',
    'what was stored longer ago than this counts for nothing',
  ),
  levelUs: us(30 * SECOND_US, HOUR_US, 'own', 'what an index node tells a node of its level holds so long'),
  maxSpeakers: count(
    256,
    4_096,
    'own',
    'nodes whose documents on trust an index node holds; more are refused',
  ),
  maxAgents: count(64, 10_000, 'own', 'agents that a compute node holds at once; more are refused'),
  maxDirectory: count(4_096, 1_000_000, 'own', 'nodes an index node lists at most; more are not listed'),
  exchangeUs: us(10 * SECOND_US, 10 * MINUTE_US, 'R3-2', 'an index node compares directories this often'),
  exchangeFanout: count(3, 16, 'own', 'other index nodes that it compares directories with each time'),
  passUs: us(
    200 * MS_US,
    MINUTE_US,
    'R5.2-3',
    'between two passings-on of what is new, the latest version only',
  ),
  passFanout: count(3, 16, 'R5.2-3', 'other index nodes that are told of what is new'),
  maxHops: count(3, 8, 'R5.2-3', 'times that an announcement or evidence is passed on at most'),
  announceTo: count(
    2,
    64,
    'R5.2-3',
    'index nodes that a node announces itself to; the others hear from these',
  ),
  maxEvidence: count(
    256,
    65_536,
    'own',
    'equivocations kept as evidence; beyond, members displace strangers',
  ),
  warmUs: us(1_500 * MS_US, MINUTE_US, 'own', 'an index node that has started does not answer before'),
  maxRecalled: count(64, 4_096, 'own', 'answers of index nodes that an asker keeps; the oldest go first'),
  recallUs: us(
    10 * MINUTE_US,
    60 * MINUTE_US,
    'own',
    'an asker that reaches no index node goes by what it kept',
  ),
  indexRestUs: us(2 * SECOND_US, MINUTE_US, 'own', 'an index node that was silent is not asked for so long'),
  sessionUs: us(SECOND_US, MINUTE_US, 'own', 'between two heartbeats of a session of bridges'),
  sessionSilentUs: us(3 * SECOND_US, 10 * MINUTE_US, 'own', 'a session silent for so long is down'),
  offersUs: us(
    5 * SECOND_US,
    10 * MINUTE_US,
    'own',
    'a bridge asks its index nodes this often what to export',
  ),
  clusterRoundUs: us(
    30 * SECOND_US,
    10 * MINUTE_US,
    'R5.1-5',
    'a bridge tells this often which clusters it knows',
  ),
  clusterNewsUs: us(
    200 * MS_US,
    MINUTE_US,
    'own',
    'a bridge gathers news of clusters so long, to tell them at once',
  ),
  clusterHops: count(3, 16, 'R5.1-5', 'bridges that a record of a cluster goes through at most'),
  clusterForgetUs: us(
    10 * MINUTE_US,
    1_440 * MINUTE_US,
    'own',
    'a cluster without a peering that nobody spoke for in so long is forgotten',
  ),
  clusterChecks: count(
    32,
    10_000,
    'own',
    'records that a bridge checks a second for each that it knows, and for all strangers',
  ),
  maxClusters: count(256, 65_536, 'own', 'clusters that a bridge lists at most; others are turned away'),
  maxPeerings: count(64, 1_024, 'own', 'peerings that a cluster can have; more are refused'),
  probeUs: us(SECOND_US, MINUTE_US, 'R5.2-2', 'a node probes one other member of its cluster this often'),
  probeTimeoutUs: us(
    500 * MS_US,
    MINUTE_US,
    'R5.2-2',
    'a probed member that has not answered by then is asked through others',
  ),
  indirectProbes: count(3, 16, 'R5.2-2', 'members that are asked to probe one that does not answer'),
  nacks: count(1, 1, 'R5.2-2', '1: who is asked to probe another says so, too, if that one does not answer'),
  buddy: count(1, 1, 'R5.2-2', '1: a suspect is told with the next probe that it is suspected'),
  suspicionMult: count(4, 16, 'R5.2-2', 'least time of a suspicion, in probes, times log10 of the members'),
  suspicionMaxMult: count(6, 64, 'R5.2-2', 'the longest time of a suspicion, in shortest times'),
  healthMax: count(8, 64, 'R5.2-2', 'how unwell a node may think itself: its probes are so many times rarer'),
  gossipUs: us(200 * MS_US, MINUTE_US, 'R5.2-2', 'between two rounds of gossip while there are news'),
  gossipNodes: count(3, 64, 'R5.2-2', 'members that are told the news in a round'),
  retransmitMult: count(4, 64, 'R5.2-2', 'how often a node passes news on, times log10 of the members'),
  syncUs: us(
    30 * SECOND_US,
    60 * MINUTE_US,
    'R5.2-2',
    'between two comparisons of tables with another member',
  ),
  joinUs: us(
    500 * MS_US,
    MINUTE_US,
    'own',
    'a node that found no member asks again after it, then ever later',
  ),
  forgetUs: us(
    10 * MINUTE_US,
    1_440 * MINUTE_US,
    'own',
    'the dead and those who left are remembered so long',
  ),
  maxMembers: count(
    16_384,
    1_000_000,
    'own',
    'members known at most; the departed make room, then newcomers are refused',
  ),
  joinWaitUs: us(
    10 * SECOND_US,
    MINUTE_US,
    'own',
    'whom a newcomer has asked to let it in, and who has not answered by then, is passed over',
  ),
  joinRounds: count(3, 64, 'own', 'so often a newcomer asks all whom it knows before it gives up'),
  ticketUs: us(24 * HOUR_US, 720 * HOUR_US, 'own', 'an application that waits for operators is kept so long'),
  pollTicketUs: us(
    30 * SECOND_US,
    HOUR_US,
    'own',
    'whoever waits for operators asks its sponsor this often how things stand',
  ),
  maxTickets: count(256, 4_096, 'own', 'applications that a sponsor keeps at most; more are refused'),
  admissionUs: us(
    8_760 * HOUR_US,
    87_600 * HOUR_US,
    'own',
    'what operators sign for an applicant holds so long',
  ),
  drainUs: us(MINUTE_US, 10 * MINUTE_US, 'R5.1-3', 'a node that leaves finishes what it has begun within it'),
  leaveUs: us(5 * SECOND_US, MINUTE_US, 'own', 'a node that leaves says so for at most so long'),
  podCopies: count(3, 16, 'R6.1-6', 'holders that are to have a copy of each pod'),
  podLeaseUs: us(
    5 * SECOND_US,
    60 * MINUTE_US,
    'R6.1-3',
    'a lease on policies inside a cluster holds so long',
  ),
  podRenewUs: us(1_500 * MS_US, 10 * MINUTE_US, 'own', 'a pod host asks the others for leases this often'),
  podWarmUs: us(3 * SECOND_US, 10 * MINUTE_US, 'own', 'a pod host that has started takes no requests before'),
  podPushUs: us(
    500 * MS_US,
    MINUTE_US,
    'own',
    'what an owner waits for is said again to other hosts this often',
  ),
  podRepairUs: us(5 * SECOND_US, 60 * MINUTE_US, 'own', 'between two looks of a pod host after all its pods'),
  podRepairAfterUs: us(
    30 * SECOND_US,
    1_440 * MINUTE_US,
    'own',
    'a holder that is away for so long is replaced',
  ),
  podAwayUs: us(
    30 * 1_440 * MINUTE_US,
    400 * 1_440 * MINUTE_US,
    'R6.2-2',
    'a holder that was away for longer comes back empty',
  ),
  emergencyUs: us(
    60 * MINUTE_US,
    7 * 1_440 * MINUTE_US,
    'own',
    'what is authorised in an emergency holds no longer',
  ),
  podMoveUs: us(
    10 * MINUTE_US,
    1_440 * MINUTE_US,
    'R6.1-6',
    'a copy that may not be where it is any more is told of then, and a host that leaves waits so long for its pods to have moved',
  ),
  podSilenceUs: us(
    3 * SECOND_US,
    MINUTE_US,
    'own',
    'a pod host that has not answered by then is passed over',
  ),
  maxPods: count(65_536, 10_000_000, 'own', 'pods that a host knows the policies of; more are refused'),
  maxPodRequests: count(1_024, 100_000, 'own', 'requests about pods that are open at once; more are refused'),
} as const satisfies Record<string, ParameterEntry>;

export type ParameterName = keyof typeof PARAMETERS;
export type Parameters = Readonly<Record<ParameterName, number>>;

export const DEFAULT_PARAMETERS: Parameters = Object.fromEntries(
  Object.entries(PARAMETERS).map(([key, entry]) => [key, entry.default]),
) as Record<ParameterName, number>;
