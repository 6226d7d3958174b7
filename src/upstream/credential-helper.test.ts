import { afterEach, beforeEach, expect, test } from 'bun:test'
import { chmodSync, readFileSync } from 'node:fs'
import { poll } from '../../test/support/processes.ts'
import { TemporaryFolder } from '../../test/support/temporary-folder.ts'
import { CredentialHelper } from './credential-helper.ts'

const URL_OF_REGISTRY = new URL('https://registry.example.com:5000')

let folder: TemporaryFolder
beforeEach(() => {
  folder = new TemporaryFolder()
})
afterEach(() => folder[Symbol.dispose]())

/** A program of these lines, which counts its runs. */
async function helper(script: string, options: { readonly lifetimeMs?: number; readonly patienceMs?: number } = {}) {
  const runs = folder.join('runs')
  const command = await folder.file('docker-credential-test', `#!/bin/sh\necho "$1" >> ${runs}\n${script}\n`)
  chmodSync(command, 0o700)
  const credentials = new CredentialHelper({ command, url: URL_OF_REGISTRY, lifetimeMs: undefined, ...options })
  return { command, credentials, runs: () => readFileSync(runs, 'utf8').trim().split('\n') }
}

/** A program that says what it is asked. */
const ECHO = `read host; printf '{"ServerURL":"%s","Username":"robot","Secret":"for %s"}' "$host" "$host"`
const printed = (username: string, secret: string) => `echo '${JSON.stringify({ Username: username, Secret: secret })}'`

test('a program is asked for the credentials of a host once, whatever number of requests wait for them', async () => {
  const { credentials, runs } = await helper(ECHO)

  const found = await Promise.all([1, 2, 3].map(() => credentials.find()))

  expect(found).toEqual(Array(3).fill({ kind: 'password', username: 'robot', password: 'for registry.example.com:5000' }))
  expect(await credentials.find()).toBe(found[0] as never)
  expect(runs()).toEqual(['get'])
})

test('an identity token is told by the name <token>', async () => {
  const { credentials } = await helper(printed('<token>', 'abc'))

  expect(await credentials.find()).toEqual({ kind: 'identity token', token: 'abc' })
})

test('with a lifetime of 0 the program is asked each time', async () => {
  const { credentials, runs } = await helper(printed('a', 'b'), { lifetimeMs: 0 })

  await credentials.find()
  await credentials.find()

  expect(runs()).toEqual(['get', 'get'])
})

test('credentials that the registry refuses are asked for anew, but not at the rate of the requests', async () => {
  const { credentials, runs } = await helper(printed('a', 'b'))
  await credentials.find()

  credentials.refused()
  await credentials.find()

  expect(runs()).toEqual(['get'])
})

test.each([
  ['ends with a failure', 'echo a secret; echo a secret >&2; exit 3', 'ended with 3'],
  ['prints no JSON', 'echo a secret', 'prints no Username and Secret'],
  ['prints other JSON', `echo '["a secret"]'`, 'prints no Username and Secret'],
  ['prints no name', printed('', 'a secret'), 'prints no Username and Secret'],
  ['prints without end', 'while :; do echo a secret a secret a secret a secret; done', 'printed more than 65536 bytes'],
  ['does not end', 'sleep 100 & sleep 100', 'did not end within 0.3 s'],
])('a program that %s gives an error that names it, and nothing of what it printed', async (_, script, what) => {
  const { command, credentials } = await helper(script, { patienceMs: script.startsWith('sleep') ? 300 : 20_000 })

  const error: unknown = await credentials.find().catch((reason: unknown) => reason)

  expect(error).toMatchObject({ code: 'UNAVAILABLE' })
  expect(String(error)).toContain(
    `The program ${command} gives no credentials for the upstream ${URL_OF_REGISTRY.origin}: it ${what}`,
  )
  expect(Bun.inspect(error)).not.toContain('a secret')
})

test('a program that is not there is an error', async () => {
  const missing = new CredentialHelper({ command: folder.join('none'), url: URL_OF_REGISTRY, lifetimeMs: undefined })

  await expect(missing.find()).rejects.toThrow('it cannot be started (ENOENT)')
})

test('what a program has started ends with it', async () => {
  const pids = folder.join('pids')
  const { credentials } = await helper(`sleep 100 & echo $! > ${pids}; wait`, { patienceMs: 1000 })

  await expect(credentials.find()).rejects.toThrow('did not end')

  const pid = Number(readFileSync(pids, 'utf8'))
  await poll('the program has ended', 60_000, async () => !isRunning(pid) || undefined)
})

/** A process that has ended and that no other one has waited for yet does not run. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
