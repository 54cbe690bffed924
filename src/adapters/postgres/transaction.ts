import type { Pool, PoolClient } from 'pg'

/** One transaction on a client of its own; `begin` may set it up. An error rolls back and is thrown on. */
export const transaction = async <Result>(
  pool: Pool,
  begin: string,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> => {
  const client = await pool.connect()
  try {
    await client.query(begin)
    const result = await work(client)
    await client.query('commit')
    client.release()
    return result
  } catch (error) {
    // A client that cannot even roll back has lost its connection, and with it the transaction.
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    )
    throw error
  }
}
