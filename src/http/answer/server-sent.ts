import type { HeaderFields } from './responses.ts'

/** `text/event-stream`, as WHATWG HTML 9.2 has it. */
export const EVENT_STREAM: HeaderFields = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // nginx holds an answer back until it has some kilobytes of it.
  'X-Accel-Buffering': 'no',
}

export interface SentEvent {
  readonly id: string
  readonly event: string
  readonly data: unknown
}

/** None of the three holds a line break: JSON has none, and the others are of our own making. */
export function sentEvent({ id, event, data }: SentEvent): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

/** How long a client waits before it connects again. */
export function retryAfter(ms: number): string {
  return `retry: ${ms}\n\n`
}

/** A comment, which clients pass over: it shows both sides, and proxies between them, that the connection lives. */
export const HEARTBEAT = ':\n\n'

/**
 * The texts as the reader asks for them. `end` is called once: when the texts have ended or the reader has gone, also one that never asked. It makes
 * the generator end where that waits.
 */
export function textStream(texts: AsyncGenerator<string>, end: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await texts.next()
          if (!done) return controller.enqueue(encoder.encode(value))
          end()
          controller.close()
        } catch (error) {
          end()
          throw error
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  )
}
