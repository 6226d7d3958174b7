import type { ConfigCase } from './config-cases.ts'

const MINIMAL = 'version: 0.1\nstorage: {inmemory: {}}\nhttp: {addr: "127.0.0.1:PORT"}\n'

/** Texts that registry:2 reads in its own way: keys that there are not, empty texts, texts for booleans, equal keys, addresses. */
export const READING_CASES: readonly ConfigCase[] = [
  {
    title: 'deletes, as a word and not as a boolean',
    text: 'storage: {delete: {enabled: "true"}}',
  },
  {
    title: 'deletes, as a variable that kept its quotes',
    variables: { REGISTRY_STORAGE_DELETE_ENABLED: '"true"' },
  },
  { title: 'deletes, as a number', text: 'storage: {delete: {enabled: 1}}' },
  { title: 'deletes, as YAML 1.1 may write it', text: 'storage: {delete: {enabled: Yes}}' },
  { title: 'deletes, with an empty text', text: 'storage: {delete: {enabled: ""}}' },
  { title: 'read only, as a word and not as a boolean', text: 'storage: {maintenance: {readonly: {enabled: "true"}}}' },
  { title: 'no redirects, as a word and not as a boolean', text: 'storage: {redirect: {disable: "true"}}' },
  {
    title: 'no purge of uploads, as a word and not as a boolean',
    text: 'storage: {maintenance: {uploadpurging: {enabled: "false", age: 24h, interval: 1h, dryrun: false}}}',
  },
  { title: 'no validation, as a word and not as a boolean', text: 'validation: {disabled: "true"}' },
  {
    title: 'keys that there are not',
    text: 'proxxy: {}\nx-notes: {owner: me}\ndelete: {enabled: true}\nhttp: {timeout: 3s, http: {}}',
  },
  { title: 'a key in storage that there is not', text: 'storage: {delte: {enabled: true}}' },
  {
    title: 'a key below storage that there is not',
    text: 'storage: {delete: {enabledd: true}}',
    difference: 'Unknown key below `storage`',
    refused: true,
  },
  {
    title: 'empty texts',
    text: 'log: {formatter: ""}\nhttp: {net: "", host: "", prefix: "", secret: "", debug: {addr: "", prometheus: {enabled: false, path: ""}}}',
  },
  { title: 'users with an empty realm', text: 'auth: {htpasswd: {realm: "", path: DATA/htpasswd}}' },
  { title: 'users with an empty path', text: 'auth: {htpasswd: {realm: a, path: ""}}' },
  { title: 'no auth, as an empty text', text: 'auth: ""' },
  { title: 'a public address without a scheme', text: 'http: {host: registry.example.com}' },
  { title: 'a public address without a scheme, with a port', text: 'http: {host: "registry.example.com:5000/images"}' },
  {
    title: 'a public address of four numbers and a port, without a scheme',
    text: 'http: {host: "10.1.2.3:5000"}',
    difference: '`http.host` of numbers and a port without a scheme',
  },
  { title: 'a second document', whole: `${MINIMAL}---\nversion: 9\n` },
  { title: 'a second document that cannot be read', whole: `${MINIMAL}---\nversion: [9\n` },
  { title: 'a key twice', whole: `${MINIMAL}version: 0.1\n` },
  { title: 'an address twice', whole: MINIMAL.replace('addr:', 'addr: "127.0.0.1:1", addr:') },
  { title: 'a section twice, with other keys', whole: `${MINIMAL}http: {headers: {X-Test: [one]}}\n` },
  { title: 'a section twice, empty at last', whole: `${MINIMAL}catalog: {maxentries: 1}\ncatalog:\n` },
  {
    title: 'headers twice',
    whole: MINIMAL.replace('}', ', headers: {X-Test: [one], X-Other: [two]}, headers: {X-Other: [three]}}'),
  },
  {
    title: 'storage twice',
    whole: `version: 0.1\nstorage: {filesystem: {rootdirectory: /nowhere}, delete: {enabled: true}}\n${MINIMAL.replace('version: 0.1\n', '')}`,
  },
  {
    title: 'auth twice',
    whole: `${MINIMAL}auth: {htpasswd: {realm: a, path: /nowhere/h}}\nauth: {silly: {realm: a, service: b}}\n`,
  },
  { title: 'every interface', text: 'http: {addr: ":PORT"}', ipv6: true },
  { title: 'every interface, as IPv4 writes it', text: 'http: {addr: "0.0.0.0:PORT"}', ipv6: true },
  { title: 'every interface, as IPv6 writes it', text: 'http: {addr: "[::]:PORT"}', ipv6: true },
  { title: 'one address of IPv4', text: 'http: {addr: "127.0.0.1:PORT"}', ipv6: true },
  { title: 'a debug server where clients are served', text: 'http: {debug: {addr: "127.0.0.1:PORT"}}' },
]
