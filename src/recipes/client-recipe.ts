/** What a client must be told to use a registry that it does not know by itself. */
export interface Access {
  /** As people write it in front of an image name: `registry.example.com:5000`. */
  readonly registry: string
  readonly trust: Trust
  /** The registries whose images are pulled through it. */
  readonly mirrors: readonly PulledThrough[]
}

export interface PulledThrough {
  /** As it stands in front of an image name: `docker.io`. */
  readonly name: string
  /** Below which the registry here has its content. */
  readonly prefix: string
}

export type Trust =
  /** The certificate of its authority, as PEM. */
  | { readonly kind: 'authority'; readonly certificate: string }
  /** It speaks plain HTTP. */
  | { readonly kind: 'plain HTTP' }
  /** By an authority that clients know. */
  | { readonly kind: 'known' }

export function schemeOf({ kind }: Trust): 'http' | 'https' {
  return kind === 'plain HTTP' ? 'http' : 'https'
}

/** How one client is told, as a shell script that may be run again. */
export interface ClientRecipe {
  readonly title: string
  /** A command that succeeds where the client is. */
  readonly isThere: string
  /** One sentence: from when on it holds. */
  readonly remark: string
  readonly commands: readonly string[]
}

/** A word that the shell leaves alone. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9/._:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** Writes a file, with its folder. */
export function writeFile(path: string, content: string): string[] {
  const folder = path.slice(0, path.lastIndexOf('/'))
  return [`mkdir -p ${quoted(folder)}`, `cat > ${quoted(path)} <<'END_OF_FILE'`, content.trimEnd(), 'END_OF_FILE']
}

/** Adds lines to a file unless it has the first of them. */
export function addLines(path: string, content: string): string[] {
  const [first = ''] = content.split('\n')
  const folder = path.slice(0, path.lastIndexOf('/'))
  return [
    `mkdir -p ${quoted(folder)}`,
    `grep -qsxF ${quoted(first)} ${quoted(path)} || cat >> ${quoted(path)} <<'END_OF_FILE'`,
    content.trimEnd(),
    'END_OF_FILE',
  ]
}
