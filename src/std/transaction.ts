/** A pool of a driver such as pg. The second signature is one that pools have besides, and TypeScript pairs them. */
type Pool<Of> = { connect: { (): Promise<Of>; (callback: never): void } }
type Client = { query(sql: string): Promise<unknown>; release(destroy?: boolean): void }

/** One transaction on a connection of its own; `begin` may set it up. An error rolls back and is thrown on. */
export const transaction = async <Of extends Client, Result>(
  pool: Pool<Of>,
  begin: string,
  work: (client: Of) => Promise<Result>,
): Promise<Result> => {
  const client = await pool.connect()
  try {
    await client.query(begin)
    const result = await work(client)
    await client.query('commit')
    client.release()
    return result
  } catch (error) {
    // A connection on which one cannot even roll back is lost, and with it the transaction.
    await client.query('rollback').then(
      () => client.release(),
      () => client.release(true),
    )
    throw error
  }
}
