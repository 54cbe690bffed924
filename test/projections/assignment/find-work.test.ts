import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import t from 'tap'
import { createTables } from '../../../src/adapters/postgres/projections/fold/tables.ts'
import { rightsOfOwner } from '../../../src/domain/accounts/access-rights.ts'
import { leftAsNobodyAvailable, leftToPeople, notLeft } from '../../../src/domain/assignment/left-as.ts'
import { assignmentFacts } from '../../../src/projections/assignment/assignment-facts.ts'
import { assignmentQueries } from '../../../src/projections/assignment/assignment.ts'
import { schemaOf } from '../../../src/projections/projection.ts'
import { runs } from '../../support/long-runs.ts'
import { testDatabase } from '../../support/test-database.ts'

const ACCOUNTS = 10
const OF_EACH = runs(2_000, 100_000)
const at = '2026-03-02T10:00:00.000Z'
const pool = new pg.Pool({ ...(await testDatabase(t)), max: 1 })
t.teardown(() => pool.end())
const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
const queries = assignmentQueries(db)
const schema = schemaOf(assignmentFacts)
const client = await pool.connect()
await createTables(client, schema, assignmentFacts.tables)
client.release()
const run = (text: string, values: unknown[] = []) => pool.query(text.replaceAll('rm.', `${schema}.`), values)

const away = { away: { from: '2026-01-01T00:00:00.000Z', until: null, reason: null }, workingHours: null }
const members = ['ann', 'bea'].map((userId) => ({ userId, weight: 1, mostOpen: null }))
const rules = { rules: [{ kind: 'round-robin', members }], keepRepliesHours: 0 }
const facts = { territory: null, product: null, belongsTo: null }
await run(
  `insert into rm.account select 'acc_' || n, $1, $2, 3, -1, -1, '{}' from generate_series(1, $3::int) as n`,
  [rightsOfOwner({ kind: 'team' }), rules, ACCOUNTS],
)
for (const { userId } of members) await run(`insert into rm."user" values ($1)`, [userId])
await run(
  `insert into rm.conversation (id, account_id, status, merged, opened_at, waiting_since, left_as)
  select 'thr_' || account || '_' || n, 'acc_' || account, 'open', false, now(),
    timestamptz '2026-01-01' + n * interval '1 second', $3
  from generate_series(1, $1::int) as account, generate_series(1, $2::int) as n`,
  [ACCOUNTS, OF_EACH, leftAsNobodyAvailable(3, facts)],
)
await run('analyze')

/** How many conversations PostgreSQL looked at for it. */
const lookedAt = async <Result>(work: () => Promise<Result>): Promise<[Result, number]> => {
  const count = async () => {
    await run('select pg_stat_force_next_flush()')
    const { rows } = await run(
      `select seq_tup_read + coalesce(idx_tup_fetch, 0) as read from pg_stat_user_tables
      where schemaname = $1 and relname = 'conversation'`,
      [schema],
    )
    return Number(rows[0].read)
  }
  const before = await count()
  const result = await work()
  return [result, (await count()) - before]
}
const work = (limit = 50) => lookedAt(() => queries.workToAssign('acc_1', at, limit))
const idsOf = (found: Awaited<ReturnType<typeof queries.workToAssign>>) =>
  found?.conversations.map(({ conversationId }) => conversationId)
const say = (userId: string, availability: object) =>
  run(
    `insert into rm.availability values ($1, $2) on conflict (user_id) do update set availability = excluded.availability`,
    [userId, availability],
  )

t.test('a backlog for which nobody is available costs next to nothing', async (t) => {
  for (const { userId } of members) await say(userId, away)
  const [found, read] = await work()
  t.same(idsOf(found), [])
  t.ok(read < 100, `${read} of ${ACCOUNTS * OF_EACH} conversations`)
})

t.test('what came meanwhile is found at once, in its place', async (t) => {
  await run(`update rm.conversation set left_as = $1 where id in ('thr_1_7', 'thr_1_900')`, [notLeft])
  const [found, read] = await work()
  t.same(idsOf(found), ['thr_1_7', 'thr_1_900'])
  t.ok(read < 200, `${read} of ${ACCOUNTS * OF_EACH} conversations`)
})

t.test('as soon as one is there, the oldest are found, those that came meanwhile in between', async (t) => {
  await say('bea', { away: null, workingHours: null })
  const [found, read] = await work(8)
  t.same(
    idsOf(found),
    [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `thr_1_${n}`),
  )
  t.same(
    found?.conversations.map(({ left }) => left !== null),
    [1, 2, 3, 4, 5, 6, 7, 8].map((n) => n !== 7),
  )
  t.ok(read < 200, `${read} of ${ACCOUNTS * OF_EACH} conversations`)
})

t.test('what was left to people is asked about only under new rules', async (t) => {
  await run(`update rm.conversation set left_as = $1 where account_id = 'acc_1'`, [leftToPeople(3)])
  const [accounts, read] = await lookedAt(queries.accountsToAssign)
  t.notOk(accounts.includes('acc_1'))
  t.ok(read < 200, `${read} of ${ACCOUNTS * OF_EACH} conversations`)
  t.same(idsOf((await work(2))[0]), [])
  await run(`update rm.account set rules_revision = 4 where id = 'acc_1'`)
  t.ok((await queries.accountsToAssign()).includes('acc_1'))
  t.same(idsOf((await work(2))[0]), ['thr_1_1', 'thr_1_2'])
})

t.test('who holds what is known without looking at any conversation', async (t) => {
  await run(`insert into rm.holding values ('acc_1', 'ann', 0, 5), ('acc_2', 'bea', 0, 0)`)
  const [held, read] = await lookedAt(queries.holders)
  t.match(held, [{ accountId: 'acc_1', user: { userId: 'ann', isKnown: true } }])
  t.equal(held.length, 1)
  t.equal(read, 0)
})
