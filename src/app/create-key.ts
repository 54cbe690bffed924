import { parseArgs } from 'node:util'
import { postgresApiKeys } from '../adapters/postgres/api-keys.ts'
import { createPool } from '../adapters/postgres/pool.ts'
import { accessCommands } from '../commands/access/access.ts'
import { handler, loader, systemCaller } from '../commands/handle.ts'
import type { EventStore } from '../commands/ports/event-log.ts'
import { ConfigError } from '../config.ts'
import { keyForm } from '../http/access/key-form.ts'
import { newApiKey } from '../http/server/api-key-token.ts'
import { connect, requireTables, type Operation } from './operation.ts'
import { openStore, requireOwnLog } from './open-store.ts'

/**
 * `create-key --name NAME [--scope PERMISSION]... [--user ID] [--expires AT]`: creates an API key, with every permission
 * if none is named, and prints it, alone. Whoever can use the database may, also when no other key is left.
 * @returns 0
 * @throws ConfigError for invalid arguments or settings
 */
export const createKey = async ({ config, args, say, warn }: Operation): Promise<number> => {
  const form = formOf(args)
  const database = await connect(config, warn)
  const pool = createPool({ ...database.connection, max: 3, application_name: 'mailtrail operation' })
  let store: EventStore | null = null
  try {
    await requireTables(pool)
    store = await openStore(config, pool, (error) => warn(`Event store: ${error.message}`))
    await requireOwnLog(pool, store)
    const clock = () => new Date()
    const caller = systemCaller('operator', clock, 'create-key')
    const { id, token, hash } = newApiKey(caller.commandId)
    const { create } = accessCommands({
      handle: handler(store, clock),
      load: loader(store),
      apiKeys: postgresApiKeys(pool),
      clock,
    })
    await create(caller, { id, ...form }, hash)
    warn(`The API key ${id} was created. It is shown only once, so keep it:`)
    say(token.reveal())
    return 0
  } finally {
    await store?.close()
    await pool.end()
    await database.stop()
  }
}

const USAGE =
  'create-key takes --name NAME, and --scope PERMISSION (several times for several; without it, every permission), --user ID and --expires AT'

const formOf = (args: readonly string[]) => {
  const { name, scope, user, expires } = optionsIn(args)
  const form = keyForm.safeParse({
    name,
    scopes: scope ?? ['*'],
    userId: user ?? null,
    expiresAt: expires ?? null,
  })
  if (form.success) return form.data
  const [wrong] = form.error.issues
  const option = { name: '--name', scopes: '--scope', userId: '--user', expiresAt: '--expires' }
  const of = option[wrong?.path[0] as keyof typeof option]
  throw new ConfigError(`${of}: ${wrong?.message}. ${USAGE}`)
}

const optionsIn = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        name: { type: 'string' },
        scope: { type: 'string', multiple: true },
        user: { type: 'string' },
        expires: { type: 'string' },
      },
    }).values
  } catch (error) {
    throw new ConfigError(`${error instanceof Error ? error.message : 'Invalid arguments'}. ${USAGE}`)
  }
}
