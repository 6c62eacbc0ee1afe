import type { Fact, FrameHeader } from '../../sim/frame.ts';
import type { Affairs, ModelAffair } from '../affairs.ts';
import { at, gather, listOf } from './words.ts';

/** Why which version of a model is on which node, in sentences. */
export function tellModel(model: string, affairs: Affairs, { nodes }: FrameHeader): string[] {
  const byNode = affairs.models.get(model) ?? new Map<string, ModelAffair>();
  const fixed = nodes.filter((node) => node.models.includes(model) && !byNode.has(node.name));
  const lines: string[] = [];
  const running = [...byNode].filter(([, { version }]) => version !== null);
  for (const { names, reason } of gather(
    running,
    ([, { version }]) => version!,
    ([node]) => node,
  ))
    lines.push(`Version ${reason} runs on ${listOf(names)}.`);
  if (fixed.length > 0)
    lines.push(
      `${listOf(fixed.map(({ name }) => name))}: has had it from the start, and nothing has changed there.`,
    );
  if (byNode.size === 0)
    return lines.length > 0 ? lines : ['No node has it, and nobody has noted anything of it.'];
  for (const [node, { facts }] of byNode) {
    lines.push(`${node}:`);
    for (const fact of facts) lines.push(`  ${at(fact.timeUs)}  ${tellStep(fact)}`);
  }
  return lines;
}

function tellStep({ what, why, about, others }: Fact): string {
  switch (what) {
    case 'model-runs':
      return `It runs ${why}${about === null ? '' : ` (${about})`}.`;
    case 'model-back':
      return `It goes back ${why}${about === null ? '' : ` (${about})`}.`;
    case 'model-proven':
      return `It has tried ${why}: good, the others may follow.`;
    case 'model-pulled': {
      const [version, ...rest] = why.split('; ');
      const from = others.length === 0 ? '' : `, from ${listOf(others.map(({ node }) => node))}`;
      return `It has all of ${version}${from}${rest.map((one) => `; ${one}`).join('')}.`;
    }
    case 'model-gone':
      return `It has erased ${why}.`;
    default:
      return `It does not do what it was told: ${why}.`;
  }
}
