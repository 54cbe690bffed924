import PostalMime from 'postal-mime'
import { Refused } from '../../src/domain/refusal.ts'
import type { QueuedEmail } from '../../src/domain/sending/outgoing-state.ts'
import type { World } from './sending-world.ts'

/** An email as it was queued. @throws Error if it was not */
export const queued = async (world: World, id: string): Promise<QueuedEmail> => {
  const state = await world.state(id)
  if (!('email' in state)) throw new Error(`${id} is ${state.status}`)
  return state.email
}

/** The mail of these stored bytes. */
export const parsed = async (world: World, blob: string) => PostalMime.parse((await world.blobs.get(blob))!)

/** Why it was refused. @throws Error if it was not */
export const refusal = async (work: Promise<unknown>): Promise<Refused> => {
  const error = await work.then(
    () => new Error('It was not refused'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof Refused) return error
  throw error
}
