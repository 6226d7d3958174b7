import { environmentIn, PROGRAM_PATH, runToSuccess } from './processes.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

/** A tar archive of the smallest root file system that can run `/bin/sh`: one static program under two names. */
export async function busyboxArchive(folder: TemporaryFolder): Promise<string> {
  const busybox = Bun.which('busybox', { PATH: PROGRAM_PATH })
  if (busybox === null) throw new Error('busybox is not installed')
  const environment = environmentIn(folder.join('archive'))
  const bin = await folder.directory('archive/root/bin')
  const archive = folder.join('archive/root.tar')
  await runToSuccess(['cp', busybox, `${bin}/busybox`], { environment })
  await runToSuccess(['ln', '-s', 'busybox', `${bin}/sh`], { environment })
  await runToSuccess(['tar', '-C', folder.join('archive/root'), '-cf', archive, '.'], { environment })
  return archive
}
