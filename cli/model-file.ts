/** What is looked into before a model is signed: nobody takes a signature back. */
import { statSync } from 'node:fs';
import { coversRegion } from '../core/policy/regions.ts';
import { Accelerator, AcceleratorError } from '../live/accelerator.ts';
import { complain } from './lines.ts';
import { MODEL, REGION } from '../sim/scenario/fields.ts';

/** What is wrong with how a model is to be called, or where it may be; or null. */
export function findNameFault(name: string, regions: readonly string[]): string | null {
  if (!MODEL.test(name)) return `--name ${name}: a name as lifeos/sense-maker-v1 is expected`;
  const odd = regions.find((region) => !REGION.test(region));
  return odd === undefined ? null : `${odd}: a region is expected, as eu or eu/fr`;
}

/** Regions in which no node is that is known. */
export function findEmptyRegions(regions: readonly string[], known: readonly string[]): string[] {
  return regions.filter((region) => !known.some((one) => coversRegion(region, one)));
}

/** Why compute nodes could not run the file, or null: it is loaded, and run once, as they do that. */
export async function findFileFault(path: string): Promise<string | null> {
  if (!statSync(path).isFile()) return `${path}: no file`;
  try {
    const accelerator = await Accelerator.create({ models: [{ name: 'tried', path }], provider: 'cpu' });
    await accelerator.close();
    return null;
  } catch (error) {
    if (!(error instanceof AcceleratorError)) throw error;
    // Whoever only publishes need not be able to run models.
    if (error.code === 'RUNTIME_MISSING') {
      complain(`warning: ${path} is not looked into, for onnxruntime-node is not installed here`);
      return null;
    }
    return error.message.replace(`model tried (${path})`, path).replace('model tried', path);
  }
}
