/** Where a request was served, nearest first: how the chart splits those that ended well. */
export const PLACES = ['local', 'cluster', 'federation'] as const;
export type Place = (typeof PLACES)[number];

export const PLACE_LABELS: Readonly<Record<Place, string>> = {
  local: 'by the gateway asked',
  cluster: 'in the home cluster',
  federation: 'by another cluster',
};

/** Why a request ended badly, as a sentence without its full stop. */
const REASONS: Readonly<Record<string, string>> = {
  NO_CAPABLE_NODE: 'no node was found that can run the model',
  NO_ELIGIBLE_NODE: 'nodes that can run the model exist, but the request may not go to any of them',
  OVERLOADED: 'every node that could have answered was full',
  DEADLINE_EXCEEDED: 'no answer came before the deadline',
  CLUSTER_UNREACHABLE: 'the clusters that might have answered could not be reached',
  TRUST_TOO_LOW: 'no node that can run the model is trusted enough',
  CONSENT_REQUIRED: 'the consent that this needs was not given',
  UNKNOWN_MODEL: 'nobody knows a model of that name',
  NOT_ADMITTED: 'the asker is not admitted',
  NOT_READY: 'the cluster was not ready to answer',
  UNKNOWN_OUTCOME: 'whoever held it fell silent, so nobody can say what became of it',
  INTERNAL: 'something broke inside',
};

export function reasonOf(outcome: string): string {
  return REASONS[outcome] ?? 'it was refused';
}

/** `CLUSTER_UNREACHABLE` as `cluster unreachable`. */
export function labelOf(outcome: string): string {
  return outcome.toLowerCase().replaceAll('_', ' ');
}

const POD = 'pod:';
/** How what is asked of a pod ends well, each with its colour. */
const POD_ENDS = ['written', 'written, fragile', 'read', 'policy set', 'deletion asked for'];

/** The series of what was asked of pods and ended so. */
export function podSeriesOf(how: string): string {
  return POD + how;
}

export function isOfPods(series: string): boolean {
  return series.startsWith(POD);
}

/** How that ended of which a series of pods tells. */
export function endOfSeries(series: string): string {
  return series.slice(POD.length);
}

/** The colour of a series of the chart: a place, an error code, or an end of what pods were asked. Defined, for light and dark, in style.css. */
export function colourOf(series: string): string {
  if (isOfPods(series)) {
    const end = endOfSeries(series);
    return POD_ENDS.includes(end) ? `var(--series-pod-${end.replaceAll(/[, ]+/g, '-')})` : colourOf(end);
  }
  const known = (PLACES as readonly string[]).includes(series) || series in REASONS;
  return known ? `var(--series-${series.toLowerCase().replaceAll('_', '-')})` : 'var(--series-internal)';
}

/** The series in which a request is counted. */
export function seriesOf(outcome: string, servedBy: Place | null): string {
  return outcome === 'OK' && servedBy !== null ? servedBy : outcome;
}
