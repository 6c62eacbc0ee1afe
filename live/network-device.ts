import type { Envelope } from '../core/machine/envelope.ts';
import { DIAL, DIALLED, type Dial, type Dialled, type Route } from '../core/machine/kinds.ts';
import type { Device, Respond } from './device.ts';
import type { LiveIds } from './identity.ts';
import { dial, hrefOf } from './link.ts';
import type { Transport } from './transport.ts';

/** Dials under way at most; further ones fail at once. */
const MAX_DIALS = 64;

/** The network as a node can ask about it: who listens where, and that somebody does. */
export class NetworkDevice implements Device {
  private readonly ids: LiveIds;
  private readonly transport: Transport;
  private dials = 0;

  constructor(ids: LiveIds, transport: Transport) {
    this.ids = ids;
    this.transport = transport;
  }

  handle(asked: Envelope, respond: Respond): void {
    if (asked.kind === DIAL) void this.dial(asked.body as Dial, respond);
    else this.route(asked.body as Route);
  }

  private async dial({ peer, address }: Dial, respond: Respond): Promise<void> {
    if (this.dials >= MAX_DIALS) {
      respond(DIALLED, { peer: null, isReached: false, detail: 'too many dials at once' } satisfies Dialled);
      return;
    }
    this.dials++;
    const wanted = peer === null ? null : this.ids.idOf(peer);
    const { id, url, detail } = await dial(address, wanted, this.ids);
    this.dials--;
    if (id !== null && url !== null) this.transport.route(id, url, true);
    respond(DIALLED, {
      peer: id === null ? null : this.ids.peerOf(id),
      isReached: url !== null,
      // At most three bytes each.
      detail: detail.slice(0, 160),
    } satisfies Dialled);
  }

  /** An address that is none leads nowhere. */
  private route({ peer, address }: Route): void {
    if (hrefOf(address) !== null) this.transport.route(this.ids.idOf(peer), address);
  }
}
