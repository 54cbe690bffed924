import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Table from 'cli-table3'
import pg from 'pg'
import { startEmbeddedPostgres } from '../src/adapters/embedded-postgres/embedded-postgres.ts'
import { append256, append32 } from './append.ts'
import { appendEsdb } from './append-esdb.ts'
import { command, commandHttp } from './command.ts'
import { directoryImport } from './directory-import.ts'
import { imapIdleRun } from './imap-idle.ts'
import { imapSync } from './imap-sync.ts'
import { resultOf, type Bench, type Row } from './measure.ts'
import { projectionsRow } from './projections.ts'
import { providerSync } from './provider-sync.ts'
import { queueLarge } from './queue-large.ts'
import { readAll } from './read-all.ts'
import { rebuildRow } from './rebuild.ts'
import { scaling } from './scaling.ts'
import { search } from './search.ts'
import { smtpSend } from './smtp-send.ts'
import { timeline } from './timeline.ts'
import { tracking } from './tracking.ts'

const rows: readonly Row[] = [
  append32,
  append256,
  appendEsdb,
  readAll,
  projectionsRow,
  rebuildRow,
  directoryImport,
  imapSync,
  imapIdleRun,
  ...providerSync,
  smtpSend,
  queueLarge,
  tracking,
  command,
  commandHttp,
  search,
  timeline,
  ...scaling,
]

const args = process.argv.slice(2)
const json = args.includes('--json')
const names = args.filter((arg) => !arg.startsWith('--'))
/** `scaling` selects all rows that begin with it. */
const isNamed = (row: string, name: string): boolean => row === name || row.startsWith(`${name}-`)
const unknown = names.filter((name) => !rows.some((row) => isNamed(row.name, name)))
if (unknown.length > 0) {
  process.stderr.write(
    `No benchmark ${unknown.join(', ')}; there are ${rows.map((row) => row.name).join(', ')}\n`,
  )
  process.exit(2)
}
const wanted = rows.filter((row) =>
  names.length === 0 ? row.onlyByName !== true : names.some((name) => isNamed(row.name, name)),
)
const chosen = wanted.filter(({ name, needs }) => {
  if (needs === undefined || process.env[needs] !== undefined) return true
  process.stderr.write(`${name}: skipped, because ${needs} is not set\n`)
  return false
})

const folder = mkdtempSync(join(tmpdir(), 'mailtrail-bench-'))
const server = await startEmbeddedPostgres({ dataFolder: join(folder, 'postgres') })
const admin = new pg.Pool({ ...server.connection, max: 1 })
let databases = 0
const stops: (() => Promise<void>)[] = []
const bench: Bench = {
  rounds: 5,
  database: async () => {
    const database = `bench_${++databases}`
    await admin.query(`create database ${database} template template0`)
    return { ...server.connection, database }
  },
  atEnd: (stop) => stops.push(stop),
}

const results: ReturnType<typeof resultOf>[] = []
try {
  for (const row of chosen) {
    process.stderr.write(`${row.name}: ${row.what}, against ${row.ceilingWhat}\n`)
    results.push(resultOf(row, await row.run(bench)))
  }
} finally {
  for (const stop of stops) await stop()
  await admin.end()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}

if (json)
  process.stdout.write(`${JSON.stringify(results.map(({ low: _low, high: _high, ...row }) => row))}\n`)
else {
  const table = new Table({
    head: ['name', 'ours', 'ceiling', 'unit', 'ratio', 'spread', 'reach'],
    style: { head: [], border: [] },
  })
  for (const row of results)
    table.push([
      row.name,
      row.ours,
      row.ceiling,
      row.unit,
      row.ratio,
      `${row.low} to ${row.high}`,
      `at least ${row.reach}`,
    ])
  process.stdout.write(`${table.toString()}\n`)
}
