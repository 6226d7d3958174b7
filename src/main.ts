import { berthProgram } from './cli/berth-program.ts'
import { failureSentence } from './cli/failure-sentence.ts'

try {
  await berthProgram().parseAsync(process.argv)
} catch (error) {
  process.stderr.write(`berth: ${failureSentence(error)}\n`)
  process.exit(1)
}
