import { afterEach, describe, expect, setDefaultTimeout, spyOn, test } from 'bun:test'
import { checkConfig } from '../../src/cli/check-config.ts'
import { startApp } from '../../src/composition/app.ts'
import type { Config } from '../../src/config/config.ts'
import { ConfigError } from '../../src/config/config-error.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { CONFIG_CORPUS } from '../support/config-corpus.ts'
import { CorpusFolder } from '../support/corpus-folder.ts'
import { RecordedLog } from '../support/recorded-log.ts'

setDefaultTimeout(120_000)

const STARTS = CONFIG_CORPUS.filter(({ refused }) => refused === undefined)
const REFUSED = CONFIG_CORPUS.filter(({ refused }) => refused !== undefined)

describe('Of sixty configurations as people have them', () => {
  test('so many start, and the others are refused for what is known', () => {
    const reasons = Object.groupBy(REFUSED, ({ refused: [, reason] = ['', ''] }) => reason)

    expect(CONFIG_CORPUS).toHaveLength(60)
    expect(new Set(CONFIG_CORPUS.map(({ title }) => title)).size).toBe(60)
    expect(STARTS).toHaveLength(50)
    expect(Object.fromEntries(Object.entries(reasons).map(([reason, configs]) => [reason, configs?.length]))).toEqual({
      'key below storage': 1,
      'storage driver': 2,
      middleware: 1,
      'mail hook': 1,
      mistake: 5,
    })
    // What registry:2 takes, but for what is to come and the drivers and modules that are left out.
    const others = REFUSED.filter(
      ({ refusedByRegistry2, refused }) => !refusedByRegistry2 && ['mistake', 'key below storage'].includes(refused?.[1] ?? ''),
    )
    expect(others.map(({ title }) => title)).toEqual([
      'a bucket whose keys are those of a program before',
      'a key of a certificate without the certificate, left from a try',
    ])
  })

  test.each(STARTS.map((config) => [config.title, config] as const))(
    'serve starts, and check-config says so: %s',
    async (_, config) => {
      using folder = await CorpusFolder.make()
      const { path, environment } = await folder.write(config, { port: 0, debugPort: 0 })

      const verdict = verdictOf(path, environment)

      expect(verdict).toStartWith(`Berth starts with ${path} as it is.\n`)
      if (config.needs === undefined) expect(await statusWith(loadConfig({ path, environment }).config)).toBe('served')
    },
  )

  test.each(REFUSED.map((config) => [config.title, config] as const))(
    'serve and check-config refuse, and name it: %s',
    async (_, config) => {
      using folder = await CorpusFolder.make()
      const { path, environment } = await folder.write(config, { port: 0, debugPort: 0 })

      const verdict = verdictOf(path, environment)

      expect(verdict).toStartWith('Berth does not start with it: ')
      expect(refusalOf(path, environment)).toContain(config.refused?.[0] ?? 'nothing')
      expect(verdict).toContain(refusalOf(path, environment))
    },
  )
})

const before = { ...process.env }
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
  process.exitCode = 0
})

/** What `berth check-config` prints. */
function verdictOf(path: string, environment: Readonly<Record<string, string>>): string {
  Object.assign(process.env, environment)
  const write = spyOn(process.stdout, 'write').mockImplementation(() => true)
  try {
    checkConfig(path, {})
    return write.mock.calls.map(([text]) => String(text)).join('')
  } finally {
    write.mockRestore()
  }
}

/** What `berth serve` would say. */
function refusalOf(path: string, environment: Readonly<Record<string, string>>): string {
  try {
    loadConfig({ path, environment })
    return 'it starts'
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}

/** Serves with all of it, but for a bucket, in whose place is memory. */
async function statusWith(config: Config): Promise<'served' | 'no answer'> {
  const { storage, http } = config
  const driver = storage.driver.kind === 's3' ? ({ kind: 'inmemory' } as const) : storage.driver
  const app = await startApp({ ...config, storage: { ...storage, driver }, http: { ...http, processes: 1 } }, new RecordedLog())
  try {
    const response = await fetch(`${app.url.replace(/\/\/(localhost|\[::\]|0\.0\.0\.0)/, '//127.0.0.1')}/v2/`, {
      tls: { rejectUnauthorized: false },
    })
    await response.bytes()
    return response.status < 500 ? 'served' : 'no answer'
  } catch (error) {
    // Clients without a certificate are refused by TLS.
    if (http.tls?.clients.kind === 'verified' && error instanceof Error) return 'served'
    throw error
  } finally {
    await app.stop({ timeoutMs: 1000 })
  }
}
