import { type DerValue, partsOf, TAG } from './der.ts'

/** A name of X.500, from the country down: each step as a text that is the same for names that are the same (RFC 5280 section 7.1). */
export type DistinguishedName = readonly string[]

/** Throws DerError. */
export function distinguishedName(value: DerValue | undefined): DistinguishedName {
  return partsOf(value, TAG.SEQUENCE).map((step) => partsOf(step, TAG.SET).map(attributeText).sort().join('+'))
}

export function isSameName(a: DistinguishedName, b: DistinguishedName): boolean {
  return a.length === b.length && isBelow(a, b)
}

/** Whether a name is the other one or lies below it. */
export function isBelow(name: DistinguishedName, base: DistinguishedName): boolean {
  return base.length <= name.length && base.every((step, index) => step === name[index])
}

/** 1.2.840.113549.1.9.1, with which certificates named mailboxes before they had alternative names. */
const EMAIL_ADDRESS = '2a864886f70d010901'

/** The mailboxes in a name. Throws DerError. */
export function mailboxesIn(value: DerValue | undefined): readonly string[] {
  const attributes = partsOf(value, TAG.SEQUENCE).flatMap((step) => partsOf(step, TAG.SET))
  return attributes.flatMap((attribute) => {
    const [type, text] = partsOf(attribute, TAG.SEQUENCE)
    return type?.content.toHex() === EMAIL_ADDRESS && text !== undefined ? [Buffer.from(text.content).toString('latin1')] : []
  })
}

/** Case and spaces do not count in texts; anything else is compared as it is. */
function attributeText(attribute: DerValue): string {
  const [type, value] = partsOf(attribute, TAG.SEQUENCE)
  const encoding = ENCODINGS[value?.tag ?? 0]
  const content = value?.content ?? new Uint8Array()
  const text =
    encoding === undefined
      ? `${value?.tag}#${content.toHex()}`
      : new TextDecoder(encoding).decode(content).normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ')
  return `${type?.content.toHex()}=${JSON.stringify(text)}`
}

/** UTF8String, PrintableString, TeletexString and IA5String; others are compared by their bytes. */
const ENCODINGS: Readonly<Record<number, Bun.Encoding>> = {
  12: 'utf-8',
  19: 'utf-8',
  20: 'windows-1252',
  22: 'utf-8',
}

/** A name as node:crypto gives it, a part in each line, on one line and not too long. */
export function nameForLog(name: string): string {
  return name.replaceAll('\n', ', ').slice(0, 200)
}
