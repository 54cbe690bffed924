import t from 'tap'
import { eventStoreDb } from '../../../src/adapters/eventstoredb/event-store.ts'
import { eventStoreContract } from '../../contracts/event-store.ts'
import { othersInEventStoreDb } from '../../support/other-programs.ts'
import { eventStoreDbDouble } from '../../../scripts/lib/event-store-db/double.ts'

const contractAt = (name: string, url: string): void =>
  eventStoreContract(t, name, () => eventStoreDb(url), {
    // The server keeps no index of event ids.
    uniqueIds: false,
    others: () => othersInEventStoreDb(url),
  })

const double = await eventStoreDbDouble()
t.teardown(() => double.stop())
contractAt('the EventStoreDB adapter, on a double', double.url)

const server = process.env['EVENTSTOREDB_URL']
if (server !== undefined) contractAt('the EventStoreDB adapter, on a server', server)
