/** The interface of §7.2 over a running node of this process. */
import { NodeModels } from '../sim/model-sync.ts';
import type { LiveConsole } from './cluster-discovery.ts';

export function modelSyncOf(console: LiveConsole): NodeModels {
  return new NodeModels(console);
}
