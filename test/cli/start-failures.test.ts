import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { failureSentence, withOrigins } from '../../src/cli/failure-sentence.ts'
import { startApp } from '../../src/composition/app.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { RecordedLog } from '../support/recorded-log.ts'
import { TemporaryFolder } from '../support/temporary-folder.ts'

setDefaultTimeout(120_000)

const folder = new TemporaryFolder()
let taken: Server

beforeAll(async () => {
  await folder.file('file', 'no certificate')
  await folder.directory('folder')
  taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await new Promise((resolve) => taken.close(resolve))
  folder[Symbol.dispose]()
})

const BUCKET = '{bucket: a, region: b, regionendpoint: "http://127.0.0.1:1", accesskey: a, secretkey: b}'

/** What is said where ROOT is the folder and TAKEN a port that is taken; no word of the runtime, of SQLite or of the system's own. */
test.each([
  [
    'a port that is taken',
    'http: {addr: "127.0.0.1:TAKEN"}',
    'The address is in use: something else listens on 127.0.0.1:TAKEN. Stop it, or choose another port. The setting is http.addr. (http.addr is set in CONFIG:3)',
  ],
  [
    'an address of another machine',
    'http: {addr: "192.0.2.1:5000"}',
    'This machine has no address 192.0.2.1: write one that it has, or :5000 for all of them. The setting is http.addr. (http.addr is set in CONFIG:3)',
  ],
  [
    'a name that is unknown',
    'http: {addr: "nowhere.invalid:5000"}',
    'The name nowhere.invalid is unknown to this machine: correct it, or write :5000 for every address of this machine. The setting is http.addr. (http.addr is set in CONFIG:3)',
  ],
  [
    'a socket in a folder that is not there',
    'http: {net: unix, addr: ROOT/nowhere/a.sock}',
    'The socket ROOT/nowhere/a.sock cannot be made, because its folder is not there: make the folder. The setting is http.addr. (http.addr is set in CONFIG:3)',
  ],
  [
    'a socket whose path is too long',
    `http: {net: unix, addr: ROOT/${'a'.repeat(110)}.sock}`,
    `The socket ROOT/${'a'.repeat(110)}.sock cannot be made, because the path is longer than the system allows (107 bytes): choose a shorter one. The setting is http.addr. (http.addr is set in CONFIG:3)`,
  ],
  [
    'a debug address that is taken',
    'http: {addr: ":0", debug: {addr: "127.0.0.1:TAKEN"}}',
    'The address is in use: something else listens on 127.0.0.1:TAKEN. Stop it, or choose another port. The setting is http.debug.addr. (http.debug.addr is set in CONFIG:3)',
  ],
  [
    'a certificate that is not there',
    'http: {addr: ":0", tls: {certificate: ROOT/nowhere.crt, key: ROOT/file}}',
    'ROOT/nowhere.crt cannot be read: there is no such file; correct the path, or mount it. (http.tls.certificate is set in CONFIG:3)',
  ],
  [
    'a certificate that is none',
    'http: {addr: ":0", tls: {certificate: ROOT/file, key: ROOT/file}}',
    'ROOT/file holds no certificate in PEM form. (http.tls.certificate is set in CONFIG:3; http.tls.key is set in CONFIG:3)',
  ],
  [
    'an authority of an upstream that is not there',
    'proxy: {remoteurl: "https://hub.example.com", ca: ROOT/nowhere.crt}',
    'ROOT/nowhere.crt cannot be read: there is no such file; correct the path, or mount it. (proxy.ca is set in CONFIG:3)',
  ],
  [
    'an authority of an upstream that is none',
    'mirrors: [{prefix: a, url: "https://hub.example.com", ca: ROOT/file}]',
    'ROOT/file holds no certificate in PEM form. (mirrors.0.ca is set in CONFIG:3)',
  ],
])('serve explains %s', async (_, lines, sentence) => {
  expect(await failureOf(`storage: inmemory\n${lines}`)).toBe(sentence)
})

test('serve waits for a bucket that does not answer, and explains it as berth storage check does', async () => {
  const path = await folder.file(
    'config.yml',
    `version: 0.1\nstorage: {s3: ${BUCKET}}\nhttp: {addr: "127.0.0.1:0"}\nmetadata: {path: ${folder.path}/bucket/metadata.db}\n`,
  )
  const log = new RecordedLog()
  const ending = new AbortController()
  const { config, settings } = loadConfig({ path, environment: {} })
  const start = startApp(config, log, { signal: ending.signal, withOrigins: (error) => withOrigins(error, settings) })
  const ended = start.catch((error: unknown) => error)

  const line = await log.line(({ message }) => message === 'every request is refused until the object store can be used')
  ending.abort()

  const reason = String(line.fields.reason)
    .replace(/ answer GET \S+:/, ' answer REQUEST:')
    .replace(path, 'CONFIG')
  expect(reason).toBe(
    'The storage cannot be used. Nothing answers at http://127.0.0.1:1; start the store, or correct regionendpoint. (the object store did not answer REQUEST: ECONNREFUSED) (storage.s3.regionendpoint is set in CONFIG:2)',
  )
  expect(Object.keys(line.fields)).toEqual(['reason'])
  expect(await ended).toMatchObject({ name: 'AbortError' })
})

test.each([
  [
    'a folder',
    'ROOT/folder',
    'ROOT/folder is a folder; set metadata.path to a file in it, as in ROOT/folder/metadata.db. (metadata.path is set in CONFIG:4)',
  ],
  [
    'a file that is no database',
    'ROOT/file',
    "ROOT/file is no database, and stays as it is; set metadata.path to another file, or remove this one if it was Berth's. (metadata.path is set in CONFIG:4)",
  ],
])('serve refuses a metadata.path that is %s, and leaves it as it is', async (_, path, sentence) => {
  const lines = `storage: {filesystem: {rootdirectory: ROOT/data}}\nhttp: {addr: ":0"}\nmetadata: {path: ${path}}`
  const before = await readdir(folder.path, { recursive: true })

  expect(await failureOf(lines)).toBe(sentence)
  expect(await failureOf('storage: {filesystem: {rootdirectory: ROOT/data}}', { REGISTRY_METADATA_PATH: path })).toBe(
    sentence.replace('in CONFIG:4', 'by REGISTRY_METADATA_PATH'),
  )
  expect(await Bun.file(folder.join('file')).text()).toBe('no certificate')
  const isNew = (name: string) => !before.includes(name) && !name.startsWith('data') && name !== 'config.yml'
  expect((await readdir(folder.path, { recursive: true })).filter(isNew)).toEqual([])
})

test('serve explains a metadata database for which no folder can be made', async () => {
  const failure = await failureOf(
    'storage: {filesystem: {rootdirectory: ROOT/data}}\nhttp: {addr: ":0"}\nmetadata: {path: /proc/nowhere/metadata.db}',
  )

  expect(failure).toBe(
    '/proc/nowhere cannot be used: it, or a folder above it, is not there and cannot be made. It is for the database at metadata.path. (metadata.path is set in CONFIG:4)',
  )
})

test('a variable that named the address is named', async () => {
  const failure = await failureOf('storage: inmemory', { REGISTRY_HTTP_ADDR: '127.0.0.1:TAKEN' })

  expect(failure).toEndWith('The setting is http.addr. (http.addr is set by REGISTRY_HTTP_ADDR)')
})

async function failureOf(text: string, variables: Readonly<Record<string, string>> = {}): Promise<string> {
  const address = taken.address()
  const port = typeof address === 'object' && address !== null ? `${address.port}` : ''
  const fill = (written: string) => written.replaceAll('ROOT', folder.path).replaceAll('TAKEN', port)
  const path = await folder.file('config.yml', `version: 0.1\n${fill(text)}\n`)
  const environment = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, fill(value)]))
  const { config, settings } = loadConfig({ path, environment })
  const failure = await startApp(config, new RecordedLog()).then(
    async (app) => `served ${await app.stop({ timeoutMs: 0 })}`,
    (error: unknown) => failureSentence(withOrigins(error, settings)),
  )
  return failure.replaceAll(path, 'CONFIG').replaceAll(folder.path, 'ROOT').replaceAll(`:${port}`, ':TAKEN')
}
