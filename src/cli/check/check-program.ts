import { type Command, Option } from 'commander'

/** `berth check`. The code behind it is loaded when the command runs, and by no other command. */
export function addCheck(program: Command): void {
  program
    .command('check')
    .description('Reads all that a storage holds and prints what is damaged, and what that means; also while a server runs.')
    .argument('[config.yml]', 'the configuration of the server; inside a container Berth finds it')
    .option(
      '--repair',
      'mend what can be mended without loss, and move wrong bytes aside, so that the next push brings the right ones',
    )
    .addOption(
      new Option(
        '--remove <name>',
        'remove a tag or <repository>@<digest> that no client can pull, and do nothing else',
      ).conflicts(['repair', 'json']),
    )
    .option('--json', 'print one JSON object in each line')
    .action(async (config, options) => await (await import('./check.ts')).check(config, options))
    .copyInheritedSettings(program)
}
