import { assert } from '../core/base/assert.ts';
import type { Ids, Peer, Pure } from '../core/base/peers.ts';
import {
  clusterRecordShape,
  peeringShape,
  revocationShape,
} from '../core/cluster/border/border-documents.ts';
import { decodeEnvelope, Encoder } from '../core/machine/codec.ts';
import type { NodeConfig } from '../core/machine/config.ts';
import { Envelope } from '../core/machine/envelope.ts';
import { nameOfKind } from '../core/machine/kinds.ts';
import { list, optional, record, type Shape } from '../core/machine/shape.ts';
import { auditShape, MAX_AUDITS, MAX_SUBJECTS, vouchShape } from '../core/trust/standing-documents.ts';
import type { Certificate } from '../core/trust/documents.ts';
import type { Identities } from './identities.ts';
import { plainConfig } from './shared-config.ts';

/**
 * What a run that checks puts between a node and the world: the node knows its peers by numbers of its own, every
 * envelope crosses as bytes, and the bodies that arrive are frozen. The digest must be what it is without.
 */
export class Wire {
  readonly view: Pure;
  private readonly world: Ids;
  private readonly toWorld: Encoder;
  private readonly toNode: Encoder;
  private readonly crossed = new Envelope();

  /** @param mask which numbers the node uses: those of the world with these bits turned over */
  constructor(world: Identities, mask: number) {
    this.world = world;
    this.view = viewOf(world, mask);
    this.toWorld = new Encoder(this.view);
    this.toNode = new Encoder(world);
  }

  /** From the node's numbers to the world's, in place. */
  outward(envelope: Envelope): void {
    this.cross(this.toWorld, this.toNode, this.world, envelope);
  }

  /** From the world's numbers to the node's, in place. */
  inward(envelope: Envelope): void {
    this.cross(this.toNode, this.toWorld, this.view, envelope);
  }

  private cross(encoder: Encoder, back: Encoder, ids: Ids, envelope: Envelope): void {
    const { crossed } = this;
    const bytes = encoder.envelope(envelope);
    const refusal = decodeEnvelope(bytes, ids, crossed);
    assert(refusal === null, `${nameOfKind(envelope.kind)} is refused by its own codec: ${refusal}`);
    const again = back.envelope(crossed);
    const isEqual = again.length === bytes.length && again.every((byte, i) => byte === bytes[i]);
    assert(isEqual, `${nameOfKind(envelope.kind)} does not survive its codec`);
    assert(crossed.sizeBytes === envelope.sizeBytes, `${nameOfKind(envelope.kind)} has one size`);
    envelope.from = crossed.from;
    envelope.to = crossed.to;
    envelope.origin = crossed.origin;
    envelope.body = freeze(crossed.body);
  }
}

function viewOf(world: Identities, mask: number): Pure {
  return {
    idOf: (peer) => world.idOf(peer ^ mask),
    peerOf: (id) => world.peerOf(id) ^ mask,
    rank: (peer) => world.rank(peer ^ mask),
    hash: (bytes) => world.hash(bytes),
    verify: (signer, hash, signature) => world.verify(signer ^ mask, hash, signature),
    choose: () => world.choose(),
    once: (_shape, value) => value,
  };
}

/** The configuration of a node in its own numbers. */
export function renumberConfig(config: NodeConfig, mask: number): NodeConfig {
  if (mask === 0) return config;
  const own = (peer: Peer): Peer => peer ^ mask;
  return {
    ...plainConfig(config),
    manifest: { ...config.manifest, id: own(config.manifest.id) },
    genesis: { ...config.genesis, operators: config.genesis.operators.map(own) },
    certificate: config.certificate === null ? null : renumberCertificate(config.certificate, own),
    seeds: config.seeds.map(({ peer, address }) => ({ peer: peer === null ? null : own(peer), address })),
    attestations: config.attestations.map((attestation) => ({
      ...attestation,
      subject: own(attestation.subject),
      issuer: own(attestation.issuer),
    })),
    attestors: config.attestors.map(own),
    vouches: renumber(vouchesShape, config.vouches, own),
    audits: renumber(auditsShape, config.audits, own),
    auditors: config.auditors.map(own),
    orderedBy: config.orderedBy.map(own),
    publishers: config.publishers.map(own),
    indexNodes: config.indexNodes.map(own),
    record: renumber(optional(clusterRecordShape), config.record, own),
    peerings: renumber(agreedShape, config.peerings, own),
    seedBridges: config.seedBridges.map((bridge) => ({ ...bridge, peer: own(bridge.peer) })),
  };
}

const vouchesShape = list(vouchShape, MAX_SUBJECTS);
const auditsShape = list(auditShape, MAX_AUDITS);
const agreedShape = list(
  record({ peering: peeringShape, revocation: optional(revocationShape) }),
  Number.MAX_SAFE_INTEGER,
);

/** A document in a node's own numbers. */
function renumber<V>(shape: Shape, value: V, own: (peer: Peer) => Peer): V {
  return renumberValue(shape, value, own) as V;
}

function renumberValue(shape: Shape, value: unknown, own: (peer: Peer) => Peer): unknown {
  switch (shape.tag) {
    case 'peer':
      return own(value as Peer);
    case 'optional':
      return value === null ? null : renumberValue(shape.item, value, own);
    case 'list':
      return (value as unknown[]).map((item) => renumberValue(shape.item, item, own));
    case 'record': {
      const fields = value as Record<string, unknown>;
      return Object.fromEntries(
        shape.names.map((name, i) => [name, renumberValue(shape.shapes[i], fields[name], own)]),
      );
    }
    default:
      return value;
  }
}

function renumberCertificate(certificate: Certificate, own: (peer: Peer) => Peer): Certificate {
  return {
    ...certificate,
    subject: own(certificate.subject),
    signatures: certificate.signatures.map(({ operator, signature }) => ({
      operator: own(operator),
      signature,
    })),
  };
}

function freeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const item of Object.values(value)) freeze(item);
    Object.freeze(value);
  }
  return value;
}

/** Turns the order of insertion of every map in a node's state around. Nothing may depend on it. */
export function reverseMaps(value: unknown): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  if (Object.isFrozen(value)) return;
  if (value instanceof Map) {
    const entries = [...value].reverse();
    value.clear();
    for (const [key, item] of entries) {
      value.set(key, item);
      reverseMaps(item);
    }
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    const isLent = key === 'config' || key === 'pure' || key === 'shape';
    if (!isLent) reverseMaps(item);
  }
}
