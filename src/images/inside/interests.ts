import { osRelease } from './os-release.ts'
import { apk, dpkg } from './packages/distribution-packages.ts'
import { java, npm, python, ruby } from './packages/language-packages.ts'
import { rpm } from './packages/rpm.ts'
import type { Interest } from './told/found.ts'

/** All files that tell of an image what is in it. */
export const INTERESTS: readonly Interest[] = [osRelease, dpkg, apk, rpm, npm, python, ruby, java]
