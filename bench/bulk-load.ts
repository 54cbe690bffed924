import type pg from 'pg'

/**
 * Fills an empty table with much. It loses its indexes before and gets the same ones afterwards, and is not written to
 * the log of the database; so it ends up as it would be, and sooner.
 */
export const bulkLoad = async (
  client: pg.ClientBase,
  table: string,
  load: () => Promise<unknown>,
): Promise<void> => {
  const { rows: keys } = await client.query<{ name: string; definition: string }>(
    `select conname as name, pg_get_constraintdef(oid) as definition from pg_constraint
     where conrelid = $1::regclass and contype in ('p', 'u')`,
    [table],
  )
  const { rows: indexes } = await client.query<{ name: string; definition: string }>(
    `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index
     where indrelid = $1::regclass and not exists (select from pg_constraint where conindid = indexrelid)`,
    [table],
  )
  for (const { name } of keys) await client.query(`alter table ${table} drop constraint ${name}`)
  for (const { name } of indexes) await client.query(`drop index ${name}`)
  await client.query(`alter table ${table} set unlogged`)
  await load()
  for (const { name, definition } of keys)
    await client.query(`alter table ${table} add constraint ${name} ${definition}`)
  for (const { definition } of indexes) await client.query(definition)
  await client.query(`analyze ${table}`)
}
