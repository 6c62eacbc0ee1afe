import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { parse } from 'yaml';
import { DEFAULT_PARAMETERS } from '../../core/machine/parameters.ts';
import { canonicalJson, hashScenario } from '../../sim/scenario/hash.ts';
import { jsonSchemaText, SCHEMA_FILES } from '../../sim/scenario/json-schema.ts';
import { loadScenario, loadScenarioOrLibrary } from '../../sim/scenario/load.ts';
import type { ResolvedFault } from '../../sim/scenario/resolved.ts';
import { changed, load, SMALL, problemsOf } from './scenario-text.ts';

const FOLDER = fileURLToPath(new URL('../../scenarios/', import.meta.url));
const CUT = 'cut: { between: [france, us-east] }';

function faultOf(text: string): ResolvedFault[] {
  return [...load(changed(CUT, text)).faults];
}

describe('a resolved scenario', () => {
  it('has every default filled in', () => {
    const scenario = load(SMALL);
    const { network, clusters, nodes, workloads, expectations } = scenario;
    expect(scenario).to.include({ format: 1, name: 'small', about: '', seed: 1, durationUs: 120e6 });
    expect(scenario.parameters).to.deep.equal(DEFAULT_PARAMETERS);
    expect(network).to.deep.equal({
      oneWayP95Us: [
        [1_000, 45_000],
        [45_000, 1_000],
      ],
      fixedPpm: 900_000,
      lossPpm: 0,
      duplicatePpm: 0,
    });
    expect(clusters.map(({ label, exports }) => [label, exports])).to.deep.equal([
      ['France', []],
      ['Us East', ['*']],
    ]);
    expect(nodes[1]).to.deep.equal({
      name: 'france/helper-1',
      cluster: 'france',
      region: 'eu/fr',
      types: ['compute'],
      claimedTrust: 3,
      attestedTrust: 3,
      podStorage: null,
      compute: { gpuMemoryBytes: 24e9, supportedModels: ['lifeos/small-v1'] },
      installedModels: ['lifeos/small-v1'],
      slots: 1,
      queueLimit: 16,
      bandwidthBytesPerSecond: 125e6,
      speedPpm: 1e6,
    });
    expect(workloads).to.deep.equal([
      {
        cluster: 'france',
        users: 10,
        fromUs: 10e6,
        untilUs: 80e6,
        meanGapUs: 2e6,
        gapQuantiles: [0, 2e6],
        contextTokens: [10, 100],
        generatedTokens: [5, 50],
        bytesPerToken: 4,
        deadlineUs: 30e6,
        asks: [{ model: 'lifeos/small-v1', weight: 2, minTrust: 1, allowedRegions: ['eu/fr'] }],
      },
    ]);
    expect(expectations).to.deep.equal({ okAtLeastPpm: 900_000, sometimes: [], never: ['INTERNAL'] });
  });

  it('unfolds groups of nodes in the order of the clusters, and lays what differs over the template', () => {
    const nodes =
      'front: 1, helper: { count: 2, slots: 4 }, spare: { like: helper, trust: { claims: verified, attested: peer } }';
    const resolved = load(changed('front: 1, helper: 2', nodes)).nodes;
    expect(resolved.map(({ name }) => name)).to.deep.equal([
      ...['france/front-1', 'france/helper-1', 'france/helper-2', 'france/spare-1'],
      ...['us-east/front-1', 'us-east/helper-1'],
    ]);
    expect(resolved.map(({ slots }) => slots)).to.deep.equal([1, 4, 4, 1, 1, 1]);
    expect(resolved[3]).to.include({ claimedTrust: 4, attestedTrust: 2 });
    expect(resolved[3].installedModels).to.deep.equal(['lifeos/small-v1']);
  });

  it('takes experimental for a node that says nothing of its trust (R8.1-1)', () => {
    const [node] = load(changed(', trust: verified', '')).nodes;
    expect(node).to.include({ claimedTrust: 1, attestedTrust: 1 });
  });

  it('gives a pod host its room, and a tenth of it for the largest pod', () => {
    const nodes = 'front: 1, helper: 2, pods: { types: [pod-host], podStorage: 2TB }';
    const [, , , pods] = load(changed('front: 1, helper: 2', nodes)).nodes;
    expect(pods.podStorage).to.deep.equal({ availableBytes: 2e12, maxPodBytes: 2e11, encryption: true });
    expect(pods.compute).to.equal(null);
  });

  it('keeps a prompt in the home region unless it is said otherwise', () => {
    const asks = (regions: string): readonly string[] =>
      load(changed('weight: 2', `regions: ${regions}`)).workloads[0].asks[0].allowedRegions;
    expect(asks('home')).to.deep.equal(['eu/fr']);
    expect(asks('anywhere')).to.deep.equal(['eu', 'americas']);
    expect(asks('[eu, americas/us-east]')).to.deep.equal(['eu', 'americas/us-east']);
  });

  it('makes users of a region users of each of its clusters', () => {
    const both = load(changed('in: france', 'in: [americas, france]')).workloads;
    expect(both.map(({ cluster }) => cluster)).to.deep.equal(['france', 'us-east']);
    expect(both.map(({ asks }) => asks[0].allowedRegions)).to.deep.equal([['eu/fr'], ['americas/us-east']]);
  });

  it('scales pauses so that the rate is kept, whatever their shape', () => {
    const { gapQuantiles } = load(changed('gaps: [0%, 200%]', 'gaps: [0%, 10%, 400%]')).workloads[0];
    const mean = (gapQuantiles[0] + 2 * gapQuantiles[1] + gapQuantiles[2]) / 4;
    expect(mean).to.be.closeTo(1e6, 2);
  });

  it('names peerings by clusters or regions, each pair once', () => {
    const peerings = (text: string) =>
      load(changed('full-mesh', text)).peerings.map(({ between }) => between);
    expect(peerings('full-mesh')).to.deep.equal([['france', 'us-east']]);
    expect(peerings('[[us-east, france], [eu, americas]]')).to.deep.equal([['france', 'us-east']]);
    expect(peerings('[[france, others]]')).to.deep.equal([['france', 'us-east']]);
    expect(load(changed('peerings: full-mesh\n', '')).peerings).to.deep.equal([]);
  });

  it('gives a peering the exports of its clusters for good, or terms of its own', () => {
    const peerings = (text: string) => load(changed('full-mesh', text)).peerings;
    const usual = {
      between: ['france', 'us-east'],
      exports: [[], ['*']],
      fromUs: 0,
      untilUs: null,
      maxInFlight: null,
    };
    expect(peerings('[[us-east, france]]')).to.deep.equal([usual]);
    expect(peerings('[{ between: [us-east, france] }]')).to.deep.equal([usual]);
    const terms =
      'exports: { us-east: [lifeos/small-v1], france: all }, from: 10s, until: 1min, inFlight: 20';
    expect(peerings(`[{ between: [us-east, eu], ${terms} }]`)).to.deep.equal([
      {
        between: ['france', 'us-east'],
        exports: [['*'], ['lifeos/small-v1']],
        fromUs: 10e6,
        untilUs: 60e6,
        maxInFlight: 20,
      },
    ]);
  });

  it('tells what is wrong with the terms of a peering', () => {
    const wrong = (text: string) => problemsOf(changed('full-mesh', text)).map(({ found }) => found);
    const withTerms = (terms: string) => wrong(`[{ between: [france, us-east], ${terms} }]`);
    expect(withTerms('exports: { frnace: all }')).to.deep.equal(['there is no cluster "frnace"']);
    expect(withTerms('exports: { france: [lifeos/smal-v1] }')).to.deep.equal([
      'there is no model "lifeos/smal-v1"',
    ]);
    expect(withTerms('until: 1min, from: 90s')).to.deep.equal(['it ends before it begins']);
    expect(withTerms('from: 3min')).to.deep.equal(['it ends before it begins']);
    expect(withTerms('inFlight: 0')).to.deep.equal(['inFlight is 0']);
    expect(wrong('[[france, us-east], { between: [us-east, france], until: 1min }]')).to.deep.equal([
      'france and us-east have a peering already',
    ]);
    expect(wrong('[{ between: [france, france] }]')).to.deep.equal(['a peering of france with itself']);
  });

  it('keeps both directions of a round trip where both are given', () => {
    const trips = '  eu/fr: { americas/us-east: 90ms }\n';
    const text = changed(trips, `${trips}  americas/us-east: { eu/fr: 91ms }\ninsideRegion: 4ms\n`);
    expect(load(text).network.oneWayP95Us).to.deep.equal([
      [2_000, 45_000],
      [45_500, 2_000],
    ]);
  });

  it('takes parameters without the unit in their name', () => {
    const { parameters } = load(`${SMALL}parameters: { heartbeat: 2s, retries: 1, retryBudget: 10% }\n`);
    expect(parameters).to.deep.equal({
      ...DEFAULT_PARAMETERS,
      heartbeatUs: 2e6,
      retries: 1,
      retryBudgetPpm: 100_000,
    });
  });

  it('follows anchors and merges', () => {
    const text = changed('duration: 2min', 'x-long: &long 2min\nduration: *long');
    expect(load(text).durationUs).to.equal(120e6);
    const merged = SMALL.replace('helper: {', 'helper: &h {').replace(
      'clusters:',
      '  spare: { <<: *h, slots: 3 }\nclusters:',
    );
    expect(load(merged.replace('helper: 2', 'spare: 2')).nodes[1]).to.include({ slots: 3, claimedTrust: 3 });
  });
});

describe('faults of a scenario', () => {
  const lasting = { atUs: 60e6, untilUs: 80e6 };
  const links = { from: ['france'], to: ['us-east'] };

  it('harm links both ways, one way, or within a cluster', () => {
    expect(faultOf('cut: { between: [eu, others] }')).to.deep.equal([
      { kind: 'cut', ...lasting, ...links, bothWays: true },
    ]);
    expect(faultOf('loss: { from: france, to: us-east, chance: 5% }')).to.deep.equal([
      { kind: 'loss', ppm: 50_000, ...lasting, ...links, bothWays: false },
    ]);
    expect(faultOf('duplicate: { between: [eu, americas], chance: 1% }')).to.deep.equal([
      { kind: 'duplicate', ppm: 10_000, ...lasting, ...links, bothWays: true },
    ]);
    expect(faultOf('delay: { within: [france, us-east], by: 200ms }')).to.deep.equal([
      { kind: 'delay', addUs: 200_000, ...lasting, from: ['france'], to: ['france'], bothWays: false },
      { kind: 'delay', addUs: 200_000, ...lasting, from: ['us-east'], to: ['us-east'], bothWays: false },
    ]);
  });

  it('harm nodes, groups, or all of a cluster', () => {
    expect(faultOf('crash: france/helper')).to.deep.equal([
      { kind: 'crash', ...lasting, nodes: ['france/helper-1', 'france/helper-2'] },
    ]);
    expect(faultOf('pause: [us-east, france/front-1]')).to.deep.equal([
      { kind: 'pause', ...lasting, nodes: ['us-east/front-1', 'us-east/helper-1', 'france/front-1'] },
    ]);
  });

  it('last to the end unless they say how long, and come in order of time', () => {
    const text = changed(
      `for: 20s\n    ${CUT}`,
      `${CUT}\n  - { at: 30s, heal: all }\n  - { at: 30s, restart: france/front-1 }`,
    );
    expect(load(text).faults).to.deep.equal([
      { kind: 'heal', atUs: 30e6 },
      { kind: 'restart', atUs: 30e6, nodes: ['france/front-1'] },
      { kind: 'cut', atUs: 60e6, untilUs: null, ...links, bothWays: true },
    ]);
  });
});

describe('the hash of a scenario', () => {
  it('is that of the canonical JSON', () => {
    expect(canonicalJson({ b: [1, { z: null, a: 'x' }], a: true })).to.equal(
      '{"a":true,"b":[1,{"a":"x","z":null}]}',
    );
    expect(hashScenario(load(SMALL))).to.match(/^[0-9a-f]{64}$/);
  });

  it('does not change with how a scenario is written, and does with what it says', () => {
    const hash = hashScenario(load(SMALL));
    const rewritten = [
      changed('duration: 2min', 'duration: 120s # two minutes'),
      changed('scenario: small\n', '# a comment\nseed: 1\nscenario: small\n'),
      SMALL.replace(/\n/g, '\r\n'),
      changed('{ memory: 8GB, reads: 16000, writes: 120 }', '{ writes: 120, reads: 16000, memory: 8000MB }'),
      `\ufeff${SMALL}`,
    ];
    for (const text of rewritten) expect(hashScenario(load(text)), text.slice(0, 60)).to.equal(hash);
    expect(hashScenario(load(changed('weight: 2', 'weight: 3')))).not.to.equal(hash);
    expect(hashScenario(load(changed('scenario: small', 'seed: 2\nscenario: small')))).not.to.equal(hash);
  });

  it('is the same after a way through JSON', () => {
    const scenario = load(SMALL);
    expect(hashScenario(JSON.parse(JSON.stringify(scenario)))).to.equal(hashScenario(scenario));
  });
});

describe('the shipped files', () => {
  it('are well-formed, those to include as well', () => {
    expect(loadScenarioOrLibrary(join(FOLDER, 'quickstart.yaml'))?.name).to.equal('quickstart');
    for (const file of ['regions', 'models', 'models-pilot', 'machines', 'llm-demand'])
      expect(loadScenarioOrLibrary(join(FOLDER, `${file}.yaml`)), file).to.equal(null);
  });

  it('quickstart is the federation of the figure, with all that a cluster needs at least twice', () => {
    const { clusters, nodes, durationUs, workloads, faults, peerings } = loadScenario(
      join(FOLDER, 'quickstart.yaml'),
    );
    expect(clusters.map(({ region }) => region)).to.deep.equal([
      ...['eu/fr', 'eu/de', 'americas/us-east', 'americas/us-west', 'americas/brazil'],
      ...['asia-pac/japan', 'asia-pac/korea', 'asia-pac/australia'],
    ]);
    expect(nodes).to.have.length.at.least(100);
    expect(peerings).to.have.length(28);
    expect(durationUs).to.equal(20 * 60e6);
    for (const { name } of clusters) {
      for (const type of ['gateway', 'index', 'bridge', 'compute', 'pod-host']) {
        const some = nodes.filter(({ cluster, types }) => cluster === name && types.includes(type));
        expect(some, `${name}: ${type}`).to.have.length.at.least(2);
      }
    }
    const asked = workloads.reduce(
      (sum, { fromUs, untilUs, meanGapUs }) => sum + (untilUs - fromUs) / meanGapUs,
      0,
    );
    expect(asked).to.be.within(5_000, 9_000);
    expect(faults).to.deep.equal([
      {
        kind: 'cut',
        atUs: 8 * 60e6,
        untilUs: 10 * 60e6,
        from: ['france', 'germany'],
        to: ['us-east', 'us-west', 'brazil'],
        bothWays: true,
      },
    ]);
  });

  it('the README’s shortest scenario is one', () => {
    const [, text] = /```yaml\n([^`]+)```/.exec(readFileSync(join(FOLDER, 'README.md'), 'utf8'))!;
    expect(load(text, join(FOLDER, 'README.md')).nodes).to.have.length(4);
  });

  it('the pilot has a model that only one cluster offers', () => {
    const { nodes } = loadScenario(join(FOLDER, 'pilot-three-clusters.yaml'));
    const holders = (model: string): string[] =>
      nodes.filter(({ installedModels }) => installedModels.includes(model)).map(({ cluster }) => cluster);
    expect(nodes).to.have.length(9);
    expect(holders('watershed/hashed-ngrams-v1')).to.deep.equal(['france', 'japan']);
    expect(holders('watershed/hashed-ngrams-b-v1')).to.deep.equal(['us-east']);
  });

  it('the schemas for editors are those of the code', () => {
    for (const file of Object.keys(SCHEMA_FILES) as (keyof typeof SCHEMA_FILES)[]) {
      const committed: unknown = JSON.parse(readFileSync(join(FOLDER, file), 'utf8'));
      expect(committed, `watershed schema > scenarios/${file}`).to.deep.equal(
        JSON.parse(jsonSchemaText(file)),
      );
    }
    // What is used in many places is defined once: written out each time it would be twice as long.
    expect(readFileSync(join(FOLDER, 'scenario.schema.json'), 'utf8').length).to.be.below(150_000);
  });

  it('satisfy the schemas for editors, which every file names in its first line', () => {
    const schemas = Object.fromEntries(
      (Object.keys(SCHEMA_FILES) as (keyof typeof SCHEMA_FILES)[]).map((file) => [
        file,
        z.fromJSONSchema(JSON.parse(jsonSchemaText(file)) as Parameters<typeof z.fromJSONSchema>[0]),
      ]),
    );
    for (const name of [
      'quickstart',
      'pilot-three-clusters',
      'regions',
      'models',
      'models-pilot',
      'machines',
      'llm-demand',
    ]) {
      const text = readFileSync(join(FOLDER, `${name}.yaml`), 'utf8');
      const [, file] = /^# yaml-language-server: \$schema=\.\/(\S+)\n/.exec(text) ?? [];
      expect(schemas, name).to.have.property(file);
      const { error } = schemas[file].safeParse(parse(text));
      expect(error, name).to.equal(undefined);
    }
    const wrong = { ...(parse(SMALL) as object), duration: 250 };
    expect(schemas['scenario.schema.json'].safeParse(wrong).success).to.equal(false);
  });
});
