/** Region selectors match by path prefix: `eu` covers `eu` and `eu/fr`, not `europe` (SEMANTICS, Words). */
export function coversRegion(selector: string, region: string): boolean {
  if (!region.startsWith(selector)) return false;
  return region.length === selector.length || region.charCodeAt(selector.length) === 47;
}

/** Whether any of the selectors covers the region. No selectors: no region. */
export function isRegionAllowed(selectors: readonly string[], region: string): boolean {
  for (const selector of selectors) if (coversRegion(selector, region)) return true;
  return false;
}
