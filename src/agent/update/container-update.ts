import { ownPlatform, platformName } from '../../images/platform.ts'
import type { Log } from '../../observe/log.ts'
import type { Container, Docker, Image, Json } from '../docker/docker.ts'
import { DockerError } from '../docker/docker-error.ts'
import { endpointsOf, whyNotTwice } from '../settings/endpoints.ts'
import { successorSettings } from '../settings/successor-settings.ts'
import type { Hook, Strategy, Wishes } from '../wishes/wishes.ts'
import { rejoined } from './joined.ts'
import { labelsOf, nextName } from './notes.ts'
import type { Self } from './owner.ts'
import { replace } from './replacement.ts'
import { tagAs } from './tags.ts'
import { examine, type Verdict } from './verdict.ts'

/** What replacing a container needs. */
export interface Workshop {
  readonly docker: Docker
  readonly self: Self
  readonly log: Log
  readonly pause: (ms: number) => Promise<void>
  readonly now: () => number
  readonly signal: AbortSignal
}

/** An update is not begun, and nothing has changed. The message says why. */
export class NotBegun extends Error {
  override readonly name = 'NotBegun'
}

export interface Update {
  readonly container: Container
  readonly oldImage: Image | undefined
  readonly newImage: Image
  /** As the new container is to name its image. */
  readonly image: string
  readonly wishes: Wishes
}

/** Pulls an image by its digest, unless the daemon has it. Throws DockerError, and where there is none afterwards. */
export async function pulledImage(
  docker: Docker,
  reference: string,
  { like, login }: { readonly like: Image | undefined; readonly login: Json | undefined },
): Promise<Image> {
  const there = await docker.findImage(reference)
  if (there !== undefined) return there
  await docker.pullImage({ reference, login, platform: platformLike(like) })
  const pulled = await docker.findImage(reference)
  if (pulled !== undefined) return pulled
  throw new DockerError(`Docker pulled ${reference}, and does not have it`, { status: 404 })
}

/** Undefined where it is the daemon's own: variants of one processor are the daemon's to choose. */
function platformLike(image: Image | undefined): string | undefined {
  const own = platformName(ownPlatform())
  return image === undefined || image.platform === own || image.platform.startsWith(`${own}/`) ? undefined : image.platform
}

/** Replaces a container. Undefined: the new one runs; else why the old one does again. Throws NotBegun, and DockerError as `replace` does. */
export async function updateContainer(update: Update, workshop: Workshop): Promise<string | undefined> {
  const { container, wishes, image, newImage } = update
  const { docker, self, log, signal } = workshop
  const strategy = strategyFor(container, wishes.strategy, workshop)
  signal.throwIfAborted()
  await runBefore(docker, container, wishes.before)
  const before = await docker.findImage(image)
  await tagAs(docker, newImage.id, image)
  const newId = await create(update, workshop).catch(async (error: unknown) => {
    if (before !== undefined) await tagAs(docker, before.id, image)
    throw error
  })
  const pair = { name: container.name, oldId: container.id, newId }
  const verdict = await connect(container, newId, docker)
  const examine = examinerFor(container.id === self.containerId, wishes, workshop)
  return await replace(pair, { docker, strategy, log, verdict, examine, signal })
}

/** An agent that replaces itself waits for the new one to end it. */
export function examinerFor(isSelf: boolean, wishes: Wishes, workshop: Workshop): (container: Container) => Promise<Verdict> {
  const { docker, pause, now } = workshop
  return async (started) => {
    if (isSelf) return await untilEnded(started, workshop)
    const verdict = await examine(started, { docker, wishes, pause, now })
    return verdict.problem === undefined ? await afterwards(docker, started, wishes.after, workshop.log) : verdict
  }
}

const HAND_OVER_MS = 5 * 60_000

async function untilEnded({ id }: Container, { docker, pause, now }: Workshop): Promise<Verdict> {
  for (const begunMs = now(); now() - begunMs < HAND_OVER_MS; await pause(500)) {
    const container = await docker.findContainer(id)
    if (container?.state !== 'running' || container.restarts > 0)
      return { problem: `the new agent ended with ${container?.exitCode ?? 'no word'}` }
  }
  return { problem: `the new agent did not take over within ${HAND_OVER_MS / 60_000} minutes` }
}

/** Throws NotBegun. */
function strategyFor(container: Container, wished: Strategy, { self, log }: Workshop): Strategy {
  const why = whyNotTwice(container)
  const mustRun = container.id === self.containerId || container.settings.hostConfig.AutoRemove === true
  if (mustRun && why !== undefined) {
    const whose = container.id === self.containerId ? 'the agent itself' : 'a container with --rm, which goes when it is stopped,'
    throw new NotBegun(`${whose} is replaced only by one that runs beside it, and ${why}`)
  }
  if (mustRun) return 'start-first'
  if (wished === 'start-first' && why !== undefined) log.warn('stopped first', { container: container.name, because: why })
  return why === undefined ? wished : 'stop-first'
}

async function runBefore(docker: Docker, { id }: Container, hook: Hook | undefined): Promise<void> {
  const problem = await problemOf(hook, id, docker)
  if (problem !== undefined) throw new NotBegun(`before the update ${problem}`)
}

async function afterwards(docker: Docker, { id }: Container, hook: Hook | undefined, log: Log): Promise<Verdict> {
  const problem = await problemOf(hook, id, docker)
  if (problem === undefined || hook?.isRequired === true)
    return { problem: problem === undefined ? undefined : `after the update ${problem}` }
  log.warn('hook failed', { problem })
  return { problem: undefined }
}

/** Undefined: the command did well, or there is none. */
async function problemOf(hook: Hook | undefined, id: string, docker: Docker): Promise<string | undefined> {
  if (hook === undefined) return undefined
  try {
    const { exitCode, output } = await docker.runInContainer(id, hook.command, hook.timeoutMs)
    return exitCode === 0 ? undefined : `the command ${hook.command} ended with ${exitCode}: ${output}`
  } catch (error) {
    if (error instanceof DockerError && !error.isAway) return error.message
    throw error
  }
}

/** The id of the new container. Throws NotBegun where another agent, or another program, has made one by its name. */
async function create({ container, oldImage, image, newImage }: Update, { docker, self }: Workshop): Promise<string> {
  const labels = {
    ...labelsOf({ replaces: container.id, name: container.name, owner: self.owner }),
    ...composeLabels(container, { image, newImage }),
  }
  const settings = successorSettings({ of: await rejoined(container, docker), oldImage, image, labels })
  try {
    return await docker.createContainer({ name: nextName(container.name), settings, platform: platformLike(newImage) })
  } catch (error) {
    if (!(error instanceof DockerError) || error.status !== 409) throw error
    throw new NotBegun(`${error.message}; another agent is at work on it, or left it: remove it by hand where none is`, {
      cause: error,
    })
  }
}

/** Compose finds out by it whether the image that its file names is another one than the container's. */
const COMPOSE_IMAGE = 'com.docker.compose.image'

function composeLabels({ image: before, labels }: Container, { image, newImage }: Pick<Update, 'image' | 'newImage'>) {
  return labels[COMPOSE_IMAGE] === undefined || before !== image ? {} : { [COMPOSE_IMAGE]: newImage.id }
}

/** Puts it into its other networks. One that cannot be in one of them is not well before it was started. */
async function connect(container: Container, newId: string, docker: Docker): Promise<Verdict | undefined> {
  try {
    for (const [network, endpoint] of endpointsOf(container).others) await docker.connectNetwork(network, newId, endpoint)
    return undefined
  } catch (error) {
    if (!(error instanceof DockerError) || error.isAway) throw error
    return { problem: error.message }
  }
}
