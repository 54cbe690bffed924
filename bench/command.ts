import { createPool } from '../src/adapters/postgres/pool.ts'
import { inTurn, rate, type Row } from './measure.ts'
import { benchService } from './service.ts'

const COMMANDS = 300

export const command: Row = {
  name: 'command',
  what: 'a command over HTTP, acknowledged, one after the other',
  ceilingWhat: 'a bare durable commit of one row',
  unit: 'commands/s',
  reach: 0.5,
  run: async (bench) => {
    const service = await benchService(bench)
    await service.start()
    const pool = createPool({ ...(await bench.database()), max: 1 })
    await pool.query('create table bare (id bigint generated always as identity primary key, data json)')
    let turn = 0
    const measured = await inTurn(
      bench.rounds,
      () =>
        rate(COMMANDS, async () => {
          for (let index = 0; index < COMMANDS; index++)
            await service.client.send('PUT', `/v1/directory/contacts/c${index}`, {
              firstName: `Ada ${++turn}`,
            })
        }),
      () =>
        rate(COMMANDS, async () => {
          const data = JSON.stringify({ firstName: 'Ada', words: 'x'.repeat(400) })
          for (let index = 0; index < COMMANDS; index++)
            await pool.query({ name: 'bare', text: 'insert into bare (data) values ($1)', values: [data] })
        }),
    )
    await service.stop()
    await pool.end()
    return measured
  },
}
