import { key, list, map, optionalKey, type Reading, section } from './keys.ts'
import { tls } from './tls-schema.ts'
import {
  boolean,
  durationMs,
  findBoolean,
  headerName,
  headerValues,
  listenAddress,
  oneOf,
  pathPrefix,
  proxyRange,
  publicUrl,
  secret,
  urlPath,
  wholeNumber,
} from './values.ts'

const debug = section({
  addr: optionalKey(listenAddress, {
    about: 'Where the debug server listens, with /debug/health and the metrics. Left out, there is none.',
    example: 'localhost:5001',
  }),
  prometheus: section({
    enabled: key(boolean, { default: 'false', example: 'true', about: 'Serves metrics for Prometheus on the debug address.' }),
    path: key(urlPath, { default: '/metrics', example: '/prometheus', about: 'Where they are.' }),
  }),
})

/** The server that clients talk to. */
export const http = section({
  addr: key(listenAddress, { default: ':5000', example: '127.0.0.1:5000', about: 'Where to listen.' }),
  net: key(oneOf('tcp', 'unix'), {
    default: 'tcp',
    example: 'unix',
    about: 'Whether addr is a network address or the path of a socket.',
  }),
  host: optionalKey(publicUrl, {
    about: 'The address that clients use.',
    example: 'https://registry.example.com',
    reading: onlyWithScheme,
    notice: () => `${locationsArePaths()} Of this address its path is used, and the whole where clients are told to get a token.`,
  }),
  prefix: key(pathPrefix, { default: '/', example: '/registry/', about: 'The path before /v2/.' }),
  secret: optionalKey(secret, {
    about: 'What registry:2 signs the state of uploads with.',
    example: 'a-random-text',
    notice: () => 'Upload addresses of Berth carry no state to sign; the secret is not used.',
  }),
  relativeurls: optionalKey(boolean, {
    about: 'Answers with paths instead of whole addresses in Location. Berth always does.',
    example: 'true',
    notice: (value) => (findBoolean(value) === true ? undefined : locationsArePaths()),
  }),
  headers: map(headerValues, {
    about: 'Added to every answer.',
    example: '{X-Content-Type-Options: [nosniff]}',
    name: headerName,
  }),
  trustedproxies: list(proxyRange, {
    about:
      'Proxies whose X-Forwarded-* and Forwarded headers are believed: addresses and ranges; none: no proxy. ' +
      'Empty: this machine and private networks, each about its own peer alone.',
    example: '[192.0.2.10, 10.1.0.0/16]',
  }),
  // Docker kills a container that is still there ten seconds after it was asked to stop.
  draintimeout: key(durationMs, {
    default: '8s',
    example: '60s',
    about: 'How long requests may take to finish when Berth is asked to stop.',
  }),
  idle: section({
    reader: key(durationMs, {
      default: '1h',
      example: '10m',
      about: 'How long a client may read nothing of an answer that waits for it before its connection is cut; 0: for ever.',
    }),
    writer: key(durationMs, {
      default: '1h',
      example: '10m',
      about: 'How long a client may send nothing of a body that it has begun before it gets 408; 0: for ever.',
    }),
  }),
  connections: section({
    total: optionalKey(wholeNumber(1), {
      about:
        'How many connections there are at once, in all processes together. Left out: 10000 for each process, or half of the files that it ' +
        'may have open beyond 64 where that is less; more than that there never are.',
      example: '2000',
    }),
    peraddress: key(wholeNumber(0), {
      default: '1000',
      example: '100',
      about: 'How many of them come from one address that is no trusted proxy; 0: any number.',
    }),
  }),
  processes: optionalKey(wholeNumber(1), {
    about: 'How many processes share the address and the data; one for each core, at most 4, when left out.',
    example: '2',
  }),
  debug,
  http2: section({
    disabled: optionalKey(boolean, {
      about: 'Keeps registry:2 from speaking HTTP/2 over TLS.',
      example: 'true',
      notice: (value) => (findBoolean(value) === true ? undefined : speaksHttp1()),
    }),
  }),
  h2c: section({
    enabled: optionalKey(boolean, {
      about: 'Lets registry:3 speak HTTP/2 without TLS.',
      example: 'false',
      notice: (value) => (findBoolean(value) === true ? speaksHttp1() : undefined),
    }),
  }),
  tls,
})

/** registry:2 takes the address of the request where this one has no scheme or no host. */
function onlyWithScheme(text: string): Reading | undefined {
  if (text === '' || text.includes('://')) return undefined
  return { value: null, notice: 'has no http:// or https:// in front, and so no effect, as in registry:2.' }
}

function locationsArePaths(): string {
  return 'Berth answers with paths alone in Location, which are right behind every proxy.'
}

function speaksHttp1(): string {
  return 'Berth speaks HTTP/1.1, as every client does.'
}
