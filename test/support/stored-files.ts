import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { elementsOf, S3Client, type S3Place } from './s3-client.ts'
import type { TestRoot } from './test-root.ts'

const ROOT = 'docker/registry/v2'

/** All that lies below docker/registry/v2, read without a line of Berth's. */
export interface StoredFiles {
  readonly paths: ReadonlySet<string>
  readonly read: (path: string) => Promise<Uint8Array>
}

export function filesInDirectory(dataDirectory: string): StoredFiles {
  const root = join(dataDirectory, ROOT)
  const entries = existsSync(root) ? readdirSync(root, { recursive: true, withFileTypes: true }) : []
  const files = entries.filter((entry) => !entry.isDirectory())
  const paths = files.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
  return { paths: new Set(paths), read: async (path) => new Uint8Array(readFileSync(join(root, path))) }
}

export async function filesIn(root: TestRoot): Promise<StoredFiles> {
  return typeof root === 'string' ? filesInDirectory(root) : await filesInBucket(root.place)
}

/** With the bytes of each. */
export async function filesInBucket(place: S3Place): Promise<StoredFiles & { readonly sizes: ReadonlyMap<string, number> }> {
  const client = new S3Client(place)
  const sizes = new Map<string, number>()
  let query: Record<string, string> | undefined = { 'list-type': '2', prefix: `${ROOT}/` }
  while (query !== undefined) {
    const page: string = await client.sendToSuccess({ method: 'GET', query })
    const lengths = elementsOf(page, 'Size')
    for (const [index, key] of elementsOf(page, 'Key').entries()) sizes.set(key.slice(ROOT.length + 1), Number(lengths[index]))
    const [next] = elementsOf(page, 'NextContinuationToken')
    query = next === undefined ? undefined : { ...query, 'continuation-token': next }
  }
  const read = async (path: string) => {
    const response = await client.send({ method: 'GET', key: `${ROOT}/${path}` })
    const bytes = await response.bytes()
    if (!response.ok) throw new Error(`GET ${path} answered ${response.status}`)
    return bytes
  }
  return { paths: new Set(sizes.keys()), sizes, read }
}

const LAYER = /^repositories\/(.+)\/_layers\/sha256\/([0-9a-f]{64})\/link$/
const REVISION = /^repositories\/(.+)\/_manifests\/revisions\/sha256\/([0-9a-f]{64})\/link$/
const BYTES = /^blobs\/sha256\/[0-9a-f]{2}\/([0-9a-f]{64})\/data$/

/** What nothing needs: links that no manifest of their repository names, and bytes that are neither linked nor those of a manifest. */
export async function unneededIn({ paths, read }: StoredFiles): Promise<readonly string[]> {
  const named = new Set<string>()
  const kept = new Set<string>()
  for (const path of paths) {
    const [, repository, hex] = REVISION.exec(path) ?? []
    if (hex === undefined) continue
    kept.add(hex)
    if (!paths.has(bytesPath(hex))) continue
    const text = new TextDecoder().decode(await read(bytesPath(hex)))
    for (const other of text.match(/(?<=sha256:)[0-9a-f]{64}/g) ?? []) named.add(`${repository} ${other}`)
  }
  const unneeded: string[] = []
  for (const path of paths) {
    const [, repository, hex] = LAYER.exec(path) ?? []
    if (hex === undefined) continue
    kept.add(hex)
    if (!named.has(`${repository} ${hex}`)) unneeded.push(path)
  }
  const isUnneeded = (hex: string | undefined) => hex !== undefined && !kept.has(hex)
  return [...unneeded, ...[...paths].filter((path) => isUnneeded(BYTES.exec(path)?.[1]))]
}

export function bytesPath(hex: string): string {
  return `blobs/sha256/${hex.slice(0, 2)}/${hex}/data`
}

export function linkPath(repository: string, kind: 'blob' | 'manifest', digest: string): string {
  const place = kind === 'blob' ? '_layers' : '_manifests/revisions'
  return `repositories/${repository}/${place}/sha256/${digest.slice('sha256:'.length)}/link`
}
