import type { Envelope } from '../../core/machine/envelope.ts';
import { ANSWER, type Answer } from '../../core/machine/kinds.ts';
import type { World } from '../world.ts';
import { Invariant, labelOf } from './invariant.ts';

/** Nobody gets the answer to another’s question, nor one that no device has computed. */
export class AnswersDerived extends Invariant {
  readonly name = 'answers-derived';
  readonly promise =
    'an answer is what a device of the node named computed from the prompt of that very request';
  readonly watches = { handled: [ANSWER] };

  override onHandled(world: World, envelope: Envelope): void {
    const request = world.users.requestOf(envelope);
    // On its way from a traitor it may be anything; what counts then is what the user gets.
    const isFromTraitor = world.machines[envelope.from].villain !== null;
    if (request === null || (isFromTraitor && envelope.to < world.machines.length)) return;
    this.checked++;
    const { answer, servedBy } = envelope.body as Answer;
    const { hash } = answer;
    const { prompt } = request.want;
    if (hash === prompt.hash || !this.lineage.derivesFrom(hash, prompt.hash))
      this.violate(
        world,
        `${labelOf(request)}: the answer ${hash} was not computed from its prompt ${prompt.hash}`,
      );
    else if ((world.machines[servedBy]?.villain ?? null) === null && !this.lineage.isMadeBy(hash, servedBy))
      this.violate(
        world,
        `${labelOf(request)}: the answer ${hash} names another node than the one that computed it`,
      );
  }
}
