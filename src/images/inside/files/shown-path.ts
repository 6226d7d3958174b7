import { shownText } from '../../../oci/image/shown-text.ts'

/** As Linux has it. */
const MOST_PATH = 4_096

/** A path out of a layer as one line that can be shown: `/etc/passwd`. */
export function shownPath(path: string): string {
  return `/${shownText(path.replace(/^\/+/, ''), MOST_PATH)}`
}

/** Where a link leads, as the layer has it, as one line that can be shown. */
export function shownTarget(target: string): string {
  return shownText(target, MOST_PATH)
}
