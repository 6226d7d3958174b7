import type { Command } from 'commander'
import { storageCopy } from './storage-copy.ts'

/** The commands that work on a storage itself. */
export function addStorageCommands(program: Command): void {
  const storage = program.command('storage').description('Works on a storage itself, without serving.')
  storage.copyInheritedSettings(program)
  storage
    .command('copy')
    .description('Copies what one storage has and another one lacks, each byte verified; the source may serve meanwhile.')
    .requiredOption('--from <config.yml>', 'the configuration that names the source')
    .requiredOption('--to <config.yml>', 'the configuration that names the target, which nobody may serve')
    .option('--json', 'print one JSON object in each line')
    .action(storageCopy)
    .copyInheritedSettings(program)
}
