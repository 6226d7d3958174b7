import { environmentIn, run, startUntil } from './processes.ts'
import { registryConfig } from './registry-config.ts'
import { RegistryProcess, type ServeOptions } from './registry-process.ts'
import type { S3Place } from './s3-client.ts'
import { TemporaryFolder } from './temporary-folder.ts'

/** Debian's docker-registry 2.8.2: what Berth takes over from and can go back to. */
export const PEER_PROGRAM = 'docker-registry'

/** registry:3 as scripts/test-stores.sh builds it: what Berth takes over from as well. */
export const PEER_3_PROGRAM = 'registry-3'

const START_MS = 120_000
const LISTENING = /listening on [^ ]*:(\d+)(?:, tls)?"/

/** Serves a data directory with registry:2. The caller ends it. */
export async function startPeer(options: ServeOptions): Promise<RegistryProcess> {
  return await startProgram(PEER_PROGRAM, options)
}

/** Serves a data directory with registry:3. The caller ends it. */
export async function startPeer3(options: ServeOptions): Promise<RegistryProcess> {
  return await startProgram(PEER_3_PROGRAM, options)
}

async function startProgram(name: string, options: ServeOptions): Promise<RegistryProcess> {
  const { folder, dataDirectory, umask, moreConfig, before = [], adapt = (text) => text } = options
  const config = await folder.file(
    `peer/${crypto.randomUUID()}.yml`,
    withoutPurge(adapt(registryConfig(dataDirectory, moreConfig))),
  )
  const environment = { ...environmentIn(folder.join('peer')), OTEL_TRACES_EXPORTER: 'none' }
  const { program, match } = await startUntil(LISTENING, START_MS, [...before, name, 'serve', config], { environment, umask })
  return new RegistryProcess(program, Number(match[1]))
}

/** In a random minute of its first hour, of which one is the start, it looks for old uploads; in a bucket that ends in a panic. */
function withoutPurge(config: string): string {
  if (config.includes('  maintenance: {'))
    return config.replace('  maintenance: {', '  maintenance: {uploadpurging: {enabled: false}, ')
  return config.replace('\nstorage:\n', '\nstorage:\n  maintenance:\n    uploadpurging:\n      enabled: false\n')
}

export interface Collection {
  readonly exitCode: number
  readonly eligibleBlobs: ReadonlySet<string>
  readonly eligibleManifests: ReadonlySet<string>
  /** All that it printed. */
  readonly output: string
}

export interface CollectionOptions {
  readonly dryRun: boolean
  readonly deleteUntagged: boolean
}

/** Runs `registry garbage-collect` over a data directory that nobody serves meanwhile. */
export async function collectWithPeer(dataDirectory: string | S3Place, options: CollectionOptions): Promise<Collection> {
  using folder = new TemporaryFolder()
  const config = await folder.file('config.yml', registryConfig(dataDirectory))
  const flags = [...(options.dryRun ? ['--dry-run'] : []), ...(options.deleteUntagged ? ['--delete-untagged'] : [])]
  const command = [PEER_PROGRAM, 'garbage-collect', ...flags, config]
  const { exitCode, stdout, stderr } = await run(command, { environment: environmentIn(folder.path) })
  return {
    exitCode,
    eligibleBlobs: digestsAfter('blob eligible for deletion: ', stdout),
    eligibleManifests: digestsAfter('manifest eligible for deletion: ', stdout),
    output: `${stdout}\n${stderr}`,
  }
}

function digestsAfter(words: string, output: string): ReadonlySet<string> {
  const lines = output.split('\n').filter((line) => line.startsWith(words))
  return new Set(lines.map((line) => line.slice(words.length).trim()))
}
