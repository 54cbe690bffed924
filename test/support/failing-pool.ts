import type { Pool } from 'pg'

/** A pool whose clients lose their connection instead of running a statement, when `fails` says so. */
export const failingPool = (pool: Pool, fails: (query: string) => boolean): Pool =>
  new Proxy(pool, {
    get: (target, property) => {
      if (property !== 'connect') {
        const value = Reflect.get(target, property) as unknown
        return typeof value === 'function' ? value.bind(target) : value
      }
      return async () => {
        const client = await target.connect()
        return new Proxy(client, {
          get: (inner, name) => {
            const value = Reflect.get(inner, name) as unknown
            if (name !== 'query') return typeof value === 'function' ? value.bind(inner) : value
            return (query: string | { text: string }, ...rest: unknown[]) => {
              if (fails(typeof query === 'string' ? query : query.text))
                (
                  inner as unknown as { connection: { stream: { destroy(): void } } }
                ).connection.stream.destroy()
              return (inner.query as (...all: unknown[]) => unknown)(query, ...rest)
            }
          },
        })
      }
    },
  })
