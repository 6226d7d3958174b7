import { type Command, Option } from 'commander'

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

/** `berth quota`. */
export function addQuota(program: Command): void {
  program
    .command('quota')
    .description('Prints how full each quota is, the fullest first; also while a server runs.')
    .argument('[config.yml]', 'the configuration of the server; inside a container Berth finds it')
    .option('--json', 'print one JSON object in each line')
    .option('--check', 'count everything anew as well, and end with exit code 1 where that gives another number')
    .action(async (config, options) => await (await import('./quota.ts')).quota(config, options))
    .copyInheritedSettings(program)
}

/** `berth delete`. */
export function addDelete(program: Command): void {
  program
    .command('delete')
    .description(
      'Prints what deleting an image, a tag or a repository takes and frees, and does it when told to; also while a server runs.',
    )
    .argument('[name]', '<repository>:<tag> (that tag alone), <repository>@<digest> (with its tags), or a whole <repository>')
    .option('--config <config.yml>', 'the configuration of the server; inside a container Berth finds it')
    .option('--repositories <pattern>', "all repositories that fit, as 'ci/**'")
    .option('--tags <pattern>', "only tags that fit, as 'pr-*'; their manifests stay")
    .option('--older-than <age>', "of these tags only those that were last pushed so long ago, as '14d'")
    .option('--force', 'also what is part of an image index, which then cannot be pulled whole any more')
    .addOption(
      new Option('-d, --dry-run', 'print what would go, and its token; nothing else happens without --yes or --token either'),
    )
    .addOption(
      new Option('--token <token>', 'delete what a preview with this token showed, if nothing has changed').conflicts('dryRun'),
    )
    .addOption(new Option('-y, --yes', 'delete at once').conflicts(['dryRun', 'token']))
    .action(async (name, options) => await (await import('./delete.ts')).deleteCommand(name, options))
    .copyInheritedSettings(program)
}

/** `berth undelete`. */
export function addUndelete(program: Command): void {
  program
    .command('undelete')
    .description('Brings back what was deleted within the grace of the collector, or lists it; also while a server runs.')
    .argument(
      '[name]',
      "the id of a deletion, <repository>:<tag>, <repository>@<digest> or a whole <repository>; 'list' or nothing lists them",
    )
    .option('--config <config.yml>', 'the configuration of the server; inside a container Berth finds it')
    .option('--tag <tag>', 'set this tag instead of those that went, as they may point elsewhere by now')
    .action(async (name, options) => await (await import('./undelete.ts')).undeleteCommand(name, options))
    .copyInheritedSettings(program)
}

/** `berth tag`. */
export function addTag(program: Command): void {
  const tag = program.command('tag').description('Tells how a tag moved, and points it to where it pointed before.')
  tag.copyInheritedSettings(program)
  tag
    .command('history')
    .description('Prints each move of a tag, the newest first, and whether what it pointed to is there; also of a deleted one.')
    .argument('<repository:tag>', 'the tag')
    .option('--config <config.yml>', 'the configuration of the server; inside a container Berth finds it')
    .action(async (target, options) => await (await import('./tag.ts')).tagHistory(target, options))
    .copyInheritedSettings(program)
  tag
    .command('restore')
    .description('Points a tag to a digest that its repository still has.')
    .argument('<repository:tag>', 'the tag')
    .argument('[digest]', 'where it is to point')
    .option('--back <moves>', 'where it pointed so many moves ago')
    .option('--config <config.yml>', 'the configuration of the server; inside a container Berth finds it')
    .action(async (target, digest, options) => await (await import('./tag.ts')).tagRestore(target, digest, options))
    .copyInheritedSettings(program)
}
