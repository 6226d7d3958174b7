import { resolve } from 'node:path'
import type { z } from 'zod'
import type { Platform } from '../../../oci/descriptor.ts'
import type { RepositoryName } from '../../../oci/name.ts'
import type { RepositoryGlob } from '../../../oci/repository-glob.ts'
import type { TagPattern } from '../../../oci/tags/tag-selection.ts'
import { Secret } from '../../words/secret.ts'
import type { mirrors } from './mirror-schema.ts'
import type { proxy } from './proxy-schema.ts'

type ParsedProxy = z.output<typeof proxy>
type ParsedMirrors = z.output<typeof mirrors>

/** Another registry, of which this one is a cache. */
export interface ProxyConfig extends UpstreamCredentialsConfig, WayConfig {
  /** Scheme, host and port. */
  readonly url: string
  /** 0: each pull of a tag asks there. */
  readonly tagsFreshMs: number
  readonly limits: MirrorLimitsConfig
}

/** A mirror: the content of another registry is served below this prefix. */
export interface MirrorConfig extends UpstreamCredentialsConfig, WayConfig {
  readonly prefix: RepositoryName
  /** Scheme, host and port of each address, one at least, in the order in which they are tried. */
  readonly urls: readonly string[]
  /** By their names there; empty: all of them. */
  readonly repositories: readonly RepositoryGlob[]
  /** 0: each pull of a tag asks there. */
  readonly tagsFreshMs: number
  /** It answers pulls of names that are not local. */
  readonly isDefault: boolean
  /** It is never asked. */
  readonly isOffline: boolean
  readonly limits: MirrorLimitsConfig
  /** Undefined: nothing is brought before a client asks for it. */
  readonly sync: SyncConfig | undefined
}

/** What of another registry is brought here unasked. */
export interface SyncConfig {
  /** By their names there, one at least. */
  readonly repositories: readonly RepositoryGlob[]
  /** Empty: all. */
  readonly tags: readonly TagPattern[]
  /** Of an image index the images for these alone; empty: all. */
  readonly platforms: readonly Platform[]
  readonly everyMs: number
  /** Undefined: as fast as it comes. */
  readonly bytesPerSecond: number | undefined
}

/** How much of another registry stays here. */
export interface MirrorLimitsConfig {
  /** Undefined: as much as there is room for. */
  readonly sizeBytes: number | undefined
  /** So long after its last pull an image goes; undefined: it stays. */
  readonly unusedMs: number | undefined
  /** Repositories that stay, by their names there. */
  readonly keep: readonly RepositoryGlob[]
}

/** What another registry is shown. */
export interface UpstreamCredentialsConfig {
  readonly credentials: { readonly username: string; readonly password: Secret } | undefined
  /** In place of them: a program of Docker's protocol for credential helpers. `lifetimeMs` undefined: until what it printed is refused. */
  readonly helper: { readonly command: string; readonly lifetimeMs: number | undefined } | undefined
}

/** How another registry is reached. */
export interface WayConfig {
  /** The path of a file with authorities that are trusted beside those of the system. */
  readonly authorities: string | undefined
  /** The URL of an HTTP proxy. Undefined: the one that the environment names. */
  readonly httpProxy: Secret | 'none' | undefined
}

const NO_LIMITS: MirrorLimitsConfig = { sizeBytes: undefined, unusedMs: undefined, keep: [] }

export function proxyConfig(parsed: ParsedProxy): ProxyConfig | undefined {
  const { remoteurl: url, tagttl, ttl, size, keep } = parsed
  if (url === undefined) return undefined
  const limits = { sizeBytes: size, unusedMs: ttl === 0 ? undefined : ttl, keep }
  return { url, ...credentialsOf(parsed), ...wayOf(parsed), tagsFreshMs: tagttl, limits }
}

export function mirrorConfigs(parsed: ParsedMirrors): readonly MirrorConfig[] {
  return parsed.map((mirror) => ({
    prefix: mirror.prefix,
    urls: mirror.url,
    ...credentialsOf(mirror),
    ...wayOf(mirror),
    repositories: mirror.repositories,
    tagsFreshMs: mirror.ttl,
    isDefault: mirror.default,
    isOffline: mirror.offline,
    // What goes could not be fetched again.
    limits: mirror.offline ? NO_LIMITS : { sizeBytes: mirror.size, unusedMs: mirror.unused, keep: mirror.keep },
    sync: mirror.sync && syncOf(mirror.sync),
  }))
}

function syncOf({ every, rate, ...rule }: NonNullable<ParsedMirrors[number]['sync']>): SyncConfig {
  return { ...rule, everyMs: every, bytesPerSecond: rate }
}

function credentialsOf({ username, password = new Secret(''), exec }: ParsedProxy | ParsedMirrors[number]) {
  const helper = exec.command === undefined ? undefined : { command: exec.command, lifetimeMs: exec.lifetime }
  // As in registry:3, the program comes first.
  return { helper, credentials: username === undefined || helper !== undefined ? undefined : { username, password } }
}

function wayOf({ ca, httpproxy }: ParsedProxy | ParsedMirrors[number]): WayConfig {
  return { authorities: ca === undefined ? undefined : resolve(ca), httpProxy: httpproxy }
}
