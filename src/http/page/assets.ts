import type { PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import style from './assets/page.css' with { type: 'file' }
import script from './assets/page.js' with { type: 'file' }
import type { AssetPage } from './page-routes.ts'

/** Names of assets in addresses: each has a hash of its content. */
export interface AssetNames {
  readonly style: string
  readonly script: string
}

interface Asset {
  readonly name: string
  readonly mediaType: string
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly packed: Uint8Array<ArrayBuffer>
}

/** Read once, when the first browser comes. */
let assets: Promise<Readonly<Record<keyof AssetNames, Asset>>> | undefined

/** The names under which the assets are served by this program. */
export async function assetNames(): Promise<AssetNames> {
  const loaded = await load()
  return { style: loaded.style.name, script: loaded.script.name }
}

/**
 * An asset by its name. A browser may keep it for ever. One that has another hash was named by another version of Berth, beside which this one
 * serves: the browser gets what there is, and keeps it not at all.
 */
export async function getAsset({ request, route }: Call<AssetPage>): Promise<PlainResponse> {
  const [word = '', ...rest] = route.name.split('.')
  const loaded = await load()
  const asset = Object.values(loaded).find(({ name }) => name.startsWith(`${word}.`) && name.endsWith(`.${rest.at(-1)}`))
  if (asset === undefined || rest.length !== 2) return { status: 404, headers: { 'Content-Length': '0' }, body: null }
  const isPacked = /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '')
  const body = isPacked ? asset.packed : asset.bytes
  return {
    status: 200,
    headers: {
      'Content-Type': asset.mediaType,
      'Content-Length': String(body.length),
      ...(isPacked ? { 'Content-Encoding': 'gzip' } : {}),
      Vary: 'Accept-Encoding',
      'Cache-Control': asset.name === route.name ? 'public, max-age=31536000, immutable' : 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'Cross-Origin-Resource-Policy': 'same-origin',
    },
    body,
  }
}

async function load() {
  assets ??= loadAll()
  return await assets
}

async function loadAll() {
  const [loadedStyle, loadedScript] = await Promise.all([
    read(style, { word: 'page', extension: 'css', mediaType: 'text/css; charset=utf-8' }),
    read(script, { word: 'page', extension: 'js', mediaType: 'text/javascript; charset=utf-8' }),
  ])
  return { style: loadedStyle, script: loadedScript }
}

interface AssetKind {
  readonly word: string
  readonly extension: string
  readonly mediaType: string
}

async function read(path: string, { word, extension, mediaType }: AssetKind): Promise<Asset> {
  const bytes = await Bun.file(path).bytes()
  const hash = new Bun.CryptoHasher('sha256').update(bytes).digest('hex').slice(0, 16)
  return { name: `${word}.${hash}.${extension}`, mediaType, bytes, packed: Bun.gzipSync(bytes) }
}
