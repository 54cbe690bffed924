import t from 'tap'
import { createPool } from '../../src/adapters/postgres/pool.ts'
import { transaction } from '../../src/std/transaction.ts'
import { testDatabase } from '../support/test-database.ts'

const pool = createPool({ ...(await testDatabase(t)), max: 2 })
t.teardown(() => pool.end())
await pool.query('create table noted (what text)')

const noted = async (): Promise<string[]> => {
  const { rows } = await pool.query<{ what: string }>('select what from noted order by what')
  return rows.map(({ what }) => what)
}

t.test('its work is committed on success, and the result is returned', async (t) => {
  const answer = await transaction(pool, 'begin', async (client) => {
    await client.query(`insert into noted values ('kept')`)
    return 'done'
  })
  t.equal(answer, 'done')
  t.same(await noted(), ['kept'])
})

t.test('an error rolls it back and is rethrown, and the connection serves the next', async (t) => {
  const failing = transaction(pool, 'begin', async (client) => {
    await client.query(`insert into noted values ('undone')`)
    throw new Error('no')
  })
  await t.rejects(failing, { message: 'no' })
  t.same(await noted(), ['kept'])
  t.equal(pool.idleCount, pool.totalCount)
})

t.test('a connection lost in it is discarded, and the error says why', async (t) => {
  const failing = transaction(pool, 'begin', async (client) => {
    await client.query('select pg_terminate_backend(pg_backend_pid())')
  })
  await t.rejects(failing)
  t.same(await noted(), ['kept'])
  t.equal(pool.idleCount, pool.totalCount)
})

t.test('it begins as it is told', async (t) => {
  const writing = transaction(pool, 'begin read only', (client) =>
    client.query(`insert into noted values ('never')`),
  )
  await t.rejects(writing, { code: '25006' })
})
