import { createHash } from 'node:crypto'
import t from 'tap'
import { postgresEventStore } from '../../src/adapters/postgres/event-log/event-store.ts'
import { migrate } from '../../src/adapters/postgres/migrate.ts'
import { postgresBlobStore } from '../../src/adapters/postgres/blob-store.ts'
import { createPool } from '../../src/adapters/postgres/pool.ts'
import { schemaOf } from '../../src/projections/projection.ts'
import { messages } from '../../src/projections/sync/messages.ts'
import { startVerb } from '../support/command-line.ts'
import { recordedEvents } from '../support/fold-events.ts'
import { testDatabase } from '../support/test-database.ts'
import { connected, synced } from '../support/example-sync-events.ts'

const blobOf = (text: string) => ({
  hash: createHash('sha256').update(text).digest('hex'),
  content: Buffer.from(text),
})

t.test('rebuild and verify from the command line', async (t) => {
  const config = await testDatabase(t)
  const pool = createPool({ ...config, max: 6 })
  t.teardown(() => pool.end())
  const run = (...args: string[]) => startVerb(t, config, args).ended

  t.match(await run('verify'), { code: 2, err: /not set up/ }, 'an empty database cannot be verified')
  await migrate(pool)
  const store = postgresEventStore(pool)
  t.teardown(() => store.close())
  const mails = Array.from({ length: 40 }, (_value, index) => blobOf(`mail ${index + 1}`))
  await postgresBlobStore(pool).put(mails)
  const events = [connected(), ...mails.map(({ hash: raw }, index) => synced(index + 1, { raw }))]
  for (const [index, event] of recordedEvents(events).entries())
    await store.append({ stream: `test-${index}`, expected: 'no_stream', events: [event] })

  t.match(await run('rebuild', 'nothing'), { code: 1, err: /no read model nothing/ })
  const all = await run('rebuild', '--all')
  t.equal(all.code, 0, all.err)
  t.match(all.out, /messages {2}rebuilt up to position p:0*41\n/)
  t.match(all.out, /41 events of the log in [\d.]+ s, [\d,]+ a second; peak memory \d+ MB\n$/)
  t.match(all.err, /reading {2}[\d,]+ events of 41 events \(\d+ %\)/)
  const equal = await run('verify')
  t.equal(equal.code, 0, equal.err)
  t.match(equal.out, /equal: \d+ rows of \d+ read models/)
  t.match(equal.out, /content {2}equal, 40 files/)

  const table = `${schemaOf(messages)}.message`
  await pool.query(`update ${table} set snippet = 'private words' where id = (select min(id) from ${table})`)
  const different = await run('verify', 'messages')
  t.equal(different.code, 1)
  t.match(different.out, /message {2}1 rows differ: 1 changed, 0 missing, 0 surplus; 40 rows, rebuilt 40\n/)
  t.match(different.out, /changed {2}id="msg_\w+" {2}in snippet\n/)
  t.notMatch(different.out + different.err, /private words/)
  t.match(
    (await run('verify', 'messages', '--values')).out,
    /snippet: live "private words", rebuilt "snippet 1"/,
  )

  /** Run until it waits to switch this read model, then sent the signal. */
  const stoppedAtSwitch = async (waitsFor: string, signal: NodeJS.Signals, ...names: string[]) => {
    const holder = await pool.connect()
    await holder.query('begin')
    await holder.query('select from mailtrail.checkpoints where projection = $1 for update', [waitsFor])
    const { child, ended } = startVerb(t, config, ['rebuild', ...names])
    const waiting = `select from pg_stat_activity where application_name = 'mailtrail operation' and wait_event_type = 'Lock' and datname = current_database()`
    for (const deadline = Date.now() + 120_000; (await pool.query(waiting)).rowCount === 0;)
      if (Date.now() > deadline) throw new Error('The rebuild never reached its switch')
    child.kill(signal)
    if (signal === 'SIGKILL') await ended
    await holder.query('rollback')
    holder.release()
    return ended
  }
  await stoppedAtSwitch('messages', 'SIGKILL', 'messages')
  t.equal((await run('verify', 'messages')).code, 1, 'killed at its switch it has changed nothing')
  t.match(await run('rebuild', 'messages'), { code: 0 })
  t.match(
    await stoppedAtSwitch('messages', 'SIGINT', 'account-list', 'messages', 'threads'),
    {
      code: 130,
      err: /Stopped\. Rebuilt before that: account-list, messages\. Everything else is unchanged\.\n/,
    },
    'one stopped between two switches says which were made',
  )
  const shadows = await pool.query(`select from pg_namespace where nspname like 'rm%\\_\\_%'`)
  t.equal(shadows.rowCount, 0)

  await postgresBlobStore(pool).put([blobOf('kept'), blobOf('forged')])
  t.match((await run('verify')).out, /content {2}equal, 42 files, 0.0 MB match their SHA-256\n/)
  const { hash } = blobOf('forged')
  await pool.query(`update mailtrail.blobs set content = 'other' where hash = decode($1, 'hex')`, [hash])
  const forged = await run('verify')
  t.equal(forged.code, 1)
  t.match(
    forged.out,
    `content  1 files do not match their SHA-256, of 42 files, 0.0 MB\n  damaged  ${hash}\n`,
  )
  await postgresBlobStore(pool).put([blobOf('forged')])
  const missing = mails[7]!.hash
  await pool.query(`delete from mailtrail.blobs where hash = decode($1, 'hex')`, [missing])
  const lost = await run('verify')
  t.equal(lost.code, 1)
  t.match(lost.out, `content  1 files are missing\n  missing  ${missing}\n`)
  t.equal((await run('verify', 'messages')).code, 0, 'a named read model is compared alone')
})
