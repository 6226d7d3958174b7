const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** A number of bytes for people: `10 GB`, `48.2 MB`. */
export function readableBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(bytes) / 3)))
  if (!(power > 0)) return bytes === 1 ? '1 byte' : `${bytes} bytes`
  return `${(bytes / 1000 ** power).toFixed(1).replace(/\.0$/, '')} ${UNITS[power]}`
}
