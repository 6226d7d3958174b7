import { type Command, Option } from 'commander'
import { addRegistryFlags } from '../registry-flags.ts'

const PLATFORM = 'of an image index the image for this one, as linux/arm64; left out: for this machine'
const NAME = 'the image: registry.example.com:5000/team/app:v1'

/** The commands that read what is in an image of any registry. */
export function addInsideCommands(image: Command): void {
  const add = (name: string) => addRegistryFlags(image.command(name)).option('--platform <platform>', PLATFORM)
  add('inspect')
    .description('Tells what is in an image: its distribution, packages, program and layers.')
    .argument('<name>', NAME)
    .option('--packages', 'only the packages, one on a line', false)
    .option('--json', 'for a program that reads it', false)
    .action(async (name, options) => await (await import('./image-inspect.ts')).imageInspect(name, options))
    .copyInheritedSettings(image)
  add('files')
    .description('Lists files of an image as its container sees them, each with the layer that it comes from.')
    .argument('<name>', NAME)
    .argument('[path]', 'a folder or a file in it', '/')
    .option('--recursive', 'all that is below it', false)
    .option('--json', 'for a program that reads it', false)
    .action(async (name, path, options) => await (await import('./image-files.ts')).imageFiles(name, path, options))
    .copyInheritedSettings(image)
  add('diff')
    .description('Tells what is different between two images: config, packages and files.')
    .argument('<first>', NAME)
    .argument('<second>', 'the image that it is compared with')
    .option('--all-files', 'all files, however many they are', false)
    .option('--json', 'for a program that reads it', false)
    .action(async (first, second, options) => await (await import('./image-diff.ts')).imageDiff(first, second, options))
    .copyInheritedSettings(image)
  add('sbom')
    .description('Prints a list of the packages of an image (SBOM), as they were read from its layers.')
    .argument('<name>', NAME)
    .addOption(new Option('--format <format>', 'of the list').choices(['cyclonedx', 'spdx']).default('cyclonedx'))
    .action(async (name, options) => await (await import('./image-sbom.ts')).imageSbom(name, options))
    .copyInheritedSettings(image)
}
