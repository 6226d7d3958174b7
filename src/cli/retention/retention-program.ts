import type { Command } from 'commander'

/** `berth retention`, `berth hold` and `berth unhold`. What they need is loaded by them alone. */
export function addRetentionCommands(program: Command): void {
  const retention = program.command('retention').description('Shows what the rules for tags do.')
  retention.copyInheritedSettings(program)
  retention
    .command('preview')
    .description('Prints for every tag whether it stays or goes, and why; removes nothing; also while a server runs.')
    .argument('[config.yml]', 'the configuration of the server; inside a container Berth finds it')
    .option('--json', 'print one JSON object in each line')
    .action(async (config, options) => await (await import('./preview.ts')).previewCommand(config, options))
    .copyInheritedSettings(program)
  program
    .command('hold')
    .description('Keeps a tag or a manifest from being deleted by a client, a rule or a command; also while a server runs.')
    .argument('<name>', '<repository>:<tag> or <repository>@<digest>')
    .option('--config <config.yml>', 'the configuration of the server; inside a container Berth finds it')
    .action(async (name, options) => await (await import('./hold.ts')).holdCommand(name, options))
    .copyInheritedSettings(program)
  program
    .command('unhold')
    .description('Lets go what is held.')
    .argument('<name>', '<repository>:<tag> or <repository>@<digest>')
    .option('--config <config.yml>', 'the configuration of the server; inside a container Berth finds it')
    .action(async (name, options) => await (await import('./hold.ts')).unholdCommand(name, options))
    .copyInheritedSettings(program)
}
