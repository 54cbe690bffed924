import { existsSync } from 'node:fs'
import fs from 'node:fs/promises'
import path from 'node:path'
import { name as database, type Connection } from './embedded-postgres.ts'
import { holderOf, openDataFolder, port } from './data-folder.ts'
import { identityOf } from './process-facts.ts'

/**
 * The connection to the database that a running service has started in this folder, for its user and for root; null if
 * there is none, and one can be started.
 * @throws EmbeddedPostgresError if this user cannot use the folder
 */
export const runningPostgres = async (dataFolder: string): Promise<Connection | null> => {
  if (!existsSync(dataFolder)) return null
  const places = openDataFolder(path.resolve(dataFolder))
  const holder = await holderOf(places)
  const runs =
    holder.kind === 'elsewhere' ||
    (holder.kind === 'server' &&
      holder.ready &&
      holder.owner !== '' &&
      identityOf(Number.parseInt(holder.owner, 10)) === holder.owner)
  if (!runs) return null
  // The fifth line of the pid file is the socket's folder.
  const lines = (await fs.readFile(path.join(places.cluster, 'postmaster.pid'), 'utf8')).split('\n')
  return { host: lines[4] ?? '', port, user: database, database }
}
