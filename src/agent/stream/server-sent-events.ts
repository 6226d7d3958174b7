/** One event of a stream (html.spec.whatwg.org, "Server-sent events"). */
export interface ServerSentEvent {
  readonly id: string | undefined
  readonly name: string
  readonly data: string
}

/** Lines longer than this are no events of ours. */
const MOST_LINE = 256 * 1024
const MOST_DATA = 1024 * 1024

/** The events in chunks of a stream; comments, which only show that the server lives, are `undefined`. */
export async function* eventsIn(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent | undefined> {
  const decoder = new TextDecoder()
  let open = ''
  let event = { id: undefined as string | undefined, name: 'message', data: '' }
  for await (const chunk of chunks) {
    const lines = (open + decoder.decode(chunk, { stream: true })).split(/\r\n|[\r\n]/)
    open = lines.pop() ?? ''
    if (open.length > MOST_LINE || event.data.length > MOST_DATA) throw new Error('an event of the stream is too long')
    for (const line of lines) {
      const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
      if (line.startsWith(':')) yield undefined
      else if (field === 'id') event.id = value
      else if (field === 'event') event.name = value
      else if (field === 'data') event.data += event.data === '' ? value : `\n${value}`
      else if (line === '') {
        if (event.data !== '') yield event
        event = { id: undefined, name: 'message', data: '' }
      }
    }
  }
}
