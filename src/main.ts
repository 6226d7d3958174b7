import { berthProgram } from './cli/berth-program.ts'
import { failureSentence } from './cli/failure-sentence.ts'
import { htpasswdProgram } from './cli/htpasswd-program.ts'
import { isCalledHtpasswd } from './cli/program-name.ts'

try {
  await (isCalledHtpasswd() ? htpasswdProgram() : berthProgram()).parseAsync(process.argv)
} catch (error) {
  process.stderr.write(`berth: ${failureSentence(error)}\n`)
  process.exit(1)
}
