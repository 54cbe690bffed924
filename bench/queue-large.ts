import { monitorEventLoopDelay } from 'node:perf_hooks'
import { loadFromThread } from './load.ts'
import { inTurn, type Row } from './measure.ts'
import { sendingService } from './sending-service.ts'

const EMAILS = 10
/** As large as a body may be, nearly. */
const LARGE = 249_000
const SMALL = 1000
/** Never reached: only queueing is measured. */
const SCHEDULED_AT = new Date(Date.now() + 24 * 3_600_000).toISOString()
const cell =
  '<tr><td style="font-family:sans-serif;font-size:14px;color:#333333">Hello <b>{contact.email}</b>, this is <a href="https://acme.test/a">our offer</a>.</td></tr>\n'
const htmlOf = (bytes: number): string => `<table>${cell.repeat(Math.floor(bytes / cell.length))}</table>`

export const queueLarge: Row = {
  name: 'queue-large',
  what: 'the longest pause of the event loop while emails of 250 kB of HTML are queued, tracked, as pauses per second',
  ceilingWhat: 'the same with emails of 1 kB',
  unit: 'pauses/s',
  reach: 0.25,
  run: async (bench) => {
    const { service, accountId, stop } = await sendingService(bench, {
      MAILTRAIL_TRACKING_URL: 'https://track.acme.test',
    })
    const { app, key } = service
    const queue = async (bytes: number): Promise<number> => {
      const email = {
        accountId,
        to: [{ address: 'ann@client.test' }],
        subject: 'Our offer',
        html: htmlOf(bytes),
      }
      const delay = monitorEventLoopDelay({ resolution: 1 })
      delay.enable()
      const { statuses } = await loadFromThread({
        url: app.url,
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        paths: ['/v1/outbox'],
        bodies: [JSON.stringify({ email, scheduledAt: SCHEDULED_AT, undoSeconds: 0 })],
        requests: EMAILS,
        connections: 1,
      })
      delay.disable()
      if (statuses[201] !== EMAILS) throw new Error(`Answers: ${JSON.stringify(statuses)}`)
      return 1e9 / delay.max
    }
    const measured = await inTurn(
      bench.rounds,
      () => queue(LARGE),
      () => queue(SMALL),
    )
    await stop()
    return measured
  },
}
