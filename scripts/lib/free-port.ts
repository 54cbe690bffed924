import { once } from 'node:events'
import { createServer } from 'node:net'

/** A free port on loopback: `wished`, or any other if it is taken. */
export const freePort = async (wished = 0): Promise<number> => {
  const probe = createServer()
  probe.listen(wished, '127.0.0.1')
  try {
    await once(probe, 'listening')
  } catch (error) {
    if (wished === 0) throw error
    return freePort()
  }
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' && address ? address.port : 0
}
