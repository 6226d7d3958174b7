import { Command } from 'commander'
import { serve } from './serve.ts'
import { version } from './version.ts'

/** The command line. A command or an option that there is not ends with a sentence and exit code 1. */
export function berthProgram(): Command {
  const program = new Command('berth')
    .description('A private container registry that takes over from registry:2 in place.')
    .version(version, '-v, --version', 'print the version')
    .helpCommand(false)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, 'berth:')) })
  program
    .command('serve')
    .description('Serves images until it is asked to stop (SIGTERM or SIGINT).')
    .argument('[config.yml]', "registry:2's configuration; without it Berth serves this machine alone, on port 5000 from ./data")
    .action(serve)
    .copyInheritedSettings(program)
  return program
}
