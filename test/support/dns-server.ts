import dgram from 'node:dgram'
import type { Test } from 'tap'

type Records = {
  readonly srv?: readonly { readonly priority: number; readonly port: number; readonly target: string }[]
  readonly mx?: readonly { readonly priority: number; readonly exchange: string }[]
}

/** What a name has; `broken`: the server says that it cannot tell (SERVFAIL). Any other name does not exist. */
export type Zone = Readonly<Record<string, Records | 'broken'>>

const TYPES = { mx: 15, srv: 33 }

const labels = (name: string): Buffer => {
  const parts = name.split('.').filter((label) => label !== '')
  return Buffer.concat([
    ...parts.map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ])
}

const numbers = (...all: readonly number[]): Buffer => {
  const buffer = Buffer.alloc(all.length * 2)
  all.forEach((value, index) => buffer.writeUInt16BE(value, index * 2))
  return buffer
}

/** The question of a query: its name, its type, and where it ends. */
const questionIn = (query: Buffer) => {
  const parts: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    parts.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: parts.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 }
}

const answersOf = (records: Records, type: number): Buffer[] => {
  if (type === TYPES.srv)
    return (records.srv ?? []).map(({ priority, port, target }) =>
      Buffer.concat([numbers(priority, 0, port), labels(target)]),
    )
  if (type === TYPES.mx)
    return (records.mx ?? []).map(({ priority, exchange }) =>
      Buffer.concat([numbers(priority), labels(exchange)]),
    )
  return []
}

/** A name server on loopback (RFC 1035) that knows this zone and nothing else, as `host:port`. */
export const dnsServer = async (t: Test, zone: Zone): Promise<string> => {
  const socket = dgram.createSocket('udp4')
  socket.on('message', (query, from) => {
    const { name, type, end } = questionIn(query)
    const found = zone[name]
    const code = found === 'broken' ? 2 : found === undefined ? 3 : 0
    const answers = found === undefined || found === 'broken' ? [] : answersOf(found, type)
    const rows = answers.map((data) =>
      // A pointer to the name of the question, type, class IN, a minute to live.
      Buffer.concat([numbers(0xc0_0c, type, 1, 0, 60, data.length), data]),
    )
    const header = numbers(query.readUInt16BE(0), 0x81_80 | code, 1, rows.length, 0, 0)
    socket.send(Buffer.concat([header, query.subarray(12, end), ...rows]), from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  t.teardown(() => void socket.close())
  return `127.0.0.1:${socket.address().port}`
}
