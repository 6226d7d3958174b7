import { jsonResponse, type PlainResponse } from '../../answer/responses.ts'
import type { Call } from '../../call.ts'
import { shownNames } from '../../shown-names.ts'
import { parametersIn } from '../parameters.ts'
import type { FoundInsideRoute } from '../routes.ts'
import { FOUND, FOUND_FILES, USUALLY_LISTED } from './parameters.ts'

/** Which images have a package, of the repositories that the caller may list. */
export async function findPackages({ registry, permit, route }: Call<FoundInsideRoute>): Promise<PlainResponse> {
  const { name, version = '', type, n: count = USUALLY_LISTED, page = 1 } = parametersIn(route.query, FOUND)
  const first = (page - 1) * count
  const { total, found } = await registry.shown.inside.having({ name, version, type }, { first, count }, shownNames(permit))
  return jsonResponse({ packages: found, total, more: first + count < total })
}

/** Which images have a file, of the repositories that the caller may list. */
export async function findFiles({ registry, permit, route }: Call<FoundInsideRoute>): Promise<PlainResponse> {
  const { path, name = '', n: count = USUALLY_LISTED, after = '' } = parametersIn(route.query, FOUND_FILES)
  const { found, next } = await registry.shown.inside.withFile(path ?? name, { after, count }, shownNames(permit))
  return jsonResponse({
    files: found.map(({ file, ...image }) => ({ path: `/${file.path}`, kind: file.kind, bytes: file.size, ...image })),
    next: next ?? null,
  })
}
