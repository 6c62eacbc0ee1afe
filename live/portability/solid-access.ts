/**
 * Who may read a pod, in the two languages of Solid servers: Web Access Control (https://solidproject.org/TR/wac) and Access Control Policy
 * (https://solidproject.org/TR/acp).
 *
 * Both say that an agent with a WebID may do something with a resource and what is below. That an owner consented until a date, for what,
 * and that each use leaves a receipt, neither can say.
 */
/** The last that a Date can say. */
const MAX_DATE_MS = 8.64e15;

export type AccessLanguage = 'wac' | 'acp';

/** Somebody whom the owner has consented to read the pod, by key, and until when (µs, wall). */
export interface Consented {
  readonly id: string;
  readonly untilWallUs: number;
  /** What else the consent says that no Solid server would heed; null: nothing. */
  readonly limit: string | null;
}

/** A reader whom a Solid server can tell, as it does not know our keys. */
export interface Reader {
  readonly id: string;
  readonly webId: string;
  /** No server ends it by itself then. */
  readonly until: string;
}

/** A consent that a Solid server is not told of, and why. */
export interface NotCarried {
  readonly id: string;
  readonly reason: string;
}

export interface SolidAccess {
  readonly ownerWebId: string;
  readonly readers: readonly Reader[];
  readonly notCarried: readonly NotCarried[];
}

/** @param webIds of readers, by the id of their key; who has none there cannot be let in */
export function accessOf(
  consented: readonly Consented[],
  ownerWebId: string,
  webIds: ReadonlyMap<string, string>,
  nowMs: number,
): SolidAccess {
  const readers: Reader[] = [];
  const notCarried: NotCarried[] = [];
  for (const { id, untilWallUs, limit } of consented) {
    const webId = webIds.get(id);
    const untilMs = Math.floor(untilWallUs / 1_000);
    const until = new Date(Math.min(untilMs, MAX_DATE_MS)).toISOString();
    if (untilMs <= nowMs) notCarried.push({ id, reason: `the consent ran out on ${until}` });
    else if (limit !== null) notCarried.push({ id, reason: limit });
    else if (webId === undefined) notCarried.push({ id, reason: 'no WebID is known of this key' });
    else readers.push({ id, webId, until });
  }
  return { ownerWebId, readers, notCarried };
}

/** Of a container and all below it. Throws TypeError if a WebID is no URL. */
export function writeAccess(language: AccessLanguage, container: string, access: SolidAccess): string {
  const agents = [
    { name: 'owner', webId: access.ownerWebId, modes: 'acl:Read, acl:Write, acl:Control' },
    ...access.readers.map(({ webId }, i) => ({ name: `reader-${i + 1}`, webId, modes: 'acl:Read' })),
  ].map((agent) => ({ ...agent, webId: new URL(agent.webId).href }));
  const of = new URL(container).href;
  return language === 'wac' ? writeWac(of, agents) : writeAcp(of, agents);
}

interface Agent {
  readonly name: string;
  readonly webId: string;
  readonly modes: string;
}

function writeWac(container: string, agents: readonly Agent[]): string {
  const rules = agents.map(
    ({ name, webId, modes }) => `
<#${name}> a acl:Authorization;
    acl:agent <${webId}>;
    acl:mode ${modes};
    acl:accessTo <${container}>;
    acl:default <${container}>.
`,
  );
  return `@prefix acl: <http://www.w3.org/ns/auth/acl#>.\n${rules.join('')}`;
}

/** What is allowed above holds below, too, so whatever is allowed to nobody here is denied. */
function writeAcp(container: string, agents: readonly Agent[]): string {
  const names = agents.map(({ name }) => name);
  const matchers = agents.map(
    ({ name, webId }) => `\n<#${name}> a acp:Matcher;\n    acp:agent <${webId}>.\n`,
  );
  const allowed = agents.map(({ name, modes }) => policyOf('allow', modes, `<#${name}>`));
  const denied = [
    policyOf(
      'deny',
      'acl:Read',
      `<#anybody>;\n    acp:noneOf ${names.map((name) => `<#${name}>`).join(', ')}`,
    ),
    policyOf('deny', 'acl:Append, acl:Write, acl:Control', `<#anybody>;\n    acp:noneOf <#${names[0]}>`),
  ];
  return `@prefix acl: <http://www.w3.org/ns/auth/acl#>.
@prefix acp: <http://www.w3.org/ns/solid/acp#>.

<#access> a acp:AccessControlResource;
    acp:resource <${container}>;
    acp:accessControl <#control>;
    acp:memberAccessControl <#control>.

<#control> a acp:AccessControl;
    acp:apply ${[...allowed, ...denied].join(', ')}.

<#anybody> a acp:Matcher;
    acp:agent acp:PublicAgent.
${matchers.join('')}`;
}

function policyOf(effect: 'allow' | 'deny', modes: string, whom: string): string {
  return `[\n    a acp:Policy;\n    acp:${effect} ${modes};\n    acp:anyOf ${whom}\n]`;
}
