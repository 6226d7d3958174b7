import { z } from 'zod'
import { type Caller, callerName } from '../../access/access.ts'
import { RegistryError } from '../../oci/errors.ts'
import { MAX_DESCRIPTION } from '../../registry/remarks/remark-records.ts'
import { jsonResponse, type PlainResponse } from '../answer/responses.ts'
import type { Call } from '../call.ts'
import { parametersIn } from './parameters.ts'
import type { ContentRoute } from './routes.ts'

export const NO_WORDS = z.strictObject({})
export const DESCRIPTION = z.strictObject({
  text: z.string().min(1).max(MAX_DESCRIPTION).meta({ description: 'One line: what is no letter or sign in it is taken out.' }),
})

/** Gives the star of the caller. */
export async function starRepository(call: Call<ContentRoute>): Promise<PlainResponse> {
  return await changeStar(call, 'star')
}

/** Takes the star of the caller back. */
export async function unstarRepository(call: Call<ContentRoute>): Promise<PlainResponse> {
  return await changeStar(call, 'unstar')
}

export async function describeRepository({ registry, route, actor }: Call<ContentRoute>): Promise<PlainResponse> {
  const { text } = parametersIn(route.query, DESCRIPTION)
  await registry.shown.repositories.require(route.repository)
  const description = await registry.remarks.describe(route.repository, text, actor.name)
  return jsonResponse({ description: description ?? null })
}

export async function undescribeRepository({ registry, route, actor }: Call<ContentRoute>): Promise<PlainResponse> {
  parametersIn(route.query, NO_WORDS)
  await registry.shown.repositories.require(route.repository)
  await registry.remarks.describe(route.repository, undefined, actor.name)
  return jsonResponse({ description: null })
}

async function changeStar({ registry, route, permit }: Call<ContentRoute>, change: 'star' | 'unstar'): Promise<PlainResponse> {
  parametersIn(route.query, NO_WORDS)
  const user = userOf(permit.caller)
  await registry.shown.repositories.require(route.repository)
  await registry.remarks[change](route.repository, user)
  const { stars, isStarred } = await registry.remarks.of(route.repository, user)
  return jsonResponse({ stars, starred: isStarred })
}

/** Throws DENIED for a caller without a name, and for a robot. */
export function userOf(caller: Caller): string {
  const name = caller.kind === 'robot' ? undefined : callerName(caller)
  if (name !== undefined) return name
  throw new RegistryError('DENIED', { message: 'Stars are given by users; log in as one.' })
}
