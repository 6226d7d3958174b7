/** The name of a user, a group or a robot, as it stands in records, rules and logs. */
export type AccountName = string & { readonly accountName: unique symbol }

/** It is the name of a file too, and fits into the address of a registry and behind a colon. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** What a name may be, to be read after the name. */
export const ACCOUNT_NAME_RULE = "may have letters, digits, '.', '_' and '-', begins with a letter or digit, and has at most 64"

export function findAccountName(text: string): AccountName | undefined {
  return NAME.test(text) ? (text as AccountName) : undefined
}
