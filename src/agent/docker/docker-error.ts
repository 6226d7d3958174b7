/** What the Docker daemon refused, in its words. */
export class DockerError extends Error {
  override readonly name = 'DockerError'
  /** Of its answer; undefined: it gave none, so that nothing is known of what it did. */
  readonly status: number | undefined

  constructor(message: string, { status, cause }: { readonly status?: number; readonly cause?: unknown } = {}) {
    super(message, cause === undefined ? {} : { cause })
    this.status = status
  }

  /** The daemon is away, stops, or starts: what was asked for may be done or not. */
  get isAway(): boolean {
    return this.status === undefined || this.status === 502 || this.status === 503
  }
}
