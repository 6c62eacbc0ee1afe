import type { z } from 'zod';
import { faultTimes } from './fault-times-schema.ts';
import { mapField } from './fields.ts';
import { linkFaultFields } from './link-fault-schema.ts';
import { nodeFaultFields } from './node-fault-schema.ts';

/** Every kind of fault, as it is written. */
const faultFields = { ...linkFaultFields, ...nodeFaultFields };
type Kind = keyof typeof faultFields;
export const FAULT_KINDS = Object.keys(faultFields) as [Kind, ...Kind[]];

export const faultSchema = mapField('What goes wrong, and when.', { ...faultTimes, ...faultFields });

export type Fault = z.output<typeof faultSchema>;
