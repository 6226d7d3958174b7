import { join } from 'node:path'
import { atEnd } from '../leftovers.ts'
import { promptly } from './promptly.ts'

export interface WrkOptions {
  readonly url: string
  /** Asked for in turn. */
  readonly paths: readonly string[]
  readonly connections: number
  readonly seconds: number
  readonly headers?: Readonly<Record<string, string>>
  /** Between the answer and the next request of a connection. */
  readonly pauseMs?: number
}

export interface WrkResult {
  readonly requestsPerSecond: number
  readonly requests: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuSeconds: number
}

/** GETs as fast as the server answers. Throws when an answer is not 2xx, or a connection fails. */
export async function runWrk(options: WrkOptions, folder: string): Promise<WrkResult> {
  const script = join(folder, `wrk-${crypto.randomUUID()}.lua`)
  await Bun.write(script, scriptOf(options))
  const { url, connections, seconds, pauseMs } = options
  const words = ['wrk', '--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`, '--script', script]
  const command = [...words, '--timeout', '60s', url]
  const child = Bun.spawn(pauseMs === undefined ? command : promptly(command), {
    stdio: ['ignore', 'pipe', 'inherit'],
    // In the session of 32 uploads it would wait for them before it sees an answer.
    detached: true,
  })
  const isEnded = atEnd(() => child.kill())
  const output = await child.stdout.text()
  isEnded()
  if ((await child.exited) !== 0) throw new Error(`wrk failed\n${output}`)
  const [, figures] = /^figures (.*)$/m.exec(output) ?? []
  if (figures === undefined) throw new Error(`wrk printed no figures\n${output}`)
  const [requests = 0, micros = 1, failures = 0, p50 = 0, p99 = 0] = figures.split(' ').map(Number)
  if (failures > 0 || requests === 0) throw new Error(`${failures} of ${requests} answers were wrong\n${output}`)
  const cpuSeconds = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6
  return { requests, requestsPerSecond: requests / (micros / 1e6), p50Ms: p50 / 1000, p99Ms: p99 / 1000, cpuSeconds }
}

/** The requests are made once: what is left for each of them is a look into a table. */
function scriptOf({ paths, headers = {}, pauseMs }: WrkOptions): string {
  const fields = Object.entries(headers).map(([name, value]) => `wrk.headers[${lua(name)}] = ${lua(value)}`)
  return `
local paths = { ${paths.map(lua).join(', ')} }
local requests, count, at = {}, #paths, 0
${fields.join('\n')}
function init()
  for index, path in ipairs(paths) do requests[index] = wrk.format('GET', path) end
end
function request()
  at = at % count + 1
  return requests[at]
end
${pauseMs === undefined ? '' : `function delay() return ${pauseMs} end`}
function done(summary, latency)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format('figures %d %d %d %d %d', summary.requests, summary.duration, failures, latency:percentile(50), latency:percentile(99)))
end
`
}

function lua(text: string): string {
  return JSON.stringify(text)
}
