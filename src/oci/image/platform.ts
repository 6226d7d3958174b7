import type { Platform } from '../descriptor.ts'

/** `linux/arm64`, `linux/arm/v7`; undefined for what is no platform. */
export function platformIn(text: string): Platform | undefined {
  const [, os, architecture, variant] = /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9.]+))?$/.exec(text) ?? []
  if (os === undefined || architecture === undefined) return undefined
  return { os, architecture, ...(variant === undefined ? {} : { variant }) }
}

/** Whether an image of `has` is one for `wanted`: a variant counts where one is wanted. */
export function suits(has: Platform | undefined, wanted: Platform): boolean {
  if (has === undefined || has.os !== wanted.os || has.architecture !== wanted.architecture) return false
  return wanted.variant === undefined || has.variant === wanted.variant
}
