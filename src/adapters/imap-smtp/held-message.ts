import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Readable, Transform } from 'node:stream'

const PIECE_BYTES = 64 * 1024

/** A message on its way out whose end is withheld. */
export type HeldMessage = {
  /** For the library, which pipes it into what escapes dots and, at the end, writes the dot that ends DATA. */
  readonly stream: Readable
  /** All bytes have been handed to the operating system, so what follows takes no longer than an answer does. */
  readonly written: Promise<void>
  /** Ends the message: the library writes the dot. */
  finish(): void
}

/** An empty write is called back when all before it is out. */
const flushed = (socket: Socket): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.write('', (error) => {
      if (error === null || error === undefined) resolve()
      else reject(error)
    })
  })

const feed = async (mime: Buffer, escaper: Transform, socket: Socket): Promise<void> => {
  for (let start = 0; start < mime.length; start += PIECE_BYTES) {
    if (!escaper.write(mime.subarray(start, start + PIECE_BYTES))) await once(escaper, 'drain')
  }
  do await flushed(socket)
  while (escaper.writableLength > 0 || escaper.readableLength > 0 || socket.writableLength > 0)
}

/**
 * Where the connection ends before all is written, `written` stays open for ever: the library then reports it.
 * @param socket the one that the library writes to by the time it asks for the message
 */
export const heldMessage = (mime: Buffer, socket: () => Socket | false | null): HeldMessage => {
  const { promise: written, resolve } = Promise.withResolvers<void>()
  const stream = new Readable({ read: () => {} })
  let escaper: Transform | null = null
  // Not the usual pipe: that would end the escaper, and so write the dot, as soon as the message ends.
  stream.pipe = (destination) => {
    const target = socket()
    if (!(destination instanceof Transform) || !target)
      throw new Error('The message is piped in an unknown way')
    escaper = destination
    feed(mime, escaper, target).then(resolve, () => {})
    return destination
  }
  return { stream, written, finish: () => void escaper?.end() }
}
