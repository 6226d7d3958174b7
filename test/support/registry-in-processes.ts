import type { LogFields, LogLevel } from '../../src/observe/log.ts'
import { BERTH_PROGRAM } from './berth-program.ts'
import { environmentIn } from './processes.ts'
import type { RecordedLog } from './recorded-log.ts'
import { type Settings, writeConfig } from './registry-settings.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

/** A registry of several processes behind one port, with the settings of a protocol test. Its log is the test's. */
export class RegistryInProcesses {
  readonly url: string
  readonly #program: Bun.Subprocess

  private constructor(url: string, program: Bun.Subprocess) {
    this.url = url
    this.#program = program
  }

  static async start(folder: TemporaryFolder, settings: Settings, log: RecordedLog): Promise<RegistryInProcesses> {
    const config = await writeConfig(folder, 'filesystem', settings)
    const program = Bun.spawn([BERTH_PROGRAM, 'serve', config], {
      env: environmentIn(folder.join('env')),
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    // They end with the program, which the test ends.
    void record(program.stdout, log)
    void record(program.stderr, log)
    const { fields } = await log.line(({ message }) => message === 'listening')
    return new RegistryInProcesses(String(fields.url), program)
  }

  async stop(): Promise<void> {
    this.#program.kill('SIGTERM')
    await this.#program.exited
  }
}

async function record(output: ReadableStream<Uint8Array>, log: RecordedLog): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of output) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) recordLine(line, log)
  }
}

/** Lines about requests have no level of their own. */
function recordLine(line: string, log: RecordedLog): void {
  const { level, msg, ...fields } = JSON.parse(line) as { readonly level?: LogLevel; readonly msg?: string } & LogFields
  log[level ?? 'info'](msg ?? 'request', fields)
}
