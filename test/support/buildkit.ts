import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildProgramOfModule, GO } from './go-program.ts'
import type { PrivateMachine } from './private-machine.ts'
import { type BackgroundProgram, startUntil } from './processes.ts'
import { TemporaryFolder } from './temporary-folder.ts'

export const BUILDKIT_PROGRAMS = [GO, 'runc']
const VERSION = 'v0.34.2'
const START_MS = 120_000

interface Parts {
  readonly daemon: BackgroundProgram
  readonly machine: PrivateMachine
  readonly data: TemporaryFolder
  readonly client: readonly string[]
}

/** BuildKit by itself, without a Docker around it. Builds both of its programs where this machine does not have them. */
export async function buildBuildKit(): Promise<{ readonly daemon: string; readonly client: string }> {
  const build = (name: string) => buildProgramOfModule('github.com/moby/buildkit', VERSION, `cmd/${name}`)
  const daemon = await build('buildkitd')
  return { daemon, client: await build('buildctl') }
}

/** A buildkitd on a machine, with the settings that it has in /etc/buildkit there. */
export class BuildKit implements AsyncDisposable {
  readonly #parts: Parts

  private constructor(parts: Parts) {
    this.#parts = parts
  }

  static async start(machine: PrivateMachine): Promise<BuildKit> {
    const programs = await buildBuildKit()
    const data = new TemporaryFolder()
    const address = `unix://${data.join('socket')}`
    const worker = ['--containerd-worker=false', '--oci-worker=true', '--oci-worker-snapshotter=native', '--oci-worker-net=host']
    const command = [...machine.words, programs.daemon, '--root', data.join('root'), '--addr', address, ...worker]
    try {
      const { program } = await startUntil(/running server on/, START_MS, command, { environment: machine.environment })
      return new BuildKit({ daemon: program, machine, data, client: [programs.client, '--addr', address] })
    } catch (error) {
      data[Symbol.dispose]()
      throw error
    }
  }

  /** Builds what a Dockerfile of these lines says; gives the digests of the layers of what comes of it. */
  async build(...lines: readonly string[]): Promise<readonly string[]> {
    const { data, machine, client } = this.#parts
    const [folder, layout] = [data.join(crypto.randomUUID()), data.join(crypto.randomUUID())]
    await mkdir(folder)
    await writeFile(join(folder, 'Dockerfile'), `${lines.join('\n')}\n`)
    const local = ['--local', `context=${folder}`, '--local', `dockerfile=${folder}`]
    await machine.run(
      ...client,
      'build',
      '--frontend',
      'dockerfile.v0',
      ...local,
      '--output',
      `type=oci,tar=false,dest=${layout}`,
    )
    const { manifests } = (await Bun.file(join(layout, 'index.json')).json()) as { manifests: readonly { digest: string }[] }
    const place = join(layout, 'blobs', String(manifests[0]?.digest.replace(':', '/')))
    const { layers } = (await Bun.file(place).json()) as { layers: readonly { digest: string }[] }
    return layers.map(({ digest }) => digest)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.daemon.stop()
    this.#parts.data[Symbol.dispose]()
  }
}
