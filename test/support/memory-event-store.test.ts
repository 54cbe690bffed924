import t from 'tap'
import { memoryEventStore } from './memory-event-store.ts'
import { eventStoreContract } from '../contracts/event-store.ts'

const store = memoryEventStore()

eventStoreContract(t, 'the memory adapter', async () => store)
