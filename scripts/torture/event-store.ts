import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../lib/free-port.ts'
import { cutLines } from '../lib/cut-lines.ts'
import type { Chance } from './chance.ts'

export type Strike = 'kill' | 'pause' | 'cut'

/** The event store under test, beside the database. */
export type StruckStore = {
  /** For EVENT_STORE_URL. */
  readonly url: string
  /** What can be done to it. */
  readonly strikes: readonly Strike[]
  /** Strikes it, and resolves when it can be reached again. */
  strike(kind: Strike): Promise<void>
  end(): Promise<void>
}

/** Longer than an append waits for its answer, at the most longer than it is asked for again. */
const PAUSE_MS = { least: 500, most: 12_000 }
const AWAY_MS = { least: 0, most: 4_000 }
/** How many pieces of what is said still pass before a cut, and how long they are waited for. */
const PIECES = { least: 0, most: 60 }
const PIECES_WITHIN_MS = 5_000

const given = (url: string): StruckStore => ({
  url,
  strikes: [],
  strike: () => Promise.resolve(),
  end: () => Promise.resolve(),
})

/**
 * The one that is given by `url`, of which only the line to it can be struck, or one of our own: the double of the
 * tests in a process of its own, with its events on disk. Null if there is neither: the log is in the database.
 */
export const openEventStore = async (
  folder: string,
  { eventStoreUrl, eventStoreStrikes }: { eventStoreUrl: string | null; eventStoreStrikes: number },
  chance: Chance,
): Promise<StruckStore | null> => {
  if (eventStoreStrikes === 0) return eventStoreUrl === null ? null : given(eventStoreUrl)
  if (eventStoreUrl !== null) return lineTo(eventStoreUrl, chance)
  const double = await killableDouble(join(folder, 'event-store.jsonl'))
  const line = await lineTo(double.url, chance)
  return {
    url: line.url,
    strikes: ['kill', 'pause', 'cut'],
    strike: async (kind) => {
      if (kind === 'cut') return line.strike(kind)
      if (kind === 'pause') return double.pause(chance.between(PAUSE_MS.least, PAUSE_MS.most))
      await double.kill(chance.between(AWAY_MS.least, AWAY_MS.most))
    },
    end: async () => {
      await line.end()
      await double.end()
    },
  }
}

const ONE_HOST = /^(esdb:\/\/(?:[^@/]*@)?)([^@/?,:[\]]+)(?::(\d+))?((?:[/?].*)?)$/

/** Whether a line to it can be cut: the members of a cluster tell each other's addresses, and go around it. */
export const isOneHost = (url: string): boolean => ONE_HOST.test(url)

const lineTo = async (url: string, chance: Chance): Promise<StruckStore> => {
  const [, before, host, port = '2113', after] = ONE_HOST.exec(url) ?? []
  if (host === undefined) throw new TypeError('It must name one host')
  const ends: (() => unknown)[] = []
  const lines = await cutLines({ teardown: (end) => void ends.push(end) }, [{ host, port: Number(port) }])
  return {
    // By name: over TLS no address is accepted.
    url: `${before}localhost:${lines.ports[0]}${after}`,
    strikes: ['cut'],
    strike: async () => {
      lines.cutAfter(chance.between(PIECES.least, PIECES.most))
      for (const until = performance.now() + PIECES_WITHIN_MS; !lines.wasCut() && performance.now() < until;)
        await sleep(5)
      await sleep(chance.between(AWAY_MS.least, AWAY_MS.most))
      lines.mend()
    },
    end: async () => {
      for (const end of ends) end()
    },
  }
}

const killableDouble = async (file: string) => {
  const port = await freePort()
  const start = async (): Promise<{ child: ChildProcess; url: string }> => {
    const main = fileURLToPath(new URL('../lib/event-store-db/process.ts', import.meta.url))
    const child = spawn(process.execPath, [main, file, String(port)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      // Ctrl-C from the terminal is for the run alone, which ends it in the right order.
      detached: true,
    })
    const ended = once(child, 'exit').then(([how]) => {
      throw new Error(`The event store ended (${how}) instead of starting`)
    })
    const [said] = (await Promise.race([once(child.stdout, 'data'), ended])) as [Buffer]
    ended.catch(() => {})
    return { child, url: said.toString().trim() }
  }
  const first = await start()
  let { child } = first
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  return {
    url: first.url,
    kill: async (awayMs: number): Promise<void> => {
      await kill()
      await sleep(awayMs)
      child = (await start()).child
    },
    pause: async (ms: number): Promise<void> => {
      child.kill('SIGSTOP')
      await sleep(ms)
      child.kill('SIGCONT')
    },
    end: kill,
  }
}
