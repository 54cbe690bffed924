import { createPool } from '../adapters/postgres/pool.ts'
import { retireKeys, rotateKeys as rotate } from '../adapters/vault/rotation.ts'
import { ConfigError } from '../config.ts'
import { connect, requireTables, STOPPED_BY_SIGNAL, type Operation } from './operation.ts'

/**
 * `rotate-keys [--retire]`: puts a new key into use and reseals every account's data key under it; `--retire` removes
 * unused keys from the keyring. A keyring from the environment is not changed; the new one is printed, and nothing
 * else.
 * @returns 0, or 130 if stopped
 * @throws ConfigError, KeyringError
 */
export const rotateKeys = async ({ config, args, signal, say, warn }: Operation): Promise<number> => {
  const unknown = args.filter((arg) => arg !== '--retire')
  if (unknown.length > 0) throw new ConfigError(`rotate-keys takes only --retire, not ${unknown.join(', ')}`)
  const { keyring: from } = config
  const database = await connect(config, warn)
  const pool = createPool({ ...database.connection, max: 2, application_name: 'mailtrail operation' })
  try {
    await requireTables(pool)
    const done = await (args.includes('--retire') ? retireKeys(pool, from) : rotate(pool, from, signal))
    switch (done.status) {
      case 'rotated':
        say(
          `${done.keyring.newestId} is the key in use; ${done.rewrapped === 1 ? '1 account was' : `${done.rewrapped} accounts were`} resealed under it.`,
        )
        say(
          `Keep a copy of ${from.value ? 'MAILTRAIL_KEYS' : from.file}. Existing backups need its older keys; rotate-keys --retire removes them.`,
        )
        break
      case 'retired':
        say(`${from.file} now has no key but ${done.keyring.newestId}. Keep a copy of it.`)
        break
      case 'to_be_set':
        warn(
          args.includes('--retire')
            ? 'Nothing is sealed under the older keys any more. Here is the keyring without them: set MAILTRAIL_KEYS to it for every process:'
            : 'Nothing has changed yet. Here is the keyring with a new key: set MAILTRAIL_KEYS to it for every process, restart them all, and run rotate-keys with it again:',
        )
        say(done.keyring.text().reveal().trimEnd())
    }
    return 0
  } catch (error) {
    if (!signal.aborted) throw error
    warn('Stopped. Run rotate-keys again to continue.')
    return STOPPED_BY_SIGNAL
  } finally {
    await pool.end()
    await database.stop()
  }
}
