import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { memoryEventStore } from '../../support/memory-event-store.ts'
import { openSpool, type Spool, type SpoolProblem } from '../../../src/adapters/tracking/spool.ts'
import type { EventStore } from '../../../src/commands/ports/event-log.ts'
import type { SpooledHit } from '../../../src/commands/ports/tracking.ts'
import { recordHits } from '../../../src/commands/tracking/record-hits.ts'
import { aCaller, aClick, anOpen, outgoingOf } from '../../support/example-hits.ts'

const until = async (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + 120_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited in vain until ${what}`)
    await sleep(5)
  }
}

const problems: SpoolProblem[] = []
const spoolIn = (folder: string, sealMs = 50): Spool =>
  openSpool({ folder, sealMs, onProblem: (problem) => void problems.push(problem) })

/** Pumps into the store until it is told to stop. */
const pumping = (spool: Spool, store: EventStore) => {
  const stopping = new AbortController()
  const done = spool.pump((hits) => recordHits({ store })(aCaller(), hits), stopping.signal)
  return async (): Promise<void> => {
    stopping.abort()
    await done
  }
}

const recorded = async (store: EventStore) => (await store.readAll({ after: null, limit: 1_000_000 })).events
const messages = async (store: EventStore): Promise<Set<string>> =>
  new Set((await recorded(store)).map(({ stream }) => stream.slice('tracking-'.length)))

t.test('what is recorded is in the folder at once, comes out whole and leaves nothing behind', async (t) => {
  const folder = path.join(t.testdir(), 'not yet', 'there')
  const spool = spoolIn(folder)
  const hits = [
    anOpen(),
    aClick({ link: 3 }),
    anOpen({ outgoingId: outgoingOf(2), userAgent: 'Grüße "quoted"\n😀', ip: null }),
  ]
  for (const hit of hits) spool.record(hit)
  const [file] = fs.readdirSync(folder)
  t.match(file, /^\d{15}-[0-9a-f-]{36}\.open$/)
  const content = fs.readFileSync(path.join(folder, file!), 'utf8')
  t.strictSame(
    content
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
    hits,
  )
  if (process.platform !== 'win32') t.equal(fs.statSync(path.join(folder, file!)).mode & 0o777, 0o600)

  const store = memoryEventStore()
  const stop = pumping(spool, store)
  await until('all is recorded', async () => (await recorded(store)).length === 3)
  await until('the folder is empty', () => fs.readdirSync(folder).length === 0)
  await stop()
  await spool.close()
  const events = await recorded(store)
  const inOrder = (all: readonly { type: string; data: unknown }[]) =>
    all
      .map(({ type, data }) => ({ type, data: data as { outgoingId: string } }))
      .toSorted((a, b) => (a.type + a.data.outgoingId < b.type + b.data.outgoingId ? -1 : 1))
  t.strictSame(inOrder(events), inOrder(hits))
})

t.test('a segment stays until its events are acknowledged, and is given again the same', async (t) => {
  const folder = t.testdir()
  const spool = spoolIn(folder)
  spool.record(anOpen())
  spool.record(anOpen({ outgoingId: outgoingOf(2) }))
  await spool.close()
  const given: (readonly SpooledHit[])[] = []
  const stopping = new AbortController()
  const pump = spool.pump(async (hits) => {
    given.push(hits)
    t.equal(fs.readdirSync(folder).length, 1, 'it is still there')
    if (given.length < 3) throw new Error('The store is down')
  }, stopping.signal)
  await until('it is gone', () => fs.readdirSync(folder).length === 0)
  stopping.abort()
  await pump
  t.equal(given.length, 3)
  t.strictSame(given[1], given[0])
  t.strictSame(given[2], given[0])
  t.equal(new Set(given[0]!.map(({ source }) => source)).size, 2)
  t.equal(problems.filter(({ kind }) => kind === 'not-recorded').length, 2)
})

t.test('one segment that cannot be recorded does not hold up the others', async (t) => {
  const folder = t.testdir()
  const spool = spoolIn(folder)
  spool.record(anOpen())
  await spool.close()
  spool.record(anOpen({ outgoingId: outgoingOf(2) }))
  await spool.close()
  const got: string[] = []
  const stopping = new AbortController()
  const pump = spool.pump(async (hits) => {
    if (hits[0]!.hit.data.outgoingId === outgoingOf(1)) throw new Error('Never this one')
    got.push(hits[0]!.hit.data.outgoingId)
  }, stopping.signal)
  await until('the other is there', () => got.length === 1)
  stopping.abort()
  await pump
  t.equal(fs.readdirSync(folder).length, 1)
})

t.test(
  'a line that is no hit costs itself only, and is kept to be looked at; half a line at the end is nothing',
  async (t) => {
    const folder = t.testdir()
    const spool = spoolIn(folder)
    spool.record(anOpen())
    const [open] = fs.readdirSync(folder)
    fs.appendFileSync(
      path.join(folder, open!),
      'nonsense\n{"type":"EmailSent","data":{}}\n{"type":"OpenTracked","data":{"ip":7}}\nnull\n',
    )
    spool.record(anOpen({ outgoingId: outgoingOf(2) }))
    await spool.close()
    spool.record(anOpen({ outgoingId: outgoingOf(3) }))
    const last = fs.readdirSync(folder).find((file) => file.endsWith('.open'))
    fs.appendFileSync(path.join(folder, last!), '{"type":"OpenTracked","da')
    await spool.close()
    const store = memoryEventStore()
    const stop = pumping(spool, store)
    await until('all is recorded', async () => (await recorded(store)).length === 3)
    await until('only the damaged one is left', () =>
      fs.readdirSync(folder).every((file) => file.endsWith('.damaged')),
    )
    await stop()
    t.equal(fs.readdirSync(folder).length, 1)
    t.match(
      problems.find(({ kind }) => kind === 'damaged'),
      { lines: 4 },
    )
  },
)

t.test('no segment is written to for longer than it may be, whatever keeps the process busy', async (t) => {
  const folder = t.testdir()
  const spool = spoolIn(folder, 20)
  spool.record(anOpen())
  const busyUntil = performance.now() + 40
  while (performance.now() < busyUntil);
  spool.record(anOpen())
  t.strictSame(
    fs
      .readdirSync(folder)
      .map((file) => path.extname(file))
      .toSorted(),
    ['.open', '.sealed'],
  )
  await spool.close()
  t.ok(fs.readdirSync(folder).every((file) => file.endsWith('.sealed')))
})

t.test(
  'a folder that takes nothing makes record throw, and it goes on when the folder is back',
  async (t) => {
    const folder = path.join(t.testdir(), 'spool')
    const spool = spoolIn(folder)
    fs.rmdirSync(folder)
    t.throws(() => spool.record(anOpen()), { code: 'ENOENT' })
    fs.mkdirSync(folder)
    spool.record(anOpen())
    await spool.close()
    t.equal(fs.readdirSync(folder).length, 1)
  },
)

t.test(
  'kill -9 at any moment loses no hit that was answered, with two processes and two pumps on one folder',
  async (t) => {
    const folder = t.testdir()
    const store = memoryEventStore()
    const stops = [pumping(spoolIn(folder), store), pumping(spoolIn(folder), store)]
    const said = new Set<string>()
    const script = path.join(import.meta.dirname, '..', '..', 'support', 'spool-writer.ts')
    const round = async (name: string, hits: number): Promise<void> => {
      const child = spawn(process.execPath, [script, folder, name], { stdio: ['ignore', 'pipe', 'inherit'] })
      let count = 0
      for await (const line of createInterface(child.stdout)) {
        said.add(outgoingOf(`${name} ${line}`))
        if (++count === hits) child.kill('SIGKILL')
      }
      if (child.signalCode === null) await once(child, 'exit')
    }
    await Promise.all(
      [1, 2].map(async (writer) => {
        for (const hits of [1, 230, 61]) await round(`${writer}.${hits}`, hits)
      }),
    )
    t.ok(said.size > 500, `${said.size} hits were answered`)
    await until('the folder is empty', () => fs.readdirSync(folder).length === 0)
    for (const stop of stops) await stop()
    const events = await recorded(store)
    const found = await messages(store)
    t.strictSame(
      [...said].filter((id) => !found.has(id)),
      [],
    )
    t.equal(events.length, found.size, 'none is there twice')
  },
)
