import type { z } from 'zod'
import type { Permit } from '../../../../access/access.ts'
import { includesRight } from '../../../../access/requirement.ts'
import { RegistryError } from '../../../../oci/errors.ts'
import { Refusal, statusOf } from '../../../answer/error-response.ts'
import type { PlainResponse } from '../../../answer/responses.ts'
import { type Html, html } from '../../text/html.ts'

export function isAdmin({ accounts = 'none' }: Permit): boolean {
  return includesRight(accounts, 'all')
}

/** What the form before came to, above what a screen shows. */
export interface Told {
  readonly refusal?: RegistryError
  readonly said?: Html
}

/** Does what a form asks for. What cannot be done is said on the screen that it came from. */
export async function afterForm(
  change: () => Promise<PlainResponse>,
  screen: (told: Told) => Promise<PlainResponse>,
): Promise<PlainResponse> {
  try {
    return await change()
  } catch (refusal) {
    if (refusal instanceof RegistryError && statusOf(refusal) < 500) return await screen({ refusal })
    throw refusal
  }
}

export function toldAbove({ refusal, said }: Told): Html {
  return html`${refusal !== undefined && html`<p class="danger" role="alert">${refusal.message}</p>`}${said !== undefined && html`<div class="box" role="status">${said}</div>`}`
}

/** The status of a screen that tells of a refusal. */
export function toldStatus({ refusal }: Told): number {
  return refusal === undefined ? 200 : statusOf(refusal)
}

/** The fields of a form, as the schema of the API reads them. Throws PARAMETER_INVALID with a sentence for the first that is wrong. */
export function fieldsIn<Schema extends z.ZodType>(values: Readonly<Record<string, unknown>>, schema: Schema): z.output<Schema> {
  const found = schema.safeParse(values)
  if (found.success) return found.data
  const [issue] = found.error.issues
  const place = issue?.path[0]
  const message = `${place === undefined ? '' : `${String(place)}: `}${issue?.message ?? 'this cannot be'}.`
  throw new Refusal('PARAMETER_INVALID', { status: 400, message })
}

/** The words of a field that takes several. */
export function wordsIn(text: string | null): readonly string[] | undefined {
  const words = (text ?? '').split(/\s+/).filter((word) => word !== '')
  return words.length === 0 ? undefined : words
}

/** What is done with a row, behind a word that opens it. */
export function rowForms(name: string, forms: Html): Html {
  return html`<td class="action"><details><summary>Change<span class="unseen"> ${name}</span></summary>${forms}</details></td>`
}
