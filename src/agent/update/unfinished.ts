import type { Container, Docker, ListedContainer } from '../docker/docker.ts'
import { type Defaults, plainWishes, readWishes, type Wishes } from '../wishes/wishes.ts'
import { examinerFor, type Workshop } from './container-update.ts'
import { findNotes, nextName } from './notes.ts'
import { changeOf, isAtWork } from './owner.ts'
import { replace } from './replacement.ts'
import type { Verdict } from './verdict.ts'

export interface Unfinished {
  readonly name: string
  readonly oldId: string
  readonly old: Container | undefined
  readonly new: Container
  readonly owner: string
}

/** Containers whose replacement an agent began and did not end: both are there, or the new one has its first name. */
export async function findUnfinished(docker: Docker, listed: readonly ListedContainer[]): Promise<readonly Unfinished[]> {
  const found: Unfinished[] = []
  for (const { id, labels } of listed) {
    const notes = findNotes({ labels })
    const made = notes === undefined ? undefined : await docker.findContainer(id)
    if (notes === undefined || made === undefined) continue
    const { replaces, name, owner } = notes
    const old = await docker.findContainer(replaces)
    if (old !== undefined || made.name === nextName(name)) found.push({ name, oldId: replaces, old, new: made, owner })
  }
  return found
}

/**
 * Ends what another run began: goes on where the new container runs already, else goes back. Undefined: the new one runs; else why the old one
 * does. `left` where its agent is still at work on it. Throws DockerError as `replace` does.
 */
export async function endUnfinished(
  unfinished: Unfinished,
  workshop: Workshop,
  defaults: Defaults,
): Promise<string | 'left' | undefined> {
  const { name, oldId, old, new: made, owner } = unfinished
  const { docker, self, log, now, signal } = workshop
  const isSelf = made.id === self.containerId
  const changedMs = Math.max(changeOf(old), changeOf(made))
  if (!isSelf && (await isAtWork(owner, { self, docker, changedMs, nowMs: now() }))) return 'left'
  log.warn('ending what another run began', { container: name, new: made.state, old: old?.state ?? 'gone' })
  return await replace(
    { name, oldId, newId: made.id },
    {
      docker,
      strategy: 'stop-first',
      verdict: isSelf ? { problem: undefined } : verdictOn(made, old),
      examine: examinerFor(old?.id === self.containerId, wishesOf(made, defaults), workshop),
      log,
      signal,
    },
  )
}

/** One that was never started, or does not run any more, is not waited for: what ran before runs sooner. */
function verdictOn(made: Container, old: Container | undefined): Verdict | undefined {
  return made.state === 'running' || old === undefined ? undefined : { problem: 'the update was interrupted' }
}

/** Its labels said what they say before it was made; labels that no version of the agent reads any more are passed over. */
function wishesOf({ labels }: Container, defaults: Defaults): Wishes {
  const named = { ...defaults, scope: labels['berth.scope'] }
  const reading = readWishes({ ...labels, 'berth.deploy': 'true' }, named)
  return reading.kind === 'wished' ? reading.wishes : plainWishes(named)
}
