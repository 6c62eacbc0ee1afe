import { createHash, createPrivateKey, createPublicKey, randomUUID, sign } from 'node:crypto';
import { cpSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { expect } from 'chai';
import { patternShape, type Pattern } from '../../core/policy/consent-documents.ts';
import { patternHash } from '../../core/policy/consent-hashes.ts';
import type { DataLocationPolicy } from '../../core/policy/location-policy.ts';
import { podPolicyShape } from '../../core/policy/pod-terms.ts';
import { MAX_CONTENT_BYTES } from '../../live/contents.ts';
import { startFederation, type Federation } from '../../live/federation.ts';
import { hashBytes, openIdentity } from '../../live/identity.ts';
import { GatewayCalls } from '../../live/gateway-calls.ts';
import { PodBook } from '../../live/pod-book.ts';
import { packParcel } from '../../live/pod-parcel.ts';
import { PodOwner, PodRefused } from '../../live/pod-owner.ts';
import { authorize } from '../../live/signed-request.ts';
import { expectReplays, makeFolder, metricsWhen, pilotNode, pilotOf, removeFolder, sleep } from './pilot.ts';

const HOSTS = ['france/paris', 'france/lyon', 'france/nantes'];
const AT_HOME: DataLocationPolicy = {
  allowedRegions: [],
  requiredRegion: null,
  crossBorderAllowed: false,
  encryptionRequired: false,
  retention: { maxDays: null, legalHold: false },
};

/** Signed by its owner and asked of gateways: what is refused says why. */
async function refusalOf(asked: Promise<unknown>): Promise<PodRefused> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof PodRefused) return error;
    throw error;
  }
  return expect.fail('it was not refused');
}

describe('pods that people keep at live hosts', function () {
  this.timeout(60_000);
  const folder = makeFolder();
  let federation: Federation;
  let ann: PodOwner;
  let ben: PodOwner;
  const bytes = Buffer.from('What I wrote by the river.');

  before(async () => {
    const pilot = pilotOf([
      pilotNode('france/kyoto', 'asia-pac/japan', ['gateway']),
      ...HOSTS.map((name) => pilotNode(name, 'eu/fr', ['gateway', 'pod-host', 'index'])),
    ]);
    federation = await startFederation(pilot, { folder });
    await metricsWhen(federation.nodes, 'members', ({ alive }) => alive === 4, 20_000);
    ann = ownerCalled('ann');
    ben = ownerCalled('ben');
  });

  after(async () => {
    await federation?.stop();
    removeFolder(folder);
  });

  function urlsOf(...names: string[]): string[] {
    return names.map((name) => federation.nodes.find((node) => node.name === name)!.url);
  }

  function ownerCalled(name: string, ...gateways: string[]): PodOwner {
    const urls = urlsOf(...(gateways.length > 0 ? gateways : HOSTS));
    return new PodOwner(openIdentity(join(folder, 'people', name)), urls);
  }

  it('R6.2-1: their owner writes them and reads the same bytes, through any gateway', async () => {
    const policy = ann.signPolicy(1, 1, 'eu/fr', AT_HOME);
    await ann.setPolicy(policy);
    const { vector, isFragile } = await ann.write(policy, bytes);
    expect(isFragile).to.equal(false);
    for (const name of HOSTS) {
      const { versions } = await ownerCalled('ann', name).read(1);
      expect(versions.map(({ bytes: read }) => Buffer.from(read))).to.deep.equal([bytes]);
    }
    const blind = await ann.write(policy, Buffer.from('And by the sea.'));
    const both = await ann.look(1);
    expect(both.versions, 'two that did not know of each other').to.have.length(2);
    await ann.write(policy, Buffer.from('By the river and the sea.'), both.vector);
    expect((await ann.read(1)).versions.map(({ bytes: read }) => Buffer.from(read).toString())).to.deep.equal(
      ['By the river and the sea.'],
    );
    expect([vector.length, blind.vector.length], 'who did not look has not seen').to.deep.equal([1, 0]);
  });

  it('R6.2-1: their owner sees them from any device, their policies and what is deleted, and nobody else’s', async () => {
    const eve = ownerCalled('eve');
    for (const number of [21, 22]) await eve.setPolicy(eve.signPolicy(number, 1, 'eu/fr', AT_HOME));
    const next = eve.signPolicy(21, 2, 'eu/fr', AT_HOME);
    await eve.setPolicy(next);
    await eve.remove(22);
    const elsewhere = join(folder, 'people', 'eve-elsewhere');
    cpSync(join(folder, 'people', 'eve'), elsewhere, { recursive: true });
    const other = new PodOwner(openIdentity(elsewhere), urlsOf('france/kyoto'));
    const known = await other.pods();
    expect(known.map(({ number, policy }) => [number, policy?.terms.version ?? null])).to.deep.equal([
      [21, 2],
      [22, null],
    ]);
    const book = new PodBook(elsewhere, other);
    expect([...book.heed(known)]).to.deep.equal([22]);
    expect(new PodBook(elsewhere, other).find('pod-21').policy.signature).to.equal(next.signature);
    expect(await ownerCalled('nobody').pods()).to.deep.equal([]);
    const calls = new GatewayCalls(openIdentity(join(folder, 'people', 'ben')), urlsOf(HOSTS[0]!));
    const asked = calls.ask({ method: 'GET', path: `/v1/pods/${eve.id}`, patienceMs: 2_000 });
    expect((await refusalOf(asked)).code).to.equal('NOT_ADMITTED');
  });

  it('R6.1-6: the largest contents there may be, side by side, come to all who hold them', async () => {
    const policy = ann.signPolicy(6, 1, 'eu/fr', AT_HOME);
    const large = [1, 2, 3].map((byte) => Buffer.alloc(MAX_CONTENT_BYTES, byte));
    for (const content of large) await ann.write(policy, content);
    const { versions } = await ann.read(6);
    const read = versions.map(({ bytes: found }) => hashBytes(found)).sort();
    expect(read).to.deep.equal(large.map((content) => hashBytes(content)).sort());
    const room = await refusalOf(ann.write(policy, Buffer.alloc(MAX_CONTENT_BYTES, 4)));
    expect(room).to.include({ code: 'NO_ELIGIBLE_NODE', definite: true });
    expect(room.message).to.match(/a pod may have 16000000 bytes here/);
    const endMs = performance.now() + 20_000;
    let held = 0;
    while (held < HOSTS.length && performance.now() < endMs) {
      held = (await ann.where(6)).filter(({ sizes }) => sizes.length === large.length).length;
      await sleep(200);
    }
    expect(held).to.equal(HOSTS.length);
  });

  it('R5.3-2: under one key a version is written once, through whichever gateway', async () => {
    const policy = ann.signPolicy(2, 1, 'eu/fr', AT_HOME);
    for (const name of [...HOSTS, HOSTS[0]!]) await ownerCalled('ann', name).write(policy, bytes, [], 'once');
    expect((await ann.look(2)).versions).to.have.length(1);
    const other = await refusalOf(ownerCalled('ann', HOSTS[0]!).write(policy, Buffer.from('x'), [], 'once'));
    expect(other).to.include({ code: 'KEY_REUSED', definite: true });
  });

  it('R5.3-2: what came under a used key is let go of, and takes no room from what comes after', async () => {
    const owner = ownerCalled('ann', HOSTS[0]!);
    const policy = owner.signPolicy(2, 1, 'eu/fr', AT_HOME);
    const { vector } = await owner.look(2);
    // A gateway holds 64 MiB of contents at once.
    for (let i = 0; i < 17; i++) {
      const refused = await refusalOf(
        owner.write(policy, Buffer.alloc(MAX_CONTENT_BYTES, i), vector, 'once'),
      );
      expect(refused.code).to.equal('KEY_REUSED');
    }
    await owner.write(policy, Buffer.alloc(MAX_CONTENT_BYTES, 99), vector, 'another');
  });

  it('R6.2-1: others read with the consent of the owner, who sees it; a request counts for who signed it', async () => {
    const policy = ann.signPolicy(3, 1, 'eu/fr', AT_HOME);
    await ann.write(policy, bytes);
    const without = await refusalOf(ben.read(3, ann.id));
    expect(without).to.include({ code: 'CONSENT_REQUIRED', definite: true, retryable: false });
    const consent = ann.consentTo(3, ben.id, 'care', (Date.now() + 60_000) * 1_000);
    const pattern = ben.fromJson(patternShape, ann.toJson(patternShape, consent), '') as Pattern;
    const permission = ben.readingUnder(pattern, ['eu']);
    const shared = await ben.read(3, ann.id, permission);
    expect(Buffer.from(shared.versions[0]!.bytes)).to.deep.equal(bytes);
    const { receipts } = await ann.look(3);
    expect(receipts.map(({ reader, purpose }) => [ann.ids.idOf(reader), purpose])).to.deep.equal([
      [ben.id, 'care'],
    ]);
    const target = patternHash(ann.ids, consent.terms);
    const { book } = await ann.withdraw(3, target);
    expect(book.withdrawals.map((one) => one.target)).to.deep.equal([target]);
    const withdrawn = await refusalOf(ben.read(3, ann.id, permission));
    expect(withdrawn).to.include({ code: 'CONSENT_REQUIRED', definite: true, retryable: false });
    expect(withdrawn.message).to.match(/second lock is shut: the owner has withdrawn it/);
    const stranger = await refusalOf(
      ben.write(ben.fromJson(podPolicyShape, ann.toJson(podPolicyShape, policy), ''), bytes),
    );
    expect(stranger).to.include({ code: 'BAD_REQUEST', definite: true });
    const [url] = urlsOf(HOSTS[0]!);
    const unsigned = await fetch(`${url}/v1/pods/${ann.id}/3`);
    expect([unsigned.status, unsigned.headers.get('www-authenticate')]).to.deep.equal([401, 'Watershed']);
  });

  it('any program with a key can ask, by what the documentation says of it', async () => {
    await ann.write(ann.signPolicy(7, 1, 'eu/fr', AT_HOME), bytes);
    const [url] = urlsOf(HOSTS[0]!);
    const { manifest } = (await (await fetch(`${url}/v1/node`)).json()) as { manifest: { id: string } };
    const privateKey = createPrivateKey(readFileSync(join(folder, 'people', 'ann', 'key.pem')));
    const key = createPublicKey(privateKey).export({ format: 'jwk' }).x!;
    const owner = createHash('sha256').update(Buffer.from(key, 'base64url')).digest('hex');
    const target = `/v1/pods/${owner}/7/contents`;
    const until = Date.now() + 60_000;
    const body = createHash('sha256').update('').digest('hex');
    const lines = ['GET', target, manifest.id, '', until, body].join('\n');
    const signature = sign(null, Buffer.from(`watershed request\0${lines}`), privateKey).toString(
      'base64url',
    );
    const headers = {
      Authorization: `Watershed key=${key}, until=${until}, body=${body}, signature=${signature}`,
    };
    const answer = await fetch(`${url}${target}`, { headers });
    const text = await answer.text();
    expect([answer.status, text.slice(text.indexOf('\n') + 1)]).to.deep.equal([200, `${bytes}`]);
    const again = await fetch(`${url}${target}`, { headers });
    expect([again.status, ((await again.json()) as { code: string }).code]).to.deep.equal([
      401,
      'NOT_SIGNED',
    ]);
    const elsewhere = await fetch(`${urlsOf(HOSTS[1]!)[0]}${target}`, { headers });
    expect(elsewhere.status, 'taken to another gateway').to.equal(401);
  });

  it('what is no request about a pod is refused with what is wrong, and nothing is kept of it', async () => {
    const calls = new GatewayCalls(ann.identity, urlsOf(HOSTS[0]!));
    const put = (path: string, body: Uint8Array): Promise<unknown> =>
      calls.ask({ method: 'PUT', path: `/v1/pods/${path}`, body, key: randomUUID(), patienceMs: 5_000 });
    const policy = ann.toJson(podPolicyShape, ann.signPolicy(5, 1, 'eu/fr', AT_HOME));
    const document = Buffer.from(JSON.stringify(policy));
    const cases: [string, Uint8Array, RegExp][] = [
      ['me/5/policy', document, /64 hexadecimal digits/],
      [`${ann.id}/5/policy`, Buffer.from('{'), /no JSON/],
      [`${ann.id}/5/policy`, Buffer.from('{}'), /policy.terms: an object is expected/],
      [`${ann.id}/6/policy`, document, /another pod than the path/],
      [`${ann.id}/5/contents`, packParcel({ policy }, [bytes]), /write.context/],
      [`${ann.id}/5/contents`, bytes, /a line of JSON is expected/],
      [`${ann.id}/5/deletion`, Buffer.from('{}'), /signature of the owner/],
    ];
    for (const [path, body, detail] of cases) {
      const refused = await refusalOf(put(path, body));
      expect([refused.code, refused.definite], path).to.deep.equal(['BAD_REQUEST', true]);
      expect(refused.message, path).to.match(detail);
    }
    const large = packParcel({ policy, context: [] }, [new Uint8Array(MAX_CONTENT_BYTES + 100_000)]);
    expect(await refusalOf(put(`${ann.id}/5/contents`, large))).to.include({
      code: 'TOO_LARGE',
      definite: true,
    });
  });

  it('who hangs up in mid-sentence harms nobody', async () => {
    const { url, folder: own } = federation.nodes.find(({ name }) => name === HOSTS[0])!;
    const { manifest } = (await (await fetch(`${url}/v1/node`)).json()) as { manifest: { id: string } };
    const target = `/v1/pods/${ann.id}/8/contents`;
    const terms = { method: 'PUT', target, gateway: manifest.id, key: 'half', untilMs: Date.now() + 60_000 };
    const authorization = authorize(ann.identity, { ...terms, bodyHash: '0'.repeat(64) });
    const headers = { authorization, 'idempotency-key': 'half', 'content-length': 1_000 };
    const half = request(`${url}${target}`, { method: 'PUT', headers });
    half.on('error', () => undefined);
    half.write('{"policy":');
    await sleep(300);
    half.destroy();
    await sleep(300);
    expect((await fetch(`${url}/v1/health`)).status).to.equal(200);
    expect(readFileSync(join(own, 'node.log'), 'utf8')).not.to.include('over HTTP failed');
  });

  it('R6.1-2: what may not be in a region is not sent to a gateway there, and refused by one', async () => {
    const policy = ann.signPolicy(4, 1, 'eu/fr', AT_HOME);
    const elsewhere = await refusalOf(ownerCalled('ann', 'france/kyoto').write(policy, bytes));
    expect(elsewhere.message).to.match(/kyoto lies in asia-pac\/japan.*nothing was sent/);
    const head = { policy: ann.toJson(podPolicyShape, policy), context: [] };
    const body = packParcel(head, [bytes]);
    const path = `/v1/pods/${ann.id}/4/contents`;
    const bold = new GatewayCalls(ann.identity, urlsOf('france/kyoto'));
    const refused = await refusalOf(bold.ask({ method: 'PUT', path, body, key: 'x', patienceMs: 5_000 }));
    expect(refused).to.include({ code: 'NO_ELIGIBLE_NODE', definite: true });
    expect(refused.message).to.match(/this gateway lies in asia-pac\/japan/);
    await ann.write(policy, bytes);
    const read = await refusalOf(ownerCalled('ann', 'france/kyoto').read(4));
    expect(read.message).to.match(/lies where the policy of the pod allows nothing/);
  });

  it('and the journals of every boot replay to equal outboxes', async () => {
    await federation.stop();
    expectReplays(federation);
  });
});
