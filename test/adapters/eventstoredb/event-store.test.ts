import t from 'tap'
import { eventStoreDb } from '../../../src/adapters/eventstoredb/event-store.ts'
import { eventStoreContract } from '../../contracts/event-store.ts'
import { eventStoreDbDouble } from '../../support/event-store-db.ts'

// The server keeps no index of event ids, and does not say whether an append was a repeat.
const beyond = { uniqueIds: false, exactRepeats: false }

const double = await eventStoreDbDouble()
t.teardown(() => double.stop())
eventStoreContract(t, 'the EventStoreDB adapter, on a double', () => eventStoreDb(double.url), beyond)

const server = process.env['EVENTSTOREDB_URL']
if (server !== undefined)
  eventStoreContract(t, 'the EventStoreDB adapter, on a server', () => eventStoreDb(server), beyond)
