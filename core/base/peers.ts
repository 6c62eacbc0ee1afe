import type { Shape } from '../machine/shape.ts';

/**
 * A peer is a small integer that stands for a root-key hash, given out by the driver of one node and good
 * inside that node only: use it as a key and for equality. Where order or hashing matters, use `rank`.
 */
export type Peer = number;

/** Devices of a node are peers of fixed, negative numbers. Their envelopes never cross the network. */
export const DISK: Peer = -1;
export const ACCELERATOR: Peer = -2;
export const OBSERVER: Peer = -3;
export const KEYS: Peer = -4;
export const NETWORK: Peer = -5;

/** Nobody: no such peer. */
export const NOBODY: Peer = -9;

/** What numbers stand for. Ids are SHA-256 of root public keys as 64 lower-case hexadecimal digits (R4-3). */
export interface Ids {
  idOf(peer: Peer): string;
  peerOf(id: string): Peer;
  /** The first 52 bits of the id as an integer: the canonical order of peers. */
  rank(peer: Peer): number;
}

/**
 * The pure functions that a driver lends to a node's steps. `verify` answers whether `signer` signed the
 * document with that hash; signing needs a secret and is asked of KEYS. `choose` returns 0, the production
 * rule, unless the run explores other behaviours that the protocol allows. `once` returns an equal value that was
 * handed to it before, or this one: what very many nodes hold alike, and never change, is then held once.
 */
export interface Pure extends Ids {
  hash(bytes: Uint8Array): string;
  verify(signer: Peer, hash: string, signature: string): boolean;
  choose(label: string, count: number): number;
  once<T extends object>(shape: Shape<T>, value: T): T;
}

/** The integer that `rank` must return for an id. */
export function rankOfId(id: string): number {
  return parseInt(id.slice(0, 13), 16);
}
