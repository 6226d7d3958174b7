import { credentialSource } from '../../src/storage/s3/requests/credentials.ts'

/** A program of its own, for an environment of its own: prints what credentials the chain of the AWS SDKs finds there. */
process.stdout.write(JSON.stringify(await credentialSource({ credentials: undefined, region: 'us-east-1' })()))
