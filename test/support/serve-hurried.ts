import { failureSentence } from '../../src/cli/failure-sentence.ts'
import { serve } from '../../src/cli/serve/serve.ts'
import type { Waits } from '../../src/composition/app.ts'

/** For times of the system around a process: tests wait for their end. In earnest they are 15 s and 90 s. */
const EXPIRES_SECONDS = 3
const PRESENCE_PACE = 1 / 6

/** `berth serve <configuration>`, but for times that no configuration sets so short. */
export async function serveHurried(waits: Waits = {}): Promise<void> {
  const [, , command, config] = process.argv
  if (command !== 'serve') throw new Error('serve is all that this program does')
  try {
    await serve(config, { waits: { expiresSeconds: EXPIRES_SECONDS, presencePace: PRESENCE_PACE, ...waits } })
  } catch (error) {
    process.stderr.write(`berth: ${failureSentence(error)}\n`)
    process.exit(1)
  }
}
