import type { Join, Pending } from '../../core/cluster/affiliation/affiliation-bodies.ts';
import { expect } from 'chai';
import { certificateOf, hasLeft } from '../../core/cluster/affiliation/affiliation.ts';
import { memberAt } from '../../core/cluster/membership/membership.ts';
import { isStarted } from '../../core/cluster/membership/detector.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { DISK_FAILED } from '../../core/machine/disk-conditions.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { ERROR_CODES } from '../../core/routing/outcomes.ts';
import type { Certificate } from '../../core/trust/documents.ts';
import {
  certifyFor,
  countRefusals,
  envelopeOf,
  FEDERATION,
  Rig,
  SECOND_US,
  WALL_START_US,
  type NodeSpec,
} from '../rig.ts';

const OPERATOR = 'operator 1 of france';
const MINUTE_US = 60 * SECOND_US;

/** France of three, of which the second, `thinker`, is admitted for a minute. */
function france(changes: Partial<NodeSpec> = {}): Rig {
  const thinker = { ...FEDERATION[1], name: 'thinker', admittedForUs: MINUTE_US, ...changes };
  return new Rig([{ ...FEDERATION[0], peered: [] }, thinker, FEDERATION[2]]).start();
}

function tell(rig: Rig, name: string, kind: number, body: unknown, from = OPERATOR): Envelope[] {
  const before = rig.mail.length;
  rig.wire.push(envelopeOf(kind, rig.peer(from), rig.peer(name), body, { n: rig.sent.length + 1 }));
  rig.pump();
  return rig.mail.slice(before);
}

function order(rig: Rig, certificate: Certificate | null, name = 'thinker'): Envelope[] {
  return tell(rig, name, kinds.JOIN, { application: null, certificate, seeds: [] } satisfies Join);
}

function certificateFor(rig: Rig, name: string, untilUs: number): Certificate {
  const { genesis } = rig.node('front').config;
  return certifyFor(rig.cast, genesis, rig.peer(name), { untilWallUs: WALL_START_US + untilUs });
}

function membersOf(rig: Rig, name: string): string[] {
  const table = rig.node(name).membership?.table;
  if (table === undefined) return [];
  return Array.from({ length: table.count }, (_, row) => rig.cast.nameOf(table.peerAt(row))).sort();
}

function expiryOf(rig: Rig, of: string, at: string): number {
  const { table } = rig.node(at).membership!;
  return table.untilWallUsAt(table.find(rig.peer(of))) - WALL_START_US;
}

function notesOf(rig: Rig, note: number): string[] {
  return rig.notes
    .filter(({ body }) => (body as kinds.Noted).note === note)
    .map(({ from, body }) => `${rig.cast.nameOf(from)}: ${rig.cast.nameOf((body as kinds.Noted).chosen)}`)
    .sort();
}

function refusalIn(envelopes: readonly Envelope[]): string {
  const { code, detail } = envelopes.find(({ kind }) => kind === kinds.REFUSED)!.body as kinds.Refused;
  return `${ERROR_CODES[code]}: ${detail}`;
}

function kindsOf(envelopes: readonly Envelope[]): string[] {
  return envelopes.map(({ kind }) => kinds.nameOfKind(kind));
}

const ALL = ['compute-2', 'front', 'thinker'];
const OTHERS = ['compute-2', 'front'];

describe('an admission that runs out', () => {
  it('R5.1-2: then nobody has it as a member, nor it itself; it is not suspected, and each says so', () => {
    const rig = france();
    expect(membersOf(rig, 'front')).to.deep.equal(ALL);
    rig.advance(49 * SECOND_US);
    expect(membersOf(rig, 'front')).to.deep.equal(ALL);
    rig.advance(3 * SECOND_US);
    for (const name of OTHERS) expect(membersOf(rig, name), name).to.deep.equal(OTHERS);
    expect(rig.node('thinker').membership).to.equal(null);
    expect(notesOf(rig, kinds.NOTE_EXPIRED)).to.deep.equal([
      'compute-2: thinker',
      'front: thinker',
      'thinker: thinker',
    ]);
    rig.advance(MINUTE_US);
    expect([...notesOf(rig, kinds.NOTE_SUSPECTED), ...notesOf(rig, kinds.NOTE_DEAD)]).to.deep.equal([]);
    expect(rig.node('front').index!.directory.get(rig.peer('thinker'))).to.equal(undefined);
  });

  it('R5.1-2: from that moment on it is refused what members ask, and refuses it, whenever it last woke', () => {
    const rig = france();
    rig.advance(40 * SECOND_US);
    rig.nowUs = SECOND_US + MINUTE_US;
    const find = { model: 'a', withBridges: true, minTrust: 1, allowedRegions: [] };
    const asked = rig.deliver(envelopeOf(kinds.FIND, rig.peer('thinker'), rig.peer('front'), find));
    expect(refusalIn(asked)).to.equal('NOT_ADMITTED: only members of the cluster ask this');
    const run = rig.deliver(envelopeOf(kinds.RUN, rig.peer('front'), rig.peer('thinker'), rig.want()));
    expect(refusalIn(run)).to.equal('NOT_READY: its admission has run out');
  });

  it('R5.1-2: a node that starts with one that has run out starts as no member, and says so', () => {
    const rig = france();
    rig.crash('thinker');
    rig.advance(MINUTE_US);
    rig.boot('thinker');
    rig.advance(5 * SECOND_US);
    expect(isStarted(rig.node('thinker'))).to.equal(false);
    expect(notesOf(rig, kinds.NOTE_EXPIRED)).to.include('thinker: thinker');
    expect(membersOf(rig, 'front')).to.deep.equal(OTHERS);
  });

  it('R5.1-2: a member that is down or has been given up is forgotten, too', () => {
    const rig = france();
    rig.crash('thinker');
    rig.advance(40 * SECOND_US);
    expect(notesOf(rig, kinds.NOTE_DEAD)).to.have.length(2);
    rig.advance(20 * SECOND_US);
    expect(rig.node('front').membership!.departed).to.deep.equal([]);
    expect(membersOf(rig, 'front')).to.deep.equal(OTHERS);
  });

  it('R5.1-2: a suspect is neither declared dead nor accused when its time is over', () => {
    const rig = france({ admittedForUs: 12 * SECOND_US });
    rig.crash('thinker');
    rig.advance(MINUTE_US);
    expect(notesOf(rig, kinds.NOTE_DEAD)).to.deep.equal([]);
    expect(rig.node('front').membership!.suspicions).to.deep.equal([]);
  });

  it('a wall clock that was wrong is put right: it is a member again, and nobody has told it', () => {
    const rig = france({ admittedForUs: 3_600 * SECOND_US });
    rig.wallOffsetUs += 3_600 * SECOND_US;
    rig.advance(5 * SECOND_US);
    expect(membersOf(rig, 'front')).to.deep.equal(OTHERS);
    rig.wallOffsetUs -= 3_600 * SECOND_US;
    rig.advance(5 * SECOND_US);
    for (const name of ALL) expect(membersOf(rig, name), name).to.deep.equal(ALL);
  });

  it('one that is to begin later begins by itself, and whoever was told to go stays away', () => {
    const rig = france({ isAdmitted: false });
    const early = certifyFor(rig.cast, rig.node('front').config.genesis, rig.peer('thinker'), {
      fromWallUs: WALL_START_US + MINUTE_US,
    });
    expect(refusalIn(order(rig, early))).to.equal('NOT_ADMITTED: the certificate does not hold yet');
    const late = france();
    late.advance(MINUTE_US);
    expect(kindsOf(tell(late, 'thinker', kinds.LEAVE, {}))).to.deep.equal(['RESPONSE/left']);
    late.wallOffsetUs -= MINUTE_US;
    late.advance(10 * SECOND_US);
    expect([hasLeft(late.node('thinker')), late.node('thinker').membership]).to.deep.equal([true, null]);
  });
});

describe('an admission that is renewed', () => {
  it('R5.1-2: with a later certificate all hear of it in time, and go on; its disk keeps it', () => {
    const rig = france();
    const later = certificateFor(rig, 'thinker', 10 * MINUTE_US);
    rig.advance(20 * SECOND_US);
    const before = rig.node('thinker').membership!.table.incarnationAt(0);
    expect(kindsOf(order(rig, later))).to.deep.equal(['RESPONSE/joined']);
    rig.advance(2 * SECOND_US);
    for (const name of ALL) expect(expiryOf(rig, 'thinker', name), name).to.equal(10 * MINUTE_US);
    expect(rig.node('thinker').membership!.table.incarnationAt(0), 'nothing to deny').to.equal(before);
    rig.advance(2 * MINUTE_US);
    for (const name of ALL) expect(membersOf(rig, name), name).to.deep.equal(ALL);
    expect(notesOf(rig, kinds.NOTE_EXPIRED)).to.deep.equal([]);
    rig.crash('thinker');
    rig.boot('thinker');
    rig.pump();
    expect(certificateOf(rig.node('thinker'))).to.deep.equal(later);
    expect(rig.node('thinker').membership).not.to.equal(null);
  });

  it('R5.1-2: whoever has missed the news has it from the next comparison of tables', () => {
    const rig = france();
    rig.drops = ({ to }) => to === rig.peer('compute-2');
    order(rig, certificateFor(rig, 'thinker', 10 * MINUTE_US));
    rig.advance(2 * SECOND_US);
    rig.drops = () => false;
    rig.advance(SECOND_US);
    expect(expiryOf(rig, 'thinker', 'compute-2'), 'it has missed them').to.equal(MINUTE_US);
    rig.advance(40 * SECOND_US);
    expect(expiryOf(rig, 'thinker', 'compute-2')).to.equal(10 * MINUTE_US);
    rig.advance(MINUTE_US);
    expect(membersOf(rig, 'compute-2')).to.deep.equal(ALL);
  });

  it('R5.1-2: one that ends earlier, is of another, forged or over changes nothing', () => {
    const rig = france();
    const known = certificateOf(rig.node('thinker'))!;
    expect(kindsOf(order(rig, certificateFor(rig, 'thinker', MINUTE_US / 2)))).to.deep.equal([
      'RESPONSE/joined',
    ]);
    const long = certificateFor(rig, 'thinker', 10 * MINUTE_US);
    const forged = { ...long, untilWallUs: long.untilWallUs + 1 };
    expect(refusalIn(order(rig, forged))).to.match(/NOT_ADMITTED.*signatures of operators/);
    expect(refusalIn(order(rig, certificateFor(rig, 'compute-2', 1e12)))).to.match(/of another node/);
    expect(refusalIn(order(rig, certificateFor(rig, 'thinker', 1)))).to.equal(
      'NOT_ADMITTED: the certificate has run out',
    );
    expect(certificateOf(rig.node('thinker'))).to.deep.equal(known);
    expect(membersOf(rig, 'thinker')).to.deep.equal(ALL);
    rig.advance(MINUTE_US);
    for (const name of OTHERS) expect(membersOf(rig, name), name).to.deep.equal(OTHERS);
  });

  it('R5.1-2: a renewal that its operators have not signed is taken by nobody, whoever brings it', () => {
    const rig = france();
    const { table } = rig.node('front').membership!;
    const row = table.find(rig.peer('thinker'));
    const long = certificateFor(rig, 'thinker', 10 * MINUTE_US);
    const forged = [
      { ...long, untilWallUs: long.untilWallUs + 1 },
      certificateFor(rig, 'compute-2', 10 * MINUTE_US),
      { ...long, signatures: [] },
    ];
    for (const certificate of forged) {
      const told = { ...memberAt(table, row, null, false), certificate };
      rig.deliver(envelopeOf(kinds.GOSSIP, rig.peer('compute-2'), rig.peer('front'), { items: [told] }));
      expect(expiryOf(rig, 'thinker', 'front')).to.equal(MINUTE_US);
    }
    expect(countRefusals(rig.node('front'), 'not admitted')).to.equal(3);
  });

  it('R5.1-2: too late it is a newcomer again: with a certificate at once, else with a ticket', () => {
    for (const isCertified of [true, false]) {
      const rig = france();
      rig.advance(MINUTE_US);
      expect(membersOf(rig, 'front')).to.deep.equal(OTHERS);
      const before = rig.sent.length;
      const heard = order(rig, isCertified ? certificateFor(rig, 'thinker', 10 * MINUTE_US) : null);
      if (!isCertified) {
        expect(kindsOf(heard)).to.deep.equal(['RESPONSE/pending']);
        const { ticket } = heard[0].body as Pending;
        const signature = rig.cast.sign(rig.peer(OPERATOR), ticket);
        expect(kindsOf(tell(rig, 'front', kinds.APPROVE, { ticket, signature }))).to.include(
          'RESPONSE/joined',
        );
      } else expect(kindsOf(heard)).to.deep.equal(['RESPONSE/joined']);
      const shown = rig.sent
        .slice(before)
        .filter(({ kind, from }) => kind === kinds.JOIN && from === rig.peer('thinker'))
        .map(({ body }) => (body as Join).certificate?.untilWallUs ?? 0);
      expect(shown, 'one that has run out is shown to nobody').to.satisfy((all: number[]) =>
        all.every((untilWallUs) => untilWallUs === 0 || untilWallUs > WALL_START_US + MINUTE_US),
      );
      rig.advance(3 * SECOND_US);
      for (const name of ALL) expect(membersOf(rig, name), name).to.deep.equal(ALL);
    }
  });

  it('R5.1-2: an operator may renew it in the configuration: of two the later holds', () => {
    const rig = france({ admittedForUs: 10 * MINUTE_US });
    rig.crash('thinker');
    const { genesis } = rig.node('front').config;
    const certificate = certifyFor(rig.cast, genesis, rig.peer('thinker'), {
      untilWallUs: WALL_START_US + MINUTE_US,
    });
    rig.station('thinker').disk.set('affiliation', {
      ...rig.station('thinker').disk.get('node')!,
      node: null,
      affiliation: { certificate, hasLeft: false },
    });
    rig.boot('thinker');
    rig.advance(2 * MINUTE_US);
    expect(membersOf(rig, 'front')).to.deep.equal(ALL);
  });

  it('R5.1-2: a node whose disk is wiped has its renewal again from those who know it', () => {
    const rig = france();
    const later = certificateFor(rig, 'thinker', 10 * MINUTE_US);
    order(rig, later);
    rig.advance(5 * SECOND_US);
    rig.crash('thinker');
    rig.station('thinker').disk.clear();
    rig.boot('thinker');
    rig.advance(5 * SECOND_US);
    expect(certificateOf(rig.node('thinker'))).to.deep.equal(later);
    rig.advance(MINUTE_US);
    for (const name of ALL) expect(membersOf(rig, name), name).to.deep.equal(ALL);
  });
});

describe('a disk that does not write', () => {
  /** The disk of a node that fails to store what it is to know of its affiliation, so often. */
  function withFailing(rig: Rig, name: string, times: number): void {
    let failures = 0;
    const answer = (envelope: Envelope): boolean => {
      if (envelope.kind !== kinds.STORE || failures >= times) return false;
      const { writes } = envelope.body as kinds.Store;
      if (writes[0].key !== 'affiliation' || envelope.from !== rig.peer(name)) return false;
      failures++;
      return true;
    };
    rig.failsToStore = (envelope) => (answer(envelope) ? DISK_FAILED : null);
  }

  it('R5.1-2: an admission that it has not kept is stored again, and a restart does not undo it', () => {
    const rig = france({ isAdmitted: false });
    withFailing(rig, 'thinker', 3);
    const certificate = certificateFor(rig, 'thinker', 10 * MINUTE_US);
    expect(kindsOf(order(rig, certificate))).to.deep.equal(['RESPONSE/joined']);
    expect(rig.station('thinker').disk.has('affiliation')).to.equal(false);
    rig.advance(2 * SECOND_US);
    expect(rig.station('thinker').disk.has('affiliation'), 'it fails still').to.equal(false);
    rig.advance(2 * SECOND_US);
    expect(rig.station('thinker').disk.get('affiliation')!.affiliation!.certificate).to.deep.equal(
      certificate,
    );
    expect(notesOf(rig, kinds.NOTE_UNSTORED)).to.have.length(3);
    const stores = rig.sent.filter(({ kind, from }) => kind === kinds.STORE && from === rig.peer('thinker'));
    rig.advance(10 * SECOND_US);
    expect(
      rig.sent.filter(({ kind, from }) => kind === kinds.STORE && from === rig.peer('thinker')),
      'once is enough',
    ).to.have.length(stores.length);
    rig.crash('thinker');
    rig.boot('thinker');
    rig.advance(5 * SECOND_US);
    expect(membersOf(rig, 'front')).to.deep.equal(ALL);
  });

  it('R5.1-3: that it has left, too: it does not come back', () => {
    const rig = france();
    withFailing(rig, 'thinker', 2);
    tell(rig, 'thinker', kinds.LEAVE, {});
    rig.advance(12 * SECOND_US);
    rig.crash('thinker');
    rig.boot('thinker');
    rig.advance(5 * SECOND_US);
    expect([hasLeft(rig.node('thinker')), membersOf(rig, 'thinker')]).to.deep.equal([true, []]);
  });
});
