/** Pods over HTTP (§6): what owners, and those whom they let read, want of them; each request is signed by whoever asks. */
import type { Express, Request, Response } from 'express';
import type { Peer } from '../core/base/peers.ts';
import * as kinds from '../core/machine/kinds.ts';
import type { Ref, Shape } from '../core/machine/shape.ts';
import {
  consentBookShape,
  permissionShape,
  READING_USE,
  type ConsentBook,
} from '../core/policy/consent-documents.ts';
import { consentShape, type Consent } from '../core/policy/documents.ts';
import { allowsStorage, compilePolicy } from '../core/policy/location-policy.ts';
import { podPolicyShape, type PodPolicy } from '../core/policy/pod-terms.ts';
import * as records from '../core/roles/pods/pod-records.ts';
import { vectorShape, type Vector } from '../core/roles/pods/pod-version.ts';
import { NO_ELIGIBLE_NODE, OVERLOADED, UNKNOWN_OUTCOME } from '../core/routing/outcomes.ts';
import { MAX_CONTENT_BYTES } from './contents.ts';
import { nameOf, sendFault, sendRefused } from './http-replies.ts';
import { IdempotencyKeys, numbersOf } from './idempotency-keys.ts';
import { hashBytes } from './identity.ts';
import { fieldsOf, fromJson, JsonFault, toJson } from './json-shape.ts';
import type { LiveNode } from './live-node.ts';
import { packParcel, PARCEL_TYPE, readParcel, tooLarge } from './pod-parcel.ts';
import type { PodSaid, PodVisitors } from './pod-visitors.ts';
import {
  OTHER_BODY,
  readDocument,
  Refusal,
  sendWrong,
  Unsigned,
  type PodDoor,
  type PodVisit,
} from './pod-visits.ts';

const DOCUMENT_LIMIT = 64 * 1024;
const POD = '/v1/pods/:owner/:number';

export function routePods(app: Express, live: LiveNode, door: PodDoor, visitors: PodVisitors): void {
  const desk = new PodCounter(live, door, visitors);
  app.get(POD, (request, response) => desk.describe(request, response));
  app.get(`${POD}/contents`, (request, response) => desk.sendContents(request, response));
  app.put(`${POD}/contents`, (request, response) => desk.write(request, response));
  app.put(`${POD}/policy`, (request, response) => desk.rule(request, response));
  app.put(`${POD}/deletion`, (request, response) => desk.remove(request, response));
  app.put(`${POD}/consent`, (request, response) => desk.consent(request, response));
  app.all(
    [POD, ...['contents', 'policy', 'deletion', 'consent'].map((part) => `${POD}/${part}`)],
    ({ path }, response) => {
      const allowed = path.endsWith('/contents')
        ? 'GET, PUT'
        : /\/(policy|deletion|consent)$/.test(path)
          ? 'PUT'
          : 'GET';
      sendFault(response.setHeader('Allow', allowed), 405, 'METHOD_NOT_ALLOWED', `there are ${allowed}`);
    },
  );
}

class PodCounter {
  private readonly live: LiveNode;
  private readonly door: PodDoor;
  private readonly visitors: PodVisitors;
  private readonly keys: IdempotencyKeys;
  /** Contents that writes under way have brought: by hash, how many. */
  private readonly brought = new Map<string, number>();

  constructor(live: LiveNode, door: PodDoor, visitors: PodVisitors) {
    this.live = live;
    this.door = door;
    this.visitors = visitors;
    this.keys = new IdempotencyKeys(live.driver.node.config.parameters.rememberUs / 1_000);
  }

  async write(request: Request, response: Response): Promise<void> {
    const visit = this.door.admit(request, response);
    if (visit === null) return;
    let head: { policy: PodPolicy; context: Vector } | null = null;
    try {
      const announced = Number(request.headers['content-length'] ?? 0);
      if (announced > MAX_CONTENT_BYTES + DOCUMENT_LIMIT) throw tooLarge(MAX_CONTENT_BYTES);
      // The connection stays, so that whoever is refused half-way hears why.
      const parts = request.iterator({ destroyOnReturn: false });
      const { content, hash } = await readParcel(parts, MAX_CONTENT_BYTES, (json) => {
        head = this.readWriteHead(json);
      });
      if (hash !== visit.bodyHash) throw new Unsigned(OTHER_BODY);
      const opening = this.readPapers(request, 'Watershed-Opening', consentShape);
      await this.take(visit, head!, content, opening, response);
    } catch (error) {
      request.resume();
      sendWrong(this.live, response, visit, error);
    }
  }

  async describe(request: Request, response: Response): Promise<void> {
    const visit = this.door.admit(request, response);
    if (visit === null) return;
    const found = await this.read(visit, request, response);
    if (found === null) return;
    this.letGo(found);
    response.json(this.documentOf(visit, records.podFoundBody, found));
  }

  /** Every version, as a line that says which there are, and then their bytes. */
  async sendContents(request: Request, response: Response): Promise<void> {
    const visit = this.door.admit(request, response);
    if (visit === null) return;
    const found = await this.read(visit, request, response);
    if (found === null) return;
    const contents = found.copy.versions.map(({ content }) => this.live.contents.get(content));
    this.letGo(found);
    if (contents.some((bytes) => bytes === undefined)) {
      const detail = 'the contents are no longer held here: read once more';
      const refused = { code: UNKNOWN_OUTCOME, retryAfterUs: 0, detail, struck: [] };
      sendRefused(this.live, response, UNKNOWN_OUTCOME, refused, { pod: visit.pod });
      return;
    }
    const head = this.documentOf(visit, records.podFoundBody, found);
    response.type(PARCEL_TYPE).send(packParcel(head, contents as Uint8Array[]));
  }

  async rule(request: Request, response: Response): Promise<void> {
    const visit = this.door.admit(request, response);
    if (visit === null) return;
    try {
      const json = await readDocument(request, visit, DOCUMENT_LIMIT);
      const policy = fromJson(podPolicyShape, json, this.live.ids.forStrangers, 'policy') as PodPolicy;
      this.findOtherPod(visit, policy.terms.owner, policy.terms.number);
      const said = await this.ask(visit, kinds.POD_RULE, { policy, ...timeOf(visit) });
      this.send(response, visit, said, records.podRuledBody);
    } catch (error) {
      sendWrong(this.live, response, visit, error);
    }
  }

  /** Something is said of consent to uses of a pod, or nothing: the answer is how it stands, as far as the asker may see it. */
  async consent(request: Request, response: Response): Promise<void> {
    const visit = this.door.admit(request, response);
    if (visit === null) return;
    try {
      const { told, taken } = fieldsOf(await readDocument(request, visit, DOCUMENT_LIMIT), 'consent');
      const ids = this.live.ids.forStrangers;
      const { owner, number } = visit;
      const body = {
        owner,
        number,
        told: fromJson(consentBookShape, told, ids, 'consent.told') as ConsentBook,
        taken: fromJson(vectorShape, taken, ids, 'consent.taken') as Vector,
        ...timeOf(visit),
      };
      const said = await this.ask(visit, kinds.POD_CONSENT, body);
      this.send(response, visit, said, records.podConsentedBody);
    } catch (error) {
      sendWrong(this.live, response, visit, error);
    }
  }

  /** Deletes; who asks again is told how far it has come: 200 with a certificate, 202 with who is missing. */
  async remove(request: Request, response: Response): Promise<void> {
    const visit = this.door.admit(request, response);
    if (visit === null) return;
    try {
      const { signature } = fieldsOf(await readDocument(request, visit, DOCUMENT_LIMIT), 'deletion');
      if (typeof signature !== 'string' || signature.length > 256)
        throw new JsonFault('deletion.signature: the signature of the owner is expected');
      const { owner, number } = visit;
      const body = { deletion: { owner, number, signature }, circle: [], ...timeOf(visit) };
      const said = await this.ask(visit, kinds.POD_DELETE, body);
      const isPending = said !== null && 'body' in said && !(said.body as records.PodDeleted).isCertified;
      this.send(response, visit, said, records.podDeletedBody, isPending ? 202 : 200);
    } catch (error) {
      sendWrong(this.live, response, visit, error);
    }
  }

  /** What comes first of a write. Throws before anything of it is taken where it may not lie, not even in passing (R6.1-2). */
  private readWriteHead(json: unknown): { policy: PodPolicy; context: Vector } {
    const { policy, context } = fieldsOf(json, 'write');
    const ids = this.live.ids.forStrangers;
    const read = {
      policy: fromJson(podPolicyShape, policy, ids, 'write.policy') as PodPolicy,
      context: fromJson(vectorShape, context, ids, 'write.context') as Vector,
    };
    const { homeRegion, policy: places } = read.policy.terms;
    const { region } = this.live.driver.node.config.manifest;
    if (!allowsStorage(compilePolicy(homeRegion, places), region))
      throw new Refusal(
        NO_ELIGIBLE_NODE,
        `this gateway lies in ${region}, where the policy of the pod allows nothing`,
      );
    return read;
  }

  private async take(
    visit: PodVisit,
    { policy, context }: { policy: PodPolicy; context: Vector },
    bytes: Uint8Array,
    opening: Consent | null,
    response: Response,
  ): Promise<void> {
    this.findOtherPod(visit, policy.terms.owner, policy.terms.number);
    const { contents } = this.live;
    const content: Ref = { hash: hashBytes(bytes), sizeBytes: bytes.length, keyId: 0 };
    if (!contents.keep(content, bytes))
      throw new Refusal(OVERLOADED, 'the gateway holds as many contents as it may');
    this.brought.set(content.hash, (this.brought.get(content.hash) ?? 0) + 1);
    try {
      const body = { policy, content, context, opening, ...timeOf(visit) };
      const said = await this.ask(visit, kinds.POD_WRITE, body);
      this.send(response, visit, said, records.podWrittenBody);
    } finally {
      this.letGoOf(content.hash);
    }
  }

  /** A content that was brought is held for as long as a write of it is under way, however that ends. */
  private letGoOf(hash: string): void {
    const left = this.brought.get(hash)! - 1;
    if (left > 0) {
      this.brought.set(hash, left);
      return;
    }
    this.brought.delete(hash);
    this.live.contents.forget(hash);
  }

  private async read(
    visit: PodVisit,
    request: Request,
    response: Response,
  ): Promise<records.PodFound | null> {
    try {
      const permission = this.readPapers(request, 'Watershed-Consent', permissionShape);
      const opening = this.readPapers(request, 'Watershed-Opening', consentShape);
      const { owner, number } = visit;
      // Where it is read, and how keys are wrapped for it, the gateway itself says.
      const use = { permission, use: READING_USE, plan: '', opening, agreement: '' };
      const body = { owner, number, ...use, region: '', ...timeOf(visit) };
      const said = await this.ask(visit, kinds.POD_READ, body);
      if (said !== null && 'body' in said) return said.body as records.PodFound;
      this.send(response, visit, said, records.podFoundBody);
    } catch (error) {
      sendWrong(this.live, response, visit, error);
    }
    return null;
  }

  /** What an owner has signed of consent, for whoever asks. */
  private readPapers<T>(request: Request, name: string, shape: Shape<T>): T | null {
    const header = request.get(name);
    if (header === undefined) return null;
    let json: unknown;
    try {
      json = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
    } catch {
      throw new JsonFault(`${name}: JSON in base64url is expected`);
    }
    return fromJson(shape, json, this.live.ids.forStrangers, 'consent');
  }

  private findOtherPod(visit: PodVisit, owner: Peer, number: number): void {
    if (owner !== visit.owner || number !== visit.number)
      throw new JsonFault('the document is of another pod than the path');
  }

  private ask(visit: PodVisit, kind: number, body: unknown): Promise<PodSaid> {
    const { person, key, waitMs, bodyHash, pod } = visit;
    const { boot, n } = numbersOf(this.live.ids.idOf(person), key);
    if (key !== null) {
      const asked = { kind, pod, bodyHash };
      const place = `${person} ${key}`;
      if (this.keys.find(place, asked) === undefined) this.keys.remember(place, n, asked);
    }
    return this.visitors.ask({ person, boot, n, kind, body, waitMs });
  }

  private send(response: Response, visit: PodVisit, said: PodSaid, shape: Shape, status = 200): void {
    const more = { pod: visit.pod };
    if (said === null) sendRefused(this.live, response, UNKNOWN_OUTCOME, null, more);
    else if ('refused' in said) sendRefused(this.live, response, said.refused.code, said.refused, more);
    else response.status(status).json(this.documentOf(visit, shape, said.body));
  }

  /** What was said, with ids; and the names of the nodes that it names, for people. */
  private documentOf({ pod }: PodVisit, shape: Shape, body: unknown): object {
    const names: Record<string, string> = {};
    const said = toJson(shape, body, (peer) => {
      const id = this.live.ids.idOf(peer);
      const name = nameOf(this.live, peer);
      if (name !== id) names[id] = name;
      return id;
    });
    return { pod, said, names };
  }

  /** What only passes through does not stay in memory. */
  private letGo({ copy }: records.PodFound): void {
    for (const { content } of copy.versions)
      if (!this.brought.has(content.hash)) this.live.contents.forget(content.hash);
  }
}

function timeOf({ waitMs }: PodVisit): { timeLeftUs: number; notAfterWallUs: number } {
  return { timeLeftUs: waitMs * 1_000, notAfterWallUs: (Date.now() + waitMs) * 1_000 };
}
