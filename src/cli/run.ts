import { htpasswdProgram } from './accounts/htpasswd-program.ts'
import { berthProgram } from './berth-program.ts'
import { exitWhenRead } from './exit.ts'
import { failureSentence } from './failure-sentence.ts'
import { isCalledHtpasswd } from './program-name.ts'

/** Does what the command line says. A failure ends the process with a sentence and exit code 1. */
export async function run(): Promise<void> {
  try {
    await (isCalledHtpasswd() ? htpasswdProgram() : berthProgram()).parseAsync(process.argv)
  } catch (error) {
    process.stderr.write(`berth: ${failureSentence(error)}\n`)
    await exitWhenRead(1)
  }
}
