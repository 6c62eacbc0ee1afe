/** What a live node is started with, as it lies in its folder and at the head of its journal. */
import {
  clusterRecordShape,
  peeringShape,
  revocationShape,
} from '../core/cluster/border/border-documents.ts';
import { DETECTORS, type NodeConfig } from '../core/machine/config.ts';
import { attestationShape, manifestShape, MAX_MODELS, name } from '../core/cluster/manifest.ts';
import { PARAMETERS } from '../core/machine/parameters.ts';
import { integer, list, optional, peer, record, text, type Shape } from '../core/machine/shape.ts';
import { auditShape, MAX_AUDITS, MAX_SUBJECTS, vouchShape } from '../core/trust/standing-documents.ts';
import { address, certificateShape, genesisShape, MAX_SEEDS, seedShape } from '../core/trust/documents.ts';
import type { Parameters } from '../core/machine/parameters.ts';
import type { ModelFile, Provider } from './accelerator.ts';
import type { LiveIds, RosterEntry } from './identity.ts';
import { fieldsOf, fromJson, JsonFault, toJson } from './json-shape.ts';

export const CONFIG_FILE = 'config.json';

/** config.json of a node's folder. */
export interface LiveConfig {
  readonly format: 1;
  readonly name: string;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly provider: Provider;
  /** The files of the models that this node runs. */
  readonly models: readonly ModelFile[];
  /** Every node and every attestor of the federation; ids are checked against keys. */
  readonly roster: readonly RosterEntry[];
  /** NodeConfig with ids in place of peers. */
  readonly node: unknown;
}

const parametersShape = record(
  Object.fromEntries(Object.keys(PARAMETERS).map((key) => [key, integer])),
) as Shape<Parameters>;

const nodeConfigShape = record({
  manifest: manifestShape,
  genesis: genesisShape,
  certificate: optional(certificateShape),
  address,
  seeds: list(seedShape, MAX_SEEDS),
  orderedBy: list(peer, 16),
  attestations: list(attestationShape, 8),
  attestors: list(peer, 256),
  vouches: list(vouchShape, 2 * MAX_SUBJECTS),
  audits: list(auditShape, MAX_AUDITS),
  auditors: list(peer, 256),
  detector: text(16),
  indexNodes: list(peer, 256),
  record: optional(clusterRecordShape),
  peerings: list(record({ peering: peeringShape, revocation: optional(revocationShape) }), 1_024),
  seedBridges: list(record({ peer, address }), 256),
  models: list(record({ name, requiredMemoryBytes: integer }), 1_024),
  installedModels: list(name, MAX_MODELS),
  publishers: list(peer, 64),
  wantedModels: list(name, MAX_MODELS),
  modelDiskBytes: integer,
  slots: integer,
  queueLimit: integer,
  parameters: parametersShape,
});

export function writeNodeConfig(config: NodeConfig, ids: LiveIds): unknown {
  return toJson(nodeConfigShape as Shape<NodeConfig>, config, (number) => ids.idOf(number));
}

/** Throws JsonFault, naming the place. */
export function readNodeConfig(json: unknown, ids: LiveIds): NodeConfig {
  const config = fromJson(nodeConfigShape, json, ids, 'node');
  const detector = DETECTORS.find((one) => one === config.detector);
  if (detector === undefined) throw new JsonFault(`node.detector: ${DETECTORS.join(' or ')} is expected`);
  return { ...config, detector };
}

/** Throws JsonFault, naming the place. */
export function readRoster(json: unknown): RosterEntry[] {
  if (!Array.isArray(json)) throw new JsonFault('roster: a list is expected');
  return json.map((item: unknown, i) => {
    const place = `roster[${i}]`;
    const fields = fieldsOf(item, place);
    const textOf = (field: string): string => {
      const found = fields[field];
      if (typeof found === 'string') return found;
      throw new JsonFault(`${place}.${field}: a text is expected`);
    };
    return {
      id: textOf('id'),
      name: textOf('name'),
      cluster: textOf('cluster'),
      publicKey: textOf('publicKey'),
    };
  });
}
