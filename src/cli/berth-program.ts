import { Command, Option } from 'commander'
import { version } from '../runtime/version.ts'
import { addAccountCommands } from './accounts/account-commands.ts'
import { htpasswdProgram } from './accounts/htpasswd-program.ts'
import { addAgent } from './agent/agent-program.ts'
import { addCertificateCommands } from './certificate.ts'
import { addCheck } from './check/check-program.ts'
import { addClientCommands } from './clients/client-setup.ts'
import { addDoctor } from './clients/doctor.ts'
import { addProxyConfig } from './clients/proxy-config.ts'
import { addConfigCommands, strictOption } from './config-commands.ts'
import { addDeploy, addDeployments } from './deploy/deploy-program.ts'
import { health } from './health.ts'
import { addImageCommands } from './images/image-program.ts'
import { addImport } from './import/import-program.ts'
import { addMirrorCommands } from './mirror/mirror-program.ts'
import { programName } from './program-name.ts'
import { addDescribe } from './remarks/remarks-program.ts'
import { addRetentionCommands } from './retention/retention-program.ts'
import { serve } from './serve/serve.ts'
import { addStatus } from './status/status-program.ts'
import { addDelete, addQuota, addStorageCommands, addTag, addUndelete } from './storage/storage-program.ts'
import { addWebhookCommands } from './webhooks/webhook-program.ts'

/** The command line. A command or an option that there is not ends with a sentence and exit code 1. */
export function berthProgram(): Command {
  const name = programName()
  const program = new Command(name)
    .description('A private container registry that takes over from registry:2 in place.')
    // registry:2 says `registry <package> <version>`, and scripts take the third word.
    .version(name === 'registry' ? `registry berth ${version}` : version, '-v, --version', 'print the version')
    .helpCommand('help [command]', 'print help for a command')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, 'berth:')) })
  addServe(program)
  addHealth(program)
  addGarbageCollect(program)
  addDelete(program)
  addUndelete(program)
  addTag(program)
  addCheck(program)
  addStatus(program)
  addQuota(program)
  addRetentionCommands(program)
  addDescribe(program)
  addAccountCommands(program)
  addWebhookCommands(program)
  program.addCommand(htpasswdProgram().copyInheritedSettings(program))
  addStorageCommands(program)
  addImageCommands(program)
  addImport(program)
  addMirrorCommands(program)
  addAgent(program)
  addDeploy(program)
  addDeployments(program)
  addConfigCommands(program)
  addCertificateCommands(program)
  addClientCommands(program)
  addProxyConfig(program)
  addDoctor(program)
  return program
}

function addServe(program: Command): void {
  program
    .command('serve')
    .description('Serves images until it is asked to stop (SIGTERM or SIGINT).')
    .argument('[config.yml]', "registry:2's configuration; without it Berth serves this machine alone, on port 5000 from ./data")
    .addOption(new Option('--tls <how>', 'speak HTTPS with a certificate that Berth makes itself').choices(['self-signed']))
    .addOption(strictOption())
    .action(serve)
    .copyInheritedSettings(program)
}

function addHealth(program: Command): void {
  program
    .command('health')
    .description('Asks the server of this machine whether it answers: exit code 0 when it does, 1 when it does not.')
    .argument('[config.yml]', 'the configuration that it serves with; inside a container Berth finds it')
    .action(health)
    .copyInheritedSettings(program)
}

function addGarbageCollect(program: Command): void {
  program
    .command('garbage-collect')
    .description('Removes what no image uses, as registry:2 does; also while a server runs on the storage.')
    .argument('[config.yml]', 'the configuration of the server; inside a container Berth finds it')
    .option('-d, --dry-run', 'print what would go, and remove nothing')
    .option('-m, --delete-untagged', 'remove manifests without a tag too')
    .option('-q, --quiet', 'print only what goes')
    .action(async (config, options) => await (await import('./storage/garbage-collect.ts')).garbageCollect(config, options))
    .copyInheritedSettings(program)
  program
    .command('gc')
    .description("Removes what no image uses, or says what the server's collector does; also while a server runs.")
    .argument('[config.yml]', 'the configuration of the server; inside a container Berth finds it')
    .addOption(new Option('--status', 'print what the collector found last, and why it waits').conflicts(['now', 'dryRun']))
    .addOption(
      new Option('--confirm <set>', 'collect what the brake held back; the log names the set').conflicts([
        'status',
        'now',
        'dryRun',
      ]),
    )
    .option('--now', 'do not wait for the grace; what a client asked for within the window stays all the same')
    .option('-d, --dry-run', 'print what would go, and remove nothing')
    .option('-m, --delete-untagged', 'remove manifests without a tag too')
    .action(async (config, options) => await (await import('./storage/garbage-collect.ts')).gc(config, options))
    .copyInheritedSettings(program)
}
