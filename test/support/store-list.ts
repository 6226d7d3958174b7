/** When each key was last written, in milliseconds. */
export type KeyTimes = Map<string, number>

/** A list of a bucket as a store shows it that has not yet heard of what was written after a time. */
export function withoutNewKeys(xml: string, written: KeyTimes, afterMs: number): string {
  const isNew = (key: string) => (written.get(key) ?? 0) > afterMs
  const isPrefixNew = (prefix: string) => {
    const below = [...written.keys()].filter((key) => key.startsWith(prefix))
    return below.length > 0 && below.every(isNew)
  }
  return xml
    .replace(/<Contents>.*?<\/Contents>/gs, (entry) => (isNew(textOf(entry, 'Key')) ? '' : entry))
    .replace(/<CommonPrefixes>.*?<\/CommonPrefixes>/gs, (entry) => (isPrefixNew(textOf(entry, 'Prefix')) ? '' : entry))
}

function textOf(entry: string, name: string): string {
  const text = entry.match(new RegExp(`<${name}>([^<]*)</${name}>`))?.[1] ?? ''
  return text.replace(/%[0-9A-Fa-f]{2}/g, decodeURIComponent)
}
