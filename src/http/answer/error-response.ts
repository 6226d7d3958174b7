import { AccessRefusal } from '../../access/access.ts'
import { type ErrorCode, type ErrorFacts, RegistryError } from '../../oci/errors.ts'
import { type HeaderFields, jsonResponse, type PlainResponse } from './responses.ts'

/**
 * The status of each code. The spec gives none for most; where it does not, registry:2's are what clients know: 400 for
 * MANIFEST_BLOB_UNKNOWN, 404 for BLOB_UPLOAD_INVALID, so that they start the upload again.
 */
export const STATUS_OF: Readonly<Record<ErrorCode, number>> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 404,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 400,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  UNKNOWN: 500,
  UNAVAILABLE: 503,
  RANGE_INVALID: 416,
  PARAMETER_INVALID: 400,
  PAGINATION_NUMBER_INVALID: 400,
}

interface RefusalFacts extends ErrorFacts {
  /** Where HTTP has a status of its own for it, like 413. */
  readonly status?: number
  /** What HTTP tells a client to go on with: Allow, Content-Range, Location. */
  readonly headers?: HeaderFields
}

/** An error that HTTP itself has more to say about than its code does. */
export class Refusal extends RegistryError {
  readonly status: number
  readonly headers: HeaderFields

  constructor(code: ErrorCode, { status, headers, ...facts }: RefusalFacts) {
    super(code, facts)
    this.status = status ?? STATUS_OF[code]
    this.headers = headers ?? {}
  }
}

/** A refusal that looks like an answer: that of a list in which there is nothing. */
export class HiddenAnswer extends AccessRefusal {
  readonly answer: PlainResponse

  constructor(answer: PlainResponse, { reason }: { readonly reason: string }) {
    super('NAME_UNKNOWN', { reason })
    this.answer = answer
  }
}

/** A health check fails: every request is refused, as registry:2 does, and the check has a line in the log already. */
export class OutOfRotation extends Refusal {
  constructor() {
    super('UNAVAILABLE', {
      message: 'The registry is out of rotation because a health check fails; try again later.',
      detail: 'health check failed: please see /debug/health',
    })
  }
}

export function statusOf(error: RegistryError): number {
  return error instanceof Refusal ? error.status : STATUS_OF[error.code]
}

/** distribution-spec "Error Codes". The request id ends the message, because that is all that most clients show. */
export function errorResponse(error: RegistryError, requestId: string): PlainResponse {
  if (error instanceof HiddenAnswer) return error.answer
  const message = `${error.message} (request ${requestId})`
  const headers = {
    ...(error instanceof Refusal ? error.headers : {}),
    ...(error instanceof AccessRefusal && error.challenge !== undefined ? { 'WWW-Authenticate': error.challenge } : {}),
    ...(error.retryAfterSeconds === undefined ? {} : { 'Retry-After': String(error.retryAfterSeconds) }),
  }
  return jsonResponse({ errors: [{ code: error.code, message, detail: error.detail }] }, headers, statusOf(error))
}
