import { RegistryError } from '../../../../oci/errors.ts'
import { shownText } from '../../../../oci/image/shown-text.ts'
import type { Manifest } from '../../../../oci/manifest.ts'
import type { Call } from '../../../call.ts'
import type { ImagePage } from '../../page-routes.ts'
import type { Html } from '../../text/html.ts'
import { known, sourceLink, textOf } from '../../text/image-words.ts'
import { listText } from '../../text/words.ts'

const MAX_CHART_BYTES = 256 * 1024
const MAX_TEXT = 1_000
const MOST_SOURCES = 5

/** What a Helm chart says of itself: its config is its Chart.yaml. */
export async function chartFacts({ registry, route }: Call<ImagePage>, { references }: Manifest): Promise<Html | undefined> {
  const config = references.find(({ role }) => role === 'config')?.descriptor
  if (config === undefined || config.size === 0 || config.size > MAX_CHART_BYTES) return undefined
  const blob = await registry.blobs.get(route.repository, config.digest, { withBytes: true }).catch(absent)
  if (blob === undefined || blob.size > MAX_CHART_BYTES) return undefined
  const chart = parseChart(await new Response(await registry.blobs.content(blob)).text())
  return known([
    ['Chart', textOf(textIn(chart, 'name'))],
    ['Version', textOf(textIn(chart, 'version'))],
    ['App', textOf(textIn(chart, 'appVersion'))],
    ['About', textOf(textIn(chart, 'description'))],
    ['Home', sourceLink(textIn(chart, 'home'))],
    ['Sources', textOf(listText(textsIn(chart, 'sources'), MOST_SOURCES))],
    ['Kubernetes', textOf(textIn(chart, 'kubeVersion'))],
  ])
}

/** The rest of the screen is shown where a client has deleted the config. */
function absent(error: unknown): undefined {
  if (error instanceof RegistryError && error.code === 'BLOB_UNKNOWN') return undefined
  throw error
}

/** Written by a stranger: what is no object says nothing. */
function parseChart(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch (error) {
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

function textIn(chart: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = Object.hasOwn(chart, name) ? chart[name] : undefined
  return typeof value === 'string' ? shownText(value, MAX_TEXT) : undefined
}

function textsIn(chart: Readonly<Record<string, unknown>>, name: string): readonly string[] {
  const value = Object.hasOwn(chart, name) ? chart[name] : undefined
  return Array.isArray(value)
    ? value.slice(0, 100).flatMap((each) => (typeof each === 'string' ? [shownText(each, MAX_TEXT)] : []))
    : []
}
