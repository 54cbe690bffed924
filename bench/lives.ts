import { randomUUID } from 'node:crypto'
import type { EventStore } from '../src/commands/ports/event-log.ts'
import { AccountConnected } from '../src/domain/accounts/events.ts'
import type { DomainEvent } from '../src/domain/event.ts'
import { exampleQueued, idOf } from '../test/support/example-emails.ts'
import { sentEmail } from '../test/support/sent-email.ts'
import { connected, messageIdOf, placeOf, synced } from '../test/support/example-sync-events.ts'

const WRITERS = 128
/** Appends events to a new stream. */
export const append = (store: EventStore, stream: string, events: readonly DomainEvent[]) =>
  store.append({
    stream,
    expected: 'no_stream',
    events: events.map(({ type, data }) => ({
      type,
      data,
      id: randomUUID(),
      metadata: {
        actor: { kind: 'system', id: 'bench' },
        commandId: randomUUID(),
        correlationId: randomUUID(),
        causationId: null,
        occurredAt: '2026-01-31T12:00:00.000Z',
        schemaVersion: 1,
      },
    })),
  })

const ACCOUNTS = 100
const PEOPLE = 5_000

/** The life of the nth email of an account: written, sent, opened twice, clicked, answered by a mail that is synced. */
export const lifeOf = (n: number): (DomainEvent & { stream: string })[] => {
  const at = (minutes: number) => new Date(Date.UTC(2026, 0, 1) + n * 20_000 + minutes * 60_000).toISOString()
  const accountId = idOf('acc', 1 + (n % ACCOUNTS))
  const person = `person${n % PEOPLE}@client.test`
  const { header } = exampleQueued()
  const email = sentEmail(n, {
    accountId,
    header: { ...header, messageId: `${n}@acme.test`, subject: `Offer ${n}`, to: [{ address: person }] },
    envelope: { from: header.from.address, recipients: [person] },
    queuedAt: at(0),
    notBefore: at(0),
  })
  const answer = synced(n, {
    accountId,
    placement: placeOf(1 + Math.floor(n / ACCOUNTS)),
    header: {
      messageId: `answer-${n}@client.test`,
      inReplyTo: [`${n}@acme.test`],
      references: [`${n}@acme.test`],
      subject: `Re: Offer ${n}`,
      from: [{ address: person }],
    },
    receivedAt: at(30),
  })
  const own = [
    email.queued,
    email.released(at(1)),
    email.sent(at(1)),
    email.open(at(10)),
    email.open(at(20), { ip: '198.51.100.9' }),
    email.click(at(21)),
    email.delivered(at(61)),
  ]
  return [
    ...own.map(({ type, data, envelope }) => ({ type, data, stream: envelope.stream ?? '' })),
    { ...answer, stream: `message-${messageIdOf(n)}` },
  ]
}

/** Appends the life of one email. */
export const live = async (store: EventStore, n: number): Promise<void> => {
  for (const [stream, events] of Map.groupBy(lifeOf(n), ({ stream: of }) => of))
    await append(store, stream, events)
}

/** Lives from `from` (inclusive) to `to` (exclusive). */
export const fill = async (store: EventStore, from: number, to: number): Promise<void> => {
  let next = from
  const write = async () => {
    while (next < to) await live(store, next++)
  }
  await Promise.all(Array.from({ length: WRITERS }, write))
}

/** Connects the accounts of all lives. */
export const connectAccounts = async (store: EventStore): Promise<void> => {
  for (let n = 1; n <= ACCOUNTS; n++) {
    const accountId = idOf('acc', n)
    await append(store, `account-${accountId}`, [AccountConnected({ ...connected().data, accountId })])
  }
}
