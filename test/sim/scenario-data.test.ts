import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const FOLDER = fileURLToPath(new URL('../../scenarios/', import.meta.url));
const DATA = fileURLToPath(new URL('../../../shared/data/', import.meta.url));

function readYaml<T>(name: string): T {
  return parse(readFileSync(`${FOLDER}${name}`, 'utf8')) as T;
}

function readRows(name: string): string[][] {
  return readFileSync(`${DATA}${name}`, 'utf8')
    .split(/\r?\n/)
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(','));
}

const POINTS = 51;

/** The table that llm-demand.yaml says it holds: quantiles by interpolation, the last one such that the mean is kept. */
function tableOf(values: readonly number[]): number[] {
  const sorted = [...values].sort((left, right) => left - right);
  const table = Array.from({ length: POINTS }, (_, i) => {
    const place = (i * (sorted.length - 1)) / (POINTS - 1);
    const below = Math.floor(place);
    const next = sorted[Math.min(below + 1, sorted.length - 1)];
    return sorted[below] + (next - sorted[below]) * (place - below);
  });
  let sum = 0;
  for (let i = 1; i < POINTS - 1; i++) sum += (table[i - 1] + table[i]) / 2;
  const last = 2 * (meanOf(values) * (POINTS - 1) - sum) - table[POINTS - 2];
  table[POINTS - 1] = Math.min(last, table[POINTS - 1]);
  return table;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Ticks of 100 ns since the hour before the trace began. */
function ticksOf(timestamp: string): number {
  const [, hours, minutes, seconds, fraction] = /^2023-11-16 (\d\d):(\d\d):(\d\d)\.(\d{7})$/.exec(timestamp)!;
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1e7 + Number(fraction);
}

interface Demand {
  readonly gaps: readonly string[];
  readonly contextTokens: readonly number[];
  readonly generatedTokens: readonly number[];
}

describe('the data that scenarios include', () => {
  for (const [name, file] of [
    ['azure-conversation-2023', 'AzureLLMInferenceTrace_conv.csv'],
    ['azure-code-2023', 'AzureLLMInferenceTrace_code.csv'],
  ] as const) {
    it(`${name} has the quantiles of the trace`, function () {
      if (!existsSync(`${DATA}${file}`)) this.skip();
      const [, ...rows] = readRows(file);
      const ticks = rows.map(([timestamp]) => ticksOf(timestamp));
      const gaps = ticks.slice(1).map((tick, i) => tick - ticks[i]);
      const meanGap = meanOf(gaps);
      const demand = readYaml<{ demands: Record<string, Demand> }>('llm-demand.yaml').demands[name];
      expect(demand.gaps).to.deep.equal(tableOf(gaps).map((gap) => `${((100 * gap) / meanGap).toFixed(2)}%`));
      expect(demand.contextTokens).to.deep.equal(
        tableOf(rows.map(([, tokens]) => Number(tokens))).map(Math.round),
      );
      expect(demand.generatedTokens).to.deep.equal(
        tableOf(rows.map(([, , tokens]) => Number(tokens))).map(Math.round),
      );
    });
  }

  it('round trips are those of the table of the provider', function () {
    const file = 'region-rtt-p95-ms.csv';
    if (!existsSync(`${DATA}${file}`)) this.skip();
    const [[, ...columns], ...rows] = readRows(file);
    const measured = new Map(
      rows.flatMap(([from, ...cells]) =>
        cells.map((ms, i): [string, string] => [`${from} > ${columns[i]}`, ms]),
      ),
    );
    const { regions, roundTrips } = readYaml<{
      regions: Record<string, { label: string }>;
      roundTrips: Record<string, Record<string, string>>;
    }>('regions.yaml');
    for (const from of Object.keys(regions)) {
      for (const to of Object.keys(regions).filter((path) => path !== from)) {
        const expected = measured.get(`${regions[from].label} > ${regions[to].label}`);
        expect(roundTrips[from][to], `${from} to ${to}`).to.equal(`${expected}ms`);
      }
    }
  });

  it('demands keep their order, from the least to the greatest', () => {
    for (const [name, demand] of Object.entries(
      readYaml<{ demands: Record<string, Demand> }>('llm-demand.yaml').demands,
    )) {
      for (const table of [demand.gaps.map(parseFloat), demand.contextTokens, demand.generatedTokens]) {
        expect(table).to.have.length(POINTS);
        expect(
          [...table].sort((left, right) => left - right),
          name,
        ).to.deep.equal(table);
      }
    }
  });
});
