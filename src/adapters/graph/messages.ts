/** PidTagLastVerbExecuted: what was done with the message last; 102 and 103 are answers (MS-OXOMSG 2.2.1.13). */
const LAST_VERB = 'Integer 0x1081'
const ANSWERS = ['102', '103']

/** A message as Graph lists it; what is not told has not changed. */
export type Item = {
  readonly id: string
  readonly receivedDateTime?: string | null
  readonly isRead?: boolean | null
  readonly isDraft?: boolean | null
  readonly flag?: { readonly flagStatus?: string | null } | null
  readonly categories?: readonly string[] | null
  readonly parentFolderId?: string | null
  readonly singleValueExtendedProperties?:
    | readonly { readonly id?: string; readonly value?: string | null }[]
    | null
  readonly '@removed'?: unknown
}

/** What is known of a message without its bytes. */
export type Listed = { readonly ref: string; readonly receivedAt: string; readonly flags: string[] }

/** The query that asks for all of `Item`. */
export const ITEM_QUERY = [
  '$select=id,receivedDateTime,isRead,isDraft,flag,categories,parentFolderId',
  `$expand=${encodeURIComponent(`singleValueExtendedProperties($filter=id eq '${LAST_VERB}')`)}`,
].join('&')

/** Flags have their words; a category of that name would be mistaken for one. */
const WORDS = ['seen', 'answered', 'flagged', 'draft', 'deleted']

const flagsOf = (item: Item): string[] => {
  const verb = item.singleValueExtendedProperties?.find(
    ({ id }) => id?.toLowerCase() === LAST_VERB.toLowerCase(),
  )
  return [
    ...new Set([
      ...(item.isRead === true ? ['seen'] : []),
      ...(ANSWERS.includes(verb?.value ?? '') ? ['answered'] : []),
      ...(item.flag?.flagStatus === 'flagged' ? ['flagged'] : []),
      ...(item.isDraft === true ? ['draft'] : []),
      ...(item.categories ?? []).filter((name) => !WORDS.includes(name)),
    ]),
  ].toSorted()
}

/** Null if not all of it is told, as where only what has changed is. */
export const listedOf = (item: Item): Listed | null => {
  const { id, receivedDateTime, isRead, isDraft, flag, categories } = item
  const isWhole = [receivedDateTime, isRead, isDraft, flag, categories].every((part) => part !== undefined)
  if (!isWhole) return null
  return { ref: id, receivedAt: new Date(receivedDateTime ?? 0).toISOString(), flags: flagsOf(item) }
}

export const messagePath = (id: string): string => `/me/messages/${encodeURIComponent(id)}`
export const folderPath = (id: string): string => `/me/mailFolders/${encodeURIComponent(id)}`
