import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Readable, Transform } from 'node:stream'

const PIECE_BYTES = 64 * 1024

/** An email being sent whose end is held back. */
export type HeldMessage = {
  /** For the library, which pipes it into a stream that escapes dots and finally writes the dot that ends DATA. */
  readonly stream: Readable
  /** All bytes have been handed to the operating system; what follows takes no longer than an answer. */
  readonly written: Promise<void>
  /** Ends the email: the library writes the dot. */
  finish(): void
}

/** The callback of an empty write comes once everything before it is out. */
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
 * If the connection ends before everything is written, `written` never settles: the library then reports the error.
 * @param socket the one the library writes to by the time it asks for the email
 */
export const heldMessage = (mime: Buffer, socket: () => Socket | false | null): HeldMessage => {
  const { promise: written, resolve } = Promise.withResolvers<void>()
  const stream = new Readable({ read: () => {} })
  let escaper: Transform | null = null
  // Not the usual pipe: that would end the escaper, and so write the dot, as soon as the email ends.
  stream.pipe = (destination) => {
    const target = socket()
    if (!(destination instanceof Transform) || !target)
      throw new Error('The email is piped in an unknown way')
    escaper = destination
    feed(mime, escaper, target).then(resolve, () => {})
    return destination
  }
  return { stream, written, finish: () => void escaper?.end() }
}
