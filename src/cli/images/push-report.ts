import type { PushProgress } from '../../images/push/destination.ts'
import { readableBytes } from '../../runtime/readable-bytes.ts'

const WORDS = { there: 'is there', mounted: 'mounted', sent: 'sent' } as const

/** One line for each blob, apart from what the command prints for scripts. */
export const PUSH_REPORT: PushProgress = {
  onBlob: ({ repository }, { digest, size }, pushed) =>
    void process.stderr.write(`${repository}: ${digest.slice(0, 19)} ${readableBytes(size)} ${WORDS[pushed]}\n`),
}
