import { z } from 'zod';
import { MAX_DRIFT_PPM } from '../clocks.ts';
import { chanceField, choiceField, countField, durationField, mapField, shareField } from './fields.ts';
import { EXACT_NODES, nodesField } from './place-fields.ts';
import { CRASH_POINTS } from './resolved-node-faults.ts';
import { parseDuration } from './units.ts';

/** What is written of harm to nodes, by kind of fault. Some kinds are nodes alone, some a map of nodes and how. */

const which = nodesField('Which.');

/** Nodes alone, or a map of them and of what else there is to say. */
const nodesOrMap = <T extends z.ZodRawShape>(about: string, how: T) =>
  z
    .union([which, mapField(about, { nodes: which, ...how })], {
      error: `${EXACT_NODES}, or a map of nodes, ${Object.keys(how).join(', ')}`,
    })
    .meta({ description: about });

const shareOfSpeed = shareField(
  'At which share of their speed.',
  1,
  1_000_000,
  'a share above 0%, at most 100%',
);

const EXACT_JUMP = 'a time with its unit and perhaps a minus, as -30s, of at most 7d';
const MAX_JUMP_US = 7 * 86_400_000_000;
/** A duration that may be negative, µs. */
const jumpField = (about: string) =>
  z
    .string({ error: EXACT_JUMP })
    .transform((text, context): number => {
      const us = parseDuration(text.replace(/^-/, ''));
      if (us !== null && us <= MAX_JUMP_US) return text.startsWith('-') ? 0 - us : us;
      context.issues.push({ code: 'custom', input: text, message: EXACT_JUMP });
      return z.NEVER;
    })
    .meta({ description: about });

const EXACT_DRIFT = `from -${MAX_DRIFT_PPM}ppm to ${MAX_DRIFT_PPM}ppm`;
const driftField = (about: string) =>
  z
    .string({ error: EXACT_DRIFT })
    .transform((text, context): number => {
      const ppm = /^-?\d{1,3}ppm$/.test(text) ? Number.parseInt(text, 10) : NaN;
      if (Math.abs(ppm) <= MAX_DRIFT_PPM) return ppm;
      context.issues.push({ code: 'custom', input: text, message: EXACT_DRIFT });
      return z.NEVER;
    })
    .meta({ description: about });

export const nodeFaultFields = {
  crash: nodesOrMap('These stop, and lose what they held in memory. They restart after `for`.', {
    point: choiceField(
      'Not at once, but at their next write: before it is on disk, or before it is said.',
      CRASH_POINTS,
    ),
  }).optional(),
  wipe: nodesField('These crash and lose their disks; they come back under the same id.').optional(),
  restore: nodesField(
    'When it ends these crash, and start again from a backup of their disks that was made when it began.',
  ).optional(),
  restart: nodesField('These start again.').optional(),
  pause: nodesField('These freeze; what arrives waits.').optional(),
  slowNode: mapField('These work more slowly.', { nodes: which, to: shareOfSpeed }).optional(),
  otherVersion: mapField('These restart under another version of the wire format.', {
    nodes: which,
    version: countField('Which.', 0, 255),
  }).optional(),
  clock: mapField('The clocks of these are wrong.', {
    nodes: which,
    drift: driftField('How much faster the steady clock runs. Default 0ppm.').optional(),
    offset: jumpField('How far the wall clock is off while this lasts. Default 0s.').optional(),
    step: jumpField('How far the wall clock jumps when it begins, for good. Default 0s.').optional(),
  }).optional(),
  tornWrite: nodesField('A write that a crash interrupts leaves a damaged record.').optional(),
  lostWrite: nodesField('Their disks say synced and are not: a crash takes those writes.').optional(),
  bitRot: nodesField('What is on their disks is damaged.').optional(),
  fullDisk: nodesField('Their disks take nothing more.').optional(),
  stalledDisk: nodesOrMap('Their disks answer when it ends, or so much later.', {
    by: durationField('How much later.', 1, 3_600_000_000, 'a time from 1us to 1h'),
  }).optional(),
  outOfMemory: nodesField('Their accelerators have no memory left.').optional(),
  slowAccelerator: mapField('Their accelerators work more slowly.', {
    nodes: which,
    to: shareOfSpeed,
  }).optional(),
  failingAccelerator: mapField('Their accelerators fail now and then.', {
    nodes: which,
    chance: chanceField('How often.'),
  }).optional(),
  wrongAccelerator: mapField('Their accelerators answer what is not made from the prompt.', {
    nodes: which,
    chance: chanceField('How often.'),
  }).optional(),
};
