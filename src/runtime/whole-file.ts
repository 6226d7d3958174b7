import { link, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { hasCode } from './error-code.ts'

/** A small file that a reader finds whole or not at all, also after a power cut. */
export interface WholeFile {
  readonly path: string
  readonly text: string
  /** Whatever the umask says; left out, as the system makes files. */
  readonly mode?: number | undefined
}

/** Puts the file in the place of the one that is there, or where none is. */
export async function replaceFile({ path, text, mode }: WholeFile): Promise<void> {
  const draft = await writeDraft({ path, text, mode })
  try {
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
  await syncDirectoryOf(path)
}

/** Makes the file; false where there is one already, which stays. */
export async function createFile({ path, text, mode }: WholeFile): Promise<boolean> {
  const draft = await writeDraft({ path, text, mode })
  try {
    await link(draft, path)
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
  await syncDirectoryOf(path)
  return true
}

/** Its name is that of no other draft, and it is on the disk when this resolves. */
async function writeDraft({ path, text, mode }: WholeFile): Promise<string> {
  const draft = `${path}.${crypto.randomUUID()}`
  try {
    await using file = await open(draft, 'wx', mode)
    if (mode !== undefined) await file.chmod(mode)
    await file.writeFile(text)
    await file.sync()
    return draft
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

/** Some network file systems have no sync of a directory; their names are durable at once, or never. */
async function syncDirectoryOf(path: string): Promise<void> {
  await using directory = await open(dirname(path), 'r')
  await directory.sync().catch((error: unknown) => {
    if (!hasCode(error, 'EINVAL') && !hasCode(error, 'ENOTSUP')) throw error
  })
}
