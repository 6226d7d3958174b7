/** What went wrong, in the words of distribution-spec "Error Codes", and five of our own. The HTTP layer alone knows statuses. */

const DEFAULT_MESSAGES = {
  BLOB_UNKNOWN: 'The repository has no such blob; push it, or mount it from a repository that has it.',
  BLOB_UPLOAD_INVALID: 'The upload cannot go on; start a new one with POST.',
  BLOB_UPLOAD_UNKNOWN: 'There is no such upload session; start a new one with POST.',
  DIGEST_INVALID: 'The digest is not valid; send <algorithm>:<hex> with sha256 or sha512 over the exact bytes.',
  MANIFEST_BLOB_UNKNOWN: 'The manifest names content that the repository does not have; push it first.',
  MANIFEST_INVALID: 'The manifest is not valid.',
  MANIFEST_UNKNOWN: 'The repository has no such manifest; look at its tags with GET /v2/<name>/tags/list.',
  NAME_INVALID: 'The repository name is not valid; use lower-case letters, digits and single separators, at most 255 characters.',
  NAME_UNKNOWN: 'There is no such repository; it appears when a manifest is pushed to it.',
  SIZE_INVALID: 'The length sent and the length declared differ; send the bytes again.',
  UNAUTHORIZED: 'Authentication is required; log in and try again.',
  DENIED: 'You are not allowed to do this.',
  UNSUPPORTED: 'This registry does not support the operation.',
  TOOMANYREQUESTS: 'Too many requests; wait and try again.',
  UNKNOWN: 'The registry failed; its log has the reason under this request id.',
  UNAVAILABLE: 'The registry cannot do this now; try again in a moment.',
  RANGE_INVALID: 'The range is not valid here; ask for the upload status and go on from its end.',
  PARAMETER_INVALID: 'A parameter is not valid; /api/v1/openapi.json has those of each path.',
  PAGINATION_NUMBER_INVALID: 'The parameter n is not valid; send a whole number of 0 or more.',
} as const

export type ErrorCode = keyof typeof DEFAULT_MESSAGES

export interface ErrorFacts {
  /** One sentence: what happened and what to do. The code's own sentence when left out. */
  readonly message?: string
  /** Shown to the client as `detail`; must be plain JSON. */
  readonly detail?: unknown
  readonly cause?: unknown
  readonly retryAfterSeconds?: number
}

/** A failure that a client can be told about: a code, a sentence, and facts. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  readonly code: ErrorCode
  readonly detail: unknown
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, facts: ErrorFacts = {}) {
    super(facts.message ?? DEFAULT_MESSAGES[code], { cause: facts.cause })
    this.code = code
    this.detail = facts.detail
    this.retryAfterSeconds = facts.retryAfterSeconds
  }
}

/** The 503 for what goes away by itself: a busy name, a scan under way, a full disk. */
export function unavailable(message: string, facts: ErrorFacts = {}): RegistryError {
  return new RegistryError('UNAVAILABLE', { retryAfterSeconds: 1, ...facts, message })
}
