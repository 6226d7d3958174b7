import { RegistryError, unavailable } from '../../../oci/errors.ts'
import { StorageFault } from '../../storage-errors.ts'
import { parseXml, textOf } from './xml.ts'

export interface S3Failure {
  /** Undefined when there was no answer at all. */
  readonly status: number | undefined
  /** The store's own word, as `NoSuchKey`; '' when it gave none. */
  readonly code: string
  readonly message: string
  readonly request: string
  readonly cause?: unknown
}

/** The object store did not do what it was asked. */
export class S3Error extends StorageFault {
  readonly status: number | undefined
  readonly s3Code: string
  /** Nothing was there that it could have been sent to. */
  readonly isUnsent: boolean

  constructor({ status, code, message, request, cause }: S3Failure) {
    const said =
      status === undefined
        ? `did not answer ${request}: ${message}`
        : `answered ${request} with: ${`${status} ${code} ${message}`.trim()}`
    super({
      message: isPassing(status, code)
        ? 'The object store behind the registry does not answer as it should; try again in a moment.'
        : 'The object store behind the registry refused a request; the log of the registry says why.',
      cause: new Error(`the object store ${said}`, { cause }),
    })
    this.status = status
    this.s3Code = code
    this.isUnsent = cause instanceof Error && 'code' in cause && UNSENT.has(cause.code)
  }

  /** Worth trying again as it is. */
  get isPassing(): boolean {
    return isPassing(this.status, this.s3Code)
  }

  /** The object is not there. A missing bucket, or a page of some proxy, does not say so. */
  get isMissing(): boolean {
    return this.status === 404 && (this.s3Code === 'NoSuchKey' || this.s3Code === 'NotFound')
  }

  get isUploadUnknown(): boolean {
    return this.s3Code === 'NoSuchUpload'
  }

  /** The store cannot do this at all; another way may work. */
  get isUnsupported(): boolean {
    return this.status === 501 || this.status === 405 || UNSUPPORTED.has(this.s3Code)
  }
}

/** The store said that it did what it was asked, but not what S3 says then. Nothing can be done with that, and nothing means 'absent'. */
export function unusableAnswer(what: string): RegistryError {
  const message = 'The object store behind the registry does not answer as S3 does; the log of the registry says why.'
  return unavailable(message, { cause: new Error(`the object store ${what}`) })
}

/** A guarded request is not sent: another machine may have taken over. */
export class NotAloneError extends RegistryError {
  constructor() {
    super('UNAVAILABLE', {
      message: 'The registry has not renewed its sign of life in the storage for a minute; try again in a moment.',
      retryAfterSeconds: 5,
    })
  }
}

/** What the runtime calls a connection that was refused, and a name that has no address. */
const UNSENT: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND'])

const UNSUPPORTED: ReadonlySet<string> = new Set(['NotImplemented', 'MethodNotAllowed', 'UnsupportedOperation'])

const PASSING_CODES: ReadonlySet<string> = new Set([
  // versitygw, when another request removes the directory that it has just made for this one.
  'ExistingObjectIsDirectory',
  ...['SlowDown', 'SlowDownRead', 'SlowDownWrite', 'InternalError', 'ServiceUnavailable', 'RequestTimeout', 'OperationAborted'],
  ...['Throttling', 'ThrottlingException', 'RequestThrottled', 'TooManyRequests', 'BandwidthLimitExceeded'],
])
const PASSING_STATUS: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504])

function isPassing(status: number | undefined, code: string): boolean {
  return status === undefined || PASSING_STATUS.has(status) || PASSING_CODES.has(code)
}

/** What an error answer says. A HEAD has no body: its 404 is taken at its word. */
export function failureOf(request: string, method: string, status: number, body: string): S3Failure {
  const said = parseXml(body)
  const code = textOf(said, 'Code') ?? (method === 'HEAD' && status === 404 ? 'NotFound' : '')
  return { status, code, message: textOf(said, 'Message') ?? body.slice(0, 200), request }
}
