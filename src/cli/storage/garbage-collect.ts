import { CommandError } from '../command-error.ts'

/** registry:2's command. Always throws CommandError. */
export function garbageCollect(): void {
  throw new CommandError(
    "garbage-collect: not yet; nothing was removed. While Berth is stopped, registry:2's own garbage-collect may run on its storage.",
  )
}
