import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { Test } from 'tap'
import { postgresBlobStore } from '../../src/adapters/postgres/blob-store.ts'
import { postgresEventStore } from '../../src/adapters/postgres/event-log/event-store.ts'
import { handler, newCommandId } from '../../src/commands/handle.ts'
import { account, accountStream } from '../../src/domain/accounts/account.ts'
import { defaultSettings, type Owner } from '../../src/domain/accounts/events.ts'
import { message, messageStream } from '../../src/domain/sync/message.ts'
import { idOf } from './example-emails.ts'
import { synced } from './example-sync-events.ts'

/**
 * Accounts as they are once connected, each with one synced message, straight into the log: no servers stand behind
 * them. Account and message n have the ids `idOf('acc', n)` and `idOf('msg', n)`.
 * @returns the position behind all of it
 */
export const seedAccounts = async (
  t: Test,
  pool: pg.Pool,
  owners: readonly { readonly n: number; readonly owner: Owner }[],
): Promise<string> => {
  const store = postgresEventStore(pool)
  t.teardown(() => store.close())
  const blobs = postgresBlobStore(pool)
  const handle = handler(store, () => new Date())
  const caller = () => ({
    actor: { kind: 'system' as const, id: 'test' },
    commandId: newCommandId(new Date()),
    correlationId: 'test',
    causationId: null,
  })
  for (const { n, owner } of owners) {
    const accountId = idOf('acc', n)
    const smtp = { host: '127.0.0.1', port: 587, encryption: 'starttls', username: `user${n}` } as const
    const connect = {
      by: null,
      do: 'connect',
      accountId,
      address: `box${n}@acme.test`,
      owner,
      connection: { provider: 'imap-smtp', smtp, imap: null },
      sends: true,
      receives: false,
      credentialVersion: 1,
      settings: { ...defaultSettings, displayName: `Box ${n}` },
    } as const
    await handle(account, accountStream(accountId), connect, caller())
    const raw = Buffer.from(`From: a@x.test\r\nSubject: Message ${n}\r\n\r\nText ${n}\r\n`)
    const hash = createHash('sha256').update(raw).digest('hex')
    await blobs.put([{ hash, content: raw }])
    const { data } = synced(n, { accountId, raw: hash })
    await handle(message, messageStream(data.messageId), { do: 'sync', message: data }, caller())
  }
  return (await store.head()) ?? ''
}
