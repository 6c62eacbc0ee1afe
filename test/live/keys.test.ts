import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import fc from 'fast-check';
import { Envelope } from '../../core/machine/envelope.ts';
import * as kinds from '../../core/machine/kinds.ts';
import type { Ref } from '../../core/machine/shape.ts';
import { Contents } from '../../live/contents.ts';
import { hashBytes, openIdentity } from '../../live/identity.ts';
import { KeyFiles } from '../../live/key-files.ts';
import { Keys } from '../../live/keys.ts';
import {
  createAgreement,
  createKey,
  nameOfKey,
  openContent,
  sealContent,
  unwrapKey,
  wrapKey,
} from '../../live/sealing.ts';
import { law } from '../laws/law.ts';

const POD = hashBytes('a pod');
const OTHER = hashBytes('another pod');
const BOUND = hashBytes('a write');

/** KEYS of a node, asked as its core would ask. */
class Asked {
  readonly contents = new Contents();
  readonly keys: Keys;

  constructor(folder: string) {
    this.keys = new Keys(folder, openIdentity(folder), this.contents, (error) => {
      throw error;
    });
  }

  ask<T>(kind: number, body: unknown): T {
    let answer: unknown;
    this.keys.handle(Object.assign(new Envelope(), { kind, body }), (_kind, said) => (answer = said));
    return answer as T;
  }

  get agreement(): string {
    return this.ask<kinds.Agreed>(kinds.AGREE, {}).agreement;
  }

  get listed(): number[] {
    return this.ask<kinds.KeysListed>(kinds.LIST_KEYS, { after: 0 }).keys.map(({ keyId }) => keyId);
  }

  /** Hands a content on, as the transport would. */
  give(content: Ref, to: Asked): void {
    to.contents.keep(content, this.contents.get(content)!);
  }
}

describe('KEYS of a live node', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'watershed-keys-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** Two holders of a key, and a gateway that is given it. */
  function stage() {
    const [first, second, gateway] = ['first', 'second', 'gateway'].map(
      (name) => new Asked(join(folder, name)),
    );
    const { keyId } = first.ask<kinds.Keyed>(kinds.NEW_KEY, { pod: POD });
    const wrapFor = (from: Asked, to: Asked): Ref => {
      const { agreement } = to;
      const { wrapped } = from.ask<kinds.Wrapped>(kinds.WRAP, { pod: POD, keyId, agreement });
      from.give(wrapped!, to);
      return wrapped!;
    };
    return { first, second, gateway, keyId, wrapFor };
  }

  it('R6.1-4: what one gateway seals another opens, with a key that neither holds', () => {
    const { first, second, gateway, keyId, wrapFor } = stage();
    const taken = wrapFor(first, second);
    expect(second.ask(kinds.TAKE_KEY, { pod: POD, keyId, wrapped: taken })).to.deep.equal({
      pod: POD,
      keyId,
    });
    const plain = gateway.contents.put(Buffer.from('Dear diary'))!;
    const wrapped = wrapFor(first, gateway);
    const asked = { pod: POD, keyId, wrapped, content: plain, bound: BOUND };
    const sealed = gateway.ask<kinds.Sealed>(kinds.SEAL, asked).content!;
    expect(sealed).to.deep.include({ keyId, sizeBytes: 10 + 28 });
    expect(Buffer.from(gateway.contents.get(sealed)!).includes('diary')).to.equal(false);
    const again = gateway.ask<kinds.Sealed>(kinds.SEAL, asked).content!;
    expect(again.hash, 'another nonce').not.to.equal(sealed.hash);
    const elsewhere = new Asked(join(folder, 'elsewhere'));
    gateway.give(sealed, elsewhere);
    const opening = { ...asked, content: sealed, wrapped: wrapFor(second, elsewhere) };
    const open = (changes: object) =>
      elsewhere.ask<kinds.Opened>(kinds.OPEN, { ...opening, ...changes }).content;
    expect(open({})).to.deep.equal(plain);
    expect(Buffer.from(elsewhere.contents.get(plain)!).toString()).to.equal('Dear diary');
    expect(open({ bound: hashBytes('another write') })).to.equal(null);
    expect(open({ pod: OTHER })).to.equal(null);
    expect(open({ keyId: keyId + 1 })).to.equal(null);
    expect(open({ wrapped })).to.equal(null);
    expect(gateway.listed).to.deep.equal([]);
    expect(
      existsSync(join(folder, 'gateway', 'keys')) && readdirSync(join(folder, 'gateway', 'keys')),
    ).not.to.include(POD);
  });

  it('R6.1-4: a key is in a file of its own, for its owner alone, and is there after a start; what was wrapped before is not', () => {
    const { first, gateway, keyId, wrapFor } = stage();
    const [file] = readdirSync(join(folder, 'first', 'keys'));
    expect(statSync(join(folder, 'first', 'keys', file)).mode & 0o777).to.equal(0o600);
    expect(statSync(join(folder, 'first', 'keys')).mode & 0o777).to.equal(0o700);
    const restarted = new Asked(join(folder, 'first'));
    expect(restarted.listed).to.deep.equal([keyId]);
    expect(restarted.agreement).not.to.equal(first.agreement);
    const plain = gateway.contents.put(Buffer.from('x'))!;
    const wrapped = wrapFor(first, gateway);
    const later = new Asked(join(folder, 'gateway'));
    gateway.give(plain, later);
    gateway.give(wrapped, later);
    const asked = { pod: POD, keyId, wrapped, content: plain, bound: BOUND };
    expect(later.ask<kinds.Sealed>(kinds.SEAL, asked).content).to.equal(null);
  });

  it('R6.2-2: after its destruction nothing opens, and a backup without the keys is noise', () => {
    const { first, gateway, keyId, wrapFor } = stage();
    const home = join(folder, 'first');
    const { keyId: kept } = first.ask<kinds.Keyed>(kinds.NEW_KEY, { pod: OTHER });
    const plain = gateway.contents.put(Buffer.from('Dear diary'))!;
    const asked = { pod: POD, keyId, wrapped: wrapFor(first, gateway), content: plain, bound: BOUND };
    const sealed = gateway.ask<kinds.Sealed>(kinds.SEAL, asked).content!;
    writeFileSync(join(home, 'sealed'), gateway.contents.get(sealed)!);
    const file = readdirSync(join(home, 'keys')).find((name) => name.startsWith(POD))!;
    const key = readFileSync(join(home, 'keys', file));
    const backup = join(folder, 'backup');
    cpSync(home, backup, { recursive: true, filter: (source) => !source.endsWith('/keys') });
    expect(first.ask(kinds.DESTROY_KEYS, { pod: POD })).to.deep.equal({ pod: POD, isDone: true });
    const { agreement } = gateway;
    expect(first.ask<kinds.Wrapped>(kinds.WRAP, { pod: POD, keyId, agreement }).wrapped).to.equal(null);
    for (const where of [home, backup]) {
      const later = new Asked(where);
      expect(later.listed).to.deep.equal(where === home ? [kept] : []);
      expect(later.ask<kinds.Wrapped>(kinds.WRAP, { pod: POD, keyId, agreement }).wrapped).to.equal(null);
      for (const name of readdirSync(where, { recursive: true }) as string[]) {
        const path = join(where, name);
        if (statSync(path).isFile()) expect(readFileSync(path).includes(key), name).to.equal(false);
      }
    }
    // Twice is as good as once.
    expect(first.ask(kinds.DESTROY_KEYS, { pod: POD })).to.deep.equal({ pod: POD, isDone: true });
  });

  it('a node that is killed while a key is written or destroyed finds the key whole, or none', () => {
    const home = join(folder, 'keys');
    const script = fileURLToPath(new URL('./killed-keys.ts', import.meta.url));
    const die = (at: string) =>
      spawnSync(process.execPath, ['--import', 'tsx/esm', script, home, POD, at], { encoding: 'utf8' });
    const before = new KeyFiles(home).add(OTHER, createKey());
    for (const at of ['renameSync', 'unlinkSync']) {
      const { signal, stderr } = die(at);
      expect(signal, stderr).to.equal('SIGKILL');
      expect(readdirSync(home)).to.have.length(2);
      const files = new KeyFiles(home);
      expect([...files.held.keys()], at).to.deep.equal([before]);
      expect(readdirSync(home)).to.have.length(1);
    }
  });
});

describe('laws of sealing', () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 });

  law(
    'what is sealed opens to what it was, and to nothing under another key, for another pod or write, or changed anywhere',
    fc.record({
      bytes,
      key,
      pod: fc.string(),
      bound: fc.string(),
      at: fc.nat(),
      mask: fc.integer({ min: 1, max: 255 }),
    }),
    ({ bytes: plain, key: own, pod, bound, at, mask }) => {
      const sealed = sealContent(own, plain, pod, bound);
      expect(sealed.length).to.equal(plain.length + 28);
      expect(openContent(own, sealed, pod, bound)).to.deep.equal(Buffer.from(plain));
      expect(openContent(createKey(), sealed, pod, bound)).to.equal(null);
      expect(openContent(own, sealed, `${pod}.`, bound)).to.equal(null);
      expect(openContent(own, sealed, pod, `${bound}.`)).to.equal(null);
      const changed = Buffer.from(sealed);
      changed[at % changed.length] ^= mask;
      expect(openContent(own, changed, pod, bound)).to.equal(null);
      expect(openContent(own, sealed.subarray(0, at % sealed.length), pod, bound)).to.equal(null);
      return true;
    },
    { seed: 71, runs: 200 },
  );

  law(
    'a wrapped key is unwrapped by whom it was wrapped for, and by nobody else, for no other pod, nor changed anywhere',
    fc.record({ key, pod: fc.string(), at: fc.nat(), mask: fc.integer({ min: 1, max: 255 }) }),
    ({ key: own, pod, at, mask }) => {
      const to = createAgreement();
      const wrapped = wrapKey(own, pod, to.publicKey)!;
      const found = unwrapKey(to, wrapped, pod)!;
      expect(found).to.deep.equal(Buffer.from(own));
      expect(nameOfKey(found)).to.equal(nameOfKey(own));
      expect(unwrapKey(createAgreement(), wrapped, pod)).to.equal(null);
      expect(unwrapKey(to, wrapped, `${pod}.`)).to.equal(null);
      const changed = Buffer.from(wrapped);
      changed[at % changed.length] ^= mask;
      expect(unwrapKey(to, changed, pod)).to.equal(null);
      expect(unwrapKey(to, wrapped.subarray(0, at % wrapped.length), pod)).to.equal(null);
      return true;
    },
    { seed: 72, runs: 60 },
  );

  it('for what is no key nothing is wrapped', () => {
    for (const to of ['', 'x', 'A'.repeat(43), '!'.repeat(43)])
      expect(wrapKey(createKey(), POD, to)).to.equal(null);
  });
});
