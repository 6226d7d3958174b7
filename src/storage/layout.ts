import { algorithmOf, DIGEST_ALGORITHMS, type Digest, findDigest, hexOf } from '../oci/digest.ts'
import { findRepositoryName, type RepositoryName } from '../oci/name.ts'
import type { Tag } from '../oci/reference.ts'
import { type StoragePath, storagePath } from './driver.ts'

const BLOBS = 'docker/registry/v2/blobs'
const REPOSITORIES = 'docker/registry/v2/repositories'

/**
 * Where registry:2 and registry:3 keep things, byte for byte. `<alg>` is sha256 or sha512, `<aa>` the first two hex digits.
 *
 *   docker/registry/v2/
 *     blobs/<alg>/<aa>/<hex>/data                        layers, configs and manifests
 *     repositories/<name>/
 *       _layers/<alg>/<hex>/link                         the repository owns this blob
 *       _manifests/
 *         revisions/<alg>/<hex>/link                     the repository holds this manifest
 *         tags/<tag>/current/link                        what the tag points to
 *         tags/<tag>/index/<alg>/<hex>/link              what it has ever pointed to
 *       _uploads/                                        registry:2's own; Berth's are below berth/
 *       _holds/<tag or alg.hex>                          Berth's own: an operator holds it. registry:2 passes over the name
 *
 * A link holds a digest and nothing else, no newline. Below docker/registry/v2 nothing is temporary: registry:2 lists what it finds.
 */
export const layout = {
  blobs: storagePath(BLOBS),
  repositories: storagePath(REPOSITORIES),

  blobDirectory: (digest: Digest): StoragePath =>
    storagePath(BLOBS, algorithmOf(digest), hexOf(digest).slice(0, 2), hexOf(digest)),
  blob: (digest: Digest): StoragePath =>
    storagePath(BLOBS, algorithmOf(digest), hexOf(digest).slice(0, 2), hexOf(digest), 'data'),
  /** The directories that hold blob directories, and how the digests in each begin. */
  blobShards: (): readonly { readonly path: StoragePath; readonly digestPrefix: string }[] =>
    DIGEST_ALGORITHMS.flatMap((algorithm) =>
      Array.from({ length: 256 }, (_, shard) => {
        const start = shard.toString(16).padStart(2, '0')
        return { path: storagePath(BLOBS, algorithm, start), digestPrefix: `${algorithm}:${start}` }
      }),
    ),

  repository: (repository: RepositoryName): StoragePath => storagePath(REPOSITORIES, repository),
  uploads: (repository: RepositoryName): StoragePath => storagePath(REPOSITORIES, repository, '_uploads'),
  layers: (repository: RepositoryName): StoragePath => storagePath(REPOSITORIES, repository, '_layers'),
  layer: (repository: RepositoryName, digest: Digest): StoragePath =>
    storagePath(REPOSITORIES, repository, '_layers', algorithmOf(digest), hexOf(digest)),
  layerLink: (repository: RepositoryName, digest: Digest): StoragePath =>
    storagePath(layout.layer(repository, digest), LINK_FILE),
  manifests: (repository: RepositoryName): StoragePath => storagePath(REPOSITORIES, repository, '_manifests'),
  revisions: (repository: RepositoryName): StoragePath => storagePath(REPOSITORIES, repository, '_manifests/revisions'),
  revision: (repository: RepositoryName, digest: Digest): StoragePath =>
    storagePath(REPOSITORIES, repository, '_manifests/revisions', algorithmOf(digest), hexOf(digest)),
  tags: (repository: RepositoryName): StoragePath => storagePath(REPOSITORIES, repository, '_manifests/tags'),
  holds: (repository: RepositoryName): StoragePath => storagePath(REPOSITORIES, repository, '_holds'),
  tag: (repository: RepositoryName, tag: Tag): StoragePath => storagePath(REPOSITORIES, repository, '_manifests/tags', tag),
} as const

const BLOB = new RegExp(`^${BLOBS}/(sha256|sha512)/[0-9a-f]{2}/([0-9a-f]+)/data$`)

/** What is kept in the directory of a repository; `_uploads` and `_holds` may be there alone. */
export const OF_A_REPOSITORY: ReadonlySet<string> = new Set(['_manifests', '_layers', '_uploads', '_holds'])

/** Whether a path is of what the registry serves, and not one of Berth's own records. */
export function isContent(path: StoragePath): boolean {
  return path.startsWith('docker/registry/v2/')
}

/** The digest of the blob whose bytes are at a path; undefined for any other path. */
export function findBlobAt(path: StoragePath): Digest | undefined {
  const [, algorithm, hex] = BLOB.exec(path) ?? []
  return algorithm === undefined ? undefined : findDigest(`${algorithm}:${hex}`)
}

const ACCESS = 'berth/v1/access'
const QUARANTINE = 'berth/v1/quarantine'
const REMARKS = 'berth/v1/remarks'
const DEPLOYMENTS = 'berth/v1/deployments'
export const DESCRIPTION_FILE = '_description'
const STARS = '_stars'

/**
 * Berth's own records. registry:2 never looks here.
 *
 *   berth/v1/
 *     store                     the id of this storage
 *     databases/<id>            on an object store: a metadata database is at work, and was so a moment ago
 *     clock/<id>                there for a moment, to learn what time the store has
 *     deleted/<yyyymmdd>/<id>   secret; what one deletion took, one JSON record a file, kept for the grace of the collector
 *     quarantine/<alg>.<hex>    bytes that were found under a digest which is not theirs
 *     history/<yyyymmdd>/<id>   secret; how tags moved, one JSON object a line, kept for 400 days
 *     pulls/<00 to ff>          secret; how often repositories were pulled, and what is in them, one JSON object a line
 *     remarks/<name>/           what people say of a repository
 *       _description            one JSON record
 *       _stars/<hex>            secret; one user's star, one JSON record. <hex>: the SHA-256 of the user's name
 *     deployments/<host>        secret; what runs on a host, one JSON record: the last report of its agent that said something new
 *     webhooks/<name>           secret; a receiver of events, one JSON record
 *     access/                   secret, one JSON record a file
 *       generation              differs after each change below
 *       users/<name>            a user and the hash of the password
 *       groups/<name>           a group and its members
 *       robots/<name>           a robot, the hash of its token, until when and for what it is good
 *       keys/<id>               a private key that tokens are signed with
 */
export const berthLayout = {
  directory: storagePath('berth/v1'),
  store: storagePath('berth/v1/store'),
  databases: storagePath('berth/v1/databases'),
  clock: storagePath('berth/v1/clock'),
  deleted: storagePath('berth/v1/deleted'),
  history: storagePath('berth/v1/history'),
  pulls: storagePath('berth/v1/pulls'),
  pullsOf: (shard: number): StoragePath => storagePath('berth/v1/pulls', shard.toString(16).padStart(2, '0')),
  remarks: storagePath(REMARKS),
  remarksOn: (repository: RepositoryName): StoragePath => storagePath(REMARKS, repository),
  starsOf: (repository: RepositoryName): StoragePath => storagePath(REMARKS, repository, STARS),
  deployments: storagePath(DEPLOYMENTS),
  webhooks: storagePath('berth/v1/webhooks'),
  access: storagePath(ACCESS),
  quarantine: storagePath(QUARANTINE),
  quarantined: (digest: Digest): StoragePath => storagePath(QUARANTINE, `${algorithmOf(digest)}.${hexOf(digest)}`),
  generation: storagePath(ACCESS, 'generation'),
  users: storagePath(ACCESS, 'users'),
  groups: storagePath(ACCESS, 'groups'),
  robots: storagePath(ACCESS, 'robots'),
  keys: storagePath(ACCESS, 'keys'),
} as const

const REMARK = new RegExp(`^${REMARKS}/(.+)/(?:${DESCRIPTION_FILE}|${STARS}/([0-9a-f]{64}))$`)

/** What the record at a path is about: no user for a description. Undefined where it is no remark. No part of a repository's name begins with '_'. */
export function findRemarkAt(path: StoragePath): { readonly repository: RepositoryName; readonly user: string } | undefined {
  const [, name, user = ''] = REMARK.exec(path) ?? []
  const repository = name === undefined ? undefined : findRepositoryName(name)
  return repository && { repository, user }
}

export const LINK_FILE = 'link'
export const CURRENT_LINK_FILE = 'current/link'
/** The longest link is a sha512; a longer file is no link. */
export const MAX_LINK_BYTES = 256

/** The file below `holds`. A full stop stands in no digest, and a tag that looks so is held along with the digest. */
export function holdFile(reference: Digest | Tag): string {
  return reference.replace(':', '.')
}

export function indexLinkFile(digest: Digest): string {
  return `index/${algorithmOf(digest)}/${hexOf(digest)}/link`
}
