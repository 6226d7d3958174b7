import type { Command } from 'commander'
import { addRegistryFlags } from './registry-flags.ts'

/** The commands that push and pull images without a daemon. What they need is loaded by them alone. */
export function addImageCommands(program: Command): void {
  const image = program
    .command('image')
    .description('Moves images in and out of registries, without a daemon.')
    .copyInheritedSettings(program)
  addLoad(image)
  addSave(image)
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
