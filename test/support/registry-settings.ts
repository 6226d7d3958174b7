import { parse } from 'yaml'
import { s3Section } from './object-store.ts'
import type { S3Place } from './s3-client.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

/** What a test may want other than the usual; deletes are on. */
export interface Settings {
  readonly deletes?: boolean
  readonly readOnly?: boolean
  readonly prefix?: string
  readonly host?: string
  readonly headers?: Readonly<Record<string, readonly string[]>>
  readonly maxTags?: number
  readonly maxEntries?: number
  /** `ui.enabled`; true when left out. */
  readonly page?: boolean
  /** `search.official`. */
  readonly official?: readonly string[]
  /** Uploads that rest longer than this are removed, looked at in this interval; left out, they stay. */
  readonly uploadPurging?: { readonly ageMs: number; readonly intervalMs: number }
  /** What stands below `metadata`; left out, a file in the folder beside a bucket. */
  readonly metadata?: object
}

/** Writes a configuration for a storage that is empty: memory, the folder's `data`, or a bucket. Gives its path. */
export async function writeConfig(
  folder: TemporaryFolder,
  storage: 'inmemory' | 'filesystem' | S3Place,
  settings: Settings,
): Promise<string> {
  // JSON is YAML.
  return await folder.file('config.json', JSON.stringify(configOf(folder, storage, settings)))
}

function configOf(folder: TemporaryFolder, storage: 'inmemory' | 'filesystem' | S3Place, settings: Settings) {
  const { uploadPurging, host, prefix, headers, maxEntries, maxTags, official } = settings
  const purging = { age: `${uploadPurging?.ageMs ?? 1}ms`, interval: `${uploadPurging?.intervalMs ?? 1}ms`, dryrun: false }
  return {
    version: '0.1',
    log: { formatter: 'json' },
    storage: {
      ...driverOf(folder, storage),
      delete: { enabled: settings.deletes ?? true },
      maintenance: {
        uploadpurging: { enabled: uploadPurging !== undefined, ...purging },
        readonly: { enabled: settings.readOnly ?? false },
      },
    },
    // Beside the locks of its processes.
    ...(typeof storage === 'string' ? {} : { metadata: settings.metadata ?? { path: folder.join('state/metadata.db') } }),
    http: { addr: '127.0.0.1:0', draintimeout: '10ms', host, prefix, headers },
    catalog: { maxentries: maxEntries },
    tags: { maxtags: maxTags },
    search: { official },
    ui: { enabled: settings.page ?? true },
  }
}

function driverOf(folder: TemporaryFolder, storage: 'inmemory' | 'filesystem' | S3Place): object {
  if (storage === 'inmemory') return { inmemory: {} }
  if (storage === 'filesystem') return { filesystem: { rootdirectory: folder.join('data') } }
  return { ...(parse(s3Section(storage)) as object), redirect: { disable: true } }
}
