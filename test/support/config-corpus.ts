import { MORE_CONFIGS } from './config-corpus-more.ts'
import type { Environment } from './processes.ts'

/** A configuration as people have it, and what becomes of it. */
export interface CorpusConfig {
  readonly title: string
  /** ROOT is a folder with certs/registry.crt, certs/registry.key and certs/auth.pem; PORT and DEBUG are ports. Undefined: no file. */
  readonly text: string
  readonly variables?: Environment
  /** Why Berth does not start: the key that it names, and the kind of reason. Undefined: it starts. */
  readonly refused?: readonly [key: string, reason: Reason]
  /** Whether docker-registry 2.8.2 refuses it; test/nightly/config-corpus-peer.test.ts asks it. */
  readonly refusedByRegistry2?: true
  /** It asks another server, or wants one, when it starts. */
  readonly needs?: 'a certificate authority' | 'another registry' | 'a module of registry:2'
}

/** What is to come, what is left out on purpose, and mistakes that registry:2 refuses as well. */
export type Reason = 'middleware' | 'storage driver' | 'mail hook' | 'key below storage' | 'mistake'

const BASE = `version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: ROOT/registry
http:
  addr: 127.0.0.1:PORT
  headers:
    X-Content-Type-Options: [nosniff]
`
const HEALTH = 'health:\n  storagedriver:\n    enabled: true\n    interval: 10s\n    threshold: 3\n'
const USERS = 'auth:\n  htpasswd:\n    realm: Registry Realm\n    path: ROOT/users\n'
const TLS = '  tls:\n    certificate: ROOT/certs/registry.crt\n    key: ROOT/certs/registry.key\n'
const DELETES = BASE.replace('  filesystem:', '  delete:\n    enabled: true\n  filesystem:')
const CORS = `    Access-Control-Allow-Origin: ['http://ui.example.com']
    Access-Control-Allow-Methods: ['HEAD', 'GET', 'OPTIONS', 'DELETE']
    Access-Control-Allow-Headers: ['Authorization', 'Accept', 'Cache-Control']
    Access-Control-Max-Age: [1728000]
    Access-Control-Allow-Credentials: [true]
    Access-Control-Expose-Headers: ['Docker-Content-Digest']
`
const HUB = 'proxy:\n  remoteurl: https://registry-1.docker.io\n'
const ENDPOINT = 'notifications:\n  endpoints:\n    - name: hook\n      url: http://hook.example.com/events\n'

/**
 * Sixty configurations of our own, modelled on what people publish: files of packages, charts, compose files, walk-throughs, leftovers of
 * other programs and mistakes that registry:2 never told. Of 140 that were looked at, 16 in a hundred are mirrors and 13 send events.
 */
export const CONFIG_CORPUS: readonly CorpusConfig[] = [
  { title: 'the file that an image brings, on one address', text: `${BASE}${HEALTH}` },
  { title: 'deletes, for a page that shows images', text: `${DELETES}${CORS}${HEALTH}` },
  { title: 'users and a certificate', text: `${BASE}${TLS}${USERS}${HEALTH}` },
  { title: 'users behind a proxy', text: `${BASE}  host: https://registry.example.com\n  relativeurls: true\n${USERS}` },
  { title: 'a name without a scheme', text: `${BASE}  host: registry.example.com\n${HEALTH}` },
  { title: 'a secret that several share', text: `${BASE}  secret: a-long-random-text\n` },
  { title: 'every interface of IPv4, as many write it', text: BASE.replace('127.0.0.1:PORT', '0.0.0.0:PORT') },
  {
    title: 'a debug server and metrics',
    text: `${BASE}  debug:\n    addr: 127.0.0.1:DEBUG\n    prometheus:\n      enabled: true\n      path: /metrics\n`,
  },
  { title: 'deletes in quotes', text: DELETES.replace('enabled: true', 'enabled: "true"') },
  { title: 'deletes at the top, where nothing reads them', text: `${BASE}delete:\n  enabled: true\n` },
  { title: 'a timeout that there never was', text: `${BASE}  timeout: 30s\n` },
  { title: 'http below http', text: `${BASE}  http:\n    headers:\n      X-Frame-Options: [deny]\n` },
  { title: 'metrics at the top', text: `${BASE}metrics:\n  enabled: true\n  port: 5001\n` },
  { title: 'the old level of the log', text: `loglevel: debug\n${BASE.replace('log:\n  fields:\n    service: registry\n', '')}` },
  {
    title: 'everything with empty texts, as a template writes it',
    text: `${BASE}  net: ""\n  host: ""\n  prefix: ""\n  tls:\n    certificate: ""\n    key: ""\n  debug:\n    addr: ""\nlogging: {}\n`,
  },
  {
    title: 'a purge of uploads, and read only off',
    text: BASE.replace(
      '  filesystem:',
      '  maintenance:\n    uploadpurging:\n      enabled: true\n      age: 168h\n      interval: 24h\n      dryrun: false\n    readonly:\n      enabled: false\n  filesystem:',
    ),
  },
  {
    title: 'read only, for the hour of the collector',
    text: BASE.replace('  filesystem:', '  maintenance:\n    readonly:\n      enabled: true\n  filesystem:'),
  },
  {
    title: 'a purge that names one key',
    text: BASE.replace('  filesystem:', '  maintenance:\n    uploadpurging:\n      enabled: false\n  filesystem:'),
  },
  {
    title: 'a cache in Redis',
    text: `${BASE.replace('inmemory', 'redis')}redis:\n  addr: redis:6379\n  db: 0\n  dialtimeout: 10ms\n  readtimeout: 10ms\n  writetimeout: 10ms\n  pool:\n    maxidle: 16\n    maxactive: 64\n    idletimeout: 300s\n`,
  },
  {
    title: 'a token server beside GitLab',
    text: `${DELETES}auth:\n  token:\n    realm: https://gitlab.example.com/jwt/auth\n    service: container_registry\n    issuer: gitlab-issuer\n    rootcertbundle: ROOT/certs/auth.pem\n    autoredirect: false\nvalidation:\n  disabled: true\n`,
  },
  {
    title: 'a token server of docker_auth, with a certificate',
    text: `${BASE}${TLS}auth:\n  token:\n    realm: "https://auth.example.com:5001/auth"\n    service: "Docker registry"\n    issuer: "Auth server"\n    rootcertbundle: "ROOT/certs/auth.pem"\n`,
  },
  {
    title: "Let's Encrypt",
    text: `${BASE}  tls:\n    letsencrypt:\n      cachefile: ROOT/letsencrypt\n      email: operator@example.com\n      hosts: [registry.example.com]\n`,
    needs: 'a certificate authority',
  },
  { title: 'clients with certificates', text: `${BASE}${TLS}    clientcas:\n      - ROOT/certs/auth.pem\n` },
  { title: 'modern TLS alone', text: `${BASE}${TLS}    minimumtls: tls1.2\n  http2:\n    disabled: true\n` },
  {
    title: 'a bucket of Amazon',
    text: `version: 0.1\nstorage:\n  s3:\n    accesskey: AKIAEXAMPLE\n    secretkey: example\n    region: eu-central-1\n    bucket: images\n    encrypt: true\n    secure: true\n    chunksize: 5242880\n    rootdirectory: /registry\n  cache:\n    blobdescriptor: inmemory\nhttp:\n  addr: 127.0.0.1:PORT\n`,
  },
  {
    title: 'a bucket of MinIO',
    text: `version: 0.1\nstorage:\n  s3:\n    accesskey: minio\n    secretkey: minio123\n    region: us-east-1\n    regionendpoint: http://minio:9000\n    bucket: registry\n    secure: false\n    v4auth: true\n    forcepathstyle: true\n  redirect:\n    disable: true\n  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:PORT\n`,
  },
  {
    title: 'a bucket with booleans in quotes, and one of them twice',
    text: `version: 0.1\nstorage:\n  s3:\n    region: "us-east-1"\n    bucket: "images"\n    regionendpoint: ""\n    secure: "false"\n    encrypt: "false"\n    secure: "true"\nhttp:\n  addr: 127.0.0.1:PORT\n`,
  },
  {
    title: 'a bucket whose keys are those of a program before',
    text: `version: 0.1\nstorage:\n  s3:\n    region: us-east-1\n    bucket: images\n    rootpath: /registry\n    host: ~\n    port: ~\nhttp:\n  addr: 127.0.0.1:PORT\n`,
    refused: ['storage.s3.rootpath', 'key below storage'],
  },
  { title: 'memory, for a test', text: 'version: 0.1\nlog: {level: debug}\nstorage: inmemory\nhttp: {addr: "127.0.0.1:PORT"}\n' },
  { title: 'a mirror of Docker Hub', text: `${BASE}${HUB}${HEALTH}`, needs: 'another registry' },
  {
    title: 'a mirror with an account',
    text: `${BASE}${HUB}  username: someone\n  password: secret\n`,
    needs: 'another registry',
  },
  {
    title: 'a mirror that keeps what it has for long',
    text: `${DELETES}${HUB}  ttl: 720h\n`,
    needs: 'another registry',
  },
  ...MORE_CONFIGS({ BASE, HEALTH, USERS, DELETES, HUB, ENDPOINT }),
]
