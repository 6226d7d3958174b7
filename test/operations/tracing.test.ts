import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { OperatedRegistry } from '../support/operated-registry.ts'
import { poll } from '../support/processes.ts'

setDefaultTimeout(120_000)

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'

describe('with an OTLP endpoint', () => {
  test('each request is a span with its route and status, of the service that was named', async () => {
    await using collector = new Collector()
    await using registry = await OperatedRegistry.start('Berth', {
      environment: { ...collector.environment, OTEL_SERVICE_NAME: 'images', OTEL_EXPORTER_OTLP_HEADERS: 'x-key=some%20key' },
    })

    const response = await registry.client.request('GET', '/v2/some/confidential/name/tags/list')

    const [span] = await collector.spans(1)
    expect(Number(span?.endTimeUnixNano)).toBeGreaterThan(Number(span?.startTimeUnixNano))
    expect(span).toMatchObject({
      name: 'GET /v2/{name}/tags/list',
      kind: 2,
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
      startTimeUnixNano: expect.stringMatching(/^\d{19}$/),
    })
    expect(attributesOf(span?.attributes)).toMatchObject({
      'http.request.method': 'GET',
      'http.route': '/v2/{name}/tags/list',
      'http.response.status_code': '404',
      'error.type': 'NAME_UNKNOWN',
      'berth.request_id': response.headers.get('x-request-id'),
    })
    expect(attributesOf(collector.resource)).toMatchObject({ 'service.name': 'images', 'service.version': expect.any(String) })
    expect(collector.headers).toMatchObject({ 'content-type': 'application/json', 'x-key': 'some key' })
    expect(collector.text).not.toContain('confidential')
  })

  test('the trace of the caller goes on, and one that it does not record is not recorded', async () => {
    await using collector = new Collector()
    await using registry = await OperatedRegistry.start('Berth', { environment: collector.environment })
    const ask = (flags: string) =>
      registry.client.request('GET', '/v2/', { headers: { traceparent: `00-${TRACE}-${PARENT}-${flags}`, tracestate: 'a=b' } })

    await ask('00')
    await ask('01')

    const spans = await collector.spans(1)
    expect(spans).toHaveLength(1)
    expect(spans[0]).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, traceState: 'a=b' })
  })

  test('what waits is sent before the registry ends', async () => {
    await using collector = new Collector()
    const environment = { ...collector.environment, OTEL_BSP_SCHEDULE_DELAY: '600000' }
    await using registry = await OperatedRegistry.start('Berth', { environment })
    await registry.client.request('GET', '/v2/')

    await registry.program.stop()

    expect(await collector.spans(1)).toHaveLength(1)
  })

  test('a collector that is away is told once and costs no request', async () => {
    const collector = new Collector()
    await collector[Symbol.asyncDispose]()
    await using registry = await OperatedRegistry.start('Berth', { environment: collector.environment })

    expect((await registry.client.request('GET', '/v2/')).status).toBe(200)
    await registry.program.waitForOutput(/level=warn msg="traces are not taken" url=\S+ reason=/, 90_000)
    await registry.client.request('GET', '/v2/')

    await registry.program.stop()
    expect(registry.program.output.match(/traces are not taken/g)).toHaveLength(1)
  })
})

describe('without one', () => {
  test('nothing is traced', async () => {
    await using collector = new Collector()
    const environment = { ...collector.environment, OTEL_TRACES_EXPORTER: 'none' }
    await using registry = await OperatedRegistry.start('Berth', { environment })
    await registry.client.request('GET', '/v2/')

    await registry.program.stop()

    expect(collector.text).toBe('')
  })

  test('the console exporter writes a line for each request', async () => {
    await using registry = await OperatedRegistry.start('Berth', {
      log: 'level: info, accesslog: { disabled: true }',
      environment: { OTEL_TRACES_EXPORTER: 'console', OTEL_BSP_SCHEDULE_DELAY: '50' },
    })

    await registry.client.request('GET', '/v2/')

    const lines = await poll('a line', 90_000, async () => {
      const written = await registry.accessLog()
      return written.length > 0 ? written : undefined
    })
    expect(lines.map((line) => JSON.parse(line))).toEqual([expect.objectContaining({ name: 'GET /v2/' })])
  })
})

interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly Attribute[]
}

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue?: string; readonly intValue?: string }
}

interface TracesData {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly ReceivedSpan[] }[]
  }[]
}

/** Stands in for an OpenTelemetry collector: takes OTLP over HTTP, in JSON, and keeps it. */
class Collector implements AsyncDisposable {
  headers: Record<string, string> = {}
  /** All that it was sent. */
  text = ''
  readonly #received: TracesData[] = []
  readonly #server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: (request) => this.#take(request) })
  readonly #port = this.#server.port

  get environment() {
    return { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#port}`, OTEL_BSP_SCHEDULE_DELAY: '50' }
  }

  get resource(): readonly Attribute[] {
    return this.#received[0]?.resourceSpans[0]?.resource.attributes ?? []
  }

  async spans(count: number): Promise<readonly ReceivedSpan[]> {
    return await poll(`${count} spans`, 90_000, async () => {
      const spans = this.#received.flatMap(({ resourceSpans }) =>
        resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
      )
      return spans.length >= count ? spans : undefined
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true)
  }

  async #take(request: Request): Promise<Response> {
    if (request.method !== 'POST' || new URL(request.url).pathname !== '/v1/traces') return new Response(null, { status: 404 })
    const text = await request.text()
    this.headers = Object.fromEntries(request.headers)
    this.text += text
    this.#received.push(JSON.parse(text))
    return Response.json({})
  }
}

function attributesOf(attributes: readonly Attribute[] | undefined): Record<string, string | undefined> {
  return Object.fromEntries((attributes ?? []).map(({ key, value }) => [key, value.stringValue ?? value.intValue]))
}
