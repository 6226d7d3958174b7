import { z } from 'zod'
import { INSIDE_ANSWERS } from '../inside/answers.ts'
import { DIFFERENCE, FILE, FILES, FOUND, FOUND_FILES, INSIDE, PACKAGES, SBOM } from '../inside/parameters.ts'
import type { Operations } from './operation.ts'

const REPOSITORY = '/api/v1/repositories/{name}'
/** 405: layers are not read here, or it is no image that runs. */
const ERRORS = [404, 405]

/** What is about what is in images. */
export const INSIDE_OPERATIONS: Operations = {
  '/api/v1/files': {
    get: {
      summary: 'Which images have a file, of the repositories that the caller may list.',
      ...{
        parameters: FOUND_FILES,
        example: { query: { path: '/etc/os-release', n: '10' } },
        answer: INSIDE_ANSWERS.foundFiles,
        errors: [405],
      },
    },
  },
  '/api/v1/packages': {
    get: {
      summary: 'Which images have a package, of the repositories that the caller may list.',
      ...{
        parameters: FOUND,
        example: { query: { name: 'openssl', version: '3.0.', n: '10' } },
        answer: INSIDE_ANSWERS.found,
        errors: [405],
      },
    },
  },
  [`${REPOSITORY}/inside`]: {
    get: {
      summary: 'What its layers tell of an image: its distribution, its program, and how many packages it has.',
      ...{ parameters: INSIDE, example: { query: { tag: 'v1' } }, answer: INSIDE_ANSWERS.inside, errors: ERRORS },
    },
  },
  [`${REPOSITORY}/packages`]: {
    get: {
      summary: 'The packages of an image.',
      ...{ parameters: PACKAGES, example: { query: { tag: 'v1', n: '10' } }, answer: INSIDE_ANSWERS.packages, errors: ERRORS },
    },
  },
  [`${REPOSITORY}/files`]: {
    get: {
      summary: 'What lies in a folder of an image, as its container sees it.',
      ...{ parameters: FILES, example: { query: { tag: 'v1', path: '/' } }, answer: INSIDE_ANSWERS.files, errors: ERRORS },
    },
  },
  [`${REPOSITORY}/file`]: {
    get: {
      summary: 'The bytes of one file of an image.',
      ...{
        parameters: FILE,
        example: { query: { tag: 'v1', path: '/0.txt' } },
        answer: z.string(),
        isFile: true,
        errors: ERRORS,
      },
    },
  },
  [`${REPOSITORY}/diff`]: {
    get: {
      summary: 'What is different between two images: packages, and files with the largest change of size first.',
      ...{
        parameters: DIFFERENCE,
        example: { query: { from: 'v1', to: 'v2', n: '10' } },
        answer: INSIDE_ANSWERS.difference,
        errors: ERRORS,
      },
    },
  },
  [`${REPOSITORY}/sbom`]: {
    get: {
      summary: 'A list of the packages of an image, in CycloneDX or SPDX, as they were read from its layers.',
      ...{ parameters: SBOM, example: { query: { tag: 'v1', format: 'spdx' } }, answer: INSIDE_ANSWERS.sbom, errors: ERRORS },
    },
  },
}
