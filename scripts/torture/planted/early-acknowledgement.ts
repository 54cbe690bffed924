import { setTimeout as sleep } from 'node:timers/promises'
import { postgresEventStore as realStore } from '../../../src/adapters/postgres/event-log/event-store.ts'
import type { Position } from '../../../src/domain/event.ts'

export const postgresEventStore: typeof realStore = (pool, options) => {
  const store = realStore(pool, options)
  return {
    ...store,
    append: async (request) => {
      if (!request.stream.startsWith('contact-')) return store.append(request)
      const head = Number((await store.head())?.slice(2) ?? 0)
      void sleep(200).then(() => store.append(request).catch(() => {}))
      const revision = request.expected === 'no_stream' ? 0 : request.expected + 1
      const position = `p:${String(head + 1).padStart(20, '0')}` as Position
      return { revision, position, repeated: false }
    },
  }
}
