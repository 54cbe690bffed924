import net, { type AddressInfo, type Socket } from 'node:net'

/** Lines to servers that can be cut in the middle of what is said over them. */
export type CutLines = {
  /** The port to connect to instead, in the order of the servers. */
  readonly ports: readonly number[]
  /**
   * Lets so many pieces pass, in whatever direction and over whichever line, and then cuts them all; until `mend`, no
   * new one comes about.
   */
  cutAfter(pieces: number): void
  /** Lets so many bytes pass and swallows all others, without cutting anything: until `mend`, lines are open and silent. */
  freezeAfter(bytes: number): void
  wasCut(): boolean
  mend(): void
}

const listen = (server: net.Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })

export const cutLines = async (
  t: { teardown(end: () => unknown): void },
  targets: readonly { readonly host?: string; readonly port: number }[],
): Promise<CutLines> => {
  const open = new Set<Socket>()
  let left = Number.POSITIVE_INFINITY
  let cut = false
  let flowing = Number.POSITIVE_INFINITY
  const cutAll = (): void => {
    cut = true
    for (const socket of open) socket.destroy()
  }
  const pass = (to: Socket) => (piece: Buffer) => {
    flowing -= piece.length
    if (flowing < 0) return
    if (left === 0) return cutAll()
    left -= 1
    to.write(piece)
  }
  const servers = targets.map(({ host = '127.0.0.1', port }) =>
    net.createServer((client) => {
      client.on('error', () => {})
      if (cut || left === 0) {
        cut = true
        return client.destroy()
      }
      const server = net.connect({ host, port, noDelay: true })
      client.setNoDelay(true)
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        open.add(one)
        one.on('data', pass(other))
        one.on('error', () => {})
        one.on('end', () => other.end())
        one.on('close', () => {
          open.delete(one)
          other.destroy()
        })
      }
    }),
  )
  t.teardown(() => {
    cutAll()
    for (const server of servers) server.close()
  })
  return {
    ports: await Promise.all(servers.map(listen)),
    cutAfter: (pieces) => {
      cut = false
      left = pieces
    },
    freezeAfter: (bytes) => {
      flowing = bytes
    },
    wasCut: () => cut,
    mend: () => {
      cut = false
      flowing = Number.POSITIVE_INFINITY
      left = Number.POSITIVE_INFINITY
    },
  }
}
