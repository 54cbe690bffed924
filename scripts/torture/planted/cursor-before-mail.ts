import { setTimeout as sleep } from 'node:timers/promises'
import { storeMessage as realStore } from '../../../src/commands/sync/store-message.ts'

// Everything else is unchanged.
export * from '../../../src/commands/sync/store-message.ts'

export const storeMessage: typeof realStore = (deps) => {
  const store = realStore(deps)
  return (...asked) => {
    void sleep(400).then(() => store(...asked).catch(() => {}))
    return Promise.resolve({ became: 'stored', as: 'received' })
  }
}
