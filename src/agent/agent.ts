import { type ImageName, imageNameText, type TaggedName } from '../images/image-name.ts'
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { isDigest } from '../oci/reference.ts'
import type { Container, Image, ListedContainer } from './docker/docker.ts'
import { DockerError } from './docker/docker-error.ts'
import { digestsOf, findNameIn, findTarget, followedBy, isImageId, type Target } from './look/target.ts'
import { type Notice, tell } from './notices.ts'
import type { Reported } from './reports/reporter.ts'
import { lookAtServices } from './services/services.ts'
import type { Surroundings } from './surroundings.ts'
import { NotBegun, pulledImage, updateContainer } from './update/container-update.ts'
import { joinedTo } from './update/joined.ts'
import { endUnfinished, findUnfinished, type Unfinished } from './update/unfinished.ts'
import { isWithin } from './wishes/window.ts'
import { readWishes, type Wishes } from './wishes/wishes.ts'

/** What was taken back, and why. */
interface Failure {
  readonly digest: Digest
  readonly problem: string
}

/** A running container that the agent keeps. */
interface Kept {
  readonly container: Container
  readonly wishes: Wishes
  readonly name: TaggedName
  readonly image: Image | undefined
  /** It is replaced although its image is no other. */
  readonly isAlone: boolean
}

export type PassOutcome =
  | 'well'
  /** Something does not run what it should, and that is told. */
  | 'ill'
  /** Something could not be done, or may be half done: it is worth another look soon. */
  | 'unsettled'

/** The one that is told, where there are several. */
const OUTCOMES: readonly PassOutcome[] = ['unsettled', 'ill']

/** Keeps the containers of a Docker host on the images that their tags name. */
export class Agent {
  readonly #options: Surroundings
  /** What was taken back, by the names of containers, so that it is not tried again and again. */
  readonly #failures = new Map<string, Failure>()
  /** What was told of that waits for its time or for a person, by the names of containers. */
  readonly #told = new Map<string, string>()

  /** Repositories of the images that are kept. */
  #followed: ReadonlySet<string> = new Set()
  /** How the containers name their images, by their ids. */
  #named: ReadonlyMap<string, string> = new Map()

  constructor(options: Surroundings) {
    this.#options = options
  }

  /** Whether a container may be of an image of this repository. Where the daemon does not say, it may. */
  async follows(repository: string): Promise<boolean> {
    if (this.#followed.has(repository)) return true
    const names = await this.#namesOfImages().catch(() => undefined)
    return names?.some((name) => findNameIn(name, this.#options.registry)?.repository === repository) ?? true
  }

  /** As they were named when the containers were made. The daemon lists an id where such a name stands for another image by now. */
  async #namesOfImages(): Promise<readonly string[]> {
    const { docker } = this.#options
    const named = new Map<string, string>()
    for (const { id, image } of await docker.listContainers()) {
      // A container keeps its name for its image: it is asked for once, and not with each push.
      const name = isImageId(image) ? (this.#named.get(id) ?? (await docker.findContainer(id))?.image) : image
      if (name !== undefined) named.set(id, name)
    }
    this.#named = named
    return [...named.values()]
  }

  /** Looks at everything once. Throws DockerError when the daemon does not answer. */
  async pass(): Promise<PassOutcome> {
    const { docker } = this.#options
    const isEnded = await this.#endUnfinished(await docker.listContainers())
    const kept = await this.#keptOf(await docker.listContainers())
    const names = new Set(kept.map(({ container }) => container.name))
    for (const memory of [this.#failures, this.#told]) for (const name of memory.keys()) if (!names.has(name)) memory.delete(name)
    this.#followed = new Set(kept.map(({ name }) => name.repository))
    const groups = [...Map.groupBy(kept, ({ container }) => container.image).values()]
    const services = lookAtServices(this.#options).then((isWell): PassOutcome => (isWell ? 'well' : 'ill'))
    const results = await Promise.allSettled([services, ...groups.map((group) => this.#updateGroup(group))])
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    const outcomes = [isEnded, ...results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))]
    outcomes.push(await this.#updateGroup(await this.#leftAlone()))
    if (!this.#options.dryRun) await this.#report()
    return OUTCOMES.find((outcome) => outcomes.includes(outcome)) ?? 'well'
  }

  async #endUnfinished(listed: readonly ListedContainer[]): Promise<PassOutcome> {
    const { docker, log, dryRun } = this.#options
    let outcome: PassOutcome = 'well'
    for (const unfinished of await findUnfinished(docker, listed)) {
      const { name, new: made } = unfinished
      if (dryRun) log.warn('an update was interrupted', { container: name })
      const ended = dryRun ? 'left' : await this.#end(unfinished).catch((error: unknown) => this.#explain(name, error))
      if (ended === 'left' || ended === 'well') continue
      if (ended === 'unsettled') outcome = ended
      else log.error('container not replaced', { container: name, image: made.image, problem: ended.problem })
      if (outcome === 'well') outcome = 'ill'
    }
    return outcome
  }

  async #end(unfinished: Unfinished): Promise<'left' | 'well' | { readonly problem: string }> {
    const { self, log, defaults } = this.#options
    const { name, new: made } = unfinished
    // An agent that cannot reach the registry does not end the one that can.
    if (made.id === self.containerId) await this.#requireRegistry(made)
    const problem = await endUnfinished(unfinished, this.#options, defaults)
    if (problem === 'left') log.info('left to another agent', { container: name })
    else if (problem === undefined) log.info('container replaced', { container: name, image: made.image })
    if (problem === 'left') return problem
    return problem === undefined ? 'well' : { problem }
  }

  async #requireRegistry({ image }: Container): Promise<void> {
    const { registry, upstream, signal } = this.#options
    const followed = followedBy(image, registry)
    if (followed.kind !== 'tag') return
    await findTarget(followed.name, { policy: { kind: 'digest' }, known: undefined, upstream, signal })
  }

  async #keptOf(listed: readonly ListedContainer[]): Promise<readonly Kept[]> {
    const { docker, registry, defaults, log } = this.#options
    const kept: Kept[] = []
    for (const { id, labels, isRunning } of listed) {
      const reading = readWishes(labels, defaults)
      if (!isRunning || reading.kind === 'not ours' || isTaskOfSwarm(labels)) continue
      const container = await docker.findContainer(id)
      const followed = container === undefined ? undefined : followedBy(container.image, registry)
      if (container === undefined || followed?.kind !== 'tag') continue
      if (reading.kind === 'wrong') log.error('label not understood', { container: container.name, problem: reading.problem })
      else
        kept.push({
          container,
          wishes: reading.wishes,
          name: followed.name,
          image: await docker.findImage(container.imageId),
          isAlone: false,
        })
    }
    return kept
  }

  /** Tells the registry of all containers of its images, those that are not kept and those that do not run too. */
  async #report(): Promise<void> {
    const { docker, registry, reporter, now } = this.#options
    const reported: Reported[] = []
    for (const { id } of await docker.listContainers()) {
      const container = await docker.findContainer(id)
      const named = container === undefined ? undefined : findNameIn(container.image, registry)
      if (container === undefined || named === undefined) continue
      const [digest] = isDigest(named.reference) ? [named.reference] : digestsOf(await docker.findImage(container.imageId), named)
      if (digest !== undefined) reported.push(reportOn(container, named, { digest, failure: this.#failures.get(container.name) }))
    }
    await reporter.report(reported, now())
  }

  /**
   * Containers that share the network of one that was replaced, or was stopped and taken back: it went with it, and they are made anew in
   * the one that there is now.
   */
  async #leftAlone(): Promise<readonly Kept[]> {
    const { docker } = this.#options
    const kept: Kept[] = []
    for (const one of await this.#keptOf(await docker.listContainers())) {
      const joined = joinedTo(one.container.settings.hostConfig.NetworkMode)
      const other = joined === undefined ? undefined : await docker.findContainer(joined)
      const isAlone = other === undefined || (this.#failures.has(other.name) && other.startedMs > one.container.startedMs)
      if (joined !== undefined && isAlone) kept.push({ ...one, isAlone })
    }
    return kept
  }

  /** Containers of one image are replaced one after the other: what fails in the first is not tried in the others. */
  async #updateGroup(group: readonly Kept[]): Promise<PassOutcome> {
    let outcome: PassOutcome = 'well'
    for (const kept of group) {
      const updated = await this.#update(kept).catch((error: unknown) => this.#explain(kept.container.name, error))
      if (updated === 'unsettled') return updated
      if (updated !== 'well') outcome = 'ill'
      if (updated === 'taken back') break
    }
    return outcome
  }

  /** What a registry or a daemon refuses is told, and tried again: soon where something may be half done. */
  #explain(container: string, error: unknown): 'unsettled' {
    const isExpected = error instanceof RegistryError || error instanceof DockerError || error instanceof NotBegun
    if (!isExpected || this.#options.signal.aborted) throw error
    this.#options.log.error('container not looked after', { container, problem: error.message })
    return 'unsettled'
  }

  async #update(kept: Kept): Promise<'well' | 'ill' | 'taken back'> {
    const { docker, removesImages } = this.#options
    const { container, wishes } = kept
    const found = await this.#find(kept)
    if (found === undefined) {
      this.#failures.delete(container.name)
      return 'well'
    }
    const { target, before } = found
    if (this.#failures.get(container.name)?.digest === target.digest) return 'ill'
    const notice = {
      host: this.#options.host,
      container: container.name,
      image: imageNameText(target.name),
      digest: target.digest,
      before,
    }
    if (!this.#isTimeFor(wishes)) return await this.#tellOnce(notice)
    const newImage = await this.#image(kept, target)
    if (newImage.id === container.imageId && !kept.isAlone) return 'well'
    const image = target.name.reference === kept.name.reference ? container.image : notice.image
    const problem = await updateContainer({ container, oldImage: kept.image, newImage, image, wishes }, this.#options)
    if (problem !== undefined) this.#failures.set(container.name, { digest: target.digest, problem })
    await tell(problem === undefined ? { kind: 'updated', ...notice } : { kind: 'failed', ...notice, problem }, this.#options)
    if (problem !== undefined) return 'taken back'
    if (removesImages && kept.image !== undefined) await docker.removeImage(kept.image.id)
    return 'well'
  }

  #isTimeFor({ mode, windows }: Wishes): boolean {
    return mode === 'deploy' && !this.#options.dryRun && isWithin(windows, new Date(this.#options.now()))
  }

  async #tellOnce(notice: Omit<Notice, 'kind'>): Promise<'well'> {
    if (this.#told.get(notice.container) !== notice.digest) await tell({ kind: 'available', ...notice }, this.#options)
    this.#told.set(notice.container, notice.digest)
    return 'well'
  }

  /** Undefined: what runs is what is to run. */
  async #find({
    container,
    wishes,
    name,
    image,
    isAlone,
  }: Kept): Promise<{ readonly target: Target; readonly before: Digest | undefined } | undefined> {
    const { docker, upstream, signal, log } = this.#options
    const known = digestsOf(image, name)
    const before = known[0]
    if (wishes.source === 'daemon') {
      const named = await docker.findImage(container.image)
      const [digest] = digestsOf(named, name)
      return named === undefined || digest === undefined || named.id === container.imageId
        ? undefined
        : { target: { name, digest }, before }
    }
    const target = await findTarget(name, { policy: wishes.policy, known: before, upstream, signal })
    if (target === undefined) log.warn('tag not found', { container: container.name, image: container.image })
    if (target === undefined) return undefined
    const isCurrent = known.includes(target.digest) && target.name.reference === name.reference
    return isCurrent && !isAlone ? undefined : { target, before }
  }

  async #image({ image: like }: Kept, { name, digest }: Target): Promise<Image> {
    const reference = imageNameText({ ...name, reference: digest })
    return await pulledImage(this.#options.docker, reference, { like, login: await this.#options.daemonLogin() })
  }
}

/** A service's container belongs to Swarm, which makes it anew by itself. */
function isTaskOfSwarm(labels: Readonly<Record<string, string>>): boolean {
  return labels['com.docker.swarm.service.id'] !== undefined
}

function reportOn(
  { name, state, startedMs }: Container,
  { repository, reference }: ImageName,
  { digest, failure }: { readonly digest: Digest; readonly failure: Failure | undefined },
): Reported {
  return {
    ...{ container: name, repository, digest, state },
    ...(isDigest(reference) ? {} : { tag: reference }),
    ...(startedMs === 0 ? {} : { since: new Date(startedMs).toISOString() }),
    ...(failure === undefined ? {} : { wanted: failure.digest, problem: failure.problem.slice(0, 500) }),
  }
}
