import type { Answer } from './answer.ts'
import { adviceFor, describeError } from './failed-connection.ts'
import { type Finding, Stopped } from './finding.ts'
import type { Patient } from './patient.ts'
import { adviceForStatus } from './refused-transfer.ts'
import { makeSample, type Sample } from './sample.ts'
import { transfer } from './transfer.ts'

export interface ExamineOptions {
  /** The repository to push to. */
  readonly repository: string
  /** How many bytes each blob has. */
  readonly sizes: readonly number[]
  /** Send one blob so slowly that limits of time show; takes minutes. */
  readonly slow: boolean
}

const KIB = 1024
export const SIZES = [KIB, 2 * KIB * KIB, 150 * KIB * KIB]
/** A proxy's limit of a minute, and some. */
const SLOW_MS = 75_000
const SLOW_PIECES = 15
/** A server whose clock differs refuses tokens. */
const MOST_SKEW_MS = 30_000

/** Looks at a registry as a client does: connects, logs in, pushes and pulls. Findings come as they are made; bad ones may end it. */
export async function* examine(patient: Patient, options: ExamineOptions): AsyncGenerator<Finding> {
  try {
    yield* connect(patient, options.repository)
    for (const bytes of options.sizes) yield* transfer(patient, options.repository, makeSample(bytes))
    if (options.slow) yield* transfer(patient, options.repository, slowSample())
  } catch (error) {
    if (!(error instanceof Stopped)) throw error
    yield error.finding
  }
}

function slowSample(): Sample {
  const sample = makeSample(SLOW_PIECES * 256 * KIB)
  return { ...sample, stream: () => sample.stream(SLOW_MS / SLOW_PIECES) }
}

async function* connect(patient: Patient, repository: string): AsyncGenerator<Finding> {
  const first = await reach(patient)
  yield {
    looked: 'connection',
    outcome: 'good',
    seen: `${patient.url} answers${patient.url.startsWith('https') ? ' by TLS' : ''}`,
  }
  yield clock(first)
  const challenge = first.headers.get('www-authenticate')
  if (first.status === 401 && challenge === null) {
    throw stop(
      'login',
      'the answer is 401, and does not say how to log in',
      'A proxy drops the WWW-Authenticate header, or asks for a password itself: clients can only log in to one of the two. Let the header pass, and take the password out of the proxy.',
    )
  }
  if (first.status === 401 && challenge !== null) {
    await patient.authorize(challenge, `repository:${repository}:pull,push,delete`)
    const again = await patient.ask('GET', '/v2/')
    if (again.status !== 200)
      throw stop(
        'login',
        `with the password the answer is ${again.status}`,
        'The password is wrong, or a proxy drops the Authorization header before the registry sees it.',
      )
    yield { looked: 'login', outcome: 'good', seen: `by ${challenge.split(' ')[0]}` }
  } else if (first.status !== 200) {
    throw stop('connection', `/v2/ answers ${first.status}`, adviceForStatus(first, 'The request'))
  }
  yield isRegistry(first)
  yield* metadata(patient)
}

/** What a replica says of its database, where a proxy lets the probe through. */
async function* metadata(patient: Patient): AsyncGenerator<Finding> {
  const answer = await patient.ask('GET', '/readyz').catch(() => undefined)
  if (answer?.status !== 200 || !/"away":\s*true/.test(await answer.body.text())) return
  yield {
    looked: 'metadata',
    outcome: 'odd',
    seen: 'the registry cannot use PostgreSQL: it answers pulls and refuses everything else',
    advice:
      'In an update it may wait for older replicas to end, as its log says; else berth storage check says on its machine what is wrong.',
  }
}

async function reach(patient: Patient): Promise<Answer> {
  try {
    const answer = await patient.ask('GET', '/v2/')
    await answer.body.clone().text()
    const location = answer.headers.get('location')
    if (location !== null && answer.status >= 300 && answer.status < 400) {
      throw stop(
        'connection',
        `the answer is a redirect to ${location}`,
        'Clients push only to the address that they were given: use that one.',
      )
    }
    return answer
  } catch (error) {
    if (error instanceof Stopped) throw error
    throw stop('connection', describeError(error), adviceFor(error), error)
  }
}

function clock({ headers }: Answer): Finding {
  const date = headers.get('date')
  const skewMs = date === null ? 0 : Date.parse(date) - Date.now()
  const seconds = Math.round(Math.abs(skewMs) / 1000)
  if (Math.abs(skewMs) <= MOST_SKEW_MS) return { looked: 'clock', outcome: 'good', seen: `${seconds} s apart` }
  return {
    looked: 'clock',
    outcome: 'odd',
    seen: `the clock of the server is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} the one here`,
    advice: 'Tokens and certificates are valid by the clock: set both by NTP.',
  }
}

function isRegistry({ headers, server }: Answer): Finding {
  if (headers.get('docker-distribution-api-version') === 'registry/2.0') {
    return { looked: 'registry', outcome: 'good', seen: server === undefined ? 'it is one' : `it is one, behind ${server}` }
  }
  return {
    looked: 'registry',
    outcome: 'odd',
    seen: 'the answer has no Docker-Distribution-Api-Version header',
    advice: 'Something else answers at /v2/, or a proxy drops headers that it does not know.',
  }
}

function stop(looked: string, seen: string, advice: string, cause?: unknown): Stopped {
  return new Stopped({ looked, outcome: 'bad', seen, advice }, { cause })
}
