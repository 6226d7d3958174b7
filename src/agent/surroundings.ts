import type { Upstream } from '../upstream/upstream.ts'
import type { Json } from './docker/docker.ts'
import type { NoticeOptions } from './notices.ts'
import type { Reporter } from './reports/reporter.ts'
import type { Swarm } from './services/swarm.ts'
import type { Workshop } from './update/container-update.ts'
import type { Defaults } from './wishes/wishes.ts'

/** What an agent works with, and how it was told to. */
export interface Surroundings extends Workshop, NoticeOptions {
  readonly swarm: Swarm
  readonly reporter: Pick<Reporter, 'report'>
  /** As notices name this machine. */
  readonly host: string
  /** Whose images are followed, as it stands in front of their names. */
  readonly registry: string
  readonly upstream: Upstream
  /** What the daemon shows the registry when it pulls. */
  readonly daemonLogin: () => Promise<Json | undefined>
  readonly defaults: Defaults
  /** Nothing is changed, only told. */
  readonly dryRun: boolean
  /** Images that no container needs any more are removed after an update. */
  readonly removesImages: boolean
}
