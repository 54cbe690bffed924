import { randomUUID } from 'node:crypto'
import { postgresEventStore } from '../src/adapters/postgres/event-log/event-store.ts'
import { migrate } from '../src/adapters/postgres/migrate.ts'
import { createPool } from '../src/adapters/postgres/pool.ts'
import { newCommandId, newEvent, type Caller } from '../src/commands/handle.ts'
import { ContactRecorded } from '../src/domain/directory/events.ts'
import { inTurn, rate, type Row } from './measure.ts'
import { benchService } from './service.ts'

const CONTACTS = 20_000
const TOGETHER = 500

const contactOf = (round: number, index: number) => ({
  firstName: `Ada ${index}`,
  lastName: 'Lovelace',
  emails: [`ada.${round}.${index}@customer-${index % 1000}.example`, `a${round}.${index}@home.example`],
  phone: '+44 20 7946 0000',
  companyId: `co-${index % 1000}`,
  ownerId: `u-${index % 20}`,
  territory: 'North',
})

/** What an import costs beside the appends that it leads to. */
export const directoryImport: Row = {
  name: 'directory-import',
  what: 'new contacts over HTTP as lines of one import, with read models that follow',
  ceilingWhat: `bare appends of the same events, ${TOGETHER} at a time`,
  unit: 'contacts/s',
  reach: 0.2,
  run: async (bench) => {
    const service = await benchService(bench)
    await service.start()
    const pool = createPool({ ...(await bench.database()), max: 10 })
    await migrate(pool)
    const store = postgresEventStore(pool)
    let round = 0
    const measured = await inTurn(
      bench.rounds,
      () => {
        round++
        const line = (index: number) =>
          `${JSON.stringify({ kind: 'contact', id: `c-${round}-${index}`, value: contactOf(round, index) })}\n`
        const body = Array.from({ length: CONTACTS }, (_, index) => line(index)).join('')
        return rate(CONTACTS, async () => {
          const answer = await fetch(`${service.app.url}/v1/directory/imports`, {
            method: 'POST',
            headers: { authorization: `Bearer ${service.key}`, 'content-type': 'application/x-ndjson' },
            body,
          })
          const { created } = (await answer.json()) as { created: number }
          if (created !== CONTACTS) throw new Error(`${created} contacts were created`)
        })
      },
      () => {
        const events = Array.from({ length: CONTACTS }, (_, index) => {
          const contactId = `c-${round}-${index}`
          const event = ContactRecorded({ contactId, contact: contactOf(round, index) })
          return { contactId, event: newEvent(event, randomUUID(), caller(), '2026-01-31T12:00:00.000Z') }
        })
        return rate(CONTACTS, async () => {
          for (let done = 0; done < CONTACTS; done += TOGETHER)
            await Promise.all(
              events
                .slice(done, done + TOGETHER)
                .map(({ contactId, event }) =>
                  store.append({ stream: `contact-${contactId}`, expected: 'no_stream', events: [event] }),
                ),
            )
        })
      },
    )
    await store.close()
    await pool.end()
    await service.stop()
    return measured
  },
}

const caller = (): Caller => ({
  actor: { kind: 'system', id: 'bench' },
  commandId: newCommandId(new Date()),
  correlationId: 'bench',
  causationId: null,
})
