import { authMiddleware, Hono, Store, WebhookDispatcher, type AppEnv, type TokenMap } from '@emulators/core'
import { getGoogleStore, googlePlugin, seedFromConfig, type GoogleStore } from '@emulators/google'

/** The emulator of Google's services from npm, without its server, whose limits are those of GitHub. */
export type Emulator = {
  readonly users: GoogleStore
  readonly tokens: TokenMap
  fetch(request: Request): Promise<Response>
  seed(config: Parameters<typeof seedFromConfig>[2]): void
}

export const emulator = (baseUrl: string): Emulator => {
  const app = new Hono<AppEnv>()
  const store = new Store()
  const tokens: TokenMap = new Map()
  app.use('*', authMiddleware(tokens))
  googlePlugin.register(app, store, new WebhookDispatcher(), baseUrl, tokens)
  return {
    users: getGoogleStore(store),
    tokens,
    fetch: (request) => app.fetch(request),
    seed: (config) => seedFromConfig(store, baseUrl, config),
  }
}
