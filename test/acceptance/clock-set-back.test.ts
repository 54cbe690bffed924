import t from 'tap'
import { appWithMailbox } from '../support/app-with-mailbox.ts'

// What docs/troubles.md says.

const HOUR_MS = 3_600_000

t.test(
  'when the clock is set back nothing is lost, nothing is sent twice, and new work is done at once',
  async (t) => {
    let aheadMs = 0
    const { app, sink, queue, untilSent } = await appWithMailbox(t, {
      clock: () => new Date(Date.now() + aheadMs),
    })
    const before = await queue('Before')
    await untilSent(before)
    // The time that it waits for is an hour and more away when the clock has been set back.
    aheadMs = HOUR_MS
    const waiting = await queue('Waits for its time', 60)
    aheadMs = 0
    const after = await queue('Afterwards')
    await untilSent(after)
    const { state } = await app.client.get<{ state: string }>(`/v1/outbox/${waiting}`)
    t.equal(state, 'queued')

    await app.client.send('POST', `/v1/outbox/${waiting}/cancellation`)
    await untilSent(await queue('Once more'))
    t.strictSame(
      sink.messages.map(({ raw }) => /^Subject: (.*)\r$/m.exec(raw.toString())?.[1]),
      ['Before', 'Afterwards', 'Once more'],
    )
    type Event = { position: string; recordedAt: string; occurredAt: string; type: string }
    const { data } = await app.client.get<{ data: Event[] }>('/v1/audit/events?sort=position&limit=200')
    const times = data.map(({ recordedAt }) => recordedAt)
    t.strictSame(times, times.toSorted(), 'the log goes forward')
    const queued = data.filter(({ type }) => type === 'EmailQueued').map(({ occurredAt }) => occurredAt)
    t.notSame(queued, queued.toSorted(), 'although the clock did not')
  },
)
