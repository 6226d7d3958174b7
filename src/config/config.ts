import type { RepositoryGlob } from '../oci/repository-glob.ts'
import type { TagGlob } from '../oci/tag-glob.ts'
import type { WhoConfig } from './schema/access-schema.ts'
import type { PostgresConfig } from './schema/metadata/postgres-schema.ts'
import type { NotificationsConfig } from './schema/notification-schema.ts'
import type { S3Config } from './schema/s3-schema.ts'
import type { MirrorConfig, ProxyConfig } from './schema/upstream/upstream-config.ts'
import type { TlsConfig } from './tls-config.ts'
import type { AddressRange } from './words/address-range.ts'
import type { ListenAddress, TcpAddress } from './words/listen-address.ts'
import type { Pattern } from './words/pattern.ts'
import type { Secret } from './words/secret.ts'

/** What the operator asked for, complete: defaults are filled in, texts are parsed, and nothing changes after the start. */
export interface Config {
  readonly log: LogConfig
  readonly storage: StorageConfig
  readonly metadata: {
    /** Absolute path of the database file; undefined: where the storage says. */
    readonly path: string | undefined
    /** Undefined: a file of SQLite. */
    readonly postgres: PostgresConfig | undefined
  }
  readonly http: HttpConfig
  readonly auth: AuthConfig
  readonly health: HealthConfig
  readonly catalog: {
    /** The most repositories in one answer, and how many there are when the client does not say. */
    readonly maxEntries: number
  }
  readonly search: {
    /** Repositories that a search calls official. */
    readonly official: readonly RepositoryGlob[]
  }
  readonly ui: {
    /** Browsers get the page. */
    readonly enabled: boolean
  }
  readonly tags: {
    /** The most tags in one answer. */
    readonly maxTags: number
  }
  readonly manifests: ManifestRules
  readonly quotas: readonly QuotaConfig[]
  /** Undefined: there are no events. */
  readonly notifications: NotificationsConfig | undefined
  /** Undefined: Berth decides nothing by itself. */
  readonly access: AccessConfig | undefined
  /** Undefined: this registry serves its own content alone. */
  readonly proxy: ProxyConfig | undefined
  readonly mirrors: readonly MirrorConfig[]
  readonly retention: RetentionConfig
}

/** Which tags stay, in the words of src/retention. */
export interface RetentionConfig {
  /** The rules are only shown. */
  readonly dryRun: boolean
  /** Undefined: manifests without a tag stay. */
  readonly untaggedMs: number | undefined
  readonly rules: readonly RetentionRuleConfig[]
  readonly immutable: readonly TagSetConfig[]
  readonly protected: readonly TagSetConfig[]
  /** Names of users: their pulls do not count. */
  readonly ignoredPullers: readonly string[]
}

export interface TagSetConfig {
  readonly repositories: readonly RepositoryGlob[]
  readonly tags: readonly TagGlob[]
}

export interface RetentionRuleConfig extends TagSetConfig {
  /** At least one line is there. */
  readonly keep: {
    readonly newest: number | undefined
    readonly versions: number | undefined
    readonly pushedMs: number | undefined
    readonly pulledMs: number | undefined
    readonly moves: number | undefined
    readonly running: boolean
  }
}

/** How much some repositories may hold, each blob counted once. */
export interface QuotaConfig {
  readonly name: string
  readonly repositories: readonly RepositoryGlob[]
  readonly except: readonly RepositoryGlob[]
  /** Each name in place of the first star of a pattern has a quota of its own. */
  readonly isEach: boolean
  /** Bytes. One of the two at least is set. */
  readonly limitBytes: number | undefined
  readonly warnBytes: number | undefined
}

/** Who may do what. */
export interface AccessConfig {
  readonly rules: readonly AccessRuleConfig[]
  /** Users and groups that may change accounts. */
  readonly admins: readonly WhoConfig[]
  /** The audience of tokens. */
  readonly service: string
  /** Undefined: below the address that a client used. */
  readonly realm: string | undefined
  readonly tokenLifetimeMs: number
  readonly refreshLifetimeMs: number
}

export interface AccessRuleConfig {
  readonly who: readonly WhoConfig[]
  readonly repositories: readonly RepositoryGlob[]
  readonly can: readonly ('pull' | 'push' | 'delete' | 'list')[]
}

export interface LogConfig {
  readonly level: 'error' | 'warn' | 'info' | 'debug'
  readonly formatter: 'text' | 'json' | 'logstash'
  /** Added to every line. */
  readonly fields: Readonly<Record<string, string>>
  /** A line for each request. */
  readonly accessLog: boolean
  /** Absolute; undefined: standard error. */
  readonly file: string | undefined
  /** Where the lines for requests go. Absolute; undefined: standard output. */
  readonly accessFile: string | undefined
  /** Each line names the place in the program that wrote it. */
  readonly reportCaller: boolean
}

export interface StorageConfig {
  readonly driver: FilesystemConfig | InMemoryConfig | S3Config
  /** Clients may delete; otherwise DELETE answers UNSUPPORTED. */
  readonly deletes: boolean
  /** Every write answers UNSUPPORTED. */
  readonly readOnly: boolean
  readonly uploadPurging: {
    readonly enabled: boolean
    /** How long an upload may rest before it counts as given up. */
    readonly ageMs: number
    readonly intervalMs: number
    /** Only says what would be removed. */
    readonly dryRun: boolean
  }
  readonly collector: CollectorConfig
  /** Whether all bytes are read in the background, from time to time. */
  readonly scrub: { readonly enabled: boolean; readonly bytesPerSecond: number }
  /** Whether layers are read in the background, to tell what is in images. */
  readonly readsLayers: boolean
}

/** When what nothing needs is removed (docs/collector.md). */
export interface CollectorConfig {
  readonly enabled: boolean
  readonly graceMs: number
  readonly foundMs: number
  readonly windowMs: number
  readonly intervalMs: number
  /** Removals in a second; 0: as fast as it goes. */
  readonly rate: number
  /** In percent of the stored bytes. */
  readonly brake: number
  readonly dryRun: boolean
}

export interface FilesystemConfig {
  readonly kind: 'filesystem'
  /** Absolute. */
  readonly rootDirectory: string
}

export interface InMemoryConfig {
  readonly kind: 'inmemory'
}

export interface HttpConfig {
  readonly listen: ListenAddress
  /** The address under which clients see the registry, without a slash at its end: `https://registry.example.com/images`. */
  readonly host: string | undefined
  /** What stands before /v2/, without a slash at its end: '' or '/path'. */
  readonly prefix: string
  readonly secret: Secret | undefined
  /** Added to every answer. */
  readonly headers: Readonly<Record<string, readonly string[]>>
  /** The proxies that may say, in X-Forwarded-* and Forwarded, where a request came from. */
  readonly trustedProxies: { readonly ranges: readonly AddressRange[]; readonly areNamed: boolean }
  /** How long running requests may take to finish when Berth is asked to stop. */
  readonly drainTimeoutMs: number
  /** How long a client may do nothing while it is waited for; Infinity: for ever. */
  readonly idle: {
    /** It reads nothing of an answer. */
    readonly readerMs: number
    /** It sends nothing of a body. */
    readonly writerMs: number
  }
  /** How many connections there are at once, in all processes together. */
  readonly connections: {
    /** Undefined: as many as the descriptors of each process allow. */
    readonly total: number | undefined
    /** From an address that is no trusted proxy; Infinity: any number. */
    readonly perAddress: number
  }
  /** How many processes share the address; undefined: as many as suit this machine. Always 1 for a storage in memory. */
  readonly processes: number | undefined
  /** Undefined: plain HTTP. */
  readonly tls: TlsConfig | undefined
  readonly debug: DebugConfig
}

/** Who may use the registry, in the ways of registry:2. */
export type AuthConfig =
  | { readonly kind: 'none' }
  /** Every caller that sends an Authorization header. */
  | { readonly kind: 'silly'; readonly realm: string; readonly service: string }
  | HtpasswdConfig
  | TokenConfig

export interface HtpasswdConfig {
  readonly kind: 'htpasswd'
  readonly realm: string
  /** Absolute. */
  readonly path: string
}

/** Tokens that another server issues. At least one of the two files is set. */
export interface TokenConfig {
  readonly kind: 'token'
  readonly realm: string
  readonly service: string
  readonly issuer: string
  /** Absolute. */
  readonly rootCertBundle: string | undefined
  /** Absolute. */
  readonly jwks: string | undefined
  /** Not empty. */
  readonly signingAlgorithms: readonly string[]
  /** The path of the realm on the registry's own host; undefined: `realm` is what clients are told. */
  readonly autoRedirectPath: string | undefined
}

/** The operator's server: health and metrics. */
export interface DebugConfig {
  /** Undefined: there is none. */
  readonly listen: ListenAddress | undefined
  readonly prometheus: {
    readonly enabled: boolean
    /** Begins with a slash. */
    readonly path: string
  }
}

/** What is looked at again and again, and tells on the debug server whether the registry is well. */
export interface HealthConfig {
  readonly storageDriver: { readonly enabled: boolean } & Repetition
  /** Unhealthy while the file exists. */
  readonly file: readonly ({ readonly file: string } & Repetition)[]
  readonly http: readonly HttpCheckConfig[]
  readonly tcp: readonly TcpCheckConfig[]
}

export interface Repetition {
  readonly intervalMs: number
  /** How many failures in a row it takes; 1 or more. */
  readonly threshold: number
}

/** Unhealthy when a HEAD of the address answers another status, or nothing in time. */
export interface HttpCheckConfig extends Repetition {
  readonly uri: string
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly statusCode: number
  readonly timeoutMs: number
}

/** Unhealthy when nothing accepts a connection in time. */
export interface TcpCheckConfig extends Repetition {
  readonly addr: TcpAddress
  readonly timeoutMs: number
}

/** Which manifests are taken, beyond those that are valid. */
export interface ManifestRules {
  /** What the URLs of layers that lie elsewhere must match, if anything is allowed, and must not match. */
  readonly urls: { readonly allow: readonly Pattern[]; readonly deny: readonly Pattern[] }
  /** Which children of an image index must be there: all of them, none, or those of these platforms. */
  readonly requiredPlatforms: 'all' | 'none' | readonly Platform[]
  /** The kinds of content that may be pushed: `image`, `plugin`. Empty: every kind. */
  readonly classes: readonly string[]
}

export interface Platform {
  readonly architecture: string
  readonly os: string
}
