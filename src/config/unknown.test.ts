import { expect, test } from 'bun:test'
import { noticesOf, problemsOf } from '../../test/support/config-text.ts'

const INMEMORY = 'storage: inmemory'
const FILE = `version: 0.1\n${INMEMORY}\n`

test.each([
  ['delete: {enabled: true}', 'delete', 'did you mean storage.delete?'],
  ['metrics: {enabled: true}', 'metrics', expect.stringMatching(/^known here: version, log, /)],
  ['htp: {}', 'htp', 'did you mean http?'],
  ['HTTP: {}', 'HTTP', 'did you mean http?'],
  ['http: {timeout: 3s}', 'http.timeout', 'did you mean http.draintimeout?'],
  ['http: {http: {headers: {}}}', 'http.http', 'did you mean http?'],
  ['http: {rootdirectory: /x}', 'http.rootdirectory', 'did you mean storage.filesystem.rootdirectory?'],
  ['auth: {silly: {realm: a, service: b, relm: c}}', 'auth.silly.relm', 'did you mean auth.silly.realm?'],
  ['log: {xyzzy: 1}', 'log.xyzzy', 'known here: level, formatter, fields, accesslog, file, reportcaller'],
  ['health: {tcp: [{addr: "a:1", intervall: 1s}]}', 'health.tcp.0.intervall', 'did you mean health.tcp.0.interval?'],
])('%s is passed over, as by registry:2, and told with the nearest known key', (line, key, hint) => {
  const notices = noticesOf(`${FILE}${line}\n`)

  const [said = '', ...more] = notices.map((notice) => notice.replace('config.yml:3: ', ''))
  expect(more).toEqual([])
  expect(said).toStartWith(`${key} is not a known key and has no effect; `)
  expect(said.slice(said.indexOf('; ') + 2)).toEqual(hint)
})

test('what stands under a name that there is not is never shown: it may be a secret', () => {
  const text = `${FILE}http: {secrett: hunter2}\n`

  expect(noticesOf(text).join()).not.toContain('hunter2')
  expect(problemsOf(text, { strict: true }).join()).not.toContain('hunter2')
})

test.each([
  ['in storage, where registry:2 refuses it too', 'storage: {inmemory: , delte: {}}', 'storage.delte', 'storage.delete'],
  [
    'below storage',
    'storage: {filesystem: {rotdirectory: /a}}',
    'storage.filesystem.rotdirectory',
    'storage.filesystem.rootdirectory',
  ],
  ['in access', `${INMEMORY}\naccess: {rulez: []}`, 'access.rulez', 'access.rules'],
  [
    'below access',
    `${INMEMORY}\naccess: {rules: [{whom: [], who: [anonymous], repositories: ['*']}]}`,
    'access.rules.0.whom',
    'access.rules.0.who',
  ],
  ['in auth, where it would let everyone in', `${INMEMORY}\nauth: {htpaswd: {realm: a}}`, 'auth.htpaswd', 'auth.htpasswd'],
  ['in metadata', `${INMEMORY}\nmetadata: {pth: /a}`, 'metadata.pth', 'metadata.path'],
  [
    'in http.tls.selfsigned',
    `${INMEMORY}\nhttp: {tls: {selfsigned: {enable: true}}}`,
    'http.tls.selfsigned.enable',
    'http.tls.selfsigned.enabled',
  ],
])('an unknown key is refused %s', (_, text, key, nearest) => {
  const line = text.split('\n').length + 1

  expect(problemsOf(`version: 0.1\n${text}\n`)).toEqual([`line ${line}: ${key} is not a known key; did you mean ${nearest}?`])
})

test('a configuration with mistakes lists beside them what is to be known', () => {
  const text = `${FILE}delete: {enabled: true}\nlog: {level: loud}\n`

  expect(problemsOf(text, { environment: { REGISTRY_COLOUR: 'blue' } })).toEqual([
    'line 4: log.level: "loud" is not allowed; use error, warn, info or debug',
    'Besides:',
    'config.yml:3: delete is not a known key and has no effect; did you mean storage.delete?',
    'REGISTRY_COLOUR is ignored: there is no such setting',
  ])
})

test('where strictness is asked for, every unknown key and variable is refused', () => {
  const text = `${FILE}delete: {enabled: true}\nhttp: {timeout: 3s}\n`

  expect(problemsOf(text, { strict: true, environment: { REGISTRY_HTTP_ADR: ':1' } })).toEqual([
    'REGISTRY_HTTP_ADR: there is no such setting; did you mean REGISTRY_HTTP_ADDR?',
    'line 3: delete is not a known key; did you mean storage.delete?',
    'line 4: http.timeout is not a known key; did you mean http.draintimeout?',
  ])
})
