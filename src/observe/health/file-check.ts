import { stat } from 'node:fs/promises'
import { undefinedIfMissing } from '../../runtime/error-code.ts'
import type { HealthCheck, Repetition } from './health-check.ts'

/** Unhealthy while a file exists: an operator makes it to take the registry out of rotation. */
export function fileCheck({ file, intervalMs, threshold }: { readonly file: string } & Repetition): HealthCheck {
  return {
    name: file,
    intervalMs,
    threshold,
    run: async () => {
      if (await exists(file)) throw new Error('file exists')
    },
  }
}

/** What cannot be looked at is a failure too. */
async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(undefinedIfMissing)) !== undefined
}
