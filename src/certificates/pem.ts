/** Text files with certificates and keys between lines of dashes, in any order and with anything around them. */

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const PRIVATE_KEY = /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----[^-]+(?:-[^-]+)*?-----END \1?PRIVATE KEY-----/

/** Every certificate of the text, each with a line break at its end. */
export function certificatesIn(text: string): string[] {
  return (text.match(CERTIFICATE) ?? []).map((block) => `${block}\n`)
}

/** The first private key of the text. */
export function findPrivateKeyIn(text: string): string | undefined {
  const block = PRIVATE_KEY.exec(text)?.[0]
  return block === undefined ? undefined : `${block}\n`
}
