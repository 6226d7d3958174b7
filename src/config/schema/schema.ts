import { z } from 'zod'
import { GLOB_RULE, RepositoryGlob } from '../../oci/repository-glob.ts'
import { isSection, type Tree } from '../source/tree.ts'
import { access } from './access-schema.ts'
import { auth } from './auth-schema.ts'
import { health } from './health-schema.ts'
import { http } from './http-schema.ts'
import { exact, isSet, key, list, map, notNeeded, notYet, optionalKey, requiredKey, section } from './keys.ts'
import { postgres } from './metadata/postgres-schema.ts'
import { events, notifications } from './notification-schema.ts'
import { quotas } from './quota-schema.ts'
import { retention } from './retention-schema.ts'
import { storage } from './storage-schema.ts'
import { mirrors } from './upstream/mirror-schema.ts'
import { proxy } from './upstream/proxy-schema.ts'
import { boolean, findBoolean, oneOf, parsed, pattern, text, wholeNumber } from './values.ts'

/**
 * Every key of a configuration file: what it may hold, what holds when it is absent, and what is told about it. The larger sections are
 * in files of their own; docs/configuration.md is made from all of them.
 */

const log = section({
  level: key(oneOf('error', 'warn', 'info', 'debug'), {
    default: 'info',
    example: 'debug',
    about: 'What is written: this and everything graver.',
  }),
  formatter: key(oneOf('text', 'json', 'logstash'), { default: 'text', example: 'json', about: 'How a line looks.' }),
  fields: map(text, { about: 'Added to every line.', example: '{service: registry}' }),
  accesslog: section({
    disabled: key(boolean, { default: 'false', example: 'true', about: 'Leaves out the line for each request.' }),
    file: optionalKey(text, {
      example: '/var/log/berth/access.log',
      about: 'The file to which the lines about requests are added; standard output when left out.',
    }),
  }),
  file: optionalKey(text, {
    example: '/var/log/berth/berth.log',
    about: 'The file to which lines are added; standard error when left out.',
  }),
  reportcaller: key(boolean, {
    default: 'false',
    example: 'true',
    about: 'Adds to each line the place in the program that wrote it.',
  }),
  hooks: notYet({
    about: 'Sends log lines by mail.',
    below: ['[]disabled', '[]type', '[]levels', '[]options'],
    asks: hasEnabledEntry,
    advice: 'take it out, and send mail from where the log is collected',
  }),
})

const validation = section({
  enabled: optionalKey(boolean, {
    about: 'The opposite of disabled, over which true wins.',
    example: 'true',
    notice: () => 'The key is out of date in registry:2 too; write validation.disabled.',
  }),
  disabled: key(boolean, { default: 'false', example: 'true', about: 'Switches off what stands below manifests.' }),
  manifests: section({
    urls: section({
      allow: list(pattern, {
        about: 'The URL of a layer that lies elsewhere must match one of these regular expressions; left out, it may be any.',
        example: "['^https://([^/]+\\.)*example\\.com/']",
      }),
      deny: list(pattern, {
        about: 'The URL of a layer that lies elsewhere may match none of these.',
        example: "['^https://www\\.example\\.com/']",
      }),
    }),
    indexes: section({
      platforms: key(oneOf('all', 'none', 'list'), {
        default: 'all',
        example: 'list',
        about:
          'Which manifests of an image index must be in the repository: all, none, or those for the platforms of platformlist.',
      }),
      platformlist: list(
        section({
          architecture: requiredKey(text, { about: 'As an image index names it.', example: 'amd64' }),
          os: requiredKey(text, { about: 'As an image index names it.', example: 'linux' }),
        }),
        { about: 'The platforms that must be there when platforms is list.', example: '[{architecture: amd64, os: linux}]' },
      ),
    }),
  }),
})

const compatibility = section({
  schema1: section({
    enabled: optionalKey(boolean, {
      about: 'Takes manifests of Docker 1.9 and older.',
      example: 'false',
      notice: (value) => (findBoolean(value) === true ? noSchema1() : undefined),
    }),
    signingkeyfile: optionalKey(text, {
      about: 'What registry:2 signs such manifests with.',
      example: '/etc/registry/key.pem',
      notice: noSchema1,
    }),
  }),
})

const redis = notNeeded({
  about: 'The server that registry:2 keeps its cache in.',
  notice: 'Berth needs no cache in Redis; nothing here has an effect.',
  below: [
    ...['addr', 'addrs', 'username', 'password', 'db', 'clientname', 'protocol', 'mastername', 'sentinelusername'],
    ...['sentinelpassword', 'dialtimeout', 'readtimeout', 'writetimeout', 'contexttimeoutenabled', 'maxretries'],
    ...['minretrybackoff', 'maxretrybackoff', 'maxredirects', 'pool.maxidle', 'pool.maxactive', 'pool.idletimeout', 'poolfifo'],
    ...['poolsize', 'pooltimeout', 'minidleconns', 'maxidleconns', 'maxactiveconns', 'connmaxidletime', 'connmaxlifetime'],
    ...['readonly', 'routebylatency', 'routerandomly', 'disableidentity', 'identitysuffix', 'unstableresp3', 'tls.certificate'],
    ...['tls.key', 'tls.rootcas'],
  ],
})

export const schema = section({
  version: requiredKey(z.literal('0.1', { error: 'must be 0.1' }), {
    about: 'The version of the format of this file.',
    example: '0.1',
  }),
  log,
  loglevel: notNeeded({
    about: 'The old name of log.level, used when that is not set.',
    notice: 'The key is called log.level by now.',
  }),
  storage,
  metadata: exact(
    section({
      path: optionalKey(text, {
        about: 'The file of the metadata database; berth/metadata.db below the root folder when left out.',
        example: '/var/lib/berth/metadata.db',
      }),
      postgres,
    }),
  ),
  http,
  health,
  catalog: section({
    maxentries: key(wholeNumber(), {
      default: '1000',
      example: '100',
      about: 'The most repositories in one answer; 0 and less stand for the default.',
    }),
  }),
  tags: section({
    maxtags: key(wholeNumber(0), {
      default: '1000',
      example: '100',
      about: 'The most tags in one answer; 0 stands for the default.',
    }),
  }),
  search: exact(
    section({
      official: list(
        parsed((value) => RepositoryGlob.find(value), GLOB_RULE),
        {
          default: "['library/*']",
          example: "['library/*', 'base/**']",
          about: 'Repositories that a search calls official (docs/search.md), as patterns. An empty list: none.',
        },
        ['library/*'],
      ),
    }),
  ),
  ui: exact(
    section({
      enabled: key(boolean, {
        default: 'true',
        example: 'false',
        about: 'Serves the page for browsers at / (docs/page.md). Other clients get the same with it and without.',
      }),
    }),
  ),
  validation,
  policy: section({
    repository: section({
      classes: list(oneOf('image', 'plugin'), {
        about: 'What may be pushed: images, plugins of Docker. Empty: everything.',
        example: '[image]',
      }),
    }),
  }),
  compatibility,
  auth,
  access,
  quotas,
  notifications,
  events,
  proxy,
  mirrors,
  retention,
  middleware: notYet({
    about: 'Programs between the registry and its storage, such as CloudFront.',
    below: ['registry', 'repository', 'storage', 'storage[].name', 'storage[].disabled', 'storage[].options'],
  }),
  redis,
  reporting: notNeeded({
    about: 'Services that registry:2 reports failures to.',
    notice: 'Berth reports to no such service; failures are in its log.',
    below: [
      ...['bugsnag.apikey', 'bugsnag.releasestage', 'bugsnag.endpoint', 'newrelic.licensekey', 'newrelic.name'],
      'newrelic.verbose',
    ],
  }),
})

/** What the schema makes of a file that has no errors. */
export type ParsedConfig = z.output<typeof schema>

/** Every entry of the list can be switched off. */
function hasEnabledEntry(value: Tree): boolean {
  if (!Array.isArray(value)) return isSet(value)
  return value.some((entry) => !isSection(entry) || findBoolean(String(entry.disabled ?? '')) !== true)
}

function noSchema1(): string {
  return 'Berth takes no manifests of schema 1, as registry:3; they can be neither pushed nor pulled.'
}
