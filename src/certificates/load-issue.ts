/**
 * What makes certificates, loaded when one is made. A library below it looks for reflect-metadata while it is loaded itself, and in the
 * one-file program only this is surely before that.
 */
export async function loadIssue(): Promise<typeof import('./issue.ts')> {
  await import('reflect-metadata')
  return await import('./issue.ts')
}
