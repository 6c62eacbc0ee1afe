/** Who acts at the terminal, which gateways are asked, and what a pod may be called. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findRunningFederation, readGatewayUrls } from '../live/federation-file.ts';
import { hasIdentity, openIdentity, passingIdentity, type Identity } from '../live/identity.ts';
import { BOOK_FILE } from '../live/pod-book.ts';
import { PodRefused } from '../live/pod-owner.ts';
import { Misused } from './usage.ts';

const RUNS = 'runs';
/** As http://10.0.0.1:4000, or without what every such one begins with; or several. */
const AN_ADDRESS = /^(https?:|[\w.-]+:\d+(,|$))/;
/** Verbs that make a key where there is none; and those that need none. */
const MAKING: readonly string[] = ['key', 'create'];
const KEYLESS: readonly string[] = ['pack', 'show', 'carry', 'fetch'];
/** As a name of a file, too. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,63}$/u;

/** A folder that was mistyped is not to become somebody new. */
export function identityFor(verb: string, folder: string): Identity {
  if (hasIdentity(folder)) return openIdentity(folder);
  if (KEYLESS.includes(verb)) return passingIdentity();
  const hint = `${folder}: no key is there`;
  if (existsSync(join(folder, BOOK_FILE)))
    throw new Misused(`${hint}, only a book of pods: whose they are, only their key can say`);
  if (!MAKING.includes(verb))
    throw new Misused(`${hint}; --owner says where yours is, and pod key or pod create makes one`);
  const made = openIdentity(folder);
  console.error(`Your key was made in ${folder}: whoever has it is you.`);
  return made;
}

export function gatewaysAt(at: string | undefined): string[] {
  if (at !== undefined && AN_ADDRESS.test(at))
    return at.split(',').map((one) => (/^https?:/.test(one) ? one : `http://${one}`));
  const folder = at ?? findRunningFederation(RUNS);
  const urls = folder === null ? null : readGatewayUrls(folder);
  if (urls !== null && urls.length > 0) return urls;
  const place = at === undefined ? `${RUNS}/ holds no live federation` : `no live federation runs in ${at}`;
  throw PodRefused.definitely(
    'NO_GATEWAY',
    `${place}; watershed live <file> starts one, or name one with --at`,
  );
}

export function checkName(name: string): void {
  if (!NAME.test(name))
    throw new Misused(
      `${JSON.stringify(name)} is no name for a pod: up to 64 letters, digits and . _ - are, a letter or digit first`,
    );
}
