import { type Digest, findDigest } from '../../oci/digest.ts'
import { findRepositoryName, type RepositoryName } from '../../oci/name.ts'
import { findTag, type Reference, type Tag } from '../../oci/reference.ts'
import type { Target } from '../request/target.ts'

/**
 * The page, for browsers. Things have the addresses that people know: `/ui/team/app`, `/ui/team/app:v1`, `/ui/team/app@sha256:…`, and
 * `/ui/team/` for what is below. Below `/ui/-/` is what is no repository, and below `/ui/team/app/-/` what is done with one: no name has such a part.
 */
export type PageRoute =
  | RepositoriesPage
  | RepositoryPage
  | PartPage
  | ImagePage
  | ContentPage
  | HistoryPage
  | AssetPage
  | SignOutPage
  | OwnPage
  | NowherePage

/** `/` and `/ui/<folder>/` */
export interface RepositoriesPage {
  readonly resource: 'page-repositories'
  /** '' or names of folders with a slash behind each. */
  readonly below: string
  readonly query: URLSearchParams
}

/** `/ui/<name>` */
export interface RepositoryPage {
  readonly resource: 'page-repository'
  readonly repository: RepositoryName
  readonly query: URLSearchParams
}

/** `/ui/<name>/-/<word>` */
export interface PartPage {
  readonly resource: (typeof PARTS)[keyof typeof PARTS]
  readonly repository: RepositoryName
  readonly query: URLSearchParams
}

const PARTS = {
  star: 'page-star',
  description: 'page-description',
  delete: 'page-deletion',
  deleted: 'page-deleted',
  compare: 'page-comparison',
  space: 'page-space',
  inside: 'page-inside',
  files: 'page-files',
} as const

/** `/ui/<name>:<tag>` and `/ui/<name>@<digest>` */
export interface ImagePage {
  readonly resource: 'page-image'
  readonly repository: RepositoryName
  readonly reference: Reference
  readonly query: URLSearchParams
}

/** `/ui/<name>@<digest>/manifest`, `/config`, and `/layer-0` of what is a text: the bytes as they are. */
export interface ContentPage {
  readonly resource: 'page-content'
  readonly repository: RepositoryName
  readonly reference: Digest
  /** A number: the place of a layer. */
  readonly part: 'manifest' | 'config' | number
  readonly query: URLSearchParams
}

/** `/ui/<name>:<tag>/history` */
export interface HistoryPage {
  readonly resource: 'page-history'
  readonly repository: RepositoryName
  readonly reference: Tag
  readonly query: URLSearchParams
}

/** `/ui/-/<name>.<hash>.<extension>` */
export interface AssetPage {
  readonly resource: 'page-asset'
  readonly name: string
}

/** `/ui/-/<word>` */
export interface OwnPage {
  readonly resource: (typeof OWN_WORDS)[keyof typeof OWN_WORDS]
  readonly query: URLSearchParams
}

const OWN_WORDS = {
  'sign-in': 'page-sign-in',
  activity: 'page-activity',
  space: 'page-storage',
  deployments: 'page-deployments',
  account: 'page-account',
  users: 'page-users',
  groups: 'page-groups',
  rules: 'page-rules',
  webhooks: 'page-webhooks',
} as const

/** `/ui/-/sign-out` */
export interface SignOutPage {
  readonly resource: 'page-sign-out'
}

/** There is nothing at this path. */
export interface NowherePage {
  readonly resource: 'page-nowhere'
}

export function isOfPage(route: { readonly resource: string }): route is PageRoute {
  return route.resource.startsWith('page-')
}

const NOWHERE: NowherePage = { resource: 'page-nowhere' }
const BEGINNING = '/ui/'

/** Undefined for what is not about the page. `prefix` is '' or a path without the slash at its end. */
export function findPageRoute(request: Request, url: Target, prefix: string): PageRoute | undefined {
  if (!url.pathname.startsWith(`${prefix}/`)) return undefined
  const path = url.pathname.slice(prefix.length)
  if (path === '/') return wantsHtml(request) ? repositories('', url.searchParams) : undefined
  if (path === '/ui') return repositories('', url.searchParams)
  return path.startsWith(BEGINNING) ? routeIn(path.slice(BEGINNING.length), url.searchParams) : undefined
}

/** Browsers name HTML; curl, wget, load balancers and clients of registries take anything. */
function wantsHtml({ method, headers }: Request): boolean {
  return (method === 'GET' || method === 'HEAD') && /(?:^|,)\s*text\/html\b/i.test(headers.get('accept') ?? '')
}

function repositories(below: string, query: URLSearchParams): PageRoute {
  return { resource: 'page-repositories', below, query }
}

const OWN = /^-\/([a-z0-9.-]{1,100})$/
const PART = /^([a-z0-9._/-]+)\/-\/([a-z]{1,20})$/
const THING = /^([a-z0-9._/-]+)(?:@([a-z0-9]+:[0-9a-f]+)(?:\/(manifest|config|layer-\d{1,3}))?|:([A-Za-z0-9_.-]+)(\/history)?)?$/

function routeIn(path: string, query: URLSearchParams): PageRoute {
  if (path === '') return repositories('', query)
  const own = OWN.exec(path)?.[1]
  if (own !== undefined) return ownRoute(own, query)
  const decoded = decodedPath(path)
  if (decoded.endsWith('/'))
    return findRepositoryName(decoded.slice(0, -1)) === undefined ? NOWHERE : repositories(decoded, query)
  const [, whole = '', word = ''] = PART.exec(decoded) ?? []
  if (word !== '') return partRoute(whole, word, query)
  const [, name = '', digestText, part, tagText, history] = THING.exec(decoded) ?? []
  const repository = findRepositoryName(name)
  if (repository === undefined) return NOWHERE
  if (digestText === undefined && tagText === undefined) return { resource: 'page-repository', repository, query }
  const digest = findDigest(digestText ?? '')
  if (digest !== undefined) return ofDigest(repository, digest, part, query)
  const reference = findTag(tagText ?? '')
  if (reference === undefined) return NOWHERE
  return { resource: history === undefined ? 'page-image' : 'page-history', repository, reference, query }
}

function ofDigest(repository: RepositoryName, reference: Digest, part: string | undefined, query: URLSearchParams): PageRoute {
  if (part === undefined) return { resource: 'page-image', repository, reference, query }
  const shown = part === 'manifest' || part === 'config' ? part : Number(part.slice('layer-'.length))
  return { resource: 'page-content', repository, reference, part: shown, query }
}

function partRoute(name: string, word: string, query: URLSearchParams): PageRoute {
  const repository = findRepositoryName(name)
  const resource = Object.hasOwn(PARTS, word) ? PARTS[word as keyof typeof PARTS] : undefined
  return repository === undefined || resource === undefined ? NOWHERE : { resource, repository, query }
}

function ownRoute(name: string, query: URLSearchParams): PageRoute {
  if (name === 'sign-out') return { resource: 'page-sign-out' }
  if (Object.hasOwn(OWN_WORDS, name)) return { resource: OWN_WORDS[name as keyof typeof OWN_WORDS], query }
  return { resource: 'page-asset', name }
}

/** Browsers and chats encode a colon now and then. */
function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch (error) {
    if (error instanceof URIError) return ''
    throw error
  }
}
