import { type Command, Option } from 'commander'
import { addInsideCommands } from './inside/inside-program.ts'
import { addRegistryFlags } from './registry-flags.ts'

/** The commands that make, push and pull images without a daemon. What they need is loaded by them alone. */
export function addImageCommands(program: Command): void {
  const image = program
    .command('image')
    .description('Makes images and moves them in and out of registries, without a daemon.')
    .copyInheritedSettings(program)
  addCreate(image)
  addLoad(image)
  addSave(image)
  addInsideCommands(image)
}

function addCreate(image: Command): void {
  const several = (value: string, before: readonly string[]) => [...before, value]
  addRegistryFlags(image.command('create'))
    .description('Makes an image out of a base and files of this machine, and pushes it. The same input gives the same digest.')
    .argument('[name]', 'what it is to be called: registry.example.com:5000/team/app:v1')
    .option('--base <image>', 'what it begins with: an image of any registry, or scratch')
    .option(
      '--add <source:destination>',
      'a file or a folder, as SRC:DEST or SRC:DEST:OWNER:MODE; may be given several times',
      several,
      [],
    )
    .option('--env <name=value>', 'a variable of the environment; may be given several times', several, [])
    .option('--entrypoint <words>', 'what it runs: one word, or a list as JSON')
    .option('--cmd <words>', 'what follows the entry point, or stands in its place: one word, or a list as JSON')
    .option('--user <name>', 'who runs it: a name or a number, with a group behind a colon')
    .option('--workdir <folder>', 'where it runs')
    .option('--label <name=value>', 'may be given several times', several, [])
    .option('--port <port>', 'where it listens, as 8080 or 53/udp; may be given several times', several, [])
    .option('--platform <platform>', 'as linux/arm64; with several there is one image for each, in an image index', several, [])
    .addOption(new Option('--compression <kind>', 'of the layers that are added').choices(['gzip', 'zstd']).default('gzip'))
    .option('--stack <stack.yaml>', 'make what its section image: describes, as stack image container did')
    .option('--programs <folder>', 'where the programs of --stack are; left out: where stack build puts them')
    .action(async (name, options) => await (await import('./image-create.ts')).imageCreate(name, options))
    .copyInheritedSettings(image)
}

function addLoad(image: Command): void {
  addRegistryFlags(image.command('load'))
    .description('Pushes an image that docker save, podman save or skopeo wrote, or that lies in the folder of an OCI layout.')
    .argument('<file>', 'the archive, the folder, or - for standard input')
    .argument('<names...>', 'what it is to be called: registry.example.com:5000/team/app:v1')
    .option('--image <name>', 'which image, where the archive has several')
    .option('--platform <platform>', 'of an image index only the image for this one, as linux/arm64')
    .action(async (file, names, options) => await (await import('./image-load.ts')).imageLoad(file, names, options))
    .copyInheritedSettings(image)
}

function addSave(image: Command): void {
  addRegistryFlags(image.command('save'))
    .description('Writes an image into an archive that docker load, podman load, skopeo and berth image load read.')
    .argument('<name>', 'the image: registry.example.com:5000/team/app:v1')
    .argument('<file>', 'the archive to write, or - for standard output')
    .option('--platform <platform>', 'of an image index only the image for this one, as linux/arm64')
    .action(async (name, file, options) => await (await import('./image-save.ts')).imageSave(name, file, options))
    .copyInheritedSettings(image)
}
