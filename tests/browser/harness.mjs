// What browser tests are written with: a browser, the binary as a process of its own, pages that are watched, pictures.
//
//   test('what_somebody_does', async (stage) => {
//     const desk = stage.start(['serve'], { PORT: '0' })
//     const [, address] = await desk.says(/listening.*address=(\S+)/)
//     const page = await stage.page(WIDE)
//     await page.goto(`http://${address}/`)
//     await stage.picture(page, 'front')
//     await stage.accessible(page)
//   })
//
// A test fails for itself, and for anything that goes wrong beside it: an error in the browser's console, a script or a style that the
// page's own policy forbids, a request to anywhere but this machine, a process that ends badly or leaves something behind.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = new URL('../../', import.meta.url).pathname
const needed = (name) => process.env[name] ?? assert.fail(`${name} is not set: run tests/run`)
const packages = createRequire(join(needed('PARTNER_DESK_NODE_PACKAGES'), 'none'))
const { chromium } = packages('playwright-core')
const pictures = join(root, 'target/browser')

/** A desk's screen and a telephone's. */
export const WIDE = { width: 1280, height: 900 }
export const NARROW = { width: 390, height: 844 }
/** Whatever has not come by then does not come. */
const PATIENCE_MS = 30_000

/** The tests, by the files that they stand in. */
export const tests = {
  all: [],
  prefix: '',
  async from(prefix, load) {
    this.prefix = prefix
    await load()
  },
}

/** One test: it gets a [`Stage`]. Names are as in Rust, so that a filter means the same everywhere. */
export function test(name, play) {
  tests.all.push({ name: `${tests.prefix}::${name}`, play })
}

let launched
/** The browser, which all tests share; another, if it broke down. */
export async function browser() {
  if ((await launched)?.isConnected()) return launched
  launched = chromium.launch({
    executablePath: needed('PARTNER_DESK_TEST_CHROMIUM'),
    // Chromium's sandbox does not work for root, and neither does a small /dev/shm. Nothing but this machine can be reached.
    args: [
      ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
      '--disable-dev-shm-usage',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
    ],
  })
  return launched
}

/** Ends it. */
export async function closeBrowser() {
  await (await launched)?.close()
}

/** Looks again and again until `look` gives something; what it threw last, or gave, is told where it never does. */
export async function eventually(look, what = look) {
  const until = performance.now() + PATIENCE_MS
  for (;;) {
    let last
    try {
      last = await look()
      if (last) return last
    } catch (error) {
      last = error
    }
    if (performance.now() > until) assert.fail(`never came: ${what}\nat last: ${last?.message ?? last}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** The binary, running. */
class Process {
  output = ''
  ended = false

  constructor(args, cwd, env) {
    this.name = `partner-desk ${args.join(' ')}`
    this.child = spawn(needed('PARTNER_DESK_BINARY'), args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (text) => (this.output += text))
    }
    this.exit = new Promise((resolve) =>
      this.child.on('close', (code, signal) => {
        this.ended = true
        resolve(signal ?? code)
      })
    )
  }

  /** Waits until this stands in what it said, on whichever stream, and gives the match. */
  says(pattern) {
    return eventually(() => {
      const match = this.output.match(pattern)
      if (!match && this.ended) throw new Error(`${this.name} ended:\n${this.output}`)
      return match
    }, `${pattern} from ${this.name}, which said:\n${this.output}`)
  }

  /** Ends it as Ctrl-C or a service manager would, and holds it to ending well. */
  async stop(signal = 'SIGINT') {
    if (!this.ended) this.child.kill(signal)
    const late = setTimeout(() => this.child.kill('SIGKILL'), PATIENCE_MS)
    const code = await this.exit
    clearTimeout(late)
    assert.equal(code, 0, `${this.name} ended with ${code}:\n${this.output}`)
  }

  /** Ends it as a power cut would. */
  async kill() {
    this.child.kill('SIGKILL')
    await this.exit
  }
}

/** Folders of tests that have not ended; whoever stops the run in the middle leaves none. */
const folders = new Set()
process.on('exit', () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

/** What one test has to itself. */
export class Stage {
  problems = []
  #contexts = []
  #processes = []

  constructor(name) {
    this.name = name
    /** A folder of its own, where processes run; gone afterwards. */
    this.folder = mkdtempSync(join(tmpdir(), 'pd-browser-'))
    folders.add(this.folder)
    mkdirSync(join(this.folder, 'tmp'))
  }

  /** Starts the binary in the test's folder, with nothing but `env` in its environment. */
  start(args, env = {}) {
    const started = new Process(args, this.folder, { TMPDIR: join(this.folder, 'tmp'), HOME: this.folder, ...env })
    this.#processes.push(started)
    return started
  }

  /** A page in a browser profile of its own. `expected` are patterns of console errors that belong to the test; `options` are Playwright's. */
  async page(size, { expected = [], ...options } = {}) {
    const context = await (await browser()).newContext({ viewport: size, reducedMotion: 'reduce', ...options })
    context.setDefaultTimeout(PATIENCE_MS)
    this.#contexts.push(context)
    const page = await context.newPage()
    const wrong = (what) => {
      if (!expected.some((pattern) => pattern.test(what))) this.problems.push(what)
    }
    context.on('page', (opened) => watch(opened, wrong))
    watch(page, wrong)
    return page
  }

  /** A picture of the whole page, in target/browser. With `docs` it is also put there under docs/images, where that is asked for. */
  async picture(page, name, { docs, ...options } = {}) {
    const path = join(pictures, `${name}.png`)
    // What is fixed or sticks is where it belongs only at the top.
    await page.evaluate('scrollTo(0, 0)')
    await page.screenshot({ path, fullPage: true, animations: 'disabled', ...options })
    if (docs && process.env.PARTNER_DESK_RECORD) copyFileSync(path, join(root, 'docs/images', docs))
  }

  /** Holds a page to what can be checked of the rules for accessible pages, WCAG 2.2 AA, and to fitting its window. */
  async accessible(page) {
    const axe = readFileSync(packages.resolve('axe-core/axe.min.js'), 'utf8')
    const found = await page.evaluate(`${axe}; axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`)
    const told = found.violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html} ${node.failureSummary}`))
    assert.deepEqual(told, [], `${page.url()} is not accessible`)
    const wider = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
    assert.ok(wider <= 0, `${page.url()} is ${wider} px wider than its window`)
  }

  /** The end of a test that went well, unless something went wrong beside it. */
  async end() {
    for (const context of this.#contexts) await context.close()
    for (const started of this.#processes) if (!started.ended) await started.stop()
    assert.deepEqual(this.problems, [], 'went wrong beside the test')
    assert.deepEqual(readdirSync(join(this.folder, 'tmp')), [], 'left behind in TMPDIR')
    rmSync(this.folder, { recursive: true })
  }

  /** The end of one that did not: takes everything away, and tells what could be seen. */
  async breakDown() {
    const told = this.problems.map((problem) => `beside it: ${problem}`)
    let count = 0
    for (const context of this.#contexts) {
      for (const page of context.pages()) {
        const path = join(pictures, `FAILED-${this.name.replaceAll('::', '-')}-${(count += 1)}.png`)
        const taken = await page.screenshot({ path, timeout: 5000 }).catch(() => undefined)
        if (taken) told.push(`picture of ${page.url()}: ${path}`)
      }
      await context.close().catch(() => undefined)
    }
    for (const started of this.#processes) {
      if (!started.ended) await started.kill()
      told.push(`${started.name} said:\n${started.output}`)
    }
    rmSync(this.folder, { recursive: true, force: true })
    return told.join('\n')
  }
}

function watch(page, wrong) {
  page.on('pageerror', (error) => wrong(`${page.url()}: ${error.message}`))
  page.on('console', (said) => {
    // A browser asks for one by itself.
    if (said.location().url.endsWith('/favicon.ico')) return
    if (['error', 'warning'].includes(said.type())) wrong(`${page.url()}: ${said.text()}`)
  })
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url())
    if (!['127.0.0.1', 'localhost', '[::1]'].includes(hostname) && protocol.startsWith('http')) wrong(`${page.url()} asked ${request.url()}`)
  })
}
