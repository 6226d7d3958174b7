/** What may stand in a template. Texts are escaped; only `html` makes text that is not. */
export type Shown = Html | Address | string | number | undefined | false | readonly Shown[]

/** Text of HTML. It comes from templates of this program alone: what a template is given is escaped. */
export class Html {
  readonly #text: string

  private constructor(text: string) {
    this.#text = text
  }

  /** A tag of template literals. Throws for a template that puts a value where escaping does not help. */
  static of(strings: TemplateStringsArray, ...values: readonly Shown[]): Html {
    let text = strings[0] ?? ''
    for (const [index, value] of values.entries()) {
      requirePlace(strings[index] ?? '', value)
      text += shownText(value) + (strings[index + 1] ?? '')
    }
    return new Html(text)
  }

  toString(): string {
    return this.#text
  }
}

/** html`<b>${text}</b>` */
export const html = Html.of

/** Where a link may lead: a path of this registry, or a page of the web. `javascript:` and its like are neither. */
export class Address {
  readonly #text: string

  private constructor(text: string) {
    this.#text = text
  }

  /** Throws for what a browser would take for another host. */
  static here(path: string): Address {
    if (/^\/(?![/\\])/.test(path)) return new Address(path)
    throw new Error(`${path} is no path of this registry`)
  }

  /** Undefined for a text that is no address of a page. */
  static findPage(text: string): Address | undefined {
    const url = URL.canParse(text) ? new URL(text) : undefined
    return url?.protocol === 'https:' || url?.protocol === 'http:' ? new Address(url.href) : undefined
  }

  toString(): string {
    return this.#text
  }
}

/** An attribute that is open where the value comes: its name, and its quote and what stands behind that. */
const ATTRIBUTE = /\s([a-z-]+)=("[^"<>]*|'[^'<>]*|)$/i
const LINKS = ['href', 'src', 'action', 'formaction']

/** A value in an attribute stands in double quotes; a link is an Address; code and style never come from a value. */
function requirePlace(before: string, value: Shown): void {
  const [, name, begun = ''] = ATTRIBUTE.exec(before) ?? []
  if (name === undefined) return
  const attribute = name.toLowerCase()
  if (!begun.startsWith('"')) throw new Error(`the value of ${attribute} must stand in double quotes`)
  if (attribute.startsWith('on') || attribute === 'style') throw new Error(`${attribute} may not come from a value`)
  if (LINKS.includes(attribute) && !(begun === '"' && value instanceof Address))
    throw new Error(`${attribute} must be an Address`)
}

function shownText(value: Shown): string {
  if (value === undefined || value === false) return ''
  if (value instanceof Html) return value.toString()
  if (value instanceof Address) return escaped(value.toString())
  if (typeof value === 'string') return escaped(value)
  return typeof value === 'number' ? String(value) : value.map(shownText).join('')
}

/** Control characters, and marks that turn the direction of what follows: one text looks like another by them. */
const UNSEEN = /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu
const SPECIAL: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escaped(text: string): string {
  return text
    .replace(UNSEEN, (character) => (character === '\n' || character === '\t' ? character : ''))
    .replace(/[&<>"']/g, (character) => SPECIAL[character] ?? '')
}
