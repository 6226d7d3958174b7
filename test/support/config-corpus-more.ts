import type { CorpusConfig } from './config-corpus.ts'

type Parts = Readonly<Record<'BASE' | 'HEALTH' | 'USERS' | 'DELETES' | 'HUB' | 'ENDPOINT', string>>

const MIRROR = { needs: 'another registry' } as const

/** The rest of the sixty: mirrors, events, variables, what Berth does not have, and mistakes. */
export function MORE_CONFIGS({ BASE, HEALTH, USERS, DELETES, HUB, ENDPOINT }: Parts): readonly CorpusConfig[] {
  return [
    { title: 'a mirror with users', text: `${BASE}${USERS}${HUB}`, ...MIRROR },
    { title: 'a mirror of another registry', text: `${BASE}proxy:\n  remoteurl: https://quay.io\n  ttl: 24h\n`, ...MIRROR },
    {
      title: 'a mirror by variables',
      text: BASE,
      variables: {
        REGISTRY_PROXY_REMOTEURL: 'https://registry-1.docker.io',
        REGISTRY_PROXY_USERNAME: 'someone',
        REGISTRY_PROXY_PASSWORD: 'secret',
      },
      ...MIRROR,
    },
    {
      title: 'a mirror of a mirror in the house',
      text: `${BASE}proxy: {remoteurl: "http://mirror:5000"}\nlog: {accesslog: {disabled: true}}\n`,
      ...MIRROR,
    },
    {
      title: 'a mirror on Nomad',
      text: `${BASE.replace('registry\n', 'mirror\n')}${HUB}  ttl: 168h\ntags:\n  maxtags: 100\n`,
      ...MIRROR,
    },
    {
      title: 'a mirror with a memory of its own',
      text: `version: 0.1\nstorage:\n  inmemory:\nhttp:\n  addr: 127.0.0.1:PORT\n${HUB}`,
      ...MIRROR,
    },
    {
      title: 'a mirror that is switched off by an empty address',
      text: `${BASE}proxy:\n  remoteurl: ""\n  username: ""\n  password: ""\n`,
    },
    {
      title: 'events for a hook',
      text: `${BASE}${ENDPOINT}      timeout: 500ms\n      threshold: 5\n      backoff: 1s\n`,
    },
    {
      title: 'events with a token',
      text: `${DELETES}${ENDPOINT}      headers:\n        Authorization: [Bearer secret]\n      timeout: 1s\n      threshold: 10\n      backoff: 5s\n`,
    },
    {
      title: 'events without what lies elsewhere',
      text: `${BASE}${ENDPOINT}      ignoredmediatypes: [application/octet-stream]\n      timeout: 1s\n      threshold: 3\n      backoff: 1s\n`,
    },
    {
      title: 'events for Portus, with tokens',
      text: `${DELETES}auth:\n  token:\n    realm: https://portus.example.com/v2/token\n    service: registry.example.com:5000\n    issuer: portus.example.com\n    rootcertbundle: ROOT/certs/auth.pem\n${ENDPOINT}      timeout: 2s\n      threshold: 5\n      backoff: 1s\n`,
    },
    {
      title: 'events by variables',
      text: BASE,
      variables: {
        REGISTRY_NOTIFICATIONS_ENDPOINTS:
          '[{name: hook, url: "http://hook.example.com", timeout: 1s, threshold: 3, backoff: 1s}]',
      },
    },
    {
      title: 'events to two places, one of them off',
      text: `${BASE}${ENDPOINT}      disabled: true\n    - name: other\n      url: http://other.example.com\n      timeout: 1s\n      threshold: 3\n      backoff: 1s\n`,
    },
    { title: 'events that are off', text: `${BASE}${ENDPOINT}      disabled: true\n` },
    {
      title: 'a compose file with users',
      text: BASE,
      variables: {
        REGISTRY_AUTH: 'htpasswd',
        REGISTRY_AUTH_HTPASSWD_REALM: 'Registry Realm',
        REGISTRY_AUTH_HTPASSWD_PATH: 'ROOT/users',
        REGISTRY_STORAGE_DELETE_ENABLED: 'true',
        REGISTRY_HTTP_SECRET: 'abc',
      },
    },
    {
      title: 'a compose file that keeps its quotes',
      text: BASE,
      variables: { REGISTRY_STORAGE_DELETE_ENABLED: '"true"', REGISTRY_HTTP_ADDR: "'0.0.0.0:PORT'" },
    },
    {
      title: 'a compose file with headers for a page',
      text: BASE,
      variables: {
        REGISTRY_HTTP_HEADERS_ACCESS_CONTROL_ALLOW_ORIGIN: "['*']",
        REGISTRY_HTTP_HEADERS: '{Access-Control-Allow-Origin: ["*"]}',
        REGISTRY_LOGLEVEL: 'info',
      },
    },
    {
      title: 'a pod in a namespace with a service called registry',
      text: `${BASE}${HEALTH}`,
      variables: {
        REGISTRY_PORT: 'tcp://10.0.0.1:5000',
        REGISTRY_SERVICE_PORT: '5000',
        REGISTRY_UI_PORT_80_TCP_ADDR: '10.0.0.2',
      },
    },
    {
      title: 'a bucket by variables that replace the folder',
      text: BASE,
      variables: {
        REGISTRY_STORAGE: 's3',
        REGISTRY_STORAGE_S3_BUCKET: 'images',
        REGISTRY_STORAGE_S3_REGION: 'us-east-1',
        REGISTRY_STORAGE_S3_ACCESSKEY: 'a',
        REGISTRY_STORAGE_S3_SECRETKEY: 'b',
      },
    },
    {
      title: 'a bucket by variables beside the folder',
      text: BASE,
      variables: { REGISTRY_STORAGE_S3_BUCKET: 'images', REGISTRY_STORAGE_S3_REGION: 'us-east-1' },
      refused: ['storage names filesystem', 'mistake'],
      refusedByRegistry2: true,
    },
    {
      title: 'Google Cloud Storage',
      text: 'version: 0.1\nstorage:\n  gcs:\n    bucket: images\nhttp:\n  addr: 127.0.0.1:PORT\n',
      refused: ['storage.gcs', 'storage driver'],
      needs: 'a module of registry:2',
    },
    {
      title: 'Azure',
      text: 'version: 0.1\nstorage:\n  azure:\n    accountname: a\n    accountkey: b\n    container: images\nhttp:\n  addr: 127.0.0.1:PORT\n',
      refused: ['storage.azure', 'storage driver'],
      needs: 'a module of registry:2',
    },
    {
      title: 'CloudFront before a bucket',
      text: 'version: 0.1\nstorage:\n  s3: {bucket: images, region: us-east-1}\nmiddleware:\n  storage:\n    - name: cloudfront\n      options: {baseurl: "https://cdn.example.com/", privatekey: ROOT/certs/registry.key, keypairid: A}\nhttp:\n  addr: 127.0.0.1:PORT\n',
      refused: ['middleware', 'middleware'],
      needs: 'a module of registry:2',
    },
    {
      title: 'mail for what goes wrong',
      text: `${BASE.replace('log:\n', 'log:\n  hooks:\n    - type: mail\n      levels: [panic]\n      options:\n        smtp: {addr: "mail.example.com:25", username: a, password: b, insecure: true}\n        from: registry@example.com\n        to: [operator@example.com]\n')}`,
      refused: ['log.hooks', 'mail hook'],
    },
    {
      title: 'two storages, one left over',
      text: BASE.replace('  filesystem:', '  inmemory:\n  filesystem:'),
      refused: ['storage names filesystem', 'mistake'],
      refusedByRegistry2: true,
    },
    {
      title: 'a tab',
      text: `${BASE}health:\n\tstoragedriver:\n\t\tenabled: true\n`,
      refused: ['a tab stands where spaces must indent', 'mistake'],
      refusedByRegistry2: true,
    },
    { title: 'no version', text: BASE.replace('version: 0.1\n', ''), refused: ['version', 'mistake'], refusedByRegistry2: true },
    {
      title: 'a key of a certificate without the certificate, left from a try',
      text: `${BASE}  tls:\n    certificate: ""\n    key: ROOT/certs/registry.key\n`,
      refused: ['http.tls.key', 'mistake'],
    },
  ]
}
