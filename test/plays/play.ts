import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { INCARNATIONS } from '../../core/cluster/membership/incarnation.ts';
import type {
  FindMembers,
  Members,
  PingReq,
  Sayings,
} from '../../core/cluster/membership/member-messages.ts';
import { MEMBER_STATES, type Member } from '../../core/cluster/membership/member.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import * as kinds from '../../core/machine/kinds.ts';
import {
  KEEPINGS,
  type PodConsent,
  type PodConsented,
  type PodCopied,
  type PodDeleted,
  type PodFound,
  type PodKept,
  type PodLawKept,
  type PodLawTold,
  type PodRead,
  type PodWrite,
  type PodWritten,
} from '../../core/roles/pods/pod-records.ts';
import type {
  ChunkBrought,
  ChunkWanted,
  FindHolders,
  Holder,
  LoadModel,
  PageBrought,
} from '../../core/models/model-bodies.ts';
import { ANSWERS, DECISIONS, type ConsentBook } from '../../core/policy/consent-documents.ts';
import { ERROR_CODES, STAGES } from '../../core/routing/outcomes.ts';
import {
  AGENT_STATES,
  type AgentsFound,
  type AgentState,
  type Plan,
  type StepResult,
  type StopAgent,
} from '../../core/roles/agents/agent-plan.ts';
import type { Rig } from '../rig.ts';
import { affiliationLine } from './affiliation-lines.ts';

/** What a rig has said since the last act, a line an envelope, as people would tell it. */
export class Play {
  private readonly rig: Rig;
  private readonly lines: string[] = [];
  private from = 0;

  constructor(rig: Rig) {
    this.rig = rig;
  }

  /** Writes down what was said of some kinds since the last act; what is said over and over is told once an act. */
  act(title: string, told: readonly number[]): void {
    this.lines.push(`# ${title}`);
    const seen = new Set<string>();
    for (const envelope of this.rig.sent.slice(this.from)) {
      if (!told.includes(envelope.kind)) continue;
      const line = this.lineOf(envelope);
      const isRepeated = kinds.nameOfKind(envelope.kind).startsWith('HEARTBEAT') && seen.has(line);
      seen.add(line);
      if (!isRepeated) this.lines.push(line);
    }
    this.from = this.rig.sent.length;
  }

  /** Compares with the file beside the tests; it is written where there is none. */
  compare(name: string): void {
    const path = fileURLToPath(new URL(`./${name}.txt`, import.meta.url));
    const text = `${this.lines.join('\n')}\n`;
    if (!existsSync(path)) {
      writeFileSync(path, text);
      throw new Error(`${path} was not there and has been written: read it, and run this again`);
    }
    expect(text, `${path}: remove it, and it is written anew`).to.equal(readFileSync(path, 'utf8'));
  }

  private lineOf({ kind, from, to, body }: Envelope): string {
    const way = `${this.nameOf(from)} → ${this.nameOf(to)}`;
    return `${way.padEnd(32)} ${kinds.nameOfKind(kind).padEnd(18)} ${this.detailOf(kind, body)}`.trimEnd();
  }

  private sayingOf({ peer, incarnation, state, from }: Member): string {
    const boot = Math.floor(incarnation / INCARNATIONS);
    const said = `${this.nameOf(peer)} ${MEMBER_STATES[state]} ${boot}.${incarnation % INCARNATIONS}`;
    return from === null ? said : `${said} says ${this.nameOf(from)}`;
  }

  private nameOf(peer: number): string {
    return peer < 0
      ? ['', 'DISK', 'ACCELERATOR', 'OBSERVER', 'KEYS', 'NETWORK'][-peer]
      : this.rig.cast.nameOf(peer);
  }

  private detailOf(kind: number, body: unknown): string {
    const line = affiliationLine(kind, body, (peer) => this.nameOf(peer));
    if (line !== null) return line;
    switch (kind) {
      case kinds.PING:
      case kinds.ACK:
      case kinds.GOSSIP:
        return (body as Sayings).items.map((told) => this.sayingOf(told)).join(', ');
      case kinds.PING_REQ:
        return this.nameOf((body as PingReq).target);
      case kinds.FIND_MEMBERS:
        return this.sayingOf((body as FindMembers).own);
      case kinds.MEMBERS:
        return (body as Members).rows.map((told) => this.sayingOf(told)).join(', ');
      case kinds.NOTED: {
        const { note, chosen } = body as kinds.Noted;
        return `${kinds.NOTES[note]}: ${this.nameOf(chosen)}`;
      }
      case kinds.CLUSTER_NEWS: {
        const { records, asks } = body as kinds.ClusterNews;
        const told = records.map(({ record, hops }) => `${record.genesis.cluster} (hop ${hops})`);
        return told.join(', ') + (asks ? ', and what do you know?' : '');
      }
      case kinds.PEERING: {
        const { peering, revocation } = body as kinds.PeeringNews;
        const sides = [peering.left, peering.right].map(
          ({ cluster, exports }) => `${cluster} exports ${exports.join(' ')}`,
        );
        return `${sides.join(', ')}${revocation === null ? '' : ', withdrawn'}`;
      }
      case kinds.EXPORTS:
        return (body as kinds.Exports).models.join(' ') || 'nothing';
      case kinds.ASK:
      case kinds.RUN:
        return (body as { model: string }).model;
      case kinds.AGENT: {
        const { plan, consent } = body as Plan;
        const models = plan.steps.map(({ model }) => model).join(', then ');
        return `${models}; ${consent === null ? 'nobody has consented' : 'consented to'}`;
      }
      case kinds.AGENT_STATE: {
        const { state, step, steps, detail } = body as AgentState;
        const why = detail === '' ? '' : `: ${detail}`;
        return `${AGENT_STATES[state]}, ${step} of ${steps} steps${why}`;
      }
      case kinds.AGENT_STOP:
        return (body as StopAgent).isRevoked ? 'the consent is withdrawn' : '';
      case kinds.AGENTS_FOUND: {
        const { asked, agents } = body as AgentsFound;
        const states = agents.map(({ state, step }) => `${AGENT_STATES[state]} after ${step}`);
        return asked.length > 0
          ? `asked: ${asked.map((peer) => this.nameOf(peer)).join(', ')}`
          : states.join();
      }
      case kinds.STEP_RESULT: {
        const { step, answer, used } = body as StepResult;
        const pods = used.map(({ owner, number }) => `, with pod ${number} of ${this.nameOf(owner)}`);
        return `step ${step}: ${answer.hash}${pods.join('')}`;
      }
      case kinds.FIND_HOLDERS:
        return (body as FindHolders).isToPass ? '' : 'to compare';
      case kinds.HOLDER:
        return (body as Holder).isWhole ? 'whole' : 'nothing';
      case kinds.MODEL_PAGE:
        return (body as PageBrought).hashes.hashes.join(', ');
      case kinds.CHUNK_WANTED:
        return `${(body as ChunkWanted).place}`;
      case kinds.CHUNK:
        return (body as ChunkBrought).chunk.hash;
      case kinds.LOAD_MODEL:
        return (body as LoadModel).chunks.map(({ hash }) => hash).join(', ');
      case kinds.INFER: {
        const { prompt, contexts } = body as kinds.Infer;
        return [prompt, ...contexts].map(({ hash }) => hash).join(', with ');
      }
      case kinds.STORE:
        return (body as kinds.Store).writes
          .map(({ record }) => {
            const agent = record?.agent ?? null;
            return agent === null ? '' : `${AGENT_STATES[agent.state]}, ${agent.results.length} steps done`;
          })
          .join();
      case kinds.FIND:
        return (body as kinds.Find).model;
      case kinds.FOUND: {
        const { candidates, bridges } = body as kinds.Found;
        const names = [
          ...candidates.map(({ peer }) => this.nameOf(peer)),
          ...bridges.map((peer) => `bridge ${this.nameOf(peer)}`),
        ];
        return names.join(', ') || 'nobody';
      }
      case kinds.CROSS: {
        const { want, path } = body as kinds.Cross;
        return `${want.model}, by way of ${path.join(', ') || 'no border yet'}`;
      }
      case kinds.ANSWER: {
        const { servedBy, stage } = body as kinds.Answer;
        return `by ${this.nameOf(servedBy)}, ${STAGES[stage]}`;
      }
      case kinds.REFUSED:
        return ERROR_CODES[(body as kinds.Refused).code];
      case kinds.POD_CONSENT: {
        const { told } = body as PodConsent;
        return bookOf(told) || 'how does it stand?';
      }
      case kinds.POD_CONSENTED: {
        const { book, receipts } = body as PodConsented;
        const told = receipts.map(({ reader, purpose }) => `receipt: ${this.nameOf(reader)}, ${purpose}`);
        return [bookOf(book), ...told].filter((part) => part !== '').join('; ');
      }
      case kinds.POD_READ:
        return `for ${['reading', 'an agent', 'a model'][(body as PodRead).use]}`;
      case kinds.POD_WRITE:
        return (body as PodWrite).content.hash;
      case kinds.POD_COPY:
      case kinds.POD_FOUND:
        return (body as PodCopied | PodFound).copy.versions.map(({ content }) => content.hash).join(', ');
      case kinds.POD_WRITTEN:
        return (body as PodWritten).isFragile ? 'fragile' : 'safe';
      case kinds.POD_KEPT:
        return KEEPINGS[(body as PodKept).keeping];
      case kinds.POD_LAW:
        return (body as PodLawTold).law.deletion === null ? 'a policy' : 'a deletion';
      case kinds.POD_LAW_KEPT:
        return (body as PodLawKept).isDeleted ? 'gone' : 'known';
      case kinds.POD_DELETED: {
        const { isCertified, missing } = body as PodDeleted;
        return isCertified ? 'certified' : `missing: ${missing.map((peer) => this.nameOf(peer)).join(', ')}`;
      }
      default:
        return '';
    }
  }
}

/** What was said of consent, in words. */
function bookOf({ matters, withdrawals, all }: ConsentBook): string {
  const said = matters.map(({ proposal: { terms }, understood, decided }) => {
    const answer = understood === null ? '' : `, ${ANSWERS[understood.said]}`;
    const decision = decided === null ? '' : `, ${DECISIONS[decided.said]}`;
    return `round ${terms.round} of “${terms.purpose}”${answer}${decision}`;
  });
  const withdrawn = withdrawals.length > 0 ? ['withdrawn'] : [];
  return [...said, ...withdrawn, ...(all === null ? [] : ['all withdrawn'])].join(', ');
}
