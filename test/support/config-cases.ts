import type { Questions } from './behaviour.ts'
import { READING_CASES } from './config-reading-cases.ts'
import type { Environment } from './processes.ts'

/** A configuration and what becomes of it. */
export interface ConfigCase extends Questions {
  readonly title: string
  /** What stands below `version` and a folder for the data; `whole` is a file of its own. */
  readonly text?: string
  readonly whole?: string
  readonly noFile?: boolean
  readonly variables?: Environment
  /** Where the two do not do the same: the first cell of the row in docs/compatibility.md. */
  readonly difference?: string
  /** Where Berth does not start and registry:2 does. */
  readonly refused?: true
}

/** The four lines that the image of registry:2 brings, and those of registry:3, with ports of the test's own. */
const REGISTRY_2 = `version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: DATA
http:
  addr: :PORT
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
`
const REGISTRY_3 = `version: 0.1
log:
  level: debug
  fields:
    service: registry
    environment: development
storage:
  delete:
    enabled: true
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: DATA
  tag:
    concurrencylimit: 5
http:
  addr: :PORT
  debug:
    addr: :DEBUG
    prometheus:
      enabled: true
      path: /metrics
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
`
const REGISTRY_2_DEV = `version: 0.1
log:
  level: debug
  fields: {service: registry, environment: development}
storage:
    delete:
      enabled: true
    cache:
        blobdescriptor: inmemory
    filesystem:
        rootdirectory: DATA
    maintenance:
        uploadpurging:
            enabled: false
http:
    addr: :PORT
    debug:
        addr: :DEBUG
        prometheus: {enabled: true, path: /metrics}
    headers:
        X-Content-Type-Options: [nosniff]
notifications:
    events: {includereferences: true}
    endpoints:
        - name: local-5003
          url: http://localhost:5003/callback
          headers: {Authorization: [Bearer x]}
          timeout: 1s
          threshold: 10
          backoff: 1s
          disabled: true
health:
  storagedriver: {enabled: true, interval: 10s, threshold: 3}
`

export const CONFIG_CASES: readonly ConfigCase[] = [
  { title: 'a version, a folder and an address' },
  { title: "the file of registry:2's image", whole: REGISTRY_2 },
  { title: "the file of registry:3's image", whole: REGISTRY_3, difference: 'Key of registry:3' },
  { title: "registry:2's file for development", whole: REGISTRY_2_DEV },
  { title: 'storage by name', whole: 'version: 0.1\nstorage: inmemory\nhttp: {addr: ":PORT"}\n' },
  { title: 'storage as an empty section', whole: 'version: 0.1\nstorage:\n  inmemory:\nhttp:\n  addr: :PORT\n' },
  { title: 'deletes', text: 'storage: {delete: {enabled: true}}' },
  { title: 'read only', text: 'storage: {maintenance: {readonly: {enabled: true}}}' },
  { title: 'no purge of uploads', text: 'storage: {maintenance: {uploadpurging: {enabled: false}}}' },
  {
    title: 'a purge of uploads, whole',
    text: 'storage: {maintenance: {uploadpurging: {enabled: true, age: 24h, interval: 1h, dryrun: true}}}',
  },
  {
    title: 'a purge of uploads, in part',
    text: 'storage: {maintenance: {uploadpurging: {age: 24h}}}',
    difference: 'Section that is not complete',
  },
  { title: 'no redirects', text: 'storage: {redirect: {disable: true}}' },
  { title: 'redirects, an empty section', text: 'storage: {redirect: {}}', difference: 'Section that is not complete' },
  { title: 'a cache of a kind that there is not', text: 'storage: {cache: {blobdescriptor: memcached}}' },
  { title: 'a cache in Redis without Redis', text: 'storage: {cache: {blobdescriptor: redis}}', difference: 'Cache in Redis' },
  {
    title: 'Redis for nobody',
    text: 'redis: {addr: "localhost:1", password: x, db: 1, dialtimeout: 10ms, pool: {maxidle: 16, maxactive: 64, idletimeout: 300s}}',
  },
  { title: 'a log in JSON', text: 'log: {formatter: json, level: debug, fields: {service: registry, build: 7}}' },
  { title: 'a log for logstash', text: 'log: {formatter: logstash}' },
  { title: 'a log without requests', text: 'log: {accesslog: {disabled: true}}' },
  { title: 'a log that can only be misspelt', text: 'log: {level: loud}' },
  { title: 'a form of log that there is not', text: 'log: {formatter: xml}' },
  { title: 'the old name of the log level', text: 'loglevel: error' },
  { title: 'a prefix', text: 'http: {prefix: /registry/}', prefix: '/registry' },
  { title: 'a public address', text: 'http: {host: "https://registry.example.com:5443"}' },
  { title: 'a public address that is none', text: 'http: {host: "http://[x"}' },
  { title: 'relative URLs', text: 'http: {relativeurls: true}' },
  { title: 'headers', text: 'http: {headers: {X-Test: [one], X-Other: [two, three]}}' },
  { title: 'a secret', text: 'http: {secret: asecretforlocaldevelopment}' },
  { title: 'a socket', whole: 'version: 0.1\nstorage: inmemory\nhttp: {net: unix, addr: SOCKET}\n' },
  { title: 'a kind of network that there is not', text: 'http: {net: carrier-pigeon}' },
  { title: 'a drain timeout', text: 'http: {draintimeout: 5s}' },
  {
    title: 'a drain timeout without a unit',
    text: 'http: {draintimeout: 5}',
    difference: 'Duration without a unit',
    refused: true,
  },
  { title: 'no HTTP/2', text: 'http: {http2: {disabled: true}}' },
  { title: 'a debug server', text: 'http: {debug: {addr: "127.0.0.1:DEBUG"}}' },
  { title: 'metrics', text: 'http: {debug: {addr: "127.0.0.1:DEBUG", prometheus: {enabled: true}}}' },
  { title: 'no version', whole: 'storage: inmemory\nhttp: {addr: ":PORT"}\n' },
  { title: 'a version that there is not', whole: 'version: 0.2\nstorage: inmemory\nhttp: {addr: ":PORT"}\n' },
  { title: 'no storage', whole: 'version: 0.1\nhttp: {addr: ":PORT"}\n' },
  { title: 'two storages', text: 'storage: {inmemory: {}}' },
  { title: 'a storage that there is not', whole: 'version: 0.1\nstorage: floppy\nhttp: {addr: ":PORT"}\n' },
  {
    title: 'an endpoint that is switched off',
    text: 'notifications: {endpoints: [{name: a, url: "http://a/", disabled: true}]}',
  },
  { title: 'events that go nowhere', text: 'notifications: {events: {includereferences: true}}' },
  {
    title: 'an endpoint',
    text: 'notifications: {endpoints: [{name: a, url: "http://127.0.0.1:1/", timeout: 1s, threshold: 1, backoff: 1s}]}',
  },
  {
    title: 'an endpoint without a URL',
    text: 'notifications: {endpoints: [{name: a}]}',
    difference: 'Endpoint without a URL, or with the name of another one',
    refused: true,
  },
  { title: 'nobody to know', text: 'auth: none' },
  { title: 'nobody to know, with keys', text: 'auth: {None: {realm: a}}' },
  { title: 'users', text: 'auth: {htpasswd: {realm: a, path: DATA/htpasswd}}' },
  { title: 'users without a file', text: 'auth: {htpasswd: {realm: a}}' },
  {
    title: 'users by variables',
    variables: { REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD_REALM: 'a', REGISTRY_AUTH_HTPASSWD_PATH: 'DATA/htpasswd' },
  },
  {
    title: 'tokens',
    text: 'auth: {token: {realm: "http://a/", service: b, issuer: c, rootcertbundle: /etc/ssl/certs/ca-certificates.crt}}',
  },
  {
    title: 'tokens without a certificate',
    text: 'auth: {token: {realm: "http://a/", service: b, issuer: c, rootcertbundle: /nowhere/bundle.pem}}',
  },
  {
    title: 'tokens without an issuer',
    text: 'auth: {token: {realm: "http://a/", service: b, rootcertbundle: /etc/ssl/certs/ca-certificates.crt}}',
  },
  { title: 'whoever says anything', text: 'auth: {silly: {realm: "http://a/", service: b}}' },
  { title: 'whoever says anything, without a service', text: 'auth: {silly: {realm: "http://a/"}}' },
  { title: 'a way to know users that there is not', text: 'auth: {ldap: {url: "ldap://a"}}' },
  { title: 'two ways to know users', text: 'auth: {htpasswd: {realm: a, path: /h}, silly: {realm: a, service: b}}' },
  {
    title: 'a cache of another registry that is not there',
    text: 'proxy: {remoteurl: "http://127.0.0.1:1"}',
    difference: '`proxy`: the upstream is not there at the start',
  },
  { title: 'a small catalog', text: 'catalog: {maxentries: 1}' },
  { title: 'URLs, without a word about them', urls: true, difference: 'Foreign layers, non-distributable layers' },
  { title: 'no validation', text: 'validation: {disabled: true}', urls: true },
  {
    title: 'URLs that are allowed and denied',
    urls: true,
    text: "validation: {manifests: {urls: {allow: ['^https?://([^/]+\\.)*example\\.com/'], deny: ['^https?://internal\\.']}}}",
  },
  { title: 'URLs that are denied', urls: true, text: "validation: {manifests: {urls: {deny: ['^https?://internal\\.']}}}" },
  { title: 'an expression that is none', text: "validation: {manifests: {urls: {allow: ['(']}}}" },
  { title: 'images alone', text: 'policy: {repository: {classes: [image]}}' },
  {
    title: 'all health checks',
    text: `health:
  storagedriver: {enabled: true, interval: 10s, threshold: 3}
  file: [{file: /nowhere/out-of-service, interval: 10s}]
  http: [{uri: "http://127.0.0.1:PORT/v2/", statuscode: 200, timeout: 3s, interval: 10s, threshold: 3, headers: {X-A: [b]}}]
  tcp: [{addr: "127.0.0.1:PORT", timeout: 3s, interval: 10s, threshold: 3}]
http: {debug: {addr: ":DEBUG"}}`,
  },
  { title: 'a report to nobody', text: 'reporting: {bugsnag: {}, newrelic: {}}' },
  { title: 'schema 1', text: 'compatibility: {schema1: {enabled: false}}' },
  { title: 'REGISTRY_HTTP_PREFIX', variables: { REGISTRY_HTTP_PREFIX: '/images/' }, prefix: '/images' },
  { title: 'REGISTRY_STORAGE', variables: { REGISTRY_STORAGE: 'inmemory' } },
  { title: 'REGISTRY_STORAGE_DELETE_ENABLED', variables: { REGISTRY_STORAGE_DELETE_ENABLED: 'true' } },
  {
    title: 'a section as YAML',
    variables: { REGISTRY_STORAGE_MAINTENANCE_READONLY: '{"enabled":true}' },
  },
  {
    title: 'a key of a section that registry:2 cannot reach',
    variables: { REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'true' },
    difference: 'Section that is not complete',
  },
  { title: 'a header by its name', variables: { 'REGISTRY_HTTP_HEADERS_X-TEST': '[one]' } },
  { title: 'headers as YAML', variables: { REGISTRY_HTTP_HEADERS: '{X-Test: [one], X-Other: [two]}' } },
  { title: 'fields of the log', variables: { REGISTRY_LOG_FIELDS: 'a: b', REGISTRY_LOG_FORMATTER: 'json' } },
  {
    title: 'variables of Kubernetes',
    variables: { REGISTRY_PORT: 'tcp://10.0.0.1:5000', REGISTRY_SERVICE_HOST: '10.0.0.1', REGISTRY_PORT_5000_TCP_PORT: '5000' },
  },
  { title: 'variables that are nobody’s', variables: { REGISTRY_COLOUR: 'blue', REGISTRY_HTTP_ADR: ':1' } },
  { title: 'a level that there is not', variables: { REGISTRY_LOG_LEVEL: 'loud' } },
  { title: 'a second storage', variables: { REGISTRY_STORAGE_S3_BUCKET: 'bucket' } },
  { title: 'no validation, by variable', variables: { REGISTRY_VALIDATION_DISABLED: 'true' }, urls: true },
  {
    title: 'a debug server by variables',
    variables: { REGISTRY_HTTP_DEBUG_ADDR: ':DEBUG', REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true' },
  },
  { title: 'no file, but its path in a variable', noFile: true, variables: { REGISTRY_CONFIGURATION_PATH: 'CONFIG' } },
  {
    title: 'nothing at all but an address',
    noFile: true,
    variables: { REGISTRY_HTTP_ADDR: ':PORT', REGISTRY_STORAGE: 'inmemory' },
    difference: 'No file',
  },
  ...READING_CASES,
]
