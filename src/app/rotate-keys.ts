import { createPool } from '../adapters/postgres/pool.ts'
import { retireKeys, rotateKeys as rotate } from '../adapters/vault/rotation.ts'
import { ConfigError } from '../config.ts'
import { connect, requireTables, STOPPED_BY_SIGNAL, type Operation } from './operation.ts'

/**
 * `rotate-keys [--retire]`: puts a new key into use and seals every account's data key under it; `--retire` takes the
 * keys that are not used any more out of the keyring. A keyring that comes from the environment is printed, alone, and
 * not changed.
 * @returns 0, or 130 when it was stopped
 * @throws ConfigError, KeyringError
 */
export const rotateKeys = async ({ config, args, signal, say, warn }: Operation): Promise<number> => {
  const unknown = args.filter((arg) => arg !== '--retire')
  if (unknown.length > 0) throw new ConfigError(`rotate-keys has only --retire, not ${unknown.join(', ')}`)
  const { keyring: from } = config
  const database = await connect(config, warn)
  const pool = createPool({ ...database.connection, max: 2, application_name: 'mailtrail operation' })
  try {
    await requireTables(pool)
    const done = await (args.includes('--retire') ? retireKeys(pool, from) : rotate(pool, from, signal))
    switch (done.status) {
      case 'rotated':
        say(
          `${done.keyring.newestId} is the key in use; ${done.rewrapped === 1 ? '1 account was' : `${done.rewrapped} accounts were`} sealed under it anew.`,
        )
        say(
          `Keep a copy of ${from.value ? 'MAILTRAIL_KEYS' : from.file}. Backups made until now need its older keys; rotate-keys --retire removes them.`,
        )
        break
      case 'retired':
        say(`${from.file} has no key but ${done.keyring.newestId} now. Keep a copy of it.`)
        break
      case 'to_be_set':
        warn(
          args.includes('--retire')
            ? 'Nothing is sealed under the older keys any more. This is the keyring without them, for MAILTRAIL_KEYS of every process:'
            : 'Nothing has changed yet. This is the keyring with a new key: set MAILTRAIL_KEYS of every process to it, restart them all, and run rotate-keys with it once more:',
        )
        say(done.keyring.text().reveal().trimEnd())
    }
    return 0
  } catch (error) {
    if (!signal.aborted) throw error
    warn('Stopped. Run rotate-keys again: it goes on from there.')
    return STOPPED_BY_SIGNAL
  } finally {
    await pool.end()
    await database.stop()
  }
}
