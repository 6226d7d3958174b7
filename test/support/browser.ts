import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { TemporaryFolder } from './temporary-folder.ts'

/** Debian's package of that name: Chromium without the parts of a window, which take more than half of the processor time. */
export const CHROMIUM = 'chromium-headless-shell'
const PATIENCE_MS = 90_000

export interface TabOptions {
  readonly javaScript?: boolean
  readonly theme?: 'light' | 'dark'
  readonly width?: number
  readonly height?: number
  readonly media?: 'print'
}

/** A tab, and what its page was not allowed to do. */
export interface Tab {
  readonly page: Page
  readonly context: BrowserContext
  /** What the browser refused because of the page's policy, and errors of its scripts. */
  readonly complaints: readonly string[]
}

/** A real Chromium without a window. One serves all tests of a file. */
export class TestBrowser implements AsyncDisposable {
  readonly #folder: TemporaryFolder
  readonly #browser: Browser
  readonly #contexts = new Set<BrowserContext>()

  private constructor(folder: TemporaryFolder, browser: Browser) {
    this.#folder = folder
    this.#browser = browser
  }

  static async start(): Promise<TestBrowser> {
    const folder = new TemporaryFolder()
    try {
      const executablePath = Bun.which(CHROMIUM) ?? CHROMIUM
      // Containers have no user namespaces for its sandbox, and little shared memory.
      const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu']
      const browser = await chromium.launch({ executablePath, args, timeout: PATIENCE_MS, env: { HOME: folder.path } })
      return new TestBrowser(folder, browser)
    } catch (error) {
      folder[Symbol.dispose]()
      throw error
    }
  }

  /** A tab that knows nothing of the others. */
  async open(
    url: string,
    { javaScript = true, theme = 'light', width = 1280, height = 900, media }: TabOptions = {},
  ): Promise<Tab> {
    const context = await this.#browser.newContext({
      ...{ javaScriptEnabled: javaScript, colorScheme: theme, viewport: { width, height }, reducedMotion: 'reduce' },
      baseURL: url,
    })
    this.#contexts.add(context)
    context.setDefaultTimeout(PATIENCE_MS)
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    if (media !== undefined) await page.emulateMedia({ media })
    await page.goto(url)
    return { page, context, complaints }
  }

  /** Closes the tabs of a test. */
  async closeTabs(): Promise<void> {
    await Promise.all([...this.#contexts].map((context) => context.close()))
    this.#contexts.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close()
    this.#folder[Symbol.dispose]()
  }
}

/** Does what leads to another page, and waits until all of that is here: a look at its elements does not wait for them. */
export async function follow(page: Page, step: () => Promise<void>): Promise<void> {
  await Promise.all([page.waitForEvent('load'), step()])
}
