import type { Log } from '../observe/log.ts'

/** What the agent did, or could not do, with one container. */
export interface Notice {
  readonly kind: 'updated' | 'failed' | 'available'
  readonly host: string
  readonly container: string
  readonly image: string
  /** What is, or was to be, run. */
  readonly digest: string
  /** What ran before; undefined: it has no digest in this registry. */
  readonly before: string | undefined
  readonly problem?: string | undefined
}

export interface NoticeOptions {
  /** Where notices go; undefined: to the log alone. */
  readonly url: URL | undefined
  readonly log: Log
}

const PATIENCE_MS = 10_000

/** Tells a notice. One that is not taken is told in the log, and not again. */
export async function tell(notice: Notice, { url, log }: NoticeOptions): Promise<void> {
  const { kind, container, image, digest, before, problem } = notice
  const fields = {
    container,
    image,
    digest,
    ...(before === undefined ? {} : { before }),
    ...(problem === undefined ? {} : { problem }),
  }
  if (kind === 'failed') log.error(MESSAGES[kind], fields)
  else log.info(MESSAGES[kind], fields)
  if (url === undefined) return
  try {
    const { status } = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      // `text` is read by Slack, Mattermost and Teams, `content` by Discord; programs read the rest.
      body: JSON.stringify({ text: sentence(notice), content: sentence(notice), at: new Date().toISOString(), ...notice }),
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    if (status >= 300) log.warn('notice refused', { host: url.host, status })
  } catch (error) {
    log.warn('notice not sent', { host: url.host, error })
  }
}

const MESSAGES: Readonly<Record<Notice['kind'], string>> = {
  updated: 'container replaced',
  failed: 'container not replaced',
  available: 'a newer image is there',
}

export function sentence({ kind, host, container, image, digest, problem }: Notice): string {
  const which = `${image} (${digest.slice(0, 19)})`
  switch (kind) {
    case 'updated':
      return `${host}: ${container} runs ${which}.`
    case 'available':
      return `${host}: ${container} may be replaced by ${which}.`
    case 'failed':
      return `${host}: ${container} does not run ${which}: ${problem ?? 'it failed'}. What ran before goes on.`
  }
}
