import type { Command } from 'commander'

/** `berth status`. The code behind it is loaded when the command runs, and by no other command. */
export function addStatus(program: Command): void {
  program
    .command('status')
    .description('Prints on one screen how a registry is: storage, processes, scan, collector, scrub; also while none runs.')
    .argument('[config.yml]', 'the configuration of the server; inside a container Berth finds it')
    .option('--json', 'print one JSON object')
    .action(async (config, options) => await (await import('./status.ts')).status(config, options))
    .copyInheritedSettings(program)
}
