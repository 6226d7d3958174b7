import { failureSentence } from '../../src/cli/failure-sentence.ts'
import { serve } from '../../src/cli/serve/serve.ts'

/** `berth serve <configuration>`, but for times of the system around it: tests wait for their end. In earnest they are 15 s and 90 s. */
const EXPIRES_SECONDS = 3
const PRESENCE_PACE = 1 / 6

const [, , command, config] = process.argv
if (command !== 'serve') throw new Error('serve is all that this program does')
try {
  await serve(config, { waits: { expiresSeconds: EXPIRES_SECONDS, presencePace: PRESENCE_PACE } })
} catch (error) {
  process.stderr.write(`berth: ${failureSentence(error)}\n`)
  process.exit(1)
}
