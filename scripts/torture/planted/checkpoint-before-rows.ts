import { setTimeout as sleep } from 'node:timers/promises'
import { moveCheckpoint as realMove } from '../../../src/adapters/postgres/projections/state/checkpoints.ts'

// Everything else is unchanged.
export * from '../../../src/adapters/postgres/projections/state/checkpoints.ts'

export const moveCheckpoint: typeof realMove = async (client, projection, move) => {
  const parked = await realMove(client, projection, move)
  await client.query('commit')
  await sleep(50)
  await client.query('begin')
  return parked
}
