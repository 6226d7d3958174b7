/** What an image says it is, by os-release(5). */
export interface Distribution {
  /** `debian`, `alpine`, `rhel`. */
  readonly id: string
  readonly version: string | undefined
  /** As people read it: `Debian GNU/Linux 12 (bookworm)`. */
  readonly name: string
}

/** Types of package URLs (purl). */
export type PackageType = 'deb' | 'apk' | 'rpm' | 'npm' | 'pypi' | 'gem' | 'maven' | 'golang' | 'cargo'

export interface Package {
  readonly type: PackageType
  readonly name: string
  readonly version: string
  readonly architecture: string | undefined
  /** The package of sources that it was made of, where it has another name. */
  readonly source: string | undefined
  /** The file that tells of it. */
  readonly path: string
}

/** What a file tells about an image. */
export interface Found {
  readonly distribution?: Distribution
  readonly packages?: readonly Package[]
}

/** Files whose content, or whose name alone, tells something. */
export interface Interest {
  readonly matches: (path: string) => boolean
  /** Larger files are not read; 0: the name says it all. */
  readonly mostBytes: number
  /** Undefined where the file is none of that kind. May throw for what is damaged: then it tells nothing. What takes long lets other work have its turn. */
  readonly read: (bytes: Uint8Array, path: string) => Found | undefined | Promise<Found | undefined>
}
