const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1000,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
}

/** `20MB`, `512KiB`, or a number of bytes. */
export function findByteCount(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d+) ?([A-Za-z]*)$/.exec(text) ?? []
  const size = UNITS[unit]
  if (count === undefined || size === undefined) return undefined
  const bytes = Number(count) * size
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
