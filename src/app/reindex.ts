import { Kysely, PostgresDialect } from 'kysely'
import { mailParser } from '../adapters/mime/parse-pool.ts'
import { postgresBlobStore } from '../adapters/postgres/blob-store.ts'
import { postgresMessageTexts } from '../adapters/postgres/message-texts.ts'
import { createPool } from '../adapters/postgres/pool.ts'
import { requireReadModels } from '../adapters/postgres/projections/state/prepare.ts'
import { soundBlob } from '../commands/ports/blobs.ts'
import type { MessageText } from '../commands/ports/message-texts.ts'
import { UnreadableMail } from '../commands/ports/parser.ts'
import { ConfigError } from '../config.ts'
import { messages } from '../projections/sync/messages.ts'
import { storedMessages, type StoredMessage } from '../projections/sync/stored-messages.ts'
import { connect, requireTables, STOPPED_BY_SIGNAL, type Operation } from './operation.ts'
import { grouped } from './operations-report.ts'

const AT_ONCE = 100

/**
 * `reindex`: makes what messages are found by again from their stored bytes, while the service runs.
 * @returns 0, 1 if the bytes of some are missing or damaged, 130 if stopped
 * @throws ConfigError
 */
export const reindex = async ({ config, args, signal, say, warn, show }: Operation): Promise<number> => {
  if (args.length > 0) throw new ConfigError(`reindex takes no arguments, not ${args.join(', ')}`)
  const database = await connect(config, warn)
  const pool = createPool({ ...database.connection, max: 4, application_name: 'mailtrail operation' })
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  const parser = mailParser()
  const [blobs, texts] = [postgresBlobStore(pool), postgresMessageTexts(pool)]
  const textOf = async ({ id, accountId, receivedAt, raw }: StoredMessage): Promise<MessageText[]> => {
    try {
      const bytes = await soundBlob(blobs, raw)
      return bytes
        ? [{ messageId: id, accountId, receivedAt, ...(await parser.parse(bytes, signal)).search }]
        : []
    } catch (error) {
      if (error instanceof UnreadableMail) return []
      throw error
    }
  }
  try {
    await requireTables(pool)
    await requireReadModels(pool, [messages])
    let [done, left] = [0, 0]
    for (let after: string | null = null; ;) {
      const page: StoredMessage[] = await storedMessages(db)(after, AT_ONCE)
      const found = (await Promise.all(page.map(textOf))).flat()
      await texts.put(found)
      done += found.length
      left += page.length - found.length
      show(`${grouped(done)} messages`)
      after = page.at(-1)?.id ?? null
      if (after === null) break
    }
    show('')
    say(`${grouped(done)} messages can be found by their words`)
    if (left > 0)
      warn(`${grouped(left)} cannot be read, or their bytes are missing: npm run verify names them`)
    return left > 0 ? 1 : 0
  } catch (error) {
    if (!signal.aborted) throw error
    warn('Stopped. What was made so far is in use; run reindex again for the rest.')
    return STOPPED_BY_SIGNAL
  } finally {
    await parser.close()
    await pool.end()
    await database.stop()
  }
}
