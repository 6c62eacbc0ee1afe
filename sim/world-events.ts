/**
 * What the world announces as it happens. Faults can wait for these, and watchers are told. A new kind of event is a line
 * here, and a call of `World.announce` where it happens.
 */
export const WORLD_EVENTS = {
  'node.ready': { subject: 'node', about: 'a node has started, and joins in' },
  'node.down': { subject: 'node', about: 'a node has stopped, and lost what it held in memory' },
  'request.asked': { subject: 'cluster', about: 'a user of the cluster asks for something' },
  'request.outcome': { subject: 'outcome', about: 'a request of a user has ended, in OK or an error' },
  'fault.begun': { subject: 'fault', about: 'a fault with a name has begun' },
  'fault.ended': { subject: 'fault', about: 'a fault with a name has ended' },
} as const satisfies Readonly<Record<string, { readonly subject: string; readonly about: string }>>;

export type WorldEvent = keyof typeof WORLD_EVENTS;

/** What an event happens to: it says what names may stand for it. */
export type SubjectKind = (typeof WORLD_EVENTS)[WorldEvent]['subject'];
