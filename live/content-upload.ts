/** Who may bring contents to a node: the publishers of its models, who sign for each content, for one node and a few minutes. */
import { pathOf } from './content-fetch.ts';
import { idOfPublicKey, type Identity } from './identity.ts';
import type { LiveNode } from './live-node.ts';
import { authorize, readAuthorization, textOf, type RequestTerms } from './signed-request.ts';

/** A signature holds so long, and none is taken that would hold for longer. */
const UPLOAD_MS = 5 * 60_000;

/** The value of the header Authorization with which a content is brought to a node, signed at `nowMs`. */
export function signUpload(publisher: Identity, node: string, hash: string, nowMs: number): string {
  return authorize(publisher, termsOf(node, hash, nowMs + UPLOAD_MS));
}

/** Why it is not taken, or null. */
export function verifyUpload(live: LiveNode, hash: string, header: string | undefined): string | null {
  const signed = readAuthorization(header);
  if (signed === null) return 'a publisher signs for what it brings';
  const { publicKey, untilMs, bodyHash, signature } = signed;
  const leftMs = untilMs - Date.now();
  if (leftMs < 0 || leftMs > 2 * UPLOAD_MS) return 'the signature is of another time';
  const publisher = live.ids.find(idOfPublicKey(publicKey));
  const { publishers } = live.driver.node.config;
  if (publisher === null || !publishers.includes(publisher)) return 'this is no publisher of models here';
  const text = textOf(termsOf(live.identity.id, hash, untilMs));
  return bodyHash === hash && live.ids.verifyRequest(publicKey, text, Buffer.from(signature, 'base64url'))
    ? null
    : 'the signature is not right';
}

function termsOf(node: string, hash: string, untilMs: number): RequestTerms {
  return { method: 'PUT', target: pathOf({ hash }), gateway: node, key: '', untilMs, bodyHash: hash };
}
