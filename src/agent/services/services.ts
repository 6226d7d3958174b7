import { imageNameText } from '../../images/image-name.ts'
import { type Digest, findDigest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { DockerError } from '../docker/docker-error.ts'
import { findTarget, followedBy } from '../look/target.ts'
import { tell } from '../notices.ts'
import type { Surroundings } from '../surroundings.ts'
import { isWithin } from '../wishes/window.ts'
import { readWishes } from '../wishes/wishes.ts'
import type { Service } from './swarm.ts'

/**
 * Looks at the services of a swarm once: Swarm itself replaces their containers, and says how that went. False where one is not as it should
 * be. Throws DockerError.
 */
export async function lookAtServices(surroundings: Surroundings): Promise<boolean> {
  const services = await surroundings.swarm.listServices()
  const results = services.map((service) =>
    lookAt(service, surroundings).catch((error: unknown) => {
      if (!(error instanceof RegistryError || error instanceof DockerError) || surroundings.signal.aborted) throw error
      surroundings.log.error('service not looked after', { service: service.name, problem: error.message })
      return false
    }),
  )
  return (await Promise.all(results)).every((isWell) => isWell)
}

async function lookAt(service: Service, options: Surroundings): Promise<boolean> {
  const { registry, defaults, log, upstream, signal } = options
  const reading = readWishes(service.labels, defaults)
  const [tagged = '', digestText = ''] = service.image.split('@')
  const followed = followedBy(tagged, registry)
  if (reading.kind === 'not ours' || followed.kind !== 'tag') return true
  if (reading.kind === 'wrong') log.error('label not understood', { service: service.name, problem: reading.problem })
  if (reading.kind === 'wrong') return false
  // Swarm is at work: the next look sees what came of it.
  if (AT_WORK.has(service.update)) return true
  const known = findDigest(digestText)
  const target = await findTarget(followed.name, { policy: reading.wishes.policy, known, upstream, signal })
  if (target === undefined) return true
  const image = `${imageNameText(target.name)}@${target.digest}`
  const ending = { service, options, image, digest: target.digest }
  if (known === target.digest && tagged.endsWith(`:${target.name.reference}`))
    return service.update !== 'paused' || (await ended(ending))
  // What was taken back is not tried again until the tag moves.
  if (service.update.startsWith('rollback') && service.previousImage.endsWith(`@${target.digest}`)) return false
  const isTime = reading.wishes.mode === 'deploy' && !options.dryRun && isWithin(reading.wishes.windows, new Date(options.now()))
  if (!isTime) await tell({ kind: 'available', ...noticeOf(ending), before: known }, options)
  if (!isTime) return true
  await options.swarm.update(service, image, await options.daemonLogin())
  const updated = await untilUpdated(service, options)
  if (updated === undefined) return true
  const isWell = updated.update === 'completed' || (await ended({ ...ending, service: updated }))
  if (isWell) await tell({ kind: 'updated', ...noticeOf(ending), before: known }, options)
  return isWell
}

const MOST_LOOKS = 600

/** How it is when Swarm is done with its update. Undefined: the service is gone, or Swarm is at it for more than ten minutes. */
async function untilUpdated({ id, version }: Service, { swarm, pause }: Surroundings): Promise<Service | undefined> {
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    const service = (await swarm.listServices()).find((one) => one.id === id)
    if (service === undefined) return undefined
    if (service.version !== version && service.update !== '' && !AT_WORK.has(service.update)) return service
    await pause(1_000)
  }
  return undefined
}

const AT_WORK: ReadonlySet<string> = new Set(['updating', 'rollback_started'])

interface Ending {
  readonly service: Service
  readonly options: Surroundings
  readonly image: string
  readonly digest: Digest
}

/** Swarm stops an update that fails, and leaves it at that unless the service says otherwise: then it is taken back. */
async function ended(ending: Ending): Promise<boolean> {
  const { service, options } = ending
  const { update, updateMessage: problem } = service
  if (update !== 'paused' && !update.startsWith('rollback')) return true
  if (update === 'paused' && !options.dryRun) await options.swarm.rollBack(service, await options.daemonLogin())
  await tell({ kind: 'failed', ...noticeOf(ending), before: undefined, problem }, options)
  return false
}

function noticeOf({ service, options, image, digest }: Ending) {
  return { host: options.host, container: service.name, image: image.split('@')[0] ?? image, digest }
}
