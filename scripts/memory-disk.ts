import { existsSync, statfsSync } from 'node:fs'
import { PROGRAM_PATH } from '../test/support/processes.ts'

const SHARED_MEMORY = '/dev/shm'
const GIB = 1024 ** 3
/** Of the disk. Only what is written takes memory, and it is given back when it is deleted. */
const SIZE_GIB = 16
const LEAST_FREE_GIB = 8
const PROGRAMS = ['unshare', 'mkfs.ext4', 'mount', 'truncate']

/** No journal and no tables made ahead: what is in memory is lost with the machine anyway. The file has no name from then on. */
const SCRIPT = `image=$1 folder=$2
shift 2
if (
  PATH=$PATH:/usr/sbin:/sbin
  truncate --size=${SIZE_GIB}G "$image" && mkfs.ext4 -q -F -m 0 -O ^has_journal -E lazy_itable_init=1 "$image" &&
    mount -o loop,discard,noinit_itable "$image" "$folder"
); then
  export TMPDIR="$folder"
else
  echo 'There is no disk in memory: tests wait for the real one.' >&2
fi
rm -f -- "$image"
exec "$@"
`

/**
 * The words before a program whose temporary files are on an ext4 of its own in memory, at `folder`: the code of local disks runs, and
 * syncing costs next to nothing. The disk goes away with the last process that sees it. Without the rights or the room for it, none.
 */
export function onMemoryDisk(folder: string): readonly string[] {
  const isPossible = process.getuid?.() === 0 && PROGRAMS.every((name) => Bun.which(name, { PATH: PROGRAM_PATH }) !== null)
  if (!isPossible || !hasRoom()) return []
  const image = `${SHARED_MEMORY}/berth-disk-${crypto.randomUUID()}`
  return ['unshare', '--mount', 'sh', '-c', SCRIPT, 'sh', image, folder]
}

function hasRoom(): boolean {
  if (!existsSync(SHARED_MEMORY)) return false
  const { bavail, bsize } = statfsSync(SHARED_MEMORY)
  return bavail * bsize >= LEAST_FREE_GIB * GIB
}
