/** How a server wants to be asked (RFC 9110 section 11.3, and the token specification of Docker). */
export type Challenge =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer'
      readonly realm: string
      readonly service: string | undefined
      readonly scope: string | undefined
    }

const MOST_LETTERS = 8192
/** A parameter, or else the name of a scheme. */
const PART = /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|([A-Za-z][\w-]*)/g

/** The first challenge of a WWW-Authenticate header that can be met: Bearer before Basic. Undefined when there is none. */
export function findChallenge(header: string): Challenge | undefined {
  const challenges: { readonly scheme: string; readonly parameters: Map<string, string> }[] = []
  for (const [, name, quoted, plain, scheme] of header.slice(0, MOST_LETTERS).matchAll(PART)) {
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() })
    else if (name !== undefined) {
      const value = quoted?.replace(/\\(.)/g, '$1') ?? plain ?? ''
      challenges.at(-1)?.parameters.set(name.toLowerCase(), value)
    }
  }
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'))?.parameters
  if (bearer !== undefined) {
    return { scheme: 'bearer', realm: bearer.get('realm') ?? '', service: bearer.get('service'), scope: bearer.get('scope') }
  }
  return challenges.some(({ scheme }) => scheme === 'basic') ? { scheme: 'basic' } : undefined
}
