import { RegistryError } from '../../oci/errors.ts'
import { readableBytes } from '../../runtime/readable-bytes.ts'
import type { Quota } from './quota-rules.ts'

/** A push would take a quota above its limit. */
export class QuotaReached extends RegistryError {
  /** `addedBytes`: as many as are known of, where more may come. */
  constructor({ name, limitBytes = 0 }: Quota, usedBytes: number, addedBytes: number) {
    const left = limitBytes - usedBytes
    const room = left > 0 ? `this content is larger than the ${readableBytes(left)} left` : 'nothing more can be added'
    super('DENIED', {
      message: `The quota ${name} allows ${readableBytes(limitBytes)} and holds ${readableBytes(usedBytes)}: ${room}. Delete images that are not needed (the operator of the registry has berth delete for many at once), or ask for a higher limit.`,
      detail: { quota: name, limitBytes, usedBytes, addedBytes },
    })
  }
}

/** What a client is told above the soft limit. */
export function warningOf({ name, limitBytes, warnBytes = 0 }: Quota, usedBytes: number): string {
  const used = `The quota ${name} holds ${readableBytes(usedBytes)}`
  if (limitBytes === undefined) return `${used}, more than the ${readableBytes(warnBytes)} that it is to hold.`
  return `${used} of ${readableBytes(limitBytes)}; above that pushes are refused.`
}
