import t from 'tap'
import { postgresEventStore } from '../../src/adapters/postgres/event-log/event-store.ts'
import { migrate } from '../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../src/adapters/postgres/pool.ts'
import { messageStream } from '../../src/domain/sync/message.ts'
import { startVerb } from '../support/command-line.ts'
import { connected, messageIdOf, synced } from '../support/example-sync-events.ts'
import { recordedEvents } from '../support/fold-events.ts'
import { sentEmail } from '../support/sent-email.ts'
import { testDatabase } from '../support/test-database.ts'

t.test('a history is replayed from the command line', async (t) => {
  const database = await testDatabase(t)
  const pool = createPool({ ...database, max: 4 })
  t.teardown(() => pool.end())
  const run = (...args: string[]) => startVerb(t, database, args).ended

  t.match(await run('replay', 'out_1'), { code: 1, err: /not set up/ }, 'there is no log yet')
  await migrate(pool)
  t.match(await run('replay', 'out_1'), { code: 1, err: /no index of events yet/ })

  const store = postgresEventStore(pool)
  t.teardown(() => store.close())
  const email = sentEmail(1)
  const day = (time: string) => `2026-01-22T${time}.000Z`
  const replyTo = synced(7, { header: { subject: 'Re: \u001B[2JOffer' } })
  const history = [
    { ...connected(), envelope: { stream: `account-${connected().data.accountId}` } },
    email.queued,
    email.released(day('14:29:59')),
    email.sent(day('14:30:00')),
    email.open(day('14:45:00')),
    { ...replyTo, envelope: { stream: messageStream(messageIdOf(7)) } },
    email.replied(day('15:00:00'), 7),
  ]
  for (const event of recordedEvents(history)) {
    const expected = event.revision === 0 ? 'no_stream' : event.revision - 1
    await store.append({ stream: event.stream, expected, events: [event] })
  }
  t.match(await run('rebuild', '--all'), { code: 0 })

  const { code, out, err } = await run('replay', email.outgoingId)
  t.equal(code, 0, err)
  t.equal(err, '')
  const lines = out.split('\n')
  const types = ['EmailQueued', 'EmailReleased', 'EmailSent', 'OpenTracked', 'MessageSynced', 'EmailReplied']
  t.strictSame(
    lines.flatMap((line) => /^ {2}(\w+), event \d+ of \S+$/.exec(line)?.[1] ?? []),
    types,
    'with the answer that belongs to it',
  )
  t.match(
    out,
    /^\d{4}-\d\d-\d\dT\S+Z {2}user u_1\n {2}The email “Our offer” to ann@client\.test was queued\n/,
  )
  t.match(out, /\n {4}status: "queued" → "sending"\n/)
  t.match(out, /\n {4}summary\.opens: 0 → 1\n/)
  t.match(out, /\n {4}summary\.replies: 0 → 1\n/)
  t.match(out, /\n {4}tracking: delivery\.status: "pending" → "accepted"\n/, 'the report too')
  t.notOk(out.includes('\u001B'), 'what others wrote does not steer the terminal')

  const json = (await run('replay', email.outgoingId, '--json')).out.trim().split('\n')
  const events = json.map(
    (line) => JSON.parse(line) as { type: string; recordedAt: string; changes: object[] },
  )
  t.strictSame(
    events.map(({ type }) => type),
    types,
  )
  t.ok(events.every(({ changes }) => changes.length > 0))
  const until = await run('replay', '--at', events[0]!.recordedAt, email.outgoingId, '--json')
  t.strictSame(
    until.out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type),
    types.slice(0, events.filter(({ recordedAt }) => recordedAt <= events[0]!.recordedAt).length),
  )
  t.match((await run('replay', `outgoing-${email.outgoingId}`)).out, /EmailSent, event 2/, 'one stream alone')
  t.match(await run('replay', 'contact:nobody'), { code: 1, out: '', err: /no such history/ })

  const [late] = recordedEvents([email.click(day('16:00:00'))])
  const { length } = await store.readStream(late!.stream)
  await store.append({ stream: late!.stream, expected: length - 1, events: [late!] })
  t.match(
    await run('replay', email.outgoingId),
    { code: 0, err: /newest events of the log may be missing/ },
    'it says where the index is behind the log',
  )

  for (const args of [[], ['a', 'b'], ['out_1', '--at'], ['out_1', '--at', 'noon'], ['--everything']])
    t.match(
      await run('replay', ...args),
      { code: 1, out: '', err: /^(?:replay takes|--at takes)/ },
      args.join(' '),
    )
  const { child, ended } = startVerb(t, database, ['replay', email.outgoingId])
  child.stdout.destroy()
  t.notMatch((await ended).err, /EPIPE/, 'a reader that has had enough is no error')

  const [newer] = recordedEvents([email.delivered(day('16:30:00'))])
  const metadata = { ...newer!.metadata, schemaVersion: 99 }
  await store.append({ stream: newer!.stream, expected: 2, events: [{ ...newer!, metadata }] })
  t.match(
    await run('replay', email.outgoingId),
    { code: 1, out: '', err: /^Event 3 of outgoing-\w+ is EmailDelivered in version 99, .*\n$/ },
    'what only a newer version can read is not folded wrongly',
  )
})
