// Imported ahead of every test file, so that tap finds another module where it asks for its domains.
import { registerHooks } from 'node:module'
import { isMainThread } from 'node:worker_threads'

const standIn = new URL('./tap-domain.ts', import.meta.url).href

// Workers of the service inherit the import.
if (isMainThread) {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'async-hook-domain' ? { url: standIn, shortCircuit: true } : next(specifier, context),
  })
  await import('tap')
  hooks.deregister()
}
