/** What is used of rdf-canonize, which has no types of its own. */
declare module 'rdf-canonize' {
  interface CanonizeOptions {
    readonly algorithm: 'RDFC-1.0';
    readonly format: 'application/n-quads';
    readonly maxDeepIterations?: number;
  }
  export function canonize(dataset: readonly object[], options: CanonizeOptions): Promise<string>;
}
