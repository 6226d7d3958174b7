import { describe, expect, test } from 'bun:test'
import { loadText, noticesOf, problemsOf } from '../../test/support/config-text.ts'

/** What registry:2 reads in its own way; test/compat/config-peer.test.ts asks both. */

const FILE = 'version: 0.1\nstorage:\n  inmemory:\n'
const PURGED = 'Unfinished uploads are removed.'
const NO_DELETES = 'Clients may not delete.'
const IS_TEXT = 'it is a text and no boolean; write it without quotes.'
const IS_NONE = 'it is no boolean; write true or false.'

describe('an empty text', () => {
  test('is no value, in the file as in a variable', () => {
    const text = `${FILE}log: {level: '', formatter: ""}
http: {addr: '', net: '', host: '', prefix: '', secret: '', relativeurls: '', draintimeout: '', debug: {addr: '', prometheus: {path: ''}},
  tls: {certificate: '', key: '', minimumtls: '', clientauth: '', letsencrypt: {cachefile: '', email: ''}}}
metadata: {path: ''}
catalog: {maxentries: ''}
auth: ''
proxy: {remoteurl: ''}
`
    const loaded = loadText(text)

    expect(loaded.config).toEqual(loadText(FILE).config)
    expect(loaded.notices).toEqual([])
  })

  test('switches nothing on or off', () => {
    const { config, notices } = loadText(`${FILE}  delete: {enabled: ''}\n  maintenance: {uploadpurging: {enabled: ''}}\n`)

    expect([config.storage.deletes, config.storage.uploadPurging.enabled, notices]).toEqual([false, true, []])
  })

  test('is a value where registry:2 wants one and takes it', () => {
    const { config } = loadText(`${FILE}auth: {silly: {realm: '', service: ''}}\n`)

    expect(config.auth).toEqual({ kind: 'silly', realm: '', service: '' })
  })

  test('stands for the root directory of the machine where a root directory belongs', () => {
    const text = "version: 0.1\nstorage: {filesystem: {rootdirectory: ''}}\n"

    expect(loadText(text).config.storage.driver).toEqual({ kind: 'filesystem', rootDirectory: '/' })
    expect(noticesOf(text)).toEqual([
      'config.yml:2: storage.filesystem.rootdirectory: "" is empty, for which Berth takes /, as registry:2 does; write the folder.',
    ])
  })

  test.each([
    ['storage: {s3: {bucket: "", region: a}}', 'storage.s3.bucket'],
    ['storage: {s3: {bucket: a, region: ""}}', 'storage.s3.region'],
    ['storage: inmemory\nauth: {htpasswd: {realm: a, path: ""}}', 'auth.htpasswd.path'],
    ['storage: inmemory\nhealth: {file: [{file: ""}]}', 'health.file.0.file'],
  ])('%s is refused, as by registry:2', (text, key) => {
    expect(problemsOf(`version: 0.1\n${text}\n`)).toEqual([expect.stringContaining(`${key}: "" must not be empty`)])
  })
})

describe('a text where a boolean belongs', () => {
  test.each([
    ['delete: {enabled: "true"}', 'storage.delete.enabled: "true"', IS_TEXT, NO_DELETES],
    ["delete: {enabled: 'yes'}", 'storage.delete.enabled: "yes"', IS_TEXT, NO_DELETES],
    ['delete: {enabled: 1}', 'storage.delete.enabled: "1"', IS_NONE, NO_DELETES],
    ['delete: {enabled: tRue}', 'storage.delete.enabled: "tRue"', IS_NONE, NO_DELETES],
    ['delete: {enabled: !!str true}', 'storage.delete.enabled: "true"', IS_TEXT, NO_DELETES],
    ['maintenance: {uploadpurging: {enabled: "false"}}', 'storage.maintenance.uploadpurging.enabled: "false"', IS_TEXT, PURGED],
  ])('%s has no effect and is told, as registry:2 does it without a word', (line, subject, mistake, whatHolds) => {
    const { config } = loadText(`${FILE}  ${line}\n`)

    expect([config.storage.deletes, config.storage.uploadPurging.enabled]).toEqual([false, true])
    expect(noticesOf(`${FILE}  ${line}\n`)).toEqual([
      `config.yml:4: ${subject} has no effect, as in registry:2: ${mistake} ${whatHolds}`,
    ])
  })

  test.each(['true', 'yes', 'On', 'Y', 'TRUE', '!!bool "true"'])('%s is one and switches deletes on', (word) => {
    const { config, notices } = loadText(`${FILE}  delete: {enabled: ${word}}\n`)

    expect([config.storage.deletes, notices]).toEqual([true, []])
  })

  test('may come by an alias', () => {
    const { config } = loadText('version: 0.1\nx-on: &on "true"\nstorage: {inmemory: , delete: {enabled: *on}}\n')

    expect(config.storage.deletes).toBe(false)
  })

  test('does not switch deletes on by a variable that kept its quotes', () => {
    const loaded = loadText(FILE, { environment: { REGISTRY_STORAGE_DELETE_ENABLED: '"true"' } })

    expect(loaded.config.storage.deletes).toBe(false)
    expect(loaded.notices).toEqual([
      `REGISTRY_STORAGE_DELETE_ENABLED: storage.delete.enabled: "true" has no effect, as in registry:2: ${IS_TEXT} ${NO_DELETES}`,
    ])
    expect(loadText(FILE, { environment: { REGISTRY_STORAGE_DELETE: '{enabled: "true"}' } }).config.storage.deletes).toBe(false)
    expect(loadText(FILE, { environment: { REGISTRY_STORAGE_DELETE_ENABLED: 'true' } }).config.storage.deletes).toBe(true)
  })

  test.each([
    ['  maintenance: {readonly: {enabled: "true"}}', 'storage.maintenance.readonly.enabled'],
    ['  redirect: {disable: "true"}', 'storage.redirect.disable'],
    ['http: {relativeurls: "true"}', 'http.relativeurls'],
    ['log: {accesslog: {disabled: "true"}}', 'log.accesslog.disabled'],
    ['health: {storagedriver: {enabled: "true"}}', 'health.storagedriver.enabled'],
    ['validation: {disabled: "true"}', 'validation.disabled'],
  ])('%s is refused, as by registry:2', (line, key) => {
    expect(problemsOf(`${FILE}${line}\n`)).toEqual([
      `line 4: ${key}: "true" is a text, which registry:2 refuses here; write it without quotes`,
    ])
  })

  test('is as good as a boolean among the parameters of a bucket, by the rules of Go', () => {
    const bucket = (secure: string) =>
      `version: 0.1\nstorage: {s3: {bucket: a, region: b, secure: ${secure}}, redirect: {disable: true}}\n`
    const secureOf = (word: string) => (loadText(bucket(word)).config.storage.driver as { secure?: boolean }).secure

    expect(['"false"', "'0'", 'F', 'no', '"true"', "'1'"].map(secureOf)).toEqual([false, false, false, false, true, true])
  })
})

test.each([
  ['registry.example.com'],
  ['registry.example.com:5000'],
  ['10.1.2.3'],
  ['10.1.2.3:5000'],
  ['//registry.example.com/images'],
])('http.host %s has no scheme, and so no effect, which is told', (host) => {
  const text = `${FILE}http: {host: '${host}'}\n`

  expect(loadText(text).config.http.host).toBeUndefined()
  expect(noticesOf(text)).toEqual([
    `config.yml:4: http.host: "${host}" has no http:// or https:// in front, and so no effect, as in registry:2.`,
  ])
})

test.each(['0.0.0.0:5000', '[::]:5000', ':5000'])('http.addr %s is every interface, IPv4 and IPv6', (addr) => {
  const { config } = loadText(`${FILE}http: {addr: '${addr}', debug: {addr: '${addr.replace('5000', '5001')}'}}\n`)

  expect(config.http.listen).toEqual({ kind: 'tcp', hostname: undefined, port: 5000 })
  expect(config.http.debug.listen).toEqual({ kind: 'tcp', hostname: undefined, port: 5001 })
})

test('a second document is passed over, whatever is in it, and told', () => {
  const text = `${FILE}---\nversion: [9\n`

  expect(loadText(text).config).toEqual(loadText(FILE).config)
  expect(noticesOf(text)).toEqual(['config.yml:4: A second YAML document begins here; it is passed over, as by registry:2.'])
})

describe('of two equal keys', () => {
  test('the last one counts, and both are named', () => {
    const text = `${FILE}http: {addr: ':1', addr: ':2'}\nlog: {level: debug}\nlog: {level: warn}\n`

    const { config } = loadText(text)

    expect([config.http.listen, config.log.level]).toEqual([{ kind: 'tcp', hostname: undefined, port: 2 }, 'warn'])
    expect(noticesOf(text)).toEqual([
      'config.yml:4: http.addr is there 2 times, on lines 4 and 4; the last one counts, as in registry:2.',
      'config.yml:6: log is there 2 times, on lines 5 and 6; the last one counts, as in registry:2.',
      'config.yml:6: log.level is there 2 times, on lines 5 and 6; the last one counts, as in registry:2.',
    ])
  })

  test('the keys below them are put together, as registry:2 does', () => {
    const { config } = loadText(
      `${FILE}http: {addr: ':1', headers: {X-A: [a], X-B: [b]}}\nhttp: {headers: {X-B: [c], X-C: [d]}}\n`,
    )

    expect(config.http.listen).toMatchObject({ port: 1 })
    expect(config.http.headers).toEqual({ 'X-A': ['a'], 'X-B': ['c'], 'X-C': ['d'] })
  })

  test('nothing of the first is left below storage and auth, as in registry:2', () => {
    const { config } = loadText(
      'version: 0.1\nstorage: {filesystem: {rootdirectory: /a}, delete: {enabled: true}}\nstorage: {inmemory: }\n',
    )

    expect(config.storage).toMatchObject({ driver: { kind: 'inmemory' }, deletes: false })
  })

  test('an empty one takes the first away', () => {
    const { config } = loadText(`${FILE}http: {addr: ':1'}\nhttp:\n`)

    expect(config.http.listen).toMatchObject({ port: 5000 })
  })
})

test('what listens twice on one address is found before the start', () => {
  const http = (addr: string, debug: string) => `${FILE}http: {addr: '${addr}', debug: {addr: '${debug}'}}\n`
  const problem = (debug: string) => [
    `line 4: http.debug.addr: "${debug}" is where http.addr listens already; choose another port`,
  ]

  expect(problemsOf(http(':5000', ':5000'))).toEqual(problem(':5000'))
  expect(problemsOf(http('0.0.0.0:5000', '127.0.0.1:5000'))).toEqual(problem('127.0.0.1:5000'))
  expect(problemsOf(http('127.0.0.1:5000', '127.0.0.1:5000'))).toEqual(problem('127.0.0.1:5000'))
  expect(problemsOf(http('127.0.0.1:5000', '127.0.0.2:5000'))).toEqual([])
  expect(problemsOf(http(':0', ':0'))).toEqual([])
  expect(problemsOf(`${FILE}http: {addr: /a.sock, net: unix, debug: {addr: /a.sock}}\n`)).toEqual(problem('/a.sock'))
})

describe('what is wrong is blamed on where it stands', () => {
  test.each([
    [
      { REGISTRY_PROXY_REMOTEURL: 'a' },
      'REGISTRY_PROXY_REMOTEURL: proxy.remoteurl: "a" is not the root of a registry; write it as https://registry-1.docker.io, with nothing behind the host',
    ],
    [
      { REGISTRY_LOG_HOOKS_0_TYPE: 'mail', REGISTRY_LOG_HOOKS_0_LEVELS: '[error]' },
      'REGISTRY_LOG_HOOKS_0_LEVELS and REGISTRY_LOG_HOOKS_0_TYPE: log.hooks is a setting that Berth does not have yet; take it out, ' +
        'and send mail from where the log is collected',
    ],
    [
      { REGISTRY_STORAGE_S3_BUCKET: 'images', REGISTRY_STORAGE_S3_REGION: 'a' },
      'storage names s3 (REGISTRY_STORAGE_S3_BUCKET and REGISTRY_STORAGE_S3_REGION) and inmemory (line 3); leave one of them, or set ' +
        'REGISTRY_STORAGE=s3 beside the other variables',
    ],
    [{ REGISTRY_STORAGE: 's3', REGISTRY_STORAGE_S3_REGION: 'a' }, 'REGISTRY_STORAGE_S3_REGION: storage.s3.bucket must be set'],
    [{ REGISTRY_LOG: '{level: loud}' }, 'REGISTRY_LOG: log.level: "loud" is not allowed; use error, warn, info or debug'],
  ])('%j', (environment, problem) => {
    expect(problemsOf(FILE, { environment })).toEqual([problem])
  })

  test('the first line names the file, the environment or both', () => {
    const errorOf = (text: string, environment: Record<string, string>) => {
      try {
        loadText(text, { environment })
      } catch (error) {
        return (error as Error).message.replace(/\S+\/config\.yml/, 'config.yml').split('\n')[0]
      }
      return undefined
    }
    const variable = { REGISTRY_LOG_LEVEL: 'loud' }

    expect(errorOf(`${FILE}http: {net: a}\n`, {})).toBe('config.yml has a problem:')
    expect(errorOf(FILE, variable)).toBe('The environment has a problem:')
    expect(errorOf(`${FILE}http: {net: a}\n`, variable)).toBe('config.yml and the environment have 2 problems:')
  })

  test('a notice names the file and the line, or the variable', () => {
    expect(noticesOf(`${FILE}http: {secret: a}\n`, { environment: { REGISTRY_REDIS_ADDR: 'a:1' } })).toEqual([
      'config.yml:4: http.secret: Upload addresses of Berth carry no state to sign; the secret is not used.',
      'REGISTRY_REDIS_ADDR: redis: Berth needs no cache in Redis; nothing here has an effect.',
    ])
  })
})
