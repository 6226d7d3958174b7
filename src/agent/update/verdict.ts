import { objectIn } from '../../images/files/parsed-json.ts'
import type { Container, Docker } from '../docker/docker.ts'
import type { Wishes } from '../wishes/wishes.ts'

/** Of a new container. `problem`: why it is not well. */
export interface Verdict {
  readonly problem: string | undefined
}

export interface ExamineOptions {
  readonly docker: Docker
  readonly wishes: Pick<Wishes, 'healthyMs' | 'settleMs'>
  readonly pause: (ms: number) => Promise<void>
  readonly now: () => number
}

const FIRST_LOOKS_MS = 250
const LATER_LOOKS_MS = 1_000
const FIRST_MS = 10_000

/** Waits until a container is healthy, or has run for a while where it has no health check; and no longer than that takes. Throws DockerError. */
export async function examine({ id }: Container, { docker, wishes, pause, now }: ExamineOptions): Promise<Verdict> {
  const begunMs = now()
  for (;;) {
    const container = await docker.findContainer(id)
    if (container === undefined) return { problem: 'the new container was removed while it started' }
    const passedMs = now() - begunMs
    const verdict = verdictOn(container, passedMs, wishes)
    if (verdict !== undefined) return verdict
    await pause(passedMs < FIRST_MS ? Math.min(FIRST_LOOKS_MS, Math.max(wishes.settleMs - passedMs, 1)) : LATER_LOOKS_MS)
  }
}

/** Undefined: it is not known yet. */
function verdictOn(container: Container, passedMs: number, wishes: ExamineOptions['wishes']): Verdict | undefined {
  const { state, health, healthOutput, exitCode, restarts, problem } = container
  if (state !== 'running')
    return { problem: `the new container ended with ${exitCode}${problem === undefined ? '' : `: ${problem}`}` }
  if (restarts > 0) return { problem: `the new container ended with ${exitCode}, and Docker started it again` }
  if (health === 'healthy') return { problem: undefined }
  if (health === 'unhealthy')
    return { problem: `the health check of the new container fails${healthOutput === undefined ? '' : `: ${healthOutput}`}` }
  if (health === undefined) return passedMs >= wishes.settleMs ? { problem: undefined } : undefined
  const limitMs = wishes.healthyMs ?? healthyMs(container)
  return passedMs < limitMs ? undefined : { problem: `the new container is not healthy after ${Math.round(limitMs / 1000)} s` }
}

const MARGIN_MS = 30_000

/** As long as the daemon itself may take until it calls it unhealthy, and a little more. */
function healthyMs({ settings }: Container): number {
  const { StartPeriod, Interval, Timeout, Retries } = objectIn(settings.config.Healthcheck)
  const ms = (value: unknown, otherwise: number) => (typeof value === 'number' && value > 0 ? value / 1e6 : otherwise)
  const retries = typeof Retries === 'number' && Retries > 0 ? Retries : 3
  return ms(StartPeriod, 0) + (retries + 1) * (ms(Interval, 30_000) + ms(Timeout, 30_000)) + MARGIN_MS
}
