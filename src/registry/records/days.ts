/** Records lie in a directory for each day, in universal time, as `20261129`. */
export function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10).replaceAll('-', '')
}

export function isDay(name: string): boolean {
  return /^\d{8}$/.test(name)
}
