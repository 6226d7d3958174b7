const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  ...{ kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, pb: 1e15 },
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40, pib: 2 ** 50 },
}

/** Bytes, as in `500MB`, `1.5 TB` or `10GiB`; undefined for what is no such number. */
export function findByteSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(text)
  const factor = FACTORS[match?.[2]?.toLowerCase() ?? 'none']
  if (match === null || factor === undefined) return undefined
  const bytes = Math.round(Number(match[1]) * factor)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
