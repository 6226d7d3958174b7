/** What was answered, with a body that has not been read. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** What calls itself the server, proxies included. */
  readonly server: string | undefined
  readonly durationMs: number
  readonly body: Response
}
