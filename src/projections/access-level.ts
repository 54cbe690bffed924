import { sql, type RawBuilder } from 'kysely'

/** What a user may do with an account, null: nothing; as `levelOf` has it, in SQL. `rights`: a column of AccessRights. */
export const levelIn = (rights: string, userId: string): RawBuilder<string | null> => {
  const of = sql.ref(rights)
  return sql`case when ${of} -> 'owner' ->> 'userId' = ${userId} then 'full'
    else coalesce((select member ->> 'level' from jsonb_array_elements(${of} -> 'members') as member
      where member ->> 'userId' = ${userId}), ${of} ->> 'everyone') end`
}
