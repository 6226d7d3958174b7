import type { Command } from 'commander'

/** The commands that work on a storage itself. What they need is loaded by them alone. */
export function addStorageCommands(program: Command): void {
  const storage = program.command('storage').description('Works on a storage itself, without serving.')
  storage.copyInheritedSettings(program)
  storage
    .command('copy')
    .description('Copies what one storage has and another one lacks, each byte verified; the source may serve meanwhile.')
    .requiredOption('--from <config.yml>', 'the configuration that names the source')
    .requiredOption('--to <config.yml>', 'the configuration that names the target, which nobody may serve')
    .option('--json', 'print one JSON object in each line')
    .action(async (options) => await (await import('./storage-copy.ts')).storageCopy(options))
    .copyInheritedSettings(program)
  storage
    .command('check')
    .description('Tries what a registry does with its storage, and says what is wrong with it; also while a server runs on it.')
    .argument('[config.yml]', 'the configuration of the server; inside a container Berth finds it')
    .option('--json', 'print one JSON object in each line')
    .action(async (config, options) => await (await import('./storage-check.ts')).storageCheck(config, options))
    .copyInheritedSettings(program)
}
