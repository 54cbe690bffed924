import net, { type AddressInfo } from 'node:net'
import type pg from 'pg'

/** Between a client and the server: it can take in a request and then hang up instead of handing on the answer. */
export const losingProxy = async (
  test: { teardown(fn: () => unknown): void },
  { host = '', port = 5432 }: pg.PoolConfig,
) => {
  const target = host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port }
  let losing = false
  let refusing = false
  const sockets = new Set<net.Socket>()
  const server = net.createServer((client) => {
    const upstream = net.connect(target)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
    if (refusing) return client.destroy()
    client.pipe(upstream)
    upstream.on('data', (answer) => {
      if (losing) client.destroy()
      else client.write(answer)
      losing = false
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  test.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    loseNextAnswer: () => void (losing = true),
    refuse: () => {
      refusing = true
      for (const socket of sockets) socket.destroy()
    },
  }
}
