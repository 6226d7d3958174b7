export const ZOT_PROGRAM = 'zot'

/** Whether there is one to measure: no registry of packages has it, so it is measured where somebody has built it and put it on PATH. */
export function hasZot(): boolean {
  return Bun.which(ZOT_PROGRAM) !== null
}

export interface ZotOptions {
  readonly port: number
  /** Its section of that name, as JSON. */
  readonly storage: string
  /** The same; none when empty. */
  readonly extensions: string
}

/** What it needs, and otherwise its defaults. It reads JSON wherever it reads YAML. */
export function zotConfig({ port, storage, extensions }: ZotOptions): string {
  return JSON.stringify({
    distSpecVersion: '1.1.1',
    storage: JSON.parse(storage) as object,
    http: { address: '127.0.0.1', port: String(port), compat: ['docker2s2'] },
    ...(extensions === '' ? {} : { extensions: JSON.parse(extensions) as object }),
  })
}
