import { type ErrorCode, type ErrorFacts, RegistryError } from '../oci/errors.ts'

interface FailureFacts extends ErrorFacts {
  /** What it answered; undefined: there was no answer, or only a part of it. */
  readonly status?: number
  /** The same question may be answered in a moment. */
  readonly mayPass?: boolean
  /** As sentences begin that say what it did. */
  readonly asked?: string
}

/** Another registry did not give what it was asked for. The message names it and what it answered; that it has no such content is none. */
export class UpstreamFailure extends RegistryError {
  readonly status: number | undefined
  readonly mayPass: boolean
  readonly asked: string | undefined

  constructor(code: ErrorCode, { status, mayPass = false, asked, ...facts }: FailureFacts) {
    super(code, facts)
    this.status = status
    this.mayPass = mayPass
    this.asked = asked
  }
}

/** It was not reached, fell silent, or broke its answer off. */
export function noAnswer(asked: string, cause: unknown): UpstreamFailure {
  return new UpstreamFailure('UNAVAILABLE', {
    message: `${asked} does not answer as it should: ${reasonIn(cause)}; try again later.`,
    retryAfterSeconds: SECONDS_UNTIL_RETRY,
    mayPass: true,
    cause,
  })
}

const UNTRUSTED =
  'no authority that is trusted here vouches for its certificate, and the key ca of the mirror can name the one that does'

/** What is wrong with a certificate, by the code of the runtime. */
const CERTIFICATE_REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired, or the clock of this machine is ahead',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet, or the clock of this machine is behind',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for other names than this one',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
}

/** What the runtime adds for programmers. */
const ADVICE_OF_RUNTIME = / For more information, pass `verbose: true`.*$/s

function reasonIn(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
  return CERTIFICATE_REASONS[code] ?? cause.message.replace(ADVICE_OF_RUNTIME, '').replace(/\.$/, '')
}

/** It answered with what no registry says. */
export function wrongAnswer(asked: string, what: string, cause?: unknown): UpstreamFailure {
  return new UpstreamFailure('UNAVAILABLE', {
    message: `${asked} ${what}; its operator, or that of a proxy on the way, can tell why.`,
    retryAfterSeconds: SECONDS_UNTIL_RETRY,
    cause,
  })
}

/** It refused: 401, 403 and 429 stay what they are, every other status is an outage. 407 is the answer of a proxy on the way. */
export function refusal(asked: string, { status, headers }: Pick<Response, 'status' | 'headers'>): UpstreamFailure {
  const detail = { status }
  switch (status) {
    case 401:
      return new UpstreamFailure('UNAUTHORIZED', {
        message: `${asked} asks for credentials, or for other ones than the operator of this registry gave (401).`,
        ...{ status, detail, asked },
      })
    case 403:
      return new UpstreamFailure('DENIED', {
        message: `${asked} does not allow this registry to pull that (403).`,
        status,
        detail,
      })
    case 407:
      return new UpstreamFailure('UNAVAILABLE', {
        message: `${asked} was not asked: the proxy on the way wants a user name and a password, or other ones than it was shown (407).`,
        ...{ status, detail },
      })
    case 429:
      return new UpstreamFailure('TOOMANYREQUESTS', {
        message: `${asked} has had too many requests (429); wait and try again.`,
        retryAfterSeconds: retryAfterSecondsOf(headers) ?? SECONDS_UNTIL_RETRY,
        ...{ status, detail, mayPass: true },
      })
    default:
      return new UpstreamFailure('UNAVAILABLE', {
        message: `${asked} answered ${status}; try again later.`,
        retryAfterSeconds: retryAfterSecondsOf(headers) ?? SECONDS_UNTIL_RETRY,
        ...{ status, detail, mayPass: status >= 500 },
      })
  }
}

const SECONDS_UNTIL_RETRY = 5
const LONGEST_RETRY_AFTER_SECONDS = 86_400

/** RFC 9110 section 10.2.3: seconds, or a date. */
function retryAfterSecondsOf(headers: Headers): number | undefined {
  const text = headers.get('retry-after')?.trim() ?? ''
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.ceil((Date.parse(text) - Date.now()) / 1000)
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), LONGEST_RETRY_AFTER_SECONDS)
}
