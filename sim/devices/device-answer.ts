/** What a device answers, and after how long. */
export interface DeviceAnswer {
  readonly kind: number;
  readonly body: unknown;
  /** NEVER_US: not before the fault that keeps it waiting has ended. */
  readonly delayUs: number;
}
