import t from 'tap'
import { postgresEventStore } from '../../../src/adapters/postgres/event-store.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { testDatabase } from '../../support/postgres.ts'
import { eventStoreContract } from '../../contracts/event-store.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
await migrate(pool)
eventStoreContract(t, 'the PostgreSQL adapter', async () => postgresEventStore(pool))
