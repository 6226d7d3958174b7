import type { Command } from 'commander'

const CONFIG = 'the configuration of the server; inside a container Berth finds it'

/** `berth mirror`. What its commands need is loaded by them alone. */
export function addMirrorCommands(program: Command): void {
  const mirror = program
    .command('mirror')
    .description('Brings what the mirrors of other registries are to have here, and shows how they are.')
    .copyInheritedSettings(program)
  mirror
    .command('sync')
    .description(
      'Brings now what the section sync of a mirror names; also while a server runs, and cut anywhere, goes on the next time.',
    )
    .argument('[mirror]', 'its prefix; left out: each that has a section sync')
    .option('-d, --dry-run', 'print what would be looked at, and bring nothing', false)
    .option('--json', 'print one JSON object in each line', false)
    .option('--config <config.yml>', CONFIG)
    .action(async (name, options) => await (await import('./mirror-sync.ts')).mirrorSync(name, options))
    .copyInheritedSettings(mirror)
  mirror
    .command('status')
    .description('Prints for each mirror what it holds, and what its section sync has brought; also while none runs.')
    .argument('[config.yml]', CONFIG)
    .option('--json', 'print one JSON object for each mirror', false)
    .action(async (config, options) => await (await import('./mirror-status.ts')).mirrorStatus(config, options))
    .copyInheritedSettings(mirror)
}
