import type { LogFields, LogLevel } from '../../src/observe/log.ts'
import { BERTH_PROGRAM } from './berth-program.ts'
import { environmentIn } from './processes.ts'
import type { RecordedLog } from './recorded-log.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

/** `berth serve` as a program, of as many processes as the run is about, with a configuration of a protocol test. Its log is the test's. */
export class RegistryInProcesses {
  readonly url: string
  readonly #program: Bun.Subprocess

  private constructor(url: string, program: Bun.Subprocess) {
    this.url = url
    this.#program = program
  }

  /** `config`: the path of a configuration whose log is in JSON. */
  static async start(folder: TemporaryFolder, config: string, log: RecordedLog): Promise<RegistryInProcesses> {
    const program = Bun.spawn([BERTH_PROGRAM, 'serve', config], {
      env: { ...environmentIn(folder.join('env')), STATE_DIRECTORY: folder.join('state') },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const listening = Promise.withResolvers<string>()
    const told: Told = (level, message, fields) => {
      log[level](message, fields)
      if (message === 'listening') listening.resolve(String(fields.url))
    }
    // They end with the program, which the test ends.
    void record(program.stdout, told)
    void record(program.stderr, told)
    return new RegistryInProcesses(await log.within('Berth starts', listening.promise), program)
  }

  async stop(): Promise<void> {
    this.#program.kill('SIGTERM')
    await this.#program.exited
  }
}

type Told = (level: LogLevel, message: string, fields: LogFields) => void

async function record(output: ReadableStream<Uint8Array>, told: Told): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of output) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) recordLine(line, told)
  }
}

/** Lines about requests have no level of their own. */
function recordLine(line: string, told: Told): void {
  const { level, msg, ...fields } = JSON.parse(line) as { readonly level?: LogLevel; readonly msg?: string } & LogFields
  told(level ?? 'info', msg ?? 'request', fields)
}
