/** Imported with `type: 'file'`: where the file lies, on the disk or in the one-file program. */
declare module '*/page.js' {
  const path: string
  export = path
}
declare module '*.css' {
  const path: string
  export = path
}
